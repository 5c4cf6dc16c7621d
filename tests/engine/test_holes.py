"""Holes of every kind, along every axis, with known diameter and depth."""

import math
from typing import Any

import pytest

from tests.engine.reviewing import features, findings, only_feature, reviewed
from tests.parts import DRILL_POINT_DEGREES, UP, Solid, block, cone, cylinder, drill, pocket, prism

TOP = (30.0, 20.0, 20.0)
HOLE_TYPES = ("through_hole", "blind_hole", "flat_bottom_hole", "stepped_hole", "counterbore", "countersink")


def plate() -> Solid:
    return block(60.0, 40.0, 20.0)


def test_through_hole() -> None:
    hole = only_feature(reviewed(plate().cut(drill(8.0, 30.0, TOP, point=False))), "through_hole")
    assert hole["size"]["diameter"] == pytest.approx(8.0)
    assert hole["size"]["depth"] == pytest.approx(20.0)
    assert abs(hole["axis"][2]) == pytest.approx(1.0)


def test_blind_hole_with_a_drill_point() -> None:
    hole = only_feature(reviewed(plate().cut(drill(8.0, 10.0, TOP))), "blind_hole")
    tip = 4.0 / math.tan(math.radians(DRILL_POINT_DEGREES / 2))
    assert hole["size"]["depth"] == pytest.approx(10.0 + tip, abs=1e-4)
    assert hole["direction"] == pytest.approx([0.0, 0.0, 1.0], abs=1e-6)


def test_flat_bottom_hole() -> None:
    hole = only_feature(reviewed(plate().cut(drill(8.0, 10.0, TOP, point=False))), "flat_bottom_hole")
    assert (hole["size"]["diameter"], hole["size"]["depth"]) == pytest.approx((8.0, 10.0))
    assert len(hole["faces"]) == 2


def test_counterbore() -> None:
    part = plate().cut(drill(6.6, 30.0, TOP, point=False), drill(11.0, 6.5, TOP, point=False))
    hole = only_feature(reviewed(part), "counterbore")
    assert hole["size"]["diameter"] == pytest.approx(6.6)
    assert [step["diameter"] for step in hole["steps"]] == pytest.approx([11.0, 6.6])
    assert hole["steps"][0]["depth"] == pytest.approx(6.5)
    assert hole["direction"] == pytest.approx([0.0, 0.0, 1.0], abs=1e-6)


def test_countersink() -> None:
    sink = cone(12.4, 6.4, 3.0, TOP, (0.0, 0.0, -1.0))
    hole = only_feature(reviewed(plate().cut(drill(6.4, 30.0, TOP, point=False), sink)), "countersink")
    assert hole["steps"][0]["form"] == "countersink"
    assert hole["steps"][0]["diameter"] == pytest.approx(12.4, abs=1e-4)
    assert hole["size"]["diameter"] == pytest.approx(6.4)


def test_three_diameters_make_a_stepped_hole() -> None:
    part = plate().cut(
        drill(5.0, 30.0, TOP, point=False), drill(8.0, 12.0, TOP, point=False), drill(12.0, 5.0, TOP, point=False)
    )
    hole = only_feature(reviewed(part), "stepped_hole")
    assert [step["diameter"] for step in hole["steps"]] == pytest.approx([12.0, 8.0, 5.0])


def test_a_chamfered_mouth_stays_a_plain_hole_and_a_chamfer() -> None:
    result = reviewed(plate().cut(drill(8.0, 30.0, TOP, point=False), cone(9.0, 8.0, 0.5, TOP, (0.0, 0.0, -1.0))))
    assert only_feature(result, "through_hole")["size"]["diameter"] == pytest.approx(8.0)
    assert only_feature(result, "chamfer")["size"]["angle"] == pytest.approx(45.0)


def test_a_hole_that_breaks_out_of_the_side_is_partial() -> None:
    result = reviewed(plate().cut(cylinder(10.0, 30.0, (30.0, 2.0, -5.0))))
    hole = only_feature(result, "partial_hole")
    covered = 1 - math.acos(2.0 / 5.0) / math.pi
    assert hole["size"]["material_share"] == pytest.approx(covered, abs=1e-3)
    assert len(findings(result, "hole-partial")) == 1


def test_a_shaft_has_no_hole() -> None:
    assert features(reviewed(cylinder(20.0, 50.0, (0.0, 0.0, 0.0))), *HOLE_TYPES) == []


def test_the_round_end_of_a_slot_is_no_hole() -> None:
    slot = pocket(40.0, 10.0, 8.0, TOP, corner=4.999)
    assert features(reviewed(plate().cut(slot)), *HOLE_TYPES) == []


@pytest.mark.parametrize(
    ("at", "direction", "depth"),
    [((0.0, 20.0, 10.0), (1.0, 0.0, 0.0), 60.0), ((30.0, 0.0, 10.0), (0.0, 1.0, 0.0), 40.0)],
)
def test_holes_along_the_other_axes(
    at: tuple[float, float, float], direction: tuple[float, float, float], depth: float
) -> None:
    hole = only_feature(reviewed(plate().cut(drill(6.0, 100.0, at, direction, point=False))), "through_hole")
    assert hole["size"]["depth"] == pytest.approx(depth)
    assert [abs(x) for x in hole["axis"]] == pytest.approx(list(direction), abs=1e-6)


