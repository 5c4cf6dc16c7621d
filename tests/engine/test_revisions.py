"""Two versions of a part compared: what is the same stays the same, and one edit shows exactly as that."""

import random
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from server.revisions.alignment import Motion
from server.revisions.comparison import compare
from server.revisions.errors import NotComparableError
from server.revisions.matching import Pass, Place, apart_mm, matched
from server.revisions.near import Places
from tests.additive_parts import fin, write_stl
from tests.assemblies import Placed, Product, write_assembly
from tests.engine.reviewing import Review, reviewed
from tests.parts import (
    Solid,
    Vector,
    around_z,
    as_splines,
    block,
    bracket,
    cylinder,
    drill,
    in_pieces,
    pocket,
    shaft,
    shapes_of,
)
from workers.review import review

OF_THE_WHOLE: Review = {
    "id": "a",
    "rule": "setups",
    "severity": "major",
    "measured": {"quantity": "setups", "value": 6.0, "unit": "count"},
    "features": [],
    "centre": None,
}

SLOW = settings(max_examples=4, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
lengths = st.floats(-300.0, 300.0)
axes = st.sampled_from([(1.0, 0.0, 0.0), (0.0, 0.0, 1.0), (1.0, 2.0, 3.0), (-2.0, 0.3, 1.0)])


def flange() -> Solid:
    """Round, with six holes around it: it looks the same at every sixth of a turn."""
    return shaft((100.0, 10.0), (40.0, 30.0)).cut(*around_z(cylinder(9.0, 20.0, (35.0, 0.0, -5.0)), 6))


def pinned_shaft() -> Solid:
    """Only where its two cross holes are tells how it is turned about its axis."""
    return shaft((40.0, 100.0)).cut(
        drill(5.0, 10.0, (20.0, 0.0, 30.0), (-1.0, 0.0, 0.0)), drill(6.0, 10.0, (0.0, 20.0, 60.0), (0.0, -1.0, 0.0))
    )


def plate(*tools: Solid) -> Solid:
    """A block with four equal holes in a square, which it is symmetric by, and whatever else is cut."""
    holes = [drill(6.0, 40.0, (x, y, 20.0), point=False) for x in (15.0, 65.0) for y in (15.0, 65.0)]
    return block(80.0, 80.0, 20.0).cut(*holes, *tools)


PARTS: dict[str, tuple[Callable[[], Solid], str]] = {
    "bracket": (bracket, "cnc_milling"),
    "plate": (plate, "cnc_milling"),
    "flange": (flange, "cnc_turning"),
    "pinned shaft": (pinned_shaft, "cnc_turning"),
}
each_part = pytest.mark.parametrize("name", PARTS)


@cache
def as_built(name: str) -> Review:
    return reviewed(PARTS[name][0](), process=PARTS[name][1])


def of(name: str, solid: Solid, unit: str = "MM") -> Review:
    return reviewed(solid, unit=unit, process=PARTS[name][1])


def assert_unchanged(result: dict[str, Any]) -> None:
    assert result["unchanged"], {name: result[name] for name in ("alignment", "counts", "features", "facts")}
    assert [result["counts"][name] for name in ("new", "cleared", "changed")] == [0, 0, 0]
    assert [result["features"][name] for name in ("added", "removed", "changed", "moved")] == [[], [], [], []]


@each_part
def test_a_part_is_what_it_was(name: str) -> None:
    result = compare(as_built(name), as_built(name))
    assert_unchanged(result)
    assert result["alignment"]["kind"] == "identity"
    assert result["counts"]["same"] == len(as_built(name)["findings"])
    assert result["features"]["same"] == len(as_built(name)["features"]) > 0


@each_part
@SLOW
@given(shift=st.tuples(lengths, lengths, lengths), axis=axes, angle=st.floats(5.0, 355.0))
def test_a_part_that_was_moved_is_unchanged(name: str, shift: Vector, axis: Vector, angle: float) -> None:
    later = of(name, PARTS[name][0]().moved(shift, axis, angle))
    result = compare(without_part_size(as_built(name)), without_part_size(later))
    assert_unchanged(result)
    assert result["alignment"]["matched"] == 1.0
    assert_unchanged(compare(without_part_size(later), without_part_size(as_built(name))))


def without_part_size(found: Review) -> Review:
    """The machine's travel stands square to the axes: only it may see how a part lies."""
    return {**found, "findings": [f for f in found["findings"] if f["rule"] not in ("part-size", "stock-removal")]}


@each_part
@pytest.mark.parametrize("unit", ["INCH", "M"])
def test_a_part_in_another_unit_is_unchanged(name: str, unit: str) -> None:
    assert_unchanged(compare(as_built(name), of(name, PARTS[name][0](), unit)))


@each_part
def test_a_part_with_its_faces_in_another_order_is_unchanged(name: str) -> None:
    solid = PARTS[name][0]()
    order = list(range(len(shapes_of(solid.shape, "FACE"))))
    random.Random(5).shuffle(order)
    assert_unchanged(compare(as_built(name), of(name, solid.renumbered(order))))


@pytest.mark.parametrize(("name", "written"), [("bracket", "pieces"), ("flange", "pieces"), ("bracket", "splines")])
def test_a_part_written_in_another_way_is_unchanged(name: str, written: str) -> None:
    solid = PARTS[name][0]()
    other = in_pieces(solid, 120.0) if written == "pieces" else as_splines(solid)
    assert_unchanged(compare(as_built(name), of(name, other)))


@pytest.mark.parametrize("moved", [False, True])
def test_one_hole_that_was_made_wider_is_all_that_shows(moved: bool) -> None:
    edited = plate(drill(8.0, 40.0, (15.0, 65.0, 20.0), point=False))
    later = of("plate", edited.moved((30.0, -10.0, 5.0), (1.0, 2.0, 3.0), 77.0) if moved else edited)
    result = compare(as_built("plate"), later)
    features = result["features"]
    assert [features[name] for name in ("added", "removed", "moved")] == [[], [], []]
    (change,) = features["changed"]
    assert change["size"] == {"diameter": [6.0, 8.0]}
    assert not result["unchanged"]
    assert "volume" in {row["fact"] for row in result["facts"]}
    assert result["alignment"]["kind"] == ("moved" if moved else "identity")


def test_a_hole_that_was_moved_is_told_by_how_far() -> None:
    hole = [drill(5.0, 40.0, (x, 40.0, 20.0), point=False) for x in (28.0, 53.0)]
    result = compare(of("plate", plate(hole[0])), of("plate", plate(hole[1])))
    (moved,) = result["features"]["moved"]
    assert (moved["type"], moved["by"]) == ("through_hole", 25.0)
    assert [result["features"][name] for name in ("added", "removed", "changed")] == [[], [], []]


def milled_out(*more: Solid) -> Review:
    return of("plate", block(100.0, 80.0, 30.0).cut(pocket(60.0, 40.0, 12.0, (50.0, 40.0, 30.0), 6.0), *more))


@pytest.mark.parametrize(
    ("recess", "grown"),
    [
        (block(15.0, 12.0, 12.0, (12.0, 12.0, 18.0)), {"length": [60.0, 68.0], "width": [40.0, 48.0]}),
        (block(4.0, 4.0, 12.0, (20.0, 20.0, 18.0)), {}),  # leaves some of the corner's radius
    ],
)
def test_a_pocket_with_a_recess_in_its_corner_stays_where_it_is(recess: Solid, grown: dict[str, list[float]]) -> None:
    features = compare(milled_out(), milled_out(recess))["features"]
    pockets = [row for row in features["changed"] if "closed_pocket" in row["type"]]
    assert [(row["size"], row["moved_by"]) for row in pockets] == ([(grown, 0.0)] if grown else [])
    assert not features["moved"]


def test_a_hole_that_grew_is_moved_only_aside() -> None:
    def drilled_at(x: float, diameter: float, depth: float) -> Review:
        return of("plate", plate(drill(diameter, depth, (x, 40.0, 20.0))))

    (change,) = compare(drilled_at(40.0, 6.0, 10.0), drilled_at(40.0, 8.0, 14.0))["features"]["changed"]
    assert (sorted(change["size"]), change["moved_by"]) == (["depth", "diameter", "drill_depth"], 0.0)
    (change,) = compare(drilled_at(40.0, 6.0, 10.0), drilled_at(41.0, 8.0, 14.0))["features"]["changed"]
    assert change["moved_by"] == pytest.approx(1.0)


def test_what_was_added_and_taken_away_is_told() -> None:
    added = of("plate", plate(drill(4.0, 40.0, (40.0, 40.0, 20.0), point=False)))
    result = compare(as_built("plate"), added)
    (feature,) = result["features"]["added"]
    assert (feature["type"], feature["size"]["diameter"]) == ("through_hole", 4.0)
    (gone,) = compare(added, as_built("plate"))["features"]["removed"]
    assert gone["size"]["diameter"] == 4.0


def pocketed(corner: float) -> Solid:
    return plate(pocket(30.0, 30.0, 15.0, (40.0, 40.0, 20.0), corner))


def test_findings_are_cleared_by_their_fix_and_come_back_with_the_defect() -> None:
    sharp, round_ = of("plate", pocketed(0.0)), of("plate", pocketed(6.0))
    cleared = compare(sharp, round_)["findings"]
    assert [row["rule"] for row in cleared["cleared"]].count("corner-radius") == 4
    assert "corner-radius" not in {row["rule"] for row in cleared["new"]}
    new = compare(round_, sharp)["findings"]
    assert [row["rule"] for row in new["new"]].count("corner-radius") == 4


def deep_hole(depth: float) -> Review:
    return of("plate", block(80.0, 80.0, 70.0).cut(drill(5.0, depth, (40.0, 40.0, 70.0))))


def test_a_finding_that_got_worse_is_graver_and_back_it_is_milder() -> None:
    for first, second, how in ((25.0, 35.0, "graver"), (35.0, 25.0, "milder")):
        (change,) = compare(deep_hole(first), deep_hole(second))["findings"]["changed"]
        assert (change["how"], change["earlier"]["rule"], change["later"]["rule"]) == (how, "hole-depth", "hole-depth")
        assert change["earlier"]["measured"]["value"] != change["later"]["measured"]["value"]


def test_a_mirror_image_is_another_part() -> None:
    result = compare(as_built("bracket"), of("bracket", bracket().mirrored()))
    assert (result["alignment"]["kind"], result["unchanged"]) == ("mirrored", False)
    assert "mirror image" in result["notes"][0]
    assert result["counts"]["new"] == result["counts"]["cleared"] == 0


def test_the_mirror_image_of_a_symmetric_part_is_the_same() -> None:
    assert_unchanged(compare(as_built("plate"), of("plate", plate().mirrored())))


def test_a_part_in_the_wrong_unit_is_told() -> None:
    result = compare(as_built("plate"), of("plate", plate().scaled(25.4)))
    assert (result["alignment"]["kind"], result["alignment"]["scale"]) == ("scaled", 25.4)
    assert "read in the wrong unit" in result["notes"][0]
    assert not result["unchanged"]
    assert result["features"]["added"] == result["features"]["removed"] == []


def test_different_parts_are_said_to_be_so() -> None:
    result = compare(as_built("plate"), as_built("bracket"))
    assert any("they may be different parts" in note for note in result["notes"])


def test_only_reviews_of_one_kind_are_compared() -> None:
    milled = as_built("plate")
    for other, what in (
        (reviewed(plate(), "mtk"), "set of limits"),
        (reviewed(plate(), process="fdm"), "process"),
        (reviewed(plate(), material="abs"), "material"),
    ):
        with pytest.raises(NotComparableError, match=f"another {what}") as raised:
            compare(milled, other)
        assert raised.value.advice == f"Review both for the same {what}, and compare these."
    with pytest.raises(NotComparableError, match="no whole review"):
        compare(milled, {"findings": []})


def pair(folder: Path, *placed: Placed) -> Review:
    path = write_assembly(Product("pair", components=placed), folder / "pair.step")
    return review(path, "pair.step", "cnc_milling", "default")


def drilled(diameter: float) -> Product:
    return Product("other", block(60.0, 40.0, 20.0).cut(drill(diameter, 40.0, (30.0, 20.0, 20.0), point=False)))


def test_what_became_of_the_components_of_an_assembly_is_told(tmp_path: Path) -> None:
    still, aside = Placed(Product("plate", plate())), (200.0, 0.0, 0.0)
    before = pair(tmp_path, still, Placed(drilled(6.0), aside))
    assert_unchanged(compare(before, before))

    edited = compare(before, pair(tmp_path, still, Placed(drilled(7.0), aside)))
    (change,) = edited["features"]["changed"]
    assert change["size"] == {"diameter": [6.0, 7.0]}
    assert [row["name"] for row in edited["components"]["changed"]] == ["other"]

    # The plate has most of the features, and would take the other one with it.
    moved = compare(before, pair(tmp_path, Placed(still.product, (0.0, 0.0, 300.0)), Placed(drilled(6.0), aside)))
    assert moved["alignment"]["kind"] == "identity"
    assert moved["components"]["moved"] == [{"name": "plate", "by": 300.0}]
    assert [row["by"] for row in moved["features"]["moved"]] == [300.0] * 4

    pin = Product("pin", cylinder(5.0, 30.0, (0.0, 0.0, 40.0)))
    other_name = Placed(Product("plate v2", plate()))
    added = compare(before, pair(tmp_path, other_name, Placed(drilled(6.0), aside), Placed(pin), Placed(pin, aside)))
    assert added["components"]["added"] == ["pin", "pin"]
    assert added["components"]["renamed"] == [{"earlier": "plate", "later": "plate v2"}]
    assert added["components"]["same"] == 2


def test_a_plate_that_became_thicker_stays_where_it_is() -> None:
    holes = [drill(6.0, 40.0, (x, y, 21.0), point=False) for x in (15.0, 65.0) for y in (15.0, 65.0)]
    result = compare(as_built("plate"), of("plate", block(80.0, 80.0, 21.0).cut(*holes)))
    assert result["alignment"]["kind"] == "identity"
    assert [row["size"]["depth"] for row in result["features"]["changed"]] == [[20.0, 21.0]] * 4
    assert result["notes"] == []


def test_other_faces_of_the_same_shape_are_said_to_be_that() -> None:
    result = compare(as_built("plate"), {**as_built("plate"), "findings": [OF_THE_WHOLE]})
    assert not result["unchanged"]
    assert any("the shape is the same" in note for note in result["notes"])
    wider = of("plate", plate(drill(6.01, 40.0, (15.0, 65.0, 20.0), point=False)))
    assert not any("the shape is the same" in note for note in compare(as_built("plate"), wider)["notes"])


def test_a_mesh_is_compared_with_the_solid_it_was_made_of(tmp_path: Path) -> None:
    solid = fin(0.6)
    meshed = review(write_stl(solid, tmp_path), "part.stl", "fdm", "default")
    result = compare(meshed, reviewed(solid, process="fdm"))
    assert_unchanged(result)
    assert [row["rule"] for row in result["findings"]["same"]] == ["am-wall"]


def test_a_fillet_that_is_written_as_a_spline_keeps_its_place() -> None:
    # The ring of its section is narrower than the section: such a torus meets itself, and is written as a spline.
    solid = block(60.0, 60.0, 30.0).cut(pocket(30.0, 30.0, 20.0, (30.0, 30.0, 30.0), corner=6.5, floor=6.0))
    assert_unchanged(compare(of("plate", solid), of("plate", as_splines(solid))))


def test_places_near_one_another_are_found_without_a_look_at_every_pair() -> None:
    drawn = np.random.default_rng(7)
    points, places = drawn.uniform(0.0, 30.0, (200, 3)), drawn.uniform(0.0, 30.0, (150, 3))
    apart = np.linalg.norm(points[:, None] - places[None], axis=2)
    assert set(zip(*Places(places).near(points, 2.0), strict=True)) == set(zip(*np.nonzero(apart < 2.0), strict=True))
    looks = 0

    def looked(one: Place, other: Place) -> float | None:
        nonlocal looks
        looks += 1
        return apart_mm(one, other)

    rows: list[Review] = [{"type": f"{at % 100}", "centre": [3.0 * at, 0.0, 0.0]} for at in range(300)]
    for by, most in ((Pass(looked, 1.0), 300), (Pass(looked, kind=lambda row: str(row["type"])), 900)):
        looks = 0
        assert len(matched(rows, rows[::-1], Motion(np.eye(3), np.zeros(3)), [by]).pairs) == 300
        assert looks == most
