"""Moulded parts with defects of known size: what is measured of them, and what the rules say."""

import math
import random
from collections import Counter
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests import mould_parts as mould
from tests.engine.reviewing import Review, features, findings, only_feature, reviewed, substance
from tests.parts import UP, Solid, block, cylinder, shapes_of
from workers.cad.binding import module
from workers.review import review
from workers.rules.rule_book import load_rules

MOULDING = "injection_moulding"


def moulded(solid: Solid, limits: str = "default", unit: str = "MM", material: str | None = None) -> Review:
    return reviewed(solid, limits, unit, process=MOULDING, material=material)


@cache
def sound() -> Review:
    return moulded(mould.box())


def rules_of(result: Review) -> set[str]:
    return {finding["rule"] for finding in result["findings"]}


def only(result: Review, rule: str) -> dict[str, Any]:
    (found,) = findings(result, rule)
    return found


def test_a_sound_part_has_no_finding_and_its_mould_is_known() -> None:
    result = sound()
    assert result["findings"] == []
    assert result["undecided"] == []
    facts = result["facts"]
    assert facts["pull_direction"]["value"] == pytest.approx([0.0, 0.0, -1.0], abs=1e-9)
    assert facts["nominal_wall"]["value"] == pytest.approx(mould.WALL, rel=1e-4)
    assert facts["wall_uniformity"]["value"] == pytest.approx(1.0)
    assert facts["least_draft"]["value"] == pytest.approx(mould.DRAFT, abs=1e-6)
    assert facts["mould_depth"]["value"] == pytest.approx(mould.HEIGHT)
    assert facts["mould_undercuts"]["value"] == 0


def test_the_parting_line_runs_around_the_rim() -> None:
    line = sound()["facts"]["parting_line"]
    grow = 2 * mould.HEIGHT * math.tan(math.radians(mould.DRAFT))
    rounded = 2 * (mould.LENGTH + mould.WIDTH + 2 * grow) - (8 - 2 * math.pi) * (mould.INNER + mould.WALL)
    assert line["value"] == pytest.approx(rounded, rel=1e-3)
    assert line["where"]["flat"]
    assert line["where"]["undercut"] == line["where"]["crossed"] == []


def test_the_projected_area_is_that_of_the_outline() -> None:
    grow = 2 * mould.HEIGHT * math.tan(math.radians(mould.DRAFT))
    outline = (mould.LENGTH + grow) * (mould.WIDTH + grow) - (4 - math.pi) * (mould.INNER + mould.WALL) ** 2
    assert sound()["facts"]["projected_area"]["value"] == pytest.approx(outline, rel=0.01)


@pytest.mark.parametrize(("draft", "severity"), [(0.49, "major"), (0.51, "minor"), (0.99, "minor"), (1.01, None)])
def test_draft_is_measured_exactly(draft: float, severity: str | None) -> None:
    result = moulded(mould.box(draft=draft, inner=0.0))
    assert result["facts"]["least_draft"]["value"] == pytest.approx(draft, abs=1e-6)
    found = findings(result, "draft")
    assert {f["severity"] for f in found} == {severity} - {None}
    assert len(found) == (2 if severity else 0)  # outside and inside
    assert [len(f["faces"]) for f in found] == [4] * len(found)


@pytest.mark.parametrize(("height", "reported"), [(49.0, False), (51.0, True)])
def test_a_deeper_wall_needs_more_draft(height: float, reported: bool) -> None:
    found = findings(moulded(mould.box(draft=2.0, height=height, inner=0.0)), "draft")
    assert bool(found) == reported
    assert [f["limit"]["value"] for f in found] == ([pytest.approx(0.04 * height)] if reported else [])


def test_draft_asks_for_the_limit_that_asks_for_more() -> None:
    deep = moulded(mould.box(draft=0.6, height=50.0, inner=0.0))
    outside = max(findings(deep, "draft"), key=lambda f: f["limit"]["value"])
    assert outside["limit"]["value"] == pytest.approx(2.0)
    assert outside["change"]["to"] == pytest.approx(2.0)


@pytest.mark.parametrize(("limits", "wanted"), [("light_texture", 3.0), ("heavy_texture", 5.0)])
def test_a_texture_needs_more_draft_and_nothing_else(limits: str, wanted: float) -> None:
    result = moulded(mould.box(), limits)
    assert rules_of(result) == {"draft"}
    assert {f["limit"]["value"] for f in result["findings"]} == {wanted}


