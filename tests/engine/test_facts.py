"""Each fact on parts whose values are known, wherever they lie and in whatever unit they were written."""

import json
import math
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest import mock

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.parts import Solid, block, cylinder, drill, pocket, prism, sphere
from workers.facts.fact import Fact, attempted
from workers.part_facts import part_facts
from workers.review import review
from workers.rules.rule_book import load_rules

UP, ALONG = (0.0, 0.0, 1.0), (1.0, 0.0, 0.0)


def facts(solid: Solid, unit: str = "MM") -> dict[str, Any]:
    with TemporaryDirectory() as folder:
        found: dict[str, Any] = part_facts(solid.write_step(Path(folder) / "part.step", unit), "part.step")["facts"]
        return found


def slab() -> Solid:
    return block(100.0, 60.0, 10.0)


def notched() -> Solid:
    """A slab of 10 mm with a V of 8 mm across it, whose tip leaves 2 mm that no ray square to a face measures."""
    v = prism([(15.0, 10.0), (25.0, 10.0), (20.0, 2.0)], 30.0).moved(axis=ALONG, degrees=90.0)
    return block(40.0, 20.0, 10.0).cut(v.moved((0.0, 25.0, 0.0)))


def necked(neck: float) -> Solid:
    """A slab of 40 mm with a V across it whose tip leaves `neck` mm, less than samples of its surface are apart."""
    v = prism([(0.0, 0.0), (45.0, 45.0), (-45.0, 45.0)], 60.0).moved(axis=ALONG, degrees=90.0)
    return block(120.0, 40.0, 40.0).cut(v.moved((60.0, 50.0, neck)))


def tilted_v() -> Solid:
    """The same, 0.3 mm deep in the middle of its length and sinking by 2 degrees: its least is at one end."""
    v = prism([(0.0, 0.0), (45.0, 45.0), (-45.0, 45.0)], 60.0, (0.0, 0.0, -30.0)).moved(axis=ALONG, degrees=92.0)
    return block(120.0, 20.0, 40.0).cut(v.moved((60.0, 10.0, 0.5)))


DRILL_POINT = 5.0 / math.tan(math.radians(59.0))


def drilled_nearly_through(floor: float) -> Solid:
    return block(50.0, 40.0, 20.0).cut(drill(10.0, 20.0 - floor - DRILL_POINT, (25.0, 20.0, 20.0)))


def drilled_nearly_into_a_bore() -> Solid:
    """The point of a drill 0.6 mm above a bore of 8 mm that crosses below."""
    depth = 40.0 - 24.6 - 4.0 / math.tan(math.radians(59.0))
    across = cylinder(8.0, 80.0, (-5.0, 20.0, 20.0), ALONG)
    return block(60.0, 40.0, 40.0).cut(drill(8.0, depth, (30.0, 20.0, 40.0)), across)


def drilled_from_both_sides(left: float) -> Solid:
    top = 20.0 + left / 2 + DRILL_POINT
    drills = drill(10.0, 40.0 - top, (20.0, 20.0, 40.0)), drill(10.0, 40.0 - top, (20.0, 20.0, 0.0), UP)
    return block(40.0, 40.0, 40.0).cut(*drills)


def notched_from_both_sides(left: float) -> Solid:
    """Two V across a block, tip to tip but for a tenth of a millimetre."""
    v = prism([(0.0, 0.0), (25.0, 25.0), (-25.0, 25.0)], 60.0).moved(axis=ALONG, degrees=90.0)
    down = math.sqrt(left**2 - 0.1**2)
    under = v.moved(axis=ALONG, degrees=180.0).moved((30.1, -10.0, 20.0 - down))
    return block(60.0, 40.0, 40.0).cut(v.moved((30.0, 50.0, 20.0)), under)


def wedge(degrees: float, scale: float = 1.0) -> Solid:
    length = 60.0 * scale
    rise = length * math.tan(math.radians(degrees))
    return prism([(0.0, 0.0), (length, 0.0), (length, rise)], 30.0 * scale)


def between_holes(left: float) -> Solid:
    holes = [cylinder(20.0, 40.0, (x, 20.0, -10.0)) for x in (20.0, 40.0 + left)]
    return block(80.0, 40.0, 20.0).cut(*holes)


def hollow() -> Solid:
    """A block around a ball of 20 mm, which comes within 5 mm of its top."""
    return block(60.0, 60.0, 40.0).cut(sphere(20.0, (30.0, 30.0, 25.0)))


