"""Where a part lies, and how its faces are numbered, must not change what is found on it."""

import math
import random
from functools import lru_cache

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.engine.reviewing import Review, feature_sizes, reviewed, substance
from tests.parts import Solid, Vector, block, bracket, cylinder, shapes_of

SLOW = settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.too_slow])
lengths = st.floats(-500.0, 500.0)
axes = st.tuples(st.floats(-1, 1), st.floats(-1, 1), st.floats(-1, 1)).filter(lambda v: math.hypot(*v) > 0.1)
degrees = st.floats(0.0, 360.0)


@lru_cache
def as_built() -> Review:
    return reviewed(bracket())


def without_size_rules(result: Review) -> Review:
    """The machine's travel and the stock block stand square to the axes: only they may see a turned part."""
    kept = [f for f in result["findings"] if f["rule"] not in ("part-size", "stock-removal")]
    return {**result, "findings": kept}


@SLOW
@given(shift=st.tuples(lengths, lengths, lengths), axis=axes, angle=degrees)
def test_moving_and_turning_a_part_changes_no_finding(shift: Vector, axis: Vector, angle: float) -> None:
    moved = reviewed(bracket().moved(shift, axis, angle))
    assert substance(without_size_rules(moved)) == substance(without_size_rules(as_built()))
    assert feature_sizes(moved) == feature_sizes(as_built())


@SLOW
@given(seed=st.integers(0, 2**32))
def test_renumbering_the_faces_changes_no_finding(seed: int) -> None:
    part = bracket()
    order = list(range(len(shapes_of(part.shape, "FACE"))))
    random.Random(seed).shuffle(order)
    renumbered = reviewed(part.renumbered(order))
    assert substance(renumbered) == substance(as_built())
    assert feature_sizes(renumbered) == feature_sizes(as_built())


def test_mirroring_a_part_changes_no_finding() -> None:
    assert substance(reviewed(bracket().mirrored())) == substance(as_built())


@pytest.mark.parametrize("unit", ["INCH", "M"])
def test_the_unit_of_the_file_changes_no_finding(unit: str) -> None:
    assert substance(reviewed(bracket(), unit=unit)) == substance(as_built())


def test_finding_ids_survive_another_numbering() -> None:
    part = bracket()
    order = list(reversed(range(len(shapes_of(part.shape, "FACE")))))
    renumbered = reviewed(part.renumbered(order))
    by_measure = [f["id"] for f in as_built()["findings"] if f["rule"].startswith("hole")]
    assert sorted(f["id"] for f in renumbered["findings"] if f["rule"].startswith("hole")) == sorted(by_measure)


@SLOW
@given(thickness=st.floats(0.3, 40.0), shift=st.tuples(lengths, lengths, lengths), axis=axes, angle=degrees)
def test_a_slab_is_as_thick_as_it_is_wherever_it_lies(
    thickness: float, shift: Vector, axis: Vector, angle: float
) -> None:
    wall = reviewed(block(90.0, 60.0, thickness).moved(shift, axis, angle))["facts"]["wall_thickness"]
    assert wall["value"] == pytest.approx(thickness, abs=1e-5)
    assert wall["state"] == "measured"


@SLOW
@given(wall=st.floats(0.3, 8.0), angle=degrees)
def test_a_tube_is_as_thick_as_its_wall(wall: float, angle: float) -> None:
    outer, inner = cylinder(40.0, 60.0, (0.0, 0.0, 0.0)), cylinder(40.0 - 2 * wall, 80.0, (0.0, 0.0, -10.0))
    tube: Solid = outer.cut(inner).moved((1.0, 2.0, 3.0), (1.0, 1.0, 0.0), angle)
    assert reviewed(tube)["facts"]["wall_thickness"]["value"] == pytest.approx(wall, abs=1e-5)
