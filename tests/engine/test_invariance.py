"""Where a part lies, how it is written and how its faces are numbered must not change what is found on it."""

import math
import random
from collections import Counter
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.engine.reviewing import Review, feature_sizes, reviewed, substance, without_size_rules
from tests.engine.test_turned_rules import worked_example
from tests.parts import (
    Solid,
    Vector,
    as_splines,
    block,
    bracket,
    cone,
    cylinder,
    drafted_pocket,
    drill,
    in_pieces,
    prism,
    shapes_of,
    torus,
)
from workers.cad.binding import module
from workers.cad.part import Mesh
from workers.facts.samples import spread_by_area
from workers.review import review

PART3 = Path(__file__).resolve().parents[3] / "shared" / "parts" / "milled" / "part3.stp"

# The same examples on every run.
SLOW = settings(max_examples=5, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
lengths = st.floats(-500.0, 500.0)
axes = st.tuples(st.floats(-1, 1), st.floats(-1, 1), st.floats(-1, 1)).filter(lambda v: math.hypot(*v) > 0.1)
degrees = st.floats(0.0, 360.0)


def drafted() -> Solid:
    """Drafted walls, a countersunk hole in a slope, and a ring of round section."""
    wedge = block(100.0, 60.0, 40.0).cut(
        block(120.0, 80.0, 40.0, (-10.0, 0.0, 30.0)).moved(axis=(0, 1, 0), degrees=5.0)
    )
    hollow = drafted_pocket(40.0, 30.0, 22.0, 4.0, (40.0, 30.0, 30.0), corner=5.0, floor=2.0)
    sink = drill(4.0, 60.0, (80.0, 30.0, 25.0), point=False).join(cone(16.0, 4.0, 6.0, (80.0, 30.0, 26.0), (0, 0, -1)))
    return wedge.cut(hollow, sink, torus(16.0, 3.0).moved((80.0, 30.0, 0.0)))


PARTS: dict[str, tuple[Callable[[], Solid], str]] = {
    "bracket": (bracket, "cnc_milling"),
    "drafted": (drafted, "cnc_milling"),
    "turned": (worked_example, "cnc_turning"),
}
each_part = pytest.mark.parametrize("name", PARTS)


def built(name: str) -> Solid:
    return _built(name).moved()  # a copy: the kernel marks what it works on


@cache
def _built(name: str) -> Solid:
    return PARTS[name][0]()


def reviewed_as(name: str, solid: Solid, unit: str = "MM") -> Review:
    return reviewed(solid, unit=unit, process=PARTS[name][1])


@cache
def as_built(name: str) -> Review:
    result = reviewed_as(name, built(name))
    assert len(result["findings"]) >= 5
    return result


def ids(result: Review) -> list[str]:
    return sorted(f"{finding['rule']}:{finding['id']}" for finding in result["findings"])


def without_face_counts(counted: Counter[tuple[Any, ...]], place: int) -> Counter[tuple[Any, ...]]:
    return Counter(row[:place] + row[place + 1 :] for row in counted.elements())


def same_place(found: Review, name: str) -> None:
    """All is as it was built, the findings' ids as well."""
    assert substance(found) == substance(as_built(name))
    assert feature_sizes(found) == feature_sizes(as_built(name))
    assert ids(found) == ids(as_built(name))


def other_place(found: Review, name: str) -> None:
    assert substance(without_size_rules(found)) == substance(without_size_rules(as_built(name)))
    assert feature_sizes(found) == feature_sizes(as_built(name))


@each_part
@SLOW
@given(shift=st.tuples(lengths, lengths, lengths), axis=axes, angle=degrees)
def test_moving_and_turning_a_part_changes_nothing(name: str, shift: Vector, axis: Vector, angle: float) -> None:
    other_place(reviewed_as(name, built(name).moved(shift, axis, angle)), name)


@each_part
@pytest.mark.parametrize("shift", [(1e4, 0.0, 0.0), (-1e4, 1e4, 1e4)])
def test_a_part_ten_metres_off_is_the_same(name: str, shift: Vector) -> None:
    other_place(reviewed_as(name, built(name).moved(shift)), name)


@each_part
def test_mirroring_a_part_changes_nothing(name: str) -> None:
    other_place(reviewed_as(name, built(name).mirrored()), name)


@each_part
@pytest.mark.parametrize("unit", ["INCH", "M"])
def test_the_unit_of_the_file_changes_nothing(name: str, unit: str) -> None:
    same_place(reviewed_as(name, built(name), unit), name)


@each_part
@pytest.mark.parametrize("seed", range(3))
def test_renumbering_the_faces_changes_nothing(name: str, seed: int) -> None:
    order = list(range(len(shapes_of(built(name).shape, "FACE"))))
    random.Random(seed).shuffle(order)
    same_place(reviewed_as(name, built(name).renumbered(order)), name)


@each_part
@pytest.mark.parametrize(
    ("schema", "named"),
    [("AP203", "CONFIG_CONTROL_DESIGN"), ("AP214CD", "AUTOMOTIVE_DESIGN_CC2"), ("AP242DIS", "AP242")],
)
def test_the_schema_of_the_file_changes_nothing(name: str, schema: str, named: str, tmp_path: Path) -> None:
    path = built(name).write_step(tmp_path / "part.step", schema=schema)
    assert named in path.read_text()
    same_place(review(path, "part.step", PARTS[name][1], "default"), name)


@each_part
def test_by_way_of_brep_nothing_changes(name: str, tmp_path: Path) -> None:
    same_place(review(built(name).write_brep(tmp_path / "part.brep"), "part", PARTS[name][1], "default"), name)


@each_part
def test_exporting_what_was_imported_changes_nothing(name: str, tmp_path: Path) -> None:
    reader = module("STEPControl").STEPControl_Reader()
    reader.ReadFile(str(built(name).write_step(tmp_path / "part.step", "INCH", "AP203")))
    reader.TransferRoots()
    same_place(reviewed_as(name, Solid(reader.OneShape())), name)


@each_part
def test_a_part_written_in_splines_is_the_same(name: str) -> None:
    found = reviewed_as(name, as_splines(built(name)))
    same_place(found, name)
    surfaces = "faces_by_surface"
    assert found["facts"][surfaces]["value"] == as_built(name)["facts"][surfaces]["value"]


def in_pieces_of_splines(solid: Solid) -> Solid:
    return as_splines(in_pieces(solid, 180.0))


WRITTEN: dict[str, Callable[[Solid], Solid]] = {
    "halves": lambda solid: in_pieces(solid, 180.0),
    "thirds": lambda solid: in_pieces(solid, 120.0),
    "quarters": lambda solid: in_pieces(solid, 90.0),
    "halves of splines": in_pieces_of_splines,
}


@each_part
@pytest.mark.parametrize("written", WRITTEN)
def test_a_part_with_its_round_faces_in_pieces_is_the_same(name: str, written: str) -> None:
    part = WRITTEN[written](built(name))
    assert len(shapes_of(part.shape, "FACE")) > len(shapes_of(built(name).shape, "FACE"))
    found = reviewed_as(name, part)
    of_findings, of_features = 4, 1  # where the number of faces stands
    for counted, place in ((substance, of_findings), (feature_sizes, of_features)):
        assert without_face_counts(counted(found), place) == without_face_counts(counted(as_built(name)), place)


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


@cache
def uneven() -> Solid:
    """A pocket of two arcs of R30 and nothing straight, 68 x 60 x 10 mm, and a passage of 20 x 10 mm to a slope."""
    outline = [(0.0, 0.0), (120.0, 0.0), (200.0, 30.0), (200.0, 40.0), (0.0, 40.0)]
    wedge = prism(outline, 100.0).moved(axis=(1, 0, 0), degrees=90.0)
    arcs = cylinder(60.0, 20.0, (56.0, -50.0, 30.0)).join(cylinder(60.0, 20.0, (64.0, -50.0, 30.0)))
    return wedge.cut(arcs, block(20.0, 10.0, 80.0, (145.0, -55.0, -20.0)))


def pockets(result: Review) -> list[tuple[float, float, float]]:
    sizes = [f["size"] for f in result["features"] if f["type"].endswith("pocket")]
    return sorted((round(s["length"], 4), round(s["width"], 4), round(s["depth"], 2)) for s in sizes)


@pytest.mark.parametrize("degrees", [0.0, 77.0])
def test_an_outline_of_arcs_alone_is_as_large_whichever_way_it_lies(degrees: float) -> None:
    assert (68.0, 60.0, 10.0) in pockets(reviewed(uneven().moved(axis=(1, 2, 3), degrees=degrees)))


@pytest.mark.parametrize("seed", range(2))
def test_a_passage_to_a_slope_is_the_same_from_either_end(seed: int) -> None:
    order = list(range(len(shapes_of(uneven().shape, "FACE"))))[:: 1 - 2 * seed]
    found = pockets(reviewed(uneven().moved().renumbered(order)))
    assert found == [(20.0, 10.0, 30.62), (68.0, 60.0, 10.0)]


def test_samples_of_a_face_do_not_depend_on_its_number() -> None:
    corners = np.array([[0, 0, 0], [9, 0, 0], [9, 5, 0], [0, 5, 0], [0, 0, 7], [0, 5, 7.5]], dtype=float)
    triangles = np.array([[0, 1, 2], [0, 2, 3], [0, 4, 5], [0, 5, 3]])
    mesh = Mesh(corners, triangles, np.array([0, 0, 1, 1]), 0.1)
    other = Mesh(corners, np.roll(triangles[[3, 2, 1, 0]], 1, axis=1), np.array([0, 0, 1, 1]), 0.1)
    one, two = (sorted(map(tuple, spread_by_area(m, 50).points.round(9).tolist())) for m in (mesh, other))
    assert one == two


@pytest.mark.corpus
@pytest.mark.skipif(not PART3.is_file(), reason="the reference parts are not here (../shared/parts)")
def test_a_reference_part_renumbered_is_the_same(tmp_path: Path) -> None:
    reader = module("STEPControl").STEPControl_Reader()
    reader.ReadFile(str(PART3))
    reader.TransferRoots()
    part = Solid(reader.OneShape())
    order = list(range(len(shapes_of(part.shape, "FACE"))))
    random.Random(5).shuffle(order)
    found = review(part.renumbered(order).write_step(tmp_path / "part.step"), "part", "cnc_milling", "default")
    assert substance(found) == substance(review(PART3, "part", "cnc_milling", "default"))
