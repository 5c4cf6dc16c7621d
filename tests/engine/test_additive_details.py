"""Walls, pins, holes, gaps and details, of known size, on exact parts and on meshes of them."""

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import trimesh

from tests.additive_parts import (
    PLATE,
    cup,
    engraved_stroke,
    fin,
    hole,
    pin,
    raised_stroke,
    sheet,
    slit,
    tube,
    web,
    write_stl,
)
from tests.engine.additive_reviewing import both, reviewed_as_mesh
from tests.engine.reviewing import findings, reviewed
from tests.parts import Solid, block, bracket, cone, cylinder, drill, hexagon
from workers.review import review

LIMITS = [("fdm", 0.8, 0.8), ("sla", 0.5, 1.0), ("sls", 0.7, 0.7), ("dmls", 0.4, 0.5)]
OTHERS = ("am-gap", "am-detail", "am-pin", "am-hole", "am-escape-hole", "am-trapped-volume", "am-envelope")


@pytest.mark.parametrize(("process", "held", "free"), LIMITS)
def test_walls_are_held_against_the_limit_of_their_support(process: str, held: float, free: float) -> None:
    for build, limit in ((web, held), (tube, held), (fin, free), (sheet, free)):
        (thin,) = both(build(limit - 0.05), process, "am-wall")
        assert thin["measured"]["value"] == pytest.approx(limit - 0.05, abs=1e-4), build.__name__
        assert (thin["severity"], thin["limit"]["value"]) == ("major", limit)
        assert thin["change"]["to"] == limit
        result = reviewed(build(limit + 0.05), process=process)
        assert findings(result, "am-wall") == [], build.__name__
        assert [f["rule"] for f in result["findings"] if f["rule"] in OTHERS] == []


@pytest.mark.parametrize(("process", "limit"), [("fdm", 3.0), ("sla", 0.5), ("sls", 0.8), ("dmls", 1.0)])
def test_pins(process: str, limit: float) -> None:
    (thin,) = both(pin(0.9 * limit), process, "am-pin")
    assert thin["measured"]["value"] == pytest.approx(0.9 * limit, abs=1e-4)
    result = reviewed(pin(0.9 * limit), process=process)
    assert findings(result, "am-wall") == findings(result, "am-detail") == []
    assert findings(reviewed(pin(1.1 * limit), process=process), "am-pin") == []


@pytest.mark.parametrize(("process", "limit"), [("fdm", 2.0), ("sla", 0.5), ("sls", 1.5), ("dmls", 1.5)])
def test_holes(process: str, limit: float) -> None:
    (narrow,) = both(hole(0.9 * limit), process, "am-hole")
    assert narrow["measured"]["value"] == pytest.approx(0.9 * limit, abs=1e-4)
    result = reviewed(hole(0.9 * limit), process=process)
    assert findings(result, "am-gap") == findings(result, "am-detail") == []
    assert findings(reviewed(hole(1.1 * limit), process=process), "am-hole") == []


def test_a_stepped_hole_is_one_and_holes_in_two_walls_are_two() -> None:
    stepped = block(40.0, 30.0, 12.0).cut(drill(1.0, 20.0, (20.0, 15.0, 12.0), point=False))
    stepped = stepped.cut(drill(1.4, 6.0, (20.0, 15.0, 12.0), point=False))
    (one,) = both(stepped, "sls", "am-hole")
    assert one["measured"]["value"] == pytest.approx(1.0, abs=1e-4)
    fork = block(40.0, 30.0, 20.0).cut(block(20.0, 40.0, 20.0, (10.0, -5.0, 5.0)))
    fork = fork.cut(cylinder(1.2, 60.0, (-5.0, 15.0, 12.0), (1.0, 0.0, 0.0)))
    assert len(both(fork, "sls", "am-hole")) == 2


@pytest.mark.parametrize("process", ["fdm", "sla", "sls", "dmls"])
def test_gaps(process: str) -> None:
    (narrow,) = both(slit(0.45), process, "am-gap")
    assert narrow["measured"]["value"] == pytest.approx(0.45, abs=1e-4)
    assert findings(reviewed(slit(0.45), process=process), "am-detail") == []
    assert findings(reviewed(slit(0.55), process=process), "am-gap") == []


@pytest.mark.parametrize(("process", "limit"), [("fdm", 0.6), ("sla", 0.4), ("sls", 1.0), ("dmls", 0.1)])
def test_details_are_neither_walls_nor_gaps(process: str, limit: float) -> None:
    for build in (raised_stroke, engraved_stroke):
        (fine,) = both(build(0.9 * limit), process, "am-detail")
        assert fine["measured"]["value"] == pytest.approx(0.9 * limit, abs=1e-4), build.__name__
        result = reviewed(build(0.9 * limit), process=process)
        assert findings(result, "am-wall") == findings(result, "am-gap") == [], build.__name__
        assert findings(reviewed(build(1.1 * limit), process=process), "am-detail") == [], build.__name__


