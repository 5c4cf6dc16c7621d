"""Orientation, overhangs, bridges, hollows and the machine's room, on exact parts and on meshes of them."""

from pathlib import Path

import numpy as np
import pytest

from tests.additive_parts import bridge, cup, gallows, hollow_box, slotted_box, tee, write_stl
from tests.engine.additive_reviewing import both, reviewed_as_mesh
from tests.engine.reviewing import findings, reviewed
from tests.parts import Solid, block, cylinder, prism, sphere
from workers.additive.overhangs import Overhang, overhangs
from workers.additive.printing import printing
from workers.additive.skin import skin_of
from workers.cad.read_file import read_file

UP = np.array([0.0, 0.0, 1.0])


def built(solid: Solid, folder: Path, process: str = "fdm", *, mesh: bool = False) -> list[Overhang]:
    """What overhangs of the solid as it was drawn."""
    path = write_stl(solid, folder) if mesh else solid.write_step(folder / "part.step")
    part = read_file(path, path.name, lambda _stage: None).parts[0]
    return overhangs(part, skin_of(part), UP, printing().building(process))


@pytest.mark.parametrize("mesh", [False, True])
def test_arms_overhang_by_their_area(mesh: bool, tmp_path: Path) -> None:
    one, two = built(tee(12.0), tmp_path, mesh=mesh)
    for arm in (one, two):
        assert (arm.angle, arm.span) == (0.0, None)
        assert arm.area == pytest.approx(12.0 * 20.0, rel=1e-6)
        assert arm.reach == pytest.approx(12.0, rel=1e-6)
        assert arm.point[2] == pytest.approx(30.0, abs=1e-5)
    (arm,) = built(gallows(7.0), tmp_path, mesh=mesh)
    assert arm.area == pytest.approx(140.0, rel=1e-6)
    assert arm.reach == pytest.approx(7.0, rel=1e-6)


def test_a_ledge_that_the_process_carries_is_none(tmp_path: Path) -> None:
    assert built(gallows(0.9), tmp_path) == []
    assert len(built(gallows(0.9), tmp_path, "dmls")) == 1
    assert built(gallows(0.4), tmp_path, "dmls") == []


@pytest.mark.parametrize("mesh", [False, True])
def test_a_slope_overhangs_by_its_angle(mesh: bool, tmp_path: Path) -> None:
    for degrees, count in ((30.0, 1), (44.0, 1), (46.0, 0), (45.0, 0)):
        rise = 20.0 * np.tan(np.radians(degrees))
        stem = prism([(0.0, 0.0), (20.0, 0.0), (20.0, 10.0), (40.0, 10.0 + rise), (0.0, 10.0 + rise)], 15.0)
        found = built(stem.moved(axis=(1.0, 0.0, 0.0), degrees=90.0), tmp_path, mesh=mesh)
        assert len(found) == count, degrees
        for slope in found:
            assert slope.angle == pytest.approx(degrees, abs=1e-3)
            assert slope.area == pytest.approx(15.0 * 20.0 / np.cos(np.radians(degrees)), rel=1e-5)


@pytest.mark.parametrize("mesh", [False, True])
@pytest.mark.parametrize("span", [1.5, 9.0, 25.0])
def test_a_bridge_spans_from_end_to_end(span: float, mesh: bool, tmp_path: Path) -> None:
    (ceiling,) = built(bridge(span), tmp_path, mesh=mesh)
    assert ceiling.span == pytest.approx(span, rel=1e-6)
    assert ceiling.area == pytest.approx(span * 20.0, rel=1e-6)


def test_a_room_is_bridged_the_short_way(tmp_path: Path) -> None:
    room = block(60.0, 40.0, 30.0).cut(block(40.0, 12.0, 20.0, (10.0, 14.0, -1.0)))
    (ceiling,) = built(room.moved(degrees=33.0), tmp_path)
    assert ceiling.span == pytest.approx(12.0, rel=1e-6)
    alcove = block(60.0, 40.0, 30.0).cut(block(20.0, 30.0, 20.0, (20.0, -1.0, 0.0)))
    (ceiling,) = built(alcove, tmp_path)
    assert ceiling.span == pytest.approx(20.0, rel=1e-6)


