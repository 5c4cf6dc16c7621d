"""Every kind of feature with known sizes, alone and several on a part, on any side of it; and features that cross."""

import math
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.engine.reviewing import Review, features, reviewed
from tests.generated import confusion, f1_of_classes, generated
from tests.parts import DOWN, Solid, Vector, block, cone, cylinder, drill, pocket, ring, shaft, torus, turned

# The same examples on every run.
SOME = settings(max_examples=12, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])

# What milling and turning make, of the types that design.md promises.
PROMISED = {
    "through_hole", "blind_hole", "flat_bottom_hole", "stepped_hole", "counterbore", "countersink", "partial_hole",
    "closed_pocket", "open_pocket", "through_pocket", "slot", "step", "boss", "rib", "chamfer", "concave_fillet",
    "convex_fillet", "floor_fillet", "groove", "bore", "turned_diameter", "turned_face", "turned_form",
}  # fmt: skip

WIDE, LONG, HIGH = 60.0, 80.0, 50.0  # of the piece of a block that a feature is made in; open sides are those across y
TOP = (WIDE / 2, LONG / 2, HIGH)
TIP = 4.0 / math.tan(math.radians(59.0))
SQRT2 = math.sqrt(2.0)


@dataclass(frozen=True)
class Made:
    """What is cut from a piece of a block and joined to it, and the features that this makes."""

    tools: list[Solid]
    wanted: list[tuple[str, int, dict[str, float], int]]  # type, faces, sizes, open directions (or 0)
    joined: Solid | None = None


def plain(diameter: float, depth: float) -> Solid:
    return drill(diameter, depth, TOP, point=False)


def hole(kind: str, faces: int, ways: int, sizes: dict[str, float], *tools: Solid) -> Made:
    return Made(list(tools), [(kind, faces, {"material_share": 1.0, **sizes}, ways)])