def test_what_rises_higher_is_a_wall_and_what_is_deeper_a_gap() -> None:
    assert both(raised_stroke(0.6, height=2.5), "sls", "am-wall")
    assert both(raised_stroke(0.6, height=2.5), "sls", "am-detail") == []
    assert both(engraved_stroke(0.4, depth=2.5), "sls", "am-gap")
    assert both(engraved_stroke(0.4, depth=2.5), "sls", "am-detail") == []


def test_strokes_on_one_side_are_one_finding() -> None:
    strokes = [block(width, 10.0, 0.8, (x, 10.0, 3.0)) for x, width in ((10.0, 0.5), (20.0, 0.4), (30.0, 0.6))]
    (fine,) = both(block(40.0, 30.0, 3.0).join(*strokes), "sls", "am-detail")
    assert fine["measured"]["value"] == pytest.approx(0.4, abs=1e-4)


@pytest.mark.parametrize("process", ["sla", "dmls"])
def test_a_sound_part_has_no_findings(process: str) -> None:
    for result in (reviewed(bracket(), process=process), reviewed_as_mesh(bracket(), process)):
        assert [f for f in result["findings"] if f["severity"] != "info"] == []
        assert result["undecided"] == []


def test_findings_name_the_features_that_they_are_about() -> None:
    def named(solid: Solid, process: str, rule: str) -> list[tuple[str, dict[str, float]]]:
        result = reviewed(solid, process=process)
        (finding,) = findings(result, rule)
        by_id = {feature["id"]: feature for feature in result["features"]}
        return [(by_id[name]["type"], by_id[name]["size"]) for name in finding["features"]]

    blind = block(40.0, 30.0, 12.0).cut(drill(1.2, 8.0, (20.0, 15.0, 12.0), point=False))
    for solid, process, rule, kind, size in (
        (hole(1.2), "sls", "am-hole", "through_hole", {"diameter": 1.2, "depth": PLATE}),
        (blind, "sls", "am-hole", "blind_hole", {"diameter": 1.2, "depth": 8.0}),
        (pin(2.0), "fdm", "am-pin", "boss", {"diameter": 2.0, "height": 10.0}),
        (fin(0.6), "fdm", "am-wall", "rib", {"thickness": 0.6, "height": 12.0}),
        (web(0.6), "fdm", "am-wall", "wall", {"thickness": 0.6}),
        (slit(0.4), "fdm", "am-gap", "slot", {"width": 0.4, "depth": 12.0}),
        (raised_stroke(0.5), "fdm", "am-detail", "rib", {"thickness": 0.5, "height": 0.8}),
        (engraved_stroke(0.5), "fdm", "am-detail", "slot", {"width": 0.5, "depth": 0.8}),
    ):
        ((found, sizes),) = named(solid, process, rule)
        assert (found, sorted(sizes)) == (kind, sorted(size))
        assert sizes == pytest.approx(size, rel=1e-2)


def test_pins_and_holes_need_not_be_round() -> None:
    plate = block(60.0, 40.0, 4.0).join(
        block(2.0, 2.2, 8.0, (10.0, 10.0, 4.0)),
        block(2.0, 4.0, 8.0, (50.0, 10.0, 4.0)),  # too broad for a pin
    )
    plate = plate.cut(
        hexagon(1.3, 20.0, -5.0).moved((10.0, 30.0, 0.0)),
        block(1.2, 1.4, 20.0, (20.0, 30.0, -5.0)),
        block(1.2, 3.0, 20.0, (30.0, 30.0, -5.0)),  # a gap
    )
    pins, holes = both(plate, "fdm", "am-pin"), both(plate, "sls", "am-hole")
    assert [f["measured"]["value"] for f in pins] == pytest.approx([2.0], abs=1e-4)
    assert sorted(f["measured"]["value"] for f in holes) == pytest.approx([1.2, 1.3], abs=1e-4)
    result = reviewed(plate, process="fdm")
    assert findings(result, "am-wall") == findings(result, "am-gap") == []
    tapered = block(40.0, 30.0, 4.0).join(cone(3.4, 2.6, 10.0, (20.0, 15.0, 4.0)))
    for result in (reviewed(tapered, process="fdm"), reviewed_as_mesh(tapered, "fdm")):
        (thin,) = findings(result, "am-pin")
        assert thin["measured"]["value"] == pytest.approx(2.6, abs=0.05)