def test_a_hole_into_a_slope_is_oblique() -> None:
    wedge = Solid(block(60.0, 40.0, 40.0).shape).cut(
        block(80.0, 60.0, 40.0, (-10.0, -10.0, 0.0)).moved((0.0, 0.0, 20.0), (1.0, 0.0, 0.0), 15.0)
    )
    result = reviewed(wedge.cut(cylinder(6.0, 60.0, (30.0, 20.0, -5.0))))
    finding = findings(result, "hole-oblique")[0]
    assert finding["measured"]["value"] == pytest.approx(15.0, abs=1e-3)
    assert findings(reviewed(plate().cut(drill(6.0, 30.0, TOP, point=False))), "hole-oblique") == []


def test_what_is_too_wide_to_drill_is_a_bore() -> None:
    part = block(120.0, 120.0, 40.0).cut(cylinder(50.2, 60.0, (60.0, 60.0, -10.0)))
    assert only_feature(reviewed(part), "bore")["size"]["diameter"] == pytest.approx(50.2)


def test_a_drilled_hole_at_the_bottom_of_a_wide_recess_is_a_hole_of_its_own() -> None:
    part = block(120.0, 120.0, 40.0).cut(
        cylinder(80.0, 30.0, (60.0, 60.0, 25.0)), cylinder(20.0, 60.0, (60.0, 60.0, -10.0))
    )
    result = reviewed(part)
    hole, bore = only_feature(result, "through_hole"), only_feature(result, "bore")
    assert (hole["size"]["diameter"], hole["size"]["depth"]) == pytest.approx((20.0, 25.0))
    assert (bore["size"]["diameter"], bore["size"]["depth"]) == pytest.approx((80.0, 15.0))


@pytest.mark.parametrize("slope", [3.0, 8.0, 12.0, 20.0, 30.0, 45.0])
def test_a_through_hole_into_a_slope_is_through(slope: float) -> None:
    rise = 100.0 * math.tan(math.radians(slope))
    wedge = prism([(0.0, 0.0), (100.0, 0.0), (100.0, 20.0), (0.0, 20.0 + rise)], 40.0)
    hole = only_feature(reviewed(wedge.cut(cylinder(8.0, 200.0, (50.0, -5.0, 20.0), (0.0, 1.0, 0.0)))), "through_hole")
    assert hole["size"]["diameter"] == pytest.approx(8.0)


@pytest.mark.parametrize("offset", [0.0, 5.0, 8.0, 12.0, 14.0])
@pytest.mark.parametrize("seam", [0.0, 40.0, 90.0])
def test_a_cross_hole_in_a_shaft_is_through_wherever_it_lies(offset: float, seam: float) -> None:
    shaft = cylinder(40.0, 60.0, (0.0, 0.0, 0.0))
    cross = (
        cylinder(6.0, 60.0, (0.0, 0.0, -30.0))
        .moved(axis=UP, degrees=seam)
        .moved((0.0, offset, 30.0), (0.0, 1.0, 0.0), 90.0)
    )
    result = reviewed(shaft.cut(cross))
    assert only_feature(result, "through_hole")["size"]["diameter"] == pytest.approx(6.0)
    assert features(result, "through_pocket", "closed_pocket") == []


@pytest.mark.parametrize("across", [5.0, 8.0])
@pytest.mark.parametrize("seam", [0.0, 55.0, 90.0, 180.0])
def test_a_hole_that_runs_into_a_bore_is_open_there(across: float, seam: float) -> None:
    side = (
        cylinder(across, 30.0, (0.0, 0.0, 0.0))
        .moved(axis=UP, degrees=seam)
        .moved((30.0, 0.0, 10.0), (1.0, 0.0, 0.0), -90.0)
    )
    part = plate().cut(cylinder(10.0, 40.0, (30.0, 20.0, -5.0)), side.moved((0.0, -10.0, 0.0)))
    assert len(features(reviewed(part), "through_hole")) == 2


def test_counterbored_from_both_sides_is_a_stepped_hole() -> None:
    part = plate().cut(
        drill(6.6, 30.0, TOP, point=False), drill(11.0, 5.0, TOP, point=False), cylinder(11.0, 10.0, (30.0, 20.0, -5.0))
    )
    hole = only_feature(reviewed(part), "stepped_hole")
    assert [(s["diameter"], s["depth"]) for s in hole["steps"]] == [
        pytest.approx((11.0, 5.0)),
        pytest.approx((6.6, 10.0)),
        pytest.approx((11.0, 5.0)),
    ]