STRIPS: dict[str, Made] = {
    "through hole": hole("through_hole", 1, 2, {"diameter": 8.0, "depth": 50.0, "drill_depth": 50.0}, plain(8.0, 60.0)),
    "blind hole": hole(
        "blind_hole", 2, 1, {"diameter": 8.0, "depth": 20.0 + TIP, "drill_depth": 20.0 + TIP}, drill(8.0, 20.0, TOP)
    ),
    "flat-bottomed hole": hole(
        "flat_bottom_hole", 2, 1, {"diameter": 8.0, "depth": 20.0, "drill_depth": 20.0}, plain(8.0, 20.0)
    ),
    "counterbore": hole(
        "counterbore", 3, 2, {"diameter": 6.6, "depth": 50.0, "drill_depth": 43.5}, plain(6.6, 60.0), plain(11.0, 6.5)
    ),
    "countersink": hole(
        "countersink", 2, 2, {"diameter": 6.4, "depth": 50.0, "drill_depth": 47.0}, plain(6.4, 60.0),
        cone(12.4, 6.4, 3.0, TOP, DOWN),
    ),
    "stepped hole": hole(
        "stepped_hole", 5, 2, {"diameter": 5.0, "depth": 50.0, "drill_depth": 30.0}, plain(5.0, 60.0), plain(8.0, 20.0),
        plain(12.0, 8.0),
    ),
    "partial hole": Made(
        [cylinder(10.0, 60.0, (0.0, 0.0, 0.0)).moved((30.0, 3.0, -5.0), degrees=-90.0)],  # its seam lies outside
        [("partial_hole", 1, {"diameter": 10.0, "depth": 50.0, "material_share": 1 - math.acos(0.6) / math.pi}, 2)],
    ),
    "bore": Made([plain(52.0, 60.0)], [("bore", 1, {"diameter": 52.0, "depth": 50.0}, 2)]),
    "closed pocket": Made(
        [pocket(30.0, 20.0, 12.0, TOP, corner=4.0, floor=1.0)],
        [
            ("closed_pocket", 5, {"length": 30.0, "width": 20.0, "depth": 12.0}, 1),
            *[("concave_fillet", 1, {"radius": 4.0, "length": 11.0}, 0)] * 4,
            *[("floor_fillet", 1, {"radius": 1.0, "length": 22.0}, 0)] * 2,
            *[("floor_fillet", 1, {"radius": 1.0, "length": 12.0}, 0)] * 2,
            *[("floor_fillet", 1, {"radius": 1.0, "length": 2 * math.pi}, 0)] * 4,
        ],
    ),
    "through pocket": Made(
        [pocket(30.0, 20.0, 60.0, TOP)], [("through_pocket", 4, {"length": 30.0, "width": 20.0, "depth": 50.0}, 2)]
    ),
    "open pocket": Made(
        [block(30.0, 41.0, 12.0, (15.0, -1.0, 39.0)).join(block(10.0, 11.0, 12.0, (25.0, 39.0, 39.0)))],
        [("open_pocket", 8, {"length": 50.0, "width": 30.0, "depth": 11.0}, 2)],
    ),
    "slot": Made(
        [block(12.0, 90.0, 20.0, (24.0, -5.0, 40.0))], [("slot", 3, {"length": 80.0, "width": 12.0, "depth": 10.0}, 3)]
    ),
    "blind slot": Made(
        [block(12.0, 45.0, 20.0, (24.0, -5.0, 40.0))], [("slot", 4, {"length": 40.0, "width": 12.0, "depth": 10.0}, 2)]
    ),
    "round slot": Made(
        [cylinder(12.0, 90.0, (30.0, -5.0, 50.0), (0.0, 1.0, 0.0))],
        [("slot", 1, {"length": 80.0, "width": 12.0, "depth": 6.0}, 3)],
    ),
    "square ring groove": Made(
        [cylinder(40.0, 6.0, (30.0, 40.0, 46.0)).cut(cylinder(32.0, 6.0, (30.0, 40.0, 46.0)))],
        [("groove", 3, {"width": 4.0, "depth": 4.0, "diameter": 40.0}, 0)],
    ),
    "round ring groove": Made(
        [torus(36.0, 4.0).moved(TOP)], [("groove", 1, {"width": 4.0, "depth": 2.0, "diameter": 40.0}, 0)]
    ),
    "boss": Made(
        [], [("boss", 1, {"height": 12.0, "length": 14.0, "width": 14.0}, 0)], cylinder(14.0, 12.0, TOP)
    ),
}  # fmt: skip
EDGES: dict[str, tuple[Solid, list[tuple[str, int, dict[str, float], int]]]] = {
    "step": (
        block(60.0, 80.0, 50.0).cut(block(20.0, 90.0, 20.0, (50.0, -5.0, 40.0))),
        [("step", 2, {"length": 80.0, "width": 10.0, "depth": 10.0}, 4)],
    ),
    "corner step": (
        block(60.0, 80.0, 50.0).cut(block(20.0, 25.0, 20.0, (50.0, -5.0, 40.0))),
        [("step", 3, {"length": 20.0, "width": 10.0, "depth": 10.0}, 3)],
    ),
    "rib": (
        block(120.0, 80.0, 10.0).join(block(120.0, 4.0, 25.0, (0.0, 38.0, 10.0))),
        [("rib", 1, {"width": 4.0, "height": 25.0, "length": 120.0}, 0)],
    ),
    "chamfer": (
        block(60.0, 80.0, 50.0).chamfer_edges_at_height(2.0, 50.0),
        [("chamfer", 1, {"width": 2.0 * SQRT2, "angle": 45.0}, 0)] * 4,
    ),
    "convex fillet": (
        block(60.0, 80.0, 50.0).round_edges(6.0, (0.0, 0.0, 1.0)),
        [("convex_fillet", 1, {"radius": 6.0, "length": 50.0}, 0)] * 4,
    ),
}
TURNED: dict[str, tuple[Solid, list[tuple[str, int, dict[str, float], int]]]] = {
    "stepped shaft": (
        shaft((20.0, 30.0), (30.0, 40.0)),
        [
            ("turned_diameter", 1, {"diameter": 20.0, "length": 30.0}, 0),
            ("turned_diameter", 1, {"diameter": 30.0, "length": 40.0}, 0),
            ("turned_face", 1, {"diameter": 20.0, "width": 10.0}, 0),
            ("turned_face", 1, {"diameter": 30.0, "width": 5.0}, 0),
            ("turned_face", 1, {"diameter": 30.0, "width": 15.0}, 0),
        ],
    ),
    "taper": (
        turned([(0.0, 0.0), (0.0, 10.0), (30.0, 10.0), (60.0, 20.0), (60.0, 0.0)]),
        [("turned_form", 1, {"angle": math.degrees(math.atan(1 / 3))}, 0)],
    ),
    "tube": (ring(50.0, 20.0, 40.0), [("bore", 1, {"diameter": 20.0, "depth": 40.0}, 0)]),
    "outer groove": (
        shaft((40.0, 60.0)).cut(ring(50.0, 34.0, 4.0, 30.0)),
        [("groove", 3, {"width": 4.0, "depth": 3.0, "diameter": 34.0}, 0)],
    ),
    "shoulder with a radius": (
        shaft((20.0, 30.0), (40.0, 20.0)).round_edges_at_height(2.0, 30.0),
        [
            ("turned_diameter", 1, {"diameter": 20.0, "length": 28.0}, 0),
            ("turned_diameter", 1, {"diameter": 40.0, "length": 18.0}, 0),
            ("convex_fillet", 1, {"radius": 2.0}, 0),
            ("concave_fillet", 1, {"radius": 2.0}, 0),
        ],
    ),
}