def test_the_texture_limits_of_all_other_rules_are_the_default_ones() -> None:
    for rule in load_rules(MOULDING).rules:
        if rule.id != "draft":
            assert rule.limits["light_texture"] == rule.limits["heavy_texture"] == rule.limits["default"]
            assert all(limits["light_texture"] == limits["default"] for limits in rule.material_limits.values())


def test_a_drafted_rib_is_measured_where_it_leaves_the_floor() -> None:
    result = moulded(mould.ribbed(1.1, 5.0))
    rib = only_feature(result, "rib")
    assert rib["size"]["width"] == pytest.approx(1.1, abs=1e-4)
    assert rib["size"]["height"] == pytest.approx(5.0, abs=1e-4)
    assert rib["size"]["length"] == pytest.approx(30.0, abs=1e-3)
    assert rules_of(result) == {"corner-sharp"}


@pytest.mark.parametrize(
    ("base", "height", "wanted"),
    [
        (1.19, 5.9, set()),
        (1.21, 5.9, {"rib-thickness"}),
        (1.19, 6.1, {"rib-height"}),
        (2.4, 6.1, {"rib-thickness", "rib-height"}),
    ],
)
def test_ribs_are_held_against_the_wall(base: float, height: float, wanted: set[str]) -> None:
    result = moulded(mould.ribbed(base, height, fillet=1.0))
    assert rules_of(result) == wanted
    for rule, value in (("rib-thickness", base / mould.WALL), ("rib-height", height / mould.WALL)):
        assert [f["measured"]["value"] for f in findings(result, rule)] == (
            [pytest.approx(value, abs=1e-3)] if rule in wanted else []
        )


def test_a_rib_that_another_crosses_is_one() -> None:
    crossed = mould.box().join(mould.rib(1.1, 5.0), mould.rib(1.1, 5.0).moved(degrees=90.0))
    assert len(features(moulded(crossed), "rib")) == 2


@pytest.mark.parametrize(
    ("outer", "inner", "reported"), [(4.7, 2.34, False), (4.9, 2.4, True), (4.6, 2.35, True), (4.0, 1.8, False)]
)
def test_the_wall_of_a_boss(outer: float, inner: float, reported: bool) -> None:
    result = moulded(mould.bossed(outer, inner))
    size = only_feature(result, "boss")["size"]
    assert (size["diameter"], size["inner_diameter"]) == pytest.approx((outer, inner), abs=1e-4)
    found = findings(result, "boss-wall")
    assert [f["measured"]["value"] for f in found] == (
        [pytest.approx((outer - inner) / 2 / mould.WALL, abs=1e-4)] if reported else []
    )


def test_a_boss_that_splits_needs_a_smaller_hole_and_one_no_screw_fits_is_a_wall() -> None:
    assert only(moulded(mould.bossed(4.6, 2.35)), "boss-wall")["smallest_change"].startswith("narrow its hole to ⌀2.30")
    assert features(moulded(mould.bossed(22.4, 20.0)), "boss") == []


def test_a_snap_fit_takes_a_lifter_from_inside() -> None:
    result = at_home("snap fit")
    found = only(result, "mould-undercut")
    lean = math.radians(mould.DRAFT)
    reach = 2.0 + mould.WALL - mould.WALL / math.cos(lean) + 8.0 * math.tan(lean)
    assert found["severity"] == "major"
    assert found["measured"]["value"] == pytest.approx(reach, abs=1e-3)
    (undercut,) = result["facts"]["mould_undercuts"]["where"]["undercuts"]
    assert undercut["action"] == "lifter"
    assert undercut["direction"] == pytest.approx([-1.0, 0.0, 0.0], abs=1e-6)
    assert len(undercut["faces"]) == 1


def test_a_window_takes_a_slider_from_outside() -> None:
    result = at_home("window")
    found = only(result, "mould-undercut")
    assert found["severity"] == "major"
    assert len(found["faces"]) == 4
    (undercut,) = result["facts"]["mould_undercuts"]["where"]["undercuts"]
    assert undercut["action"] == "slider"
    assert undercut["direction"] == pytest.approx([1.0, 0.0, 0.0], abs=1e-6)