def test_a_table_on_one_leg_and_an_island_are_no_bridges(tmp_path: Path) -> None:
    table = cylinder(8.0, 20.0, (0.0, 0.0, 0.0)).join(cylinder(40.0, 4.0, (0.0, 0.0, 20.0)))
    (top,) = built(table, tmp_path)
    assert top.span is None
    assert top.reach == pytest.approx(16.0, abs=0.1)
    hook = block(30.0, 10.0, 4.0, (0.0, 0.0, 20.0)).join(
        block(10.0, 10.0, 20.0), block(5.0, 10.0, 10.0, (25.0, 0.0, 12.0))
    )
    island = next(o for o in built(hook, tmp_path) if o.point[2] < 13.0)
    assert not np.isfinite(island.reach)
    assert island.area == pytest.approx(50.0, rel=1e-6)


def test_findings_on_overhangs_hold_for_the_best_orientation() -> None:
    result = reviewed(tee(12.0), process="fdm")
    assert findings(result, "am-overhang") == []  # laid on its side
    best = result["facts"]["build_orientation"]
    assert np.abs(best["value"]) == pytest.approx([0.0, 1.0, 0.0])
    assert best["where"]["support_area"] == 0.0
    assert best["where"]["plate_area"] == pytest.approx(10.0 * 30.0 + 34.0 * 4.0)
    upright = next(row for row in best["where"]["alternatives"] if row["up"] == pytest.approx([0.0, 0.0, 1.0]))
    assert upright["support_area"] == pytest.approx(2 * 12.0 * 20.0)
    assert upright["support_volume"] == pytest.approx(2 * 12.0 * 20.0 * 30.0, rel=1e-3)
    assert (upright["height"], upright["cost"]) == (pytest.approx(34.0), pytest.approx(upright["cost"]))
    assert upright["cost"] > best["where"]["cost"]


def mushroom() -> Solid:
    """Whichever way it is built, something overhangs: a plate between two stems of different directions."""
    plate = block(60.0, 60.0, 6.0, (-30.0, -30.0, 20.0))
    return plate.join(block(20.0, 20.0, 20.0, (-10.0, -10.0, 0.0)), block(20.0, 20.0, 20.0, (-10.0, -10.0, 26.0)))


def test_what_overhangs_all_ways_is_found() -> None:
    found = both(mushroom(), "fdm", "am-overhang")
    assert found
    assert {f["severity"] for f in found} == {"minor"}
    assert {f["severity"] for f in both(mushroom(), "dmls", "am-overhang")} == {"major"}
    assert findings(reviewed(mushroom(), process="sls"), "am-overhang") == []


def crossed(span: float) -> Solid:
    """A cube with a square tunnel along each axis: a ceiling whichever way it lies."""
    side, near = span + 20.0, 10.0
    cube = block(side, side, side)
    for tool in (
        block(side + 2, span, span, (-1.0, near, near)),
        block(span, side + 2, span, (near, -1.0, near)),
        block(span, span, side + 2, (near, near, -1.0)),
    ):
        cube = cube.cut(tool)
    return cube


def test_bridges_of_a_whole_review() -> None:
    assert {round(f["measured"]["value"], 3) for f in both(crossed(12.0), "fdm", "am-bridge")} == {12.0}
    assert both(crossed(9.0), "fdm", "am-bridge") == []
    assert both(crossed(9.0), "dmls", "am-bridge")
    result = reviewed(crossed(9.0), process="fdm")
    assert findings(result, "am-overhang") == []
    assert result["facts"]["support_area"]["value"] > 0


@pytest.mark.parametrize(("process", "severity"), [("fdm", "minor"), ("sla", "critical"), ("sls", "critical")])
def test_a_closed_hollow_is_trapped(process: str, severity: str) -> None:
    (trapped,) = both(hollow_box(), process, "am-trapped-volume")
    assert trapped["measured"]["value"] == pytest.approx(34.0**3, rel=1e-6)
    assert (trapped["severity"], len(trapped["faces"])) == (severity, 6)
    ball = block(30.0, 30.0, 30.0).cut(sphere(20.0, (15.0, 15.0, 15.0)))
    (trapped,) = both(ball, process, "am-trapped-volume")
    assert trapped["measured"]["value"] == pytest.approx(np.pi / 6 * 20.0**3, rel=0.02)


