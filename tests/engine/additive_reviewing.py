"""Reviewing a part for an additive process, from a STEP file and from a mesh of the same part."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tests.additive_parts import write_stl
from tests.engine.reviewing import Review, findings, reviewed
from tests.parts import Solid
from workers.review import review


def reviewed_as_mesh(solid: Solid, process: str) -> Review:
    """The review of an STL file of the solid."""
    with TemporaryDirectory() as folder:
        return review(write_stl(solid, Path(folder)), "part.stl", process, "default")


def both(solid: Solid, process: str, rule: str) -> list[dict[str, Any]]:
    """The findings of one rule on the STEP file, which those on the mesh agree with in value and severity."""
    exact, mesh = (
        findings(result, rule) for result in (reviewed(solid, process=process), reviewed_as_mesh(solid, process))
    )
    assert [_substance(f) for f in exact] == [_substance(f) for f in mesh]
    return exact


def _substance(finding: dict[str, Any]) -> tuple[Any, ...]:
    return finding["rule"], finding["severity"], round(finding["measured"]["value"], 2), finding["limit"]["value"]