def test_of_opposite_windows_each_slider_leaves_by_the_nearer_side() -> None:
    where = moulded(mould.windowed(through=True))["facts"]["mould_undercuts"]["where"]
    assert sorted(u["direction"][0] for u in where["undercuts"]) == pytest.approx([-1.0, 1.0], abs=1e-6)
    assert where["side_actions"] == 2


def test_out_of_an_oblique_hole_a_slider_runs_aslant() -> None:
    along = (math.cos(math.radians(30.0)), 0.0, math.sin(math.radians(30.0)))
    where = moulded(mould.box().cut(cylinder(5.0, 40.0, (30.0, 0.0, 6.0), along)))["facts"]["mould_undercuts"]["where"]
    assert [u["action"] for u in where["undercuts"]] == ["slider"]
    assert where["undercuts"][0]["direction"] == pytest.approx(along, abs=1e-6)


def test_a_groove_around_the_outside_takes_two_sliders() -> None:
    where = moulded(mould.grooved_cup())["facts"]["mould_undercuts"]["where"]
    assert [u["action"] for u in where["undercuts"]] == ["two sliders"]
    assert where["side_actions"] == 2


def test_no_side_action_gets_out_of_a_groove_around_the_inside() -> None:
    result = moulded(mould.inner_groove())
    assert only(result, "mould-undercut")["severity"] == "critical"
    assert [u["action"] for u in result["facts"]["mould_undercuts"]["where"]["undercuts"]] == ["none"]


def test_the_ball_grows_to_the_widest_place_of_a_thick_ledge() -> None:
    """It touches the outer wall, and both edges where the ledge leaves the inner one, which leans as that does."""
    wall, half = mould.WALL, 3.0 / 2 / math.cos(math.radians(mould.DRAFT))
    found = only(at_home("thick ledge"), "wall-uniformity")
    assert found["measured"]["value"] == pytest.approx((half**2 + wall**2) / wall**2, abs=1e-4)


def test_where_even_walls_meet_at_sharp_edges_is_no_thick_spot() -> None:
    result = moulded(mould.sharp_tray())
    assert rules_of(result) == {"draft", "corner-sharp"}
    assert len(result["findings"]) == 3  # draft outside and inside


def test_no_thick_spots_are_looked_for_where_the_wall_is_thicker_than_any_resin_takes() -> None:
    result = moulded(block(60.0, 50.0, 40.0))
    assert {rule["rule"] for rule in result["undecided"]} == {"wall-uniformity"}
    assert result["facts"]["wall_uniformity"]["where"]["thick_spots"] is None
    assert only(result, "wall-range")["measured"]["value"] == pytest.approx(40.0)
    assert only(result, "wall-range")["smallest_change"] == "core it out by 34.90 mm to 5.1 mm"
    grooved = block(60.0, 50.0, 40.0).cut(block(20.0, 60.0, 15.0, (20.0, -5.0, 30.0)))
    assert "R6.35 mm" in findings(moulded(grooved), "corner-sharp")[0]["smallest_change"]


def test_the_ten_largest_thick_spots_are_told_and_the_others_counted() -> None:
    places = [(x, y) for x in (-28.0, -14.0, 0.0, 14.0, 28.0) for y in (-16.0, 0.0, 16.0)][:12]
    lumps = [block(4.0, 4.0, 4.0, (x - 2.0, y - 2.0, 0.0)).round_edges(0.3, UP) for x, y in places]
    result = moulded(mould.box().join(*lumps))
    where = result["facts"]["wall_uniformity"]["where"]
    assert [spot["diameter"] for spot in where["thick_spots"]] == [pytest.approx(4.0, rel=1e-3)] * 10
    assert where["further_thick_spots"] == 2


def test_a_wall_that_something_sticks_out_of_is_no_rib() -> None:
    result = moulded(mould.hooked_outside())
    assert features(result, "rib") == []
    assert rules_of(result) == {"draft", "corner-sharp"}


def test_the_body_of_a_cap_is_no_boss() -> None:
    result = moulded(mould.threaded())
    assert features(result, "boss") == []
    assert len(findings(result, "draft")) == 2
    (undercut,) = result["facts"]["mould_undercuts"]["where"]["undercuts"]
    assert undercut["action"] == "two sliders"
    assert result["facts"]["parting_line"]["value"] is None  # the sliders are between the halves all around
    assert result["facts"]["mould_depth"]["value"] == pytest.approx(14.0)