def plate_on_a_large_part() -> Solid:
    """The mesh of a part of a metre is off by more than the plate on it is thick."""
    return cylinder(1000.0, 200.0, (0.0, 0.0, 0.0)).join(block(100.0, 1.5, 60.0, (0.0, 0.0, 200.0)))


def shaft() -> Solid:
    return cylinder(20.0, 50.0, (0.0, 0.0, 0.0))


def drilled(y: float) -> Solid:
    return slab().cut(drill(8.0, 20.0, (30.0, y, 10.0), point=False))


def slotted(width: float) -> Solid:
    return block(80.0, 60.0, 30.0).cut(pocket(100.0, width, 12.0, (40.0, 30.0, 30.0)))


def cavity() -> Solid:
    return block(40.0, 40.0, 40.0).cut(block(10.0, 10.0, 10.0, (15.0, 15.0, 15.0)))


def flange() -> Solid:
    """A disc with six holes on a circle."""
    disc = cylinder(80.0, 10.0, (0.0, 0.0, 0.0))
    places = [(25 * math.cos(k * math.pi / 3), 25 * math.sin(k * math.pi / 3), 10.0) for k in range(6)]
    return disc.cut(*(drill(6.0, 20.0, at, point=False) for at in places))


Value = Callable[[dict[str, Any]], Any]


def value(name: str) -> Value:
    return lambda found: found[name]["value"]


def where(name: str, what: str) -> Value:
    return lambda found: found[name]["where"][what]


CASES: list[tuple[str, Callable[[], Solid], Value, Any]] = [
    ("wall", slab, value("wall_thickness"), 10.0),
    ("wall of a shaft", shaft, value("wall_thickness"), 20.0),
    ("neck", notched, value("wall_thickness_by_ball"), 2.0),
    ("neck, the wall", notched, value("wall_thickness"), 2.0),
    ("narrow neck", lambda: necked(0.3), value("wall_thickness"), 0.3),
    ("narrow neck, by ball", lambda: necked(0.3), value("wall_thickness_by_ball"), 0.3),
    ("neck that is narrowest at an end", tilted_v, value("wall_thickness"), 0.5 - 10.0 * math.tan(math.radians(2.0))),
    ("drill point near a face", lambda: drilled_nearly_through(0.2), value("wall_thickness"), 0.2),
    ("drill point near a bore", drilled_nearly_into_a_bore, value("wall_thickness"), 0.6),
    ("two drill points", lambda: drilled_from_both_sides(0.4), value("wall_thickness"), 0.4),
    ("two notches", lambda: notched_from_both_sides(0.5), value("wall_thickness"), 0.5),
    ("wedge", lambda: wedge(18.0), value("wall_thickness"), 30.0),
    ("thin wedge", lambda: wedge(3.0), value("wall_thickness"), 30.0),
    ("wall thinner than the mesh is fine", lambda: between_holes(0.02), value("wall_thickness"), 0.02),
    ("wall of nothing", lambda: between_holes(0.0), value("wall_thickness"), 0.0),
    ("ball no larger than the wall", lambda: between_holes(0.4), value("wall_thickness_by_ball"), 0.4),
    ("plate on a large part", plate_on_a_large_part, value("wall_thickness"), 1.5),
    ("gap in a hollow ball", hollow, value("smallest_gap"), 20.0),
    ("wall of a hollow ball", hollow, value("wall_thickness"), 5.0),
    ("gap", lambda: slotted(7.0), value("smallest_gap"), 7.0),
    ("gap in a hole", lambda: drilled(30.0), value("smallest_gap"), 8.0),
    ("no gap", slab, value("smallest_gap"), None),
    ("volume", cavity, value("volume"), 63_000.0),
    ("box", slab, value("oriented_bounding_box"), [100.0, 60.0, 10.0]),
    ("box of a shaft", shaft, value("oriented_bounding_box"), [50.0, 20.0, 20.0]),
    ("stock", slab, value("stock_volume"), 60_000.0),
    ("nothing removed", slab, value("removal_ratio"), 0.0),
    ("inertia", slab, value("inertia"), [18_500_000.0, 50_500_000.0, 68_000_000.0]),
    ("internal radius", lambda: slotted_with_corners(4.0), value("smallest_internal_radius"), 4.0),
    ("external radius", lambda: slab().round_edges(6.0, UP), value("smallest_external_radius"), 6.0),
    ("external radii", lambda: slab().round_edges(6.0, UP), value("external_radii"), [{"radius": 6.0, "faces": 4}]),
    ("no internal radius", slab, value("smallest_internal_radius"), None),
    ("set-ups of a slab", slab, value("setups"), 2),
    ("set-ups with a hole in the side", lambda: side_drilled(1), value("setups"), 2),
    ("set-ups with holes in two sides", lambda: side_drilled(2), value("setups"), 3),
    ("no undercut", slab, value("undercuts"), 0),
    ("six faces that nothing leads to", cavity, value("undercuts"), 6),
    ("revolution", shaft, where("symmetry_axis", "kind"), "revolution"),
    ("order of symmetry", flange, where("symmetry_axis", "order"), 6),
    ("no symmetry", lambda: drilled(20.0), value("symmetry_axis"), None),
]  # fmt: skip