def check(result: Review, wanted: list[tuple[str, int, dict[str, float], int]], up: Any) -> None:  # noqa: ANN401
    """Each wanted feature is there once, and of its type no other."""
    for kind in sorted({row[0] for row in wanted}):
        found = features(result, kind)
        want = sorted((row for row in wanted if row[0] == kind), key=lambda row: sorted(row[2].items()))
        found.sort(key=lambda f: [(name, round(f["size"][name], 3)) for name in sorted(want[0][2])])
        assert len(found) == len(want), f"{kind}: {Counter(f['type'] for f in result['features'])}"
        for feature, (_kind, faces, sizes, ways) in zip(found, want, strict=True):
            assert len(feature["faces"]) == faces
            assert {name: feature["size"].get(name) for name in sizes} == pytest.approx(sizes, abs=2e-3)
            directions = np.array(feature.get("open_directions", [])).reshape(-1, 3)
            if ways:
                assert len(directions) == ways
                assert (directions @ up).max() == pytest.approx(1.0, abs=1e-6)
            if ways and kind != "step":  # which may be cut from any of its open sides
                assert abs(float(np.array(feature["axis"]) @ up)) == pytest.approx(1.0, abs=1e-6)


SIDES: list[tuple[Vector, float]] = [
    ((1.0, 0.0, 0.0), 0.0), ((1.0, 0.0, 0.0), 90.0), ((1.0, 0.0, 0.0), 180.0), ((1.0, 0.0, 0.0), 270.0),
    ((0.0, 1.0, 0.0), 90.0), ((0.0, 1.0, 0.0), 270.0),
]  # fmt: skip


def up_after(axis: Vector, degrees: float) -> Any:  # noqa: ANN401
    """(3,) where the block's upper side looks after it was turned."""
    turn, along = math.radians(degrees), np.array(axis)
    up = np.array((0.0, 0.0, 1.0))
    return up * math.cos(turn) + np.cross(along, up) * math.sin(turn) + along * (along @ up) * (1 - math.cos(turn))


def part_of(made: list[Made]) -> Solid:
    """A block of one piece for each feature, side by side."""
    body = block(WIDE * len(made), LONG, HIGH)
    for number, each in enumerate(made):
        shift = (WIDE * number, 0.0, 0.0)
        body = body.cut(*(tool.moved(shift) for tool in each.tools))
        if each.joined is not None:
            body = body.join(each.joined.moved(shift))
    return body


@pytest.mark.parametrize("name", STRIPS)
def test_a_feature_is_found_once_with_its_sizes(name: str) -> None:
    check(reviewed(part_of([STRIPS[name]])), STRIPS[name].wanted, np.array((0.0, 0.0, 1.0)))


@pytest.mark.parametrize("name", EDGES)
def test_a_feature_of_edges_is_found_once_with_its_sizes(name: str) -> None:
    part, wanted = EDGES[name]
    check(reviewed(part), wanted, np.array((0.0, 0.0, 1.0)))


@pytest.mark.parametrize("name", TURNED)
def test_a_turned_feature_is_found_once_with_its_sizes(name: str) -> None:
    part, wanted = TURNED[name]
    check(reviewed(part, process="cnc_turning"), wanted, np.array((0.0, 0.0, 1.0)))


@SOME
@given(names=st.lists(st.sampled_from(sorted(STRIPS)), min_size=1, max_size=3), side=st.sampled_from(SIDES))
def test_several_features_on_any_side_are_found_each_with_its_sizes(
    names: list[str], side: tuple[Vector, float]
) -> None:
    made = [STRIPS[name] for name in names]
    result = reviewed(part_of(made).moved((10.0, -20.0, 5.0), *side))
    check(result, [row for each in made for row in each.wanted], up_after(*side))