def test_a_thread_inside_takes_a_core_that_collapses_or_unscrews() -> None:
    result = moulded(mould.threaded(inside=True))
    assert len(findings(result, "corner-sharp")) == 2  # at the floor, and of all three grooves
    found = only(result, "mould-undercut")
    assert found["severity"] == "critical"
    assert "unscrewing core" in found["smallest_change"]


@pytest.mark.parametrize(("far", "count"), [(12.0, 1), (26.0, 2)])
def test_walls_that_need_the_same_draft_are_one_finding(far: float, count: int) -> None:
    found = findings(moulded(mould.pegged(10.0, far)), "draft")
    assert [len(f["faces"]) for f in found] == [3 - count] * count


def test_deep_walls_that_need_the_same_draft_are_one_finding() -> None:
    found = findings(moulded(mould.pegged(26.0, 26.0)), "draft")
    assert [(len(f["faces"]), f["change"]["to"]) for f in found] == [(2, pytest.approx(1.04))]


@pytest.mark.parametrize(("depth", "reported"), [(0.4, False), (0.6, True)])
def test_the_corners_of_lettering_may_be_sharp(depth: float, reported: bool) -> None:
    assert bool(findings(moulded(mould.lettered(depth)), "corner-sharp")) == reported


def test_the_mould_opens_along_what_most_of_the_part_lies_straight_to() -> None:
    pull = moulded(mould.angle())["facts"]["pull_direction"]["value"]
    assert sorted(map(abs, pull)) == pytest.approx([0.0, 0.0, 1.0], abs=1e-6)


@pytest.mark.parametrize(("size", "severity"), [(2.4, None), (3.0, "minor"), (6.0, "major")])
def test_the_largest_ball_in_a_thick_spot(size: float, severity: str | None) -> None:
    found = findings(moulded(mould.heaped(size)), "wall-uniformity")
    assert [f["severity"] for f in found] == ([severity] if severity else [])
    assert [f["measured"]["value"] for f in found] == ([pytest.approx(size / mould.WALL, rel=0.01)] if severity else [])


@pytest.mark.parametrize(
    ("material", "wall", "reported"),
    [
        ("abs", 1.05, True),
        ("abs", 1.15, False),
        ("abs", 3.7, True),
        ("pc", 3.7, False),
        ("nylon-66", 3.0, True),
        ("pp", 0.65, False),
        (None, 0.65, False),
        (None, 5.2, True),
    ],
)
def test_the_wall_is_held_against_what_the_resin_takes(material: str | None, wall: float, reported: bool) -> None:
    result = moulded(mould.box(wall=wall, inner=0.0), material=material)
    found = findings(result, "wall-range")
    assert [f["measured"]["value"] for f in found] == ([pytest.approx(wall, abs=0.01)] if reported else [])
    assert result["facts"]["resin"]["state"] == ("unknown" if material is None else "declared")


@pytest.mark.parametrize(("inner", "severity"), [(0.0, "major"), (0.9, "minor"), (1.1, None)])
def test_inner_corners_are_held_against_the_wall(inner: float, severity: str | None) -> None:
    found = findings(moulded(mould.box(inner=inner)), "corner-sharp")
    assert [f["severity"] for f in found] == ([severity] if severity else [])
    assert [f["measured"]["value"] for f in found] == (
        [pytest.approx(inner / mould.WALL, abs=1e-3)] if severity else []
    )


@pytest.mark.parametrize(("height", "reported"), [(99.0, False), (101.0, True)])
def test_the_depth_from_the_parting_line(height: float, reported: bool) -> None:
    found = findings(moulded(mould.box(draft=4.5, height=height, inner=0.0)), "mould-depth")
    assert [f["measured"]["value"] for f in found] == ([pytest.approx(height)] if reported else [])


@pytest.mark.parametrize(
    ("depth", "through", "reported"),
    [(14.5, False, False), (15.5, False, True), (27.0, True, False), (31.0, True, True)],
)
def test_core_pins(depth: float, through: bool, reported: bool) -> None:
    thickness = depth if through else depth + 3.0
    result = moulded(mould.plate_with_hole(5.0, depth, thickness, through=through))
    kind = "through_hole" if through else "blind_hole"
    mean = 5.0 - depth * math.tan(math.radians(0.6))
    assert only_feature(result, kind)["size"]["diameter"] == pytest.approx(mean, abs=0.01)
    found = findings(result, "core-slender")
    assert [f["measured"]["value"] for f in found] == ([pytest.approx(depth / mean, rel=1e-3)] if reported else [])