def slotted_with_corners(radius: float) -> Solid:
    return block(80.0, 60.0, 30.0).cut(pocket(40.0, 30.0, 12.0, (40.0, 30.0, 30.0), corner=radius))


def side_drilled(sides: int) -> Solid:
    """A block with blind holes in its top and in one or two neighbouring sides."""
    part = block(80.0, 60.0, 40.0).cut(drill(8.0, 10.0, (40.0, 30.0, 40.0), point=False))
    part = part.cut(drill(6.0, 12.0, (0.0, 30.0, 20.0), ALONG, point=False))
    return part if sides == 1 else part.cut(drill(6.0, 12.0, (40.0, 0.0, 20.0), (0.0, 1.0, 0.0), point=False))


@pytest.mark.parametrize("of", [pytest.param(case, id=case[0]) for case in CASES])
@pytest.mark.parametrize("placed", ["as built", "turned and far away"])
def test_the_value_is_known(of: tuple[str, Callable[[], Solid], Value, Any], placed: str) -> None:
    _, build, get, expected = of
    solid = build() if placed == "as built" else build().moved((1e5, -3e4, 2e4), (1.0, 2.0, 3.0), 37.0)
    found = get(facts(solid))
    if isinstance(expected, float):
        assert found == pytest.approx(expected, rel=1e-6, abs=1e-6)
    elif isinstance(expected, list) and isinstance(expected[0], float):
        # Inertia at 1e5 mm from the origin keeps eight digits.
        assert found == pytest.approx(expected, rel=1e-6)
    else:
        assert found == expected


@pytest.mark.parametrize("degrees", [6e-5, 2e-4, 1e-2])
def test_a_box_turned_by_next_to_nothing_is_not_the_one_along_the_axes(degrees: float) -> None:
    found = facts(slab().moved((0.0, 0.0, 0.0), (1.0, 2.0, 3.0), degrees))
    assert found["oriented_bounding_box"]["value"] == pytest.approx([100.0, 60.0, 10.0], abs=1e-6)


@settings(max_examples=8, deadline=None)
@given(
    by=st.tuples(*[st.floats(-1e5, 1e5)] * 3),
    axis=st.tuples(*[st.floats(0.1, 1.0)] * 3),
    degrees=st.floats(0.0, 360.0),
    mirrored=st.booleans(),
    unit=st.sampled_from(["MM", "INCH", "M"]),
)
def test_a_slab_is_10_mm_thick_anywhere(
    by: tuple[float, float, float],
    axis: tuple[float, float, float],
    degrees: float,
    mirrored: bool,
    unit: str,
) -> None:
    solid = slab().mirrored() if mirrored else slab()
    found = facts(solid.moved(by, axis, degrees), unit)
    assert found["wall_thickness"]["value"] == pytest.approx(10.0, abs=1e-6)
    assert found["wall_thickness_by_ball"]["where"]["percentiles"]["p50"] == pytest.approx(10.0, abs=1e-3)
    assert found["oriented_bounding_box"]["value"] == pytest.approx([100.0, 60.0, 10.0], abs=1e-6)
    assert found["setups"]["value"] == 2


@pytest.mark.parametrize("factor", [0.1, 10.0])
def test_lengths_grow_with_the_part(factor: float) -> None:
    found = facts(slotted(7.0).scaled(factor))
    assert found["smallest_gap"]["value"] == pytest.approx(7.0 * factor, rel=1e-6)
    assert found["wall_thickness"]["value"] == pytest.approx(18.0 * factor, rel=1e-6)