def test_the_drilled_depth_is_that_of_the_narrowest_bore() -> None:
    part = block(60.0, 40.0, 60.0).cut(
        drill(6.0, 80.0, (30.0, 20.0, 60.0), point=False),
        drill(10.0, 30.0, (30.0, 20.0, 60.0), point=False),
        drill(16.0, 10.0, (30.0, 20.0, 60.0), point=False),
    )
    assert only_feature(reviewed(part), "stepped_hole")["size"]["drill_depth"] == pytest.approx(30.0)


def test_a_tapered_pocket_is_one_feature_and_has_no_drill() -> None:
    result = reviewed(plate().cut(cone(26.0, 20.0, 12.0, TOP, (0.0, 0.0, -1.0))))
    assert len(result["features"]) == 1
    assert result["features"][0]["faces"] and len(result["features"][0]["faces"]) == 2
    assert findings(result, "hole-nonstandard") == []


def test_a_rounded_mouth_is_no_pocket() -> None:
    drilled = plate().cut(drill(8.0, 30.0, TOP, point=False)).round_edges_at_height(1.0, 20.0)
    result = reviewed(drilled)
    assert only_feature(result, "through_hole")["size"]["diameter"] == pytest.approx(8.0)
    assert features(result, "closed_pocket") == []


def test_a_hole_goes_on_where_a_wider_one_crosses_it() -> None:
    part = block(80.0, 60.0, 40.0).cut(
        cylinder(6.0, 90.0, (-5.0, 30.0, 20.0), (1.0, 0.0, 0.0)), cylinder(20.0, 50.0, (40.0, 30.0, -5.0))
    )
    sizes = sorted((f["size"]["diameter"], f["size"]["depth"]) for f in features(reviewed(part), "through_hole"))
    assert sizes == [pytest.approx((6.0, 80.0)), pytest.approx((20.0, 40.0))]


def test_holes_in_two_walls_that_face_each_other_are_two() -> None:
    box = block(100.0, 60.0, 40.0).cut(pocket(80.0, 40.0, 36.0, (50.0, 30.0, 40.0), corner=6.0))
    seats = [cylinder(20.0, 2.0, (x, 30.0, 20.0), (1.0, 0.0, 0.0)) for x in (8.0, 90.0)]
    part = box.cut(cylinder(6.0, 120.0, (-10.0, 30.0, 20.0), (1.0, 0.0, 0.0)), *seats)
    assert len(features(reviewed(part), "through_hole", "counterbore")) == 2


def test_a_shallow_seat_belongs_to_its_hole() -> None:
    part = block(80.0, 80.0, 30.0).cut(
        cylinder(60.0, 4.0, (40.0, 40.0, 27.0)), cylinder(20.0, 60.0, (40.0, 40.0, -10.0))
    )
    hole = only_feature(reviewed(part), "through_hole")
    assert [step["form"] for step in hole["steps"]] == ["spot_face", "bore"]
    assert hole["size"]["depth"] == pytest.approx(27.0)


def on_a_circle(count: int, diameter: float, skip: int = 0) -> Solid:
    turn = 2 * math.pi / count
    places = [
        (50.0 + diameter / 2 * math.cos(turn * i), 50.0 + diameter / 2 * math.sin(turn * i)) for i in range(count)
    ]
    return block(100.0, 100.0, 10.0).cut(*(cylinder(5.0, 20.0, (x, y, -5.0)) for x, y in places[skip:]))


def in_rows(columns: int, rows: int, *, shifted: float = 0.0) -> Solid:
    places = [
        (10.0 + 20.0 * i + (shifted if i == 1 else 0.0), 10.0 + 30.0 * j) for i in range(columns) for j in range(rows)
    ]
    return block(100.0, 100.0, 10.0).cut(*(cylinder(5.0, 20.0, (x, y, -5.0)) for x, y in places))


@pytest.mark.parametrize(
    ("part", "pattern"),
    [
        (on_a_circle(6, 60.0), {"kind": "circle", "count": 6, "diameter": 60.0}),
        (on_a_circle(6, 60.0, skip=1), None),
        (in_rows(4, 1), {"kind": "row", "count": 4, "pitch": 20.0}),
        (in_rows(4, 1, shifted=1.0), None),
        (in_rows(5, 3), {"kind": "grid", "count": 15, "pitch": 20.0, "row_pitch": 30.0}),
        (in_rows(2, 1), None),
    ],
    ids=["circle", "circle with a gap", "row", "uneven row", "grid", "pair"],
)
def test_patterns_of_holes(part: Solid, pattern: dict[str, Any] | None) -> None:
    tilted = part.moved((3.0, 4.0, 5.0), (1.0, 2.0, 3.0), 40.0)
    for found in {str(hole.get("pattern")): hole.get("pattern") for hole in reviewed(tilted)["features"]}.values():
        assert found == (pattern if pattern is None else pytest.approx(pattern, abs=1e-4))


def test_holes_drilled_toward_each_other_are_two() -> None:
    part = block(40.0, 40.0, 40.0).cut(drill(10.0, 16.8, (20.0, 20.0, 40.0)), drill(10.0, 16.8, (20.0, 20.0, 0.0), UP))
    assert len(features(reviewed(part), "blind_hole")) == 2
