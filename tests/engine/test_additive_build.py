"""Orientation, overhangs, bridges, hollows and the machine's room, on exact parts and on meshes of them."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import trimesh

from tests.additive_parts import bridge, cup, gallows, hollow_box, slotted_box, tee, write_stl
from tests.engine.additive_reviewing import both, reviewed_as_mesh
from tests.engine.reviewing import findings, reviewed
from tests.parts import Solid, block, cylinder, prism, sphere
from workers.additive.hollows import closed_voids
from workers.additive.orientation import Orientation, best_first, candidates
from workers.additive.overhangs import Overhang, overhangs
from workers.additive.printing import printing
from workers.additive.rounds import round_faces
from workers.additive.skin import skin_of
from workers.cad.read_file import read_file
from workers.review import review
from workers.rules.quantities.additive_build import on_one_face

UP = np.array([0.0, 0.0, 1.0])


def built(solid: Solid, folder: Path, process: str = "fdm", *, mesh: bool = False) -> list[Overhang]:
    """What overhangs of the solid as it was drawn."""
    path = write_stl(solid, folder) if mesh else solid.write_step(folder / "part.step")
    part = read_file(path, path.name, lambda _stage: None).parts[0]
    return overhangs(part, skin_of(part), UP, printing().building(process), [])


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


def test_support_stands_on_the_part_where_that_is_nearer_than_the_plate() -> None:
    arm = block(40.0, 20.0, 5.0, (0.0, 0.0, 35.0))
    result = reviewed(block(40.0, 20.0, 5.0).join(block(10.0, 20.0, 30.0, (0.0, 0.0, 5.0)), arm), process="fdm")
    where = result["facts"]["build_orientation"]["where"]
    upright = next(row for row in where["alternatives"] if row["up"] == pytest.approx([0.0, 0.0, 1.0]))
    assert upright["support_volume"] == pytest.approx(30.0 * 20.0 * 30.0, rel=1e-3)


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
    (alike,) = both(crossed(12.0), "fdm", "am-bridge")
    assert alike["measured"]["value"] == pytest.approx(12.0)
    assert "in 4 places" in alike["smallest_change"]
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


def test_what_lies_loose_in_a_hollow_takes_its_room(tmp_path: Path) -> None:
    cubes = [trimesh.creation.box(extents=(side, side, side)) for side in (40.0, 30.0, 20.0, 10.0)]
    for hollow in cubes[1::2]:
        hollow.invert()
    beside = trimesh.creation.box(extents=(5.0, 5.0, 5.0), transform=np.diag([1.0, 1.0, 1.0, 1.0]))
    beside.apply_translation((50.0, 0.0, 0.0))
    path = tmp_path / "nested.stl"
    path.write_bytes(bytes(trimesh.util.concatenate([*cubes, beside]).export(file_type="stl")))
    part = read_file(path, path.name, lambda _stage: None).parts[0]
    assert [void.volume for void in closed_voids(skin_of(part))] == pytest.approx([30.0**3 - 20.0**3, 10.0**3])


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


def test_a_small_hollow_of_a_large_part_is_found() -> None:
    solid = block(60.0, 60.0, 60.0).cut(block(14.0, 14.0, 14.0, (23.0, 23.0, 40.0)))
    (narrow,) = both(solid.cut(cylinder(3.0, 10.0, (30.0, 30.0, 52.0))), "sls", "am-escape-hole")
    assert narrow["measured"]["value"] == pytest.approx(3.0, abs=1e-4)


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


def test_where_equal_tunnels_cross_nothing_is_kept() -> None:
    assert findings(reviewed_as_mesh(crossed(2.1), "dmls"), "am-escape-hole") == []


def test_an_open_mesh_leaves_hollows_undecided(tmp_path: Path) -> None:
    box = trimesh.creation.box(extents=(30.0, 20.0, 10.0))
    path = tmp_path / "open.stl"
    path.write_bytes(bytes(trimesh.Trimesh(box.vertices, box.faces[:-1], process=False).export(file_type="stl")))
    result = review(path, "open.stl", "sls", "default")
    assert {row["rule"] for row in result["undecided"]} == {"am-trapped-volume", "am-escape-hole"}


@pytest.mark.parametrize(
    ("process", "largest", "huge"),
    [("fdm", 200.0, 1300.0), ("sla", 175.0, 1800.0), ("sls", 300.0, 1000.0), ("dmls", 250.0, 650.0)],
)
def test_the_machine_has_room_for_the_part_one_way_round(process: str, largest: float, huge: float) -> None:
    bar = block(20.0, 10.0, largest - 1.0)
    for solid in (bar, bar.moved(axis=(1.0, 0.0, 0.0), degrees=90.0)):
        assert both(solid, process, "am-envelope") == []
    (long,) = both(block(20.0, 10.0, 1.6 * largest), process, "am-envelope")
    assert long["severity"] == "major"
    (longer,) = both(block(20.0, 10.0, huge), process, "am-envelope")
    assert longer["severity"] == "critical"


def test_the_orientation_is_one_that_fits() -> None:
    slab = block(150.0, 120.0, 170.0)  # larger than the plate of an SLA printer, and 170 mm only upright
    (wide,) = findings(reviewed(slab, process="sla"), "am-envelope")
    assert wide["measured"]["value"] == pytest.approx(150.0 / 145.0, rel=1e-4)
    result = reviewed(block(140.0, 120.0, 170.0), process="sla")
    assert findings(result, "am-envelope") == []
    assert result["facts"]["build_height"]["value"] == pytest.approx(170.0)


def test_a_bar_may_lie_aslant_on_the_plate() -> None:
    assert findings(reviewed(block(270.0, 10.0, 10.0), process="fdm"), "am-envelope") == []
    (long,) = both(block(300.0, 10.0, 10.0), "fdm", "am-envelope")
    assert long["measured"]["value"] == pytest.approx(310.0 * 0.5**0.5 / 200.0, rel=1e-4)


def test_what_needs_support_on_one_face_is_one_finding(tmp_path: Path) -> None:
    letters = [block(4.0, 6.0, 3.0, (x, -6.0, 20.0)) for x in (5.0, 15.0, 25.0)]
    plate = block(40.0, 10.0, 30.0).join(*letters, block(4.0, 6.0, 3.0, (30.0, 10.0, 20.0)))
    regions = built(plate, tmp_path)
    assert len(regions) == 4
    groups = on_one_face(regions)
    assert sorted(len(group) for group in groups) == [1, 3]
    (three,) = (group for group in groups if len(group) == 3)
    assert sum(o.area for o in three) == pytest.approx(3 * 4.0 * 6.0)


@pytest.mark.parametrize(("radius", "count"), [(1.3, 0), (3.0, 1)])
def test_a_round_at_the_foot_is_held_by_the_plate(radius: float, count: int, tmp_path: Path) -> None:
    arc = [(radius * (1 - np.cos(angle)), radius * (1 - np.sin(angle))) for angle in np.linspace(0.0, np.pi / 2, 31)]
    bar = prism([*arc, (20.0, 0.0), (20.0, 20.0), (0.0, 20.0)], 15.0)
    found = built(bar.moved(axis=(1.0, 0.0, 0.0), degrees=90.0), tmp_path)
    assert len(found) == count
    for ledge in found:
        assert ledge.reach == pytest.approx(radius * 0.5**0.5, rel=0.03)


@pytest.mark.parametrize("mesh", [False, True])
def test_the_crown_of_a_round_channel_is_no_flat_ceiling(mesh: bool, tmp_path: Path) -> None:
    def channel(diameter: float) -> Solid:
        return block(40.0, 30.0, 30.0).cut(cylinder(diameter, 60.0, (20.0, -5.0, 15.0), (0.0, 1.0, 0.0)))

    path = write_stl(channel(7.0), tmp_path) if mesh else channel(7.0).write_step(tmp_path / "part.step")
    part = read_file(path, path.name, lambda _stage: None).parts[0]
    skin, dmls = skin_of(part), printing().building("dmls")
    (crown,) = overhangs(part, skin, UP, dmls, round_faces(part, skin))
    assert crown.vaulted
    assert crown.span == pytest.approx(7.0 * 0.5**0.5, rel=1e-6)
    (unknown,) = overhangs(part, skin, UP, dmls, [])
    assert unknown.vaulted
    assert not built(bridge(7.0), tmp_path, "dmls", mesh=mesh)[0].vaulted


def tunnelled(diameter: float) -> Solid:
    """A cube with a round tunnel along each axis, clear of each other: one lies level whichever way it is built."""
    tools = [
        cylinder(diameter, 80.0, (15.0, 15.0, -10.0)),
        cylinder(diameter, 80.0, (-10.0, 45.0, 15.0), (1.0, 0.0, 0.0)),
        cylinder(diameter, 80.0, (45.0, -10.0, 45.0), (0.0, 1.0, 0.0)),
    ]
    return block(60.0, 60.0, 60.0).cut(*tools)


def test_round_channels_of_metal_may_be_wider_than_flat_ceilings() -> None:
    assert both(tunnelled(7.5), "dmls", "am-bridge") == []
    wide = both(tunnelled(9.0), "dmls", "am-bridge")
    assert {round(f["limit"]["value"], 3) for f in wide} == {round(8.0 * 0.5**0.5, 3)}
    assert {round(f["measured"]["value"], 3) for f in wide} == {round(9.0 * 0.5**0.5, 3)}


def mouth_up() -> Solid:
    """A cup that lies on its only broad face."""
    return block(60.0, 60.0, 20.0).cut(block(40.0, 40.0, 20.0, (10.0, 10.0, 5.0)))


def cups_of(solid: Solid) -> list[dict[str, Any]]:
    """The finding on cups on the STEP file, where the mesh has one as well, or none."""
    exact, mesh = (
        findings(r, "am-trapped-volume") for r in (reviewed(solid, process="sla"), reviewed_as_mesh(solid, "sla"))
    )
    assert len(exact) == len(mesh)
    return exact


def test_a_cup_holds_resin_unless_it_is_vented() -> None:
    (one,) = cups_of(mouth_up())
    assert one["severity"] == "info"
    assert one["measured"]["value"] == pytest.approx(40.0 * 40.0 * 15.0, rel=0.1)
    assert "vent" in one["smallest_change"]
    assert findings(reviewed(mouth_up(), process="sls"), "am-trapped-volume") == []
    vented = mouth_up().cut(cylinder(0.8, 30.0, (30.0, 30.0, -5.0)))  # narrower than a cell of the grid
    assert cups_of(vented) == []
    blind = mouth_up().cut(cylinder(6.0, 4.0, (30.0, 30.0, 2.0)))
    assert len(cups_of(blind)) == 1
    notched = mouth_up().cut(block(20.0, 10.0, 20.0, (45.0, 25.0, 5.0)))
    assert cups_of(notched) == []
    (lower,) = cups_of(mouth_up().cut(block(20.0, 10.0, 20.0, (45.0, 25.0, 12.5))))
    assert lower["measured"]["value"] == pytest.approx(40.0 * 40.0 * 7.5, rel=0.15)


def test_a_narrow_cup_matters_to_nobody() -> None:
    assert cups_of(block(60.0, 60.0, 20.0).cut(block(8.0, 8.0, 20.0, (10.0, 10.0, 5.0)))) == []


def test_cups_are_the_same_however_the_part_lies() -> None:
    values = [
        findings(reviewed(solid, process="sla"), "am-trapped-volume")[0]["measured"]["value"]
        for solid in (mouth_up(), mouth_up().moved((5.0, 7.0, -3.0), (1.0, 2.0, 3.0), 77.0))
    ]
    assert values[0] == pytest.approx(values[1], rel=0.1)


def test_a_bridge_with_a_wing_that_nothing_holds_is_a_ledge(tmp_path: Path) -> None:
    (ceiling,) = built(bridge(20.0).join(block(20.0, 14.0, 5.0, (10.0, 20.0, 15.0))), tmp_path)
    assert ceiling.span is None
    assert ceiling.reach == pytest.approx(14.0, rel=1e-6)


def test_near_ties_go_by_the_mass_and_do_not_flip(tmp_path: Path) -> None:
    path = block(10.0, 10.0, 10.0).write_step(tmp_path / "part.step")
    part = read_file(path, path.name, lambda _stage: None).parts[0]

    def ranked(*costs: float) -> list[int]:
        flat = Orientation(UP, 1.0, 0.0, 1.0, 1.0, 1.0, (1.0, 1.0), 0.0)
        tried = [replace(flat, cost=cost, mass_height=5.0 - n, plate_area=float(n)) for n, cost in enumerate(costs)]
        return [int(o.plate_area) for o in best_first(part, tried)]

    assert ranked(0.5, 0.5 + 1e-3) == [1, 0]
    assert ranked(0.5 + 1e-3, 0.5) == [1, 0]
    assert ranked(0.5, 0.6) == [0, 1]


def test_directions_near_to_one_that_lies_flat_are_not_tried(tmp_path: Path) -> None:
    wedge = prism([(0.0, 0.0), (40.0, 0.0), (40.0, 20.0), (0.0, 20.7)], 30.0)  # its top slopes by one degree
    path = wedge.write_step(tmp_path / "part.step")
    part = read_file(path, path.name, lambda _stage: None).parts[0]
    ways = candidates(part, part.mesh)
    assert (np.tril(ways @ ways.T, -1) < np.cos(np.radians(2.9))).all()
    assert any(way == pytest.approx([0.0, 1.0, 0.0], abs=1e-9) for way in ways)


def test_a_mesh_is_reviewed_as_a_whole() -> None:
    result = reviewed_as_mesh(hollow_box(3.0), "dmls")
    assert result["undecided"] == []
    assert {"build_orientation", "support_area", "support_volume", "escape_openings"} <= set(result["facts"])