def test_all_that_is_promised_of_milling_and_turning_is_here() -> None:
    rows = [made.wanted for made in STRIPS.values()] + [wanted for _, wanted in (EDGES | TURNED).values()]
    assert {row[0] for wanted in rows for row in wanted} == PROMISED


def plate() -> Solid:
    return block(120.0, 80.0, 30.0)


ABOVE = (60.0, 40.0, 30.0)
SLOT_ALONG_X = block(140.0, 14.0, 20.0, (-10.0, 33.0, 20.0))
SLOT_ALONG_Y = block(14.0, 100.0, 20.0, (53.0, -10.0, 20.0))
RING = cylinder(50.0, 10.0, (60.0, 40.0, 25.0)).cut(cylinder(40.0, 10.0, (60.0, 40.0, 25.0)))
ACROSS_X = cylinder(6.0, 140.0, (-10.0, 40.0, 24.0), (1.0, 0.0, 0.0))

CROSSING: dict[str, tuple[Solid, dict[str, int]]] = {
    "a hole through a slot's floor": (
        plate().cut(SLOT_ALONG_X, cylinder(8.0, 60.0, (60.0, 40.0, -10.0))), {"slot": 1, "through_hole": 1},
    ),
    "a slot through a deeper pocket": (
        plate().cut(SLOT_ALONG_X, pocket(40.0, 40.0, 20.0, ABOVE, corner=5.0)),
        {"slot": 2, "closed_pocket": 1, "concave_fillet": 4},
    ),
    "two slots of one depth": (plate().cut(SLOT_ALONG_X, SLOT_ALONG_Y), {"slot": 2}),
    "two slots of two depths": (plate().cut(SLOT_ALONG_X, SLOT_ALONG_Y.moved((0.0, 0.0, 5.0))), {"slot": 3}),
    "a ring groove cut by a slot": (plate().cut(RING, SLOT_ALONG_X), {"groove": 1}),
    "a hole across a pocket's walls": (
        plate().cut(pocket(40.0, 50.0, 15.0, ABOVE), ACROSS_X), {"closed_pocket": 1, "through_hole": 2},
    ),
    "a chamfered mouth": (
        plate().cut(cylinder(10.0, 60.0, (60.0, 40.0, -10.0))).cut(cone(12.0, 10.0, 1.0, ABOVE, DOWN)),
        {"through_hole": 1, "chamfer": 1},
    ),
    "a rounded mouth of a hole": (
        plate().cut(cylinder(10.0, 60.0, (60.0, 40.0, -10.0))).round_edges_at_height(1.0, 30.0), {"through_hole": 1},
    ),
    "a rounded mouth of a pocket": (
        plate().cut(pocket(40.0, 30.0, 10.0, ABOVE, corner=6.0)).round_edges_at_height(1.0, 30.0),
        {"closed_pocket": 1, "concave_fillet": 4},
    ),
    "a row of holes": (
        plate().cut(*(cylinder(6.0, 60.0, (20.0 * i, 40.0, -10.0)) for i in range(1, 6))), {"through_hole": 5},
    ),
    "two holes that cross": (
        plate().cut(cylinder(10.0, 60.0, (60.0, 40.0, -10.0)), ACROSS_X.moved((0.0, 0.0, -9.0))), {"through_hole": 2},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CROSSING)
@pytest.mark.parametrize("side", [SIDES[0], SIDES[4]], ids=["as built", "on its side"])
def test_features_that_cross_are_known_for_what_they_are(name: str, side: tuple[Vector, float]) -> None:
    part, wanted = CROSSING[name]
    kinds = Counter(f["type"] for f in reviewed(part.moved((5.0, 6.0, 7.0), *side))["features"])
    assert {kind: kinds[kind] for kind in wanted} == wanted


def test_generated_parts_of_crossing_features_are_known_by_class(tmp_path: Path) -> None:
    counted = Counter[tuple[str, str]]()
    for seed in range(60):
        counted += confusion(generated(seed, 3 if seed < 20 else 6), tmp_path / "part.step")
    scores = f1_of_classes(counted)
    assert set(scores) == {"hole", "through_pocket", "pocket", "slot", "step", "groove", "chamfer", "stock"}
    assert counted.total() > 1000
    assert sum(scores.values()) / len(scores) >= 0.95, scores
