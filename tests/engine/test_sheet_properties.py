"""What holds of any sheet: K-factor theory, and that findings do not depend on where, how large or how it is drawn."""

import math
from functools import lru_cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.engine.reviewing import Review, reviewed, substance
from tests.engine.unfolding import unfolded
from tests.parts import Solid
from tests.sheet_parts import Strip, bridged, collared, lanced, notched_and_tabbed, shallow_relief

K = 0.44
FEW = settings(max_examples=6, deadline=None, derandomize=True)

degrees = st.floats(10.0, 100.0).map(lambda value: round(value, 1))
turns = st.tuples(degrees, st.floats(0.5, 6.0).map(lambda value: round(value, 2)))
# Up and down in turn: it cannot run into itself.
zigzags = st.lists(st.tuples(st.floats(8.0, 40.0), turns), min_size=1, max_size=4)


@FEW
@given(legs=zigzags, thickness=st.floats(0.5, 3.0), width=st.floats(20.0, 90.0))
def test_a_strip_is_as_long_as_its_legs_and_neutral_lines(
    legs: list[tuple[float, tuple[float, float]]], thickness: float, width: float
) -> None:
    steps: list[float | tuple[float, float]] = [50.0]
    for number, (leg, (angle, radius)) in enumerate(legs):
        steps += [(angle if number % 2 == 0 else -angle, radius), leg]
    strip = Strip(thickness, width, steps)
    flat = unfolded(strip.solid())
    assert flat.area == pytest.approx(strip.flat_area(K), rel=1e-6)
    assert sorted(bend.angle for bend in flat.bends) == pytest.approx(sorted(a for _, (a, _) in legs), abs=1e-6)
    assert len({bend.bend.is_up for bend in flat.bends}) == min(2, len(legs))
    assert flat.overlaps == []


PARTS = {
    "reliefs": shallow_relief(1.0),
    "collar": collared(45.0),
    "lanced": lanced(),
    "notches": notched_and_tabbed(),
    "bridge": bridged(),
}


@lru_cache
def as_drawn(name: str) -> Review:
    return reviewed(PARTS[name], process="sheet_metal")


def shape(result: Review) -> list[tuple[str, int, tuple[tuple[str, float], ...]]]:
    """Features, with their lengths as multiples of the thickness."""
    thickness = result["flat_pattern"]["thickness"]
    return sorted(
        (f["type"], len(f["faces"]), tuple(
            sorted((name, round(v if name == "angle" else v / thickness, 3)) for name, v in f["size"].items())
        ))
        for f in result["features"]
    )  # fmt: skip


@FEW
@given(
    name=st.sampled_from(sorted(PARTS)),
    axis=st.tuples(st.floats(-1, 1), st.floats(-1, 1), st.floats(0.2, 1)),
    angle=st.floats(5.0, 355.0),
    mirror=st.booleans(),
)
def test_where_it_lies_does_not_matter(name: str, axis: tuple[float, float, float], angle: float, mirror: bool) -> None:
    part: Solid = PARTS[name].mirrored() if mirror else PARTS[name]
    moved = reviewed(part.moved((120.0, -40.0, 15.0), axis, angle), process="sheet_metal")
    assert substance(moved) == substance(as_drawn(name))
    assert shape(moved) == shape(as_drawn(name))


@FEW
@given(name=st.sampled_from(sorted(PARTS)), factor=st.floats(1.5, 4.0))
def test_its_size_does_not_matter(name: str, factor: float) -> None:
    """Every limit but that of 1 mm for slots is a ratio."""
    larger = reviewed(PARTS[name].scaled(factor), process="sheet_metal")
    rules = [sorted((f["rule"], f["severity"]) for f in result["findings"]) for result in (larger, as_drawn(name))]
    assert rules[0] == rules[1]
    assert shape(larger) == shape(as_drawn(name))
    areas = [result["flat_pattern"]["area"] for result in (larger, as_drawn(name))]
    assert math.isclose(areas[0], areas[1] * factor**2, rel_tol=1e-6)