def test_faces_in_another_order_have_the_same_facts() -> None:
    def told(solid: Solid) -> dict[str, Any]:
        # Reach has the faces' numbers.
        return {name: fact["value"] for name, fact in facts(solid).items() if name not in ("reach", "units_in_file")}

    one, other = told(side_drilled(2)), told(side_drilled(2).renumbered([7, 3, 0, 5, 1, 8, 2, 6, 4, 9, 11, 10]))
    for name in one:
        assert json.dumps(_rounded(other[name])) == json.dumps(_rounded(one[name])), name


def _rounded(value: Any) -> Any:  # noqa: ANN401
    if isinstance(value, list):
        return [_rounded(item) for item in value]
    return float(f"{value:.9g}") if isinstance(value, float) else value


def test_the_place_of_the_thinnest_wall_is_on_it() -> None:
    part = block(60.0, 60.0, 30.0).cut(pocket(40.0, 20.0, 20.0, (30.0, 48.0, 30.0)))
    found = facts(part)["wall_thickness"]
    assert found["value"] == pytest.approx(2.0, abs=1e-9)
    assert found["where"]["point"][1] in (pytest.approx(58.0, abs=1e-3), pytest.approx(60.0, abs=1e-3))
    assert len(found["where"]["faces"]) == 2
    shares = found["where"]["histogram"]["share"]
    assert sum(shares) == pytest.approx(1.0, abs=1e-4)
    assert len(found["where"]["histogram"]["bin_edges"]) == len(shares) + 1


def test_reach_tells_which_face_is_reached_from_where() -> None:
    rows = facts(side_drilled(1))["reach"]["value"]
    assert [row["direction"] for row in rows[:6]] == [
        [1.0, 0.0, 0.0], [-1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, -1.0, 0.0], [0.0, 0.0, 1.0], [0.0, 0.0, -1.0]
    ]  # fmt: skip
    top = set(rows[4]["faces"])
    bottom = set(rows[5]["faces"])
    assert len(top - bottom) == 3  # the top face, and the floor and wall of its blind hole
    assert all(row["main"] for row in rows)


def test_facts_are_the_same_to_the_byte_and_hold_no_infinity() -> None:
    one, other = (json.dumps(facts(side_drilled(2)), allow_nan=False, sort_keys=True) for _ in range(2))
    assert one == other


@pytest.mark.parametrize("bad", [math.nan, math.inf, [1.0, math.nan], {"a": np.array([np.inf])}])
def test_what_is_no_finite_number_is_a_failed_fact(bad: Any) -> None:  # noqa: ANN401
    assert attempted(lambda: Fact(bad, "mm", "measured", "m", 1.0)).state == "failed"
    assert attempted(lambda: Fact(1.0, "mm", "measured", "m", 1.0, {"x": bad})).state == "failed"
    assert attempted(lambda: Fact(0.0, "mm", "measured", "m", 1.0)).value == 0.0


@pytest.mark.parametrize(
    ("broken", "facts_lost", "rules_lost"),
    [
        ("measure_reach", {"reach", "undercuts", "setups"}, {"face-unreachable", "setups", "undercut"}),
        ("measure_gaps", {"smallest_gap"}, {"pocket-narrow-region"}),
        ("measure_thickness", {"wall_thickness", "wall_thickness_by_ball"}, {"wall-thin", "wall-slender"}),
        ("oriented_box", {"oriented_bounding_box", "stock_volume", "removal_ratio"}, set()),
    ],
)
def test_a_measurement_that_fails_costs_only_what_rests_on_it(
    broken: str, facts_lost: set[str], rules_lost: set[str], tmp_path: Path
) -> None:
    path = slotted(7.0).write_step(tmp_path / "part.step")
    with mock.patch(f"workers.facts.measure.{broken}", side_effect=ZeroDivisionError("a bug")):
        result = review(path, "part.step", "cnc_milling", "default")
    failed = {name for name, fact in result["facts"].items() if fact["state"] == "failed"}
    assert failed == facts_lost
    assert all("a bug" in result["facts"][name]["where"]["reason"] for name in failed)
    undecided = {rule["rule"] for rule in result["undecided"]}
    assert rules_lost <= undecided < {rule.id for rule in load_rules("cnc_milling").rules}
