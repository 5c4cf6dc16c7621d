"""Where a part lies, in which unit and form it is written, must not change what is found on it."""

import math
from collections import Counter
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import trimesh
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.additive_parts import PLATE
from tests.engine.additive_reviewing import reviewed_as_mesh
from tests.engine.reviewing import Review, reviewed, substance
from tests.parts import Solid, Vector, block, cylinder
from workers.cad.read_file import read_file
from workers.review import review

SLOW = settings(max_examples=3, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
lengths = st.floats(-300.0, 300.0)
axes = st.tuples(st.floats(-1, 1), st.floats(-1, 1), st.floats(-1, 1)).filter(lambda v: math.hypot(*v) > 0.1)
degrees = st.floats(0.0, 360.0)
PROCESSES = ("fdm", "dmls")


def housing() -> Solid:
    """A part with one of nearly everything: a hollow with a narrow way out, a table, thin and fine things."""
    box = block(60.0, 40.0, 30.0).cut(block(30.0, 32.0, 22.0, (4.0, 4.0, 4.0)))
    return box.cut(
        cylinder(2.4, 10.0, (19.0, 20.0, 24.0)),
        cylinder(1.0, 40.0, (50.0, 8.0, -5.0)),
        block(0.4, 50.0, 10.0, (42.0, -5.0, 22.0)),
        block(0.09, 8.0, 2.0, (52.0, 20.0, 29.2)),
    ).join(
        block(0.35, 20.0, 12.0, (30.0, 10.0, 30.0)),
        cylinder(0.8, 8.0, (10.0, 10.0, 30.0)),
        block(30.0, 40.0, PLATE, (60.0, 0.0, 14.0)),
        block(PLATE, 12.0, 30.0, (75.0, 14.0, 0.0)),
    )


@cache
def as_built(process: str) -> Review:
    result = reviewed(housing(), process=process)
    assert len(result["findings"]) >= 6
    return result


def figures(result: Review) -> Counter[tuple[Any, ...]]:
    return Counter(
        (f["rule"], f["severity"], round(f["measured"]["value"], 2), f["limit"]["value"]) for f in result["findings"]
    )


@pytest.mark.parametrize("process", PROCESSES)
@SLOW
@given(by=st.tuples(lengths, lengths, lengths), axis=axes, angle=degrees)
def test_moving_a_part_changes_nothing(process: str, by: Vector, axis: Vector, angle: float) -> None:
    moved = reviewed(housing().moved(by, axis, angle), process=process)
    assert substance(moved) == substance(as_built(process))


@pytest.mark.parametrize("process", PROCESSES)
def test_other_units_and_face_numbers_change_nothing(process: str) -> None:
    assert substance(reviewed(housing(), unit="INCH", process=process)) == substance(as_built(process))
    count = len({face for f in as_built(process)["findings"] for face in f["faces"]})
    assert count > 5
    order = list(reversed(range(as_built(process)["part"]["faces"])))
    assert substance(reviewed(housing().renumbered(order), process=process)) == substance(as_built(process))


@pytest.mark.parametrize("process", PROCESSES)
def test_a_mesh_has_the_findings_of_its_part(process: str) -> None:
    assert figures(reviewed_as_mesh(housing(), process)) == figures(as_built(process))


@pytest.mark.parametrize("kind", ["stl_ascii", "obj", "ply", "3mf", "glb"])
def test_every_mesh_format_has_the_findings_of_the_part(kind: str) -> None:
    with TemporaryDirectory() as folder:
        mesh = (
            read_file(housing().write_step(Path(folder) / "part.step"), "part.step", lambda _stage: None).parts[0].mesh
        )
        scale = 1e-3 if kind == "glb" else 1.0
        out = trimesh.Trimesh(mesh.vertices * scale, mesh.triangles).export(file_type=kind)
        path = Path(folder) / f"part.{kind.removesuffix('_ascii')}"
        path.write_bytes(out.encode() if isinstance(out, str) else bytes(out))
        assert figures(review(path, path.name, "fdm", "default")) == figures(as_built("fdm"))


@SLOW
@given(by=st.tuples(lengths, lengths, lengths), axis=axes, angle=degrees)
def test_moving_a_mesh_changes_nothing(by: Vector, axis: Vector, angle: float) -> None:
    assert figures(reviewed_as_mesh(housing().moved(by, axis, angle), "dmls")) == figures(as_built("dmls"))