def test_dots_are_details() -> None:
    dots = [cylinder(0.5, 1.0, (x, 10.0, 4.0)) for x in (10.0, 20.0)]
    plate = block(40.0, 30.0, 4.0).join(*dots, cylinder(2.0, 1.5, (30.0, 10.0, 4.0)))
    plate = plate.cut(cylinder(0.4, 2.0, (10.0, 20.0, 3.0)))
    fine = both(plate, "fdm", "am-detail")
    assert [f["measured"]["value"] for f in fine] == pytest.approx([0.4, 0.5], abs=1e-4)
    result = reviewed(plate, process="fdm")
    assert findings(result, "am-pin") == findings(result, "am-hole") == []
    assert findings(reviewed(hole(1.2).cut(block(60.0, 60.0, 2.0, (-5.0, -5.0, 1.2))), process="fdm"), "am-hole")


def test_walls_and_gaps_that_meet_are_one() -> None:
    assert len(both(cup(20.0, 0.45), "fdm", "am-wall")) == 1
    kerf = block(40.0, 40.0, 10.0).cut(
        block(0.4, 20.0, 30.0, (10.0, 10.0, -5.0)), block(20.0, 0.4, 30.0, (10.0, 10.0, -5.0))
    )
    assert len(both(kerf, "fdm", "am-gap")) == 1
    fins = [block(0.6, 30.0, 10.0, (x, 5.0, PLATE)) for x in (20.0, 30.0)]
    assert len(both(block(60.0, 40.0, PLATE).join(*fins), "fdm", "am-wall")) == 2


def test_a_ring_of_air_is_as_wide_as_its_circles_are_apart() -> None:
    cup_with_pin = cylinder(30.0, 20.0, (0.0, 0.0, 0.0)).cut(cylinder(20.0, 20.0, (0.0, 0.0, 6.0)))
    for diameter, count in ((19.2, 1), (18.95, 0)):  # chords of a mesh are nearer than 0.5 mm in both
        found = both(cup_with_pin.join(cylinder(diameter, 14.0, (0.0, 0.0, 6.0))), "fdm", "am-gap")
        assert [f["measured"]["value"] for f in found] == pytest.approx([0.4] * count, abs=1e-3)
    result = reviewed_as_mesh(cup_with_pin.join(cylinder(19.2, 14.0, (0.15, 0.0, 6.0))), "fdm")
    assert findings(result, "am-gap")[0]["measured"]["value"] == pytest.approx(0.25, abs=1e-3)  # beside the middle


def test_what_holds_a_wall_is_twice_as_thick_and_stands_beside_it() -> None:
    posts = [block(6.0, 1.2, 20.0, (x, -0.6, 0.0)) for x in (0.0, 34.0)]
    assert both(block(40.0, 0.45, 20.0, (0.0, -0.225, 0.0)).join(*posts), "dmls", "am-wall") == []
    slit_tube = tube(0.45, 60.0).cut(block(20.0, 4.0, 30.0, (20.0, -2.0, -2.0)))  # a walk all around ends at its rims
    assert len(both(slit_tube, "dmls", "am-wall")) == 1
    (low,) = both(fin(0.45, height=2.5), "dmls", "am-wall")  # no higher than the plate below it is thick
    assert low["limit"]["value"] == 0.5


def test_a_wall_is_held_wherever_on_it_one_looks() -> None:
    solid = web(0.45).moved((12.0, 7.0, -3.0), (1.0, 2.0, 3.0), 37.0)
    with TemporaryDirectory() as folder:
        mesh = trimesh.load_mesh(write_stl(solid, Path(folder)))
        path = Path(folder) / "part.obj"
        path.write_text(str(mesh.export(file_type="obj")))
        assert findings(review(path, path.name, "dmls", "default"), "am-wall") == []


def test_a_mesh_has_the_features_of_its_part() -> None:
    for solid in (block(40.0, 30.0, 8.0).cut(cylinder(1.2, 20.0, (20.0, 15.0, -5.0))), web(0.6), slit(0.4)):
        exact, mesh = reviewed(solid, process="sls"), reviewed_as_mesh(solid, "sls")
        kinds = [sorted(f["type"] for f in result["features"]) for result in (exact, mesh)]
        assert kinds[0] == kinds[1] != []


def test_a_wedge_is_no_wall() -> None:
    from tests.parts import prism

    wedge: Solid = prism([(0.0, 0.0), (40.0, 0.0), (0.0, 8.0)], 20.0)
    assert both(wedge, "sls", "am-wall") == []
