"""The facts of a part alone, for who wants no review yet: the same that a review has."""

from pathlib import Path
from typing import Any

from workers.engine_versions import engine_versions
from workers.facts.meshes import facts_of_mesh
from workers.geometry import KeptGeometry, geometry_of
from workers.plain_json import plain
from workers.stages import ReportStage, Stages
from workers.stored_part import check_unchanged
from workers.whole import Found, components, part_head, whole_facts

SCHEMA = "rapiddraft.part-facts/1"


def part_facts(
    path: Path,
    name: str,
    report_stage: ReportStage = lambda _stage: None,
    *,
    kept: KeptGeometry | None = None,
) -> dict[str, Any]:
    """Measure the part or assembly at `path`, or take it from `kept`. Raises PartError if it cannot be read."""
    stages = Stages(report_stage)
    geometry = geometry_of(path, name, [], stages, kept)
    reading = geometry.reading
    found = [
        Found(part, facts_of_mesh(part, solid.facts.facts), [], [], [], [])
        for part, solid in zip(reading.parts, geometry.solids, strict=True)
    ]
    facts = {name: fact.as_dict() for name, fact in whole_facts(reading, found).items()}
    result = {
        "schema": SCHEMA,
        "engine": engine_versions(),
        "part": part_head(reading),
        "facts": facts,
        "components": components(reading, found),
        "notes": reading.notes,
        "timings_ms": stages.timings_ms,
    }
    return dict(plain(result))


def part_facts_in_sandbox(payload: dict[str, Any], report_stage: ReportStage) -> dict[str, Any]:
    """`part_facts` as the sandbox calls it: payload has `path`, `name` and the `sha256` that the file must have.

    It may have as `cache` where geometry is kept (see KeptGeometry).
    """
    check_unchanged(payload)
    return part_facts(Path(payload["path"]), payload["name"], report_stage, kept=KeptGeometry.of_payload(payload))