@pytest.mark.parametrize(("process", "limit"), [("sla", 4.0), ("sls", 5.0), ("dmls", 5.0)])
def test_the_way_out_of_a_hollow(process: str, limit: float) -> None:
    (narrow,) = both(hollow_box(0.7 * limit), process, "am-escape-hole")
    assert narrow["measured"]["value"] == pytest.approx(0.7 * limit, abs=1e-4)
    assert (narrow["severity"], narrow["limit"]["value"]) == ("major", limit)
    assert both(hollow_box(1.1 * limit), process, "am-escape-hole") == []


def test_the_widest_of_several_ways_out_counts() -> None:
    (narrow,) = both(hollow_box(2.0, 3.5, 3.0), "sls", "am-escape-hole")
    assert narrow["measured"]["value"] == pytest.approx(3.5, abs=1e-4)
    assert both(hollow_box(2.0, 6.0), "sls", "am-escape-hole") == []


def test_a_slot_lets_out_what_is_as_narrow() -> None:
    result = reviewed(slotted_box(2.0), process="sls")
    (narrow,) = findings(result, "am-escape-hole")
    assert narrow["measured"]["value"] == pytest.approx(2.0, abs=1.3)
    assert findings(reviewed(slotted_box(8.0), process="sls"), "am-escape-hole") == []


@pytest.mark.parametrize("process", ["sls", "dmls", "fdm"])
def test_cups_and_blind_holes_hold_nothing_back(process: str) -> None:
    blind = block(40.0, 30.0, 20.0).cut(cylinder(3.0, 20.0, (20.0, 15.0, 6.0)))
    for solid in (cup(), blind):
        result = reviewed(solid, process=process)
        assert findings(result, "am-trapped-volume") == findings(result, "am-escape-hole") == []
        assert result["undecided"] == []


def test_an_open_mesh_leaves_hollows_undecided(tmp_path: Path) -> None:
    import trimesh

    box = trimesh.creation.box(extents=(30.0, 20.0, 10.0))
    path = tmp_path / "open.stl"
    path.write_bytes(bytes(trimesh.Trimesh(box.vertices, box.faces[:-1], process=False).export(file_type="stl")))
    from workers.review import review

    result = review(path, "open.stl", "sls", "default")
    assert {row["rule"] for row in result["undecided"]} == {"am-trapped-volume", "am-escape-hole"}


@pytest.mark.parametrize(
    ("process", "largest", "huge"),
    [("fdm", 200.0, 950.0), ("sla", 175.0, 1600.0), ("sls", 300.0, 800.0), ("dmls", 250.0, 520.0)],
)
def test_the_machine_has_room_for_the_part_one_way_round(process: str, largest: float, huge: float) -> None:
    bar = block(20.0, 10.0, largest - 1.0)
    for solid in (bar, bar.moved(axis=(1.0, 0.0, 0.0), degrees=90.0)):
        assert both(solid, process, "am-envelope") == []
    (long,) = both(block(20.0, 10.0, 1.1 * largest), process, "am-envelope")
    assert (long["severity"], long["measured"]["value"]) == ("major", pytest.approx(1.1, rel=1e-4))
    (longer,) = both(block(20.0, 10.0, huge), process, "am-envelope")
    assert longer["severity"] == "critical"


def test_the_orientation_is_one_that_fits() -> None:
    bar = block(20.0, 12.0, 170.0)  # longer than the plate of an SLA printer, not than its height
    result = reviewed(bar, process="sla")
    assert findings(result, "am-envelope") == []
    assert result["facts"]["build_height"]["value"] == pytest.approx(170.0)


def test_a_mesh_is_reviewed_as_a_whole() -> None:
    result = reviewed_as_mesh(hollow_box(3.0), "dmls")
    assert result["undecided"] == []
    assert {"build_orientation", "support_area", "support_volume", "escape_openings"} <= set(result["facts"])