SLOW = settings(
    max_examples=3,
    phases=(Phase.generate,),
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)
PARTS: dict[str, Callable[[], Solid]] = {
    "rib": lambda: mould.ribbed(1.6, 7.0),
    "boss": lambda: mould.bossed(5.4, 2.4),
    "snap fit": lambda: mould.snap_fit(2.0),
    "thick ledge": lambda: mould.snap_fit(2.0, thick=3.0),
    "window": mould.windowed,
}


@cache
def part(name: str) -> Solid:
    return PARTS[name]()


@cache
def at_home(name: str) -> Review:
    result = moulded(part(name))
    assert len(result["findings"]) >= 2
    return result


def judged(result: Review) -> Counter[tuple[Any, ...]]:
    """What was found; how many faces the ball in a thick spot touches hangs on how near it settles."""
    rows = substance(result).elements()
    return Counter(row[:-1] if row[0] == "wall-uniformity" else row for row in rows)


def whatever_its_size(result: Review) -> Review:
    """Without the rules about lengths in mm."""
    return {**result, "findings": [f for f in result["findings"] if f["measured"]["unit"] != "mm"]}


@pytest.mark.parametrize("name", PARTS)
@SLOW
@given(
    axis=st.tuples(st.floats(-1, 1), st.floats(-1, 1), st.floats(-1, 1)).filter(lambda v: math.hypot(*v) > 0.1),
    degrees=st.floats(0.0, 360.0),
    shift=st.tuples(*[st.floats(-500.0, 500.0)] * 3),
    unit=st.sampled_from(["MM", "INCH"]),
)
def test_a_part_is_judged_the_same_wherever_it_lies(
    name: str, axis: tuple[float, float, float], degrees: float, shift: tuple[float, float, float], unit: str
) -> None:
    there = moulded(part(name).moved(shift, axis, degrees), unit=unit)
    assert judged(there) == judged(at_home(name))


@pytest.mark.parametrize("name", PARTS)
def test_ratios_and_angles_do_not_depend_on_size(name: str) -> None:
    larger = moulded(part(name).scaled(1.7))
    assert judged(whatever_its_size(larger)) == judged(whatever_its_size(at_home(name)))


@pytest.mark.parametrize("name", PARTS)
def test_the_numbering_of_faces_does_not_matter(name: str) -> None:
    solid = part(name)
    order = list(range(len(shapes_of(solid.shape, "FACE"))))
    random.Random(7).shuffle(order)
    assert judged(moulded(solid.renumbered(order))) == judged(at_home(name))


def of_mesh(solid: Solid, folder: Path) -> Review:
    """The review of a solid by way of an STL file."""
    module("BRepMesh").BRepMesh_IncrementalMesh(solid.shape, 0.05)
    path = folder / "part.stl"
    module("StlAPI").StlAPI_Writer().Write(solid.shape, str(path))
    return review(path, "part.stl", MOULDING, "default")


def test_a_mesh_tells_pull_draft_undercuts_and_walls(tmp_path: Path) -> None:
    result = of_mesh(part("snap fit").moved(), tmp_path)
    facts, exact = result["facts"], at_home("snap fit")["facts"]
    assert facts["pull_direction"]["value"] == pytest.approx(exact["pull_direction"]["value"], abs=1e-6)
    assert facts["nominal_wall"]["value"] == pytest.approx(mould.WALL, rel=0.01)
    assert facts["parting_line"]["value"] == pytest.approx(exact["parting_line"]["value"], rel=0.01)
    assert [u["action"] for u in facts["mould_undercuts"]["where"]["undercuts"]] == ["lifter"]
    assert only(result, "mould-undercut")["measured"]["value"] == pytest.approx(
        only(at_home("snap fit"), "mould-undercut")["measured"]["value"], rel=0.01
    )
    assert {f["severity"] for f in findings(result, "draft")} == {"major"}
    undecided = {rule["rule"] for rule in result["undecided"]}
    assert undecided == {"rib-thickness", "rib-height", "boss-wall", "corner-sharp", "core-slender"}


def test_a_sound_mesh_has_no_finding(tmp_path: Path) -> None:
    assert of_mesh(mould.box(), tmp_path)["findings"] == []
