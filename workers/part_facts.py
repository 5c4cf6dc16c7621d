"""The facts of a part alone, for who wants no review yet: the same that a review has."""

from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from time import perf_counter
from typing import Any

from workers.cad.binding import kernel_name_and_version
from workers.cad.part import Part
from workers.cad.read_file import read_file
from workers.facts.measure import measure_facts
from workers.facts.meshes import facts_of_mesh
from workers.plain_json import plain
from workers.stored_part import check_unchanged
from workers.whole import Found, components, part_head, whole_facts

SCHEMA = "rapiddraft.part-facts/1"


def part_facts(path: Path, name: str, report_stage: Callable[[str], None] = lambda _stage: None) -> dict[str, Any]:
    """Measure the part or assembly at `path`. Raises PartError if it cannot be read."""
    reading = read_file(path, name, report_stage)
    report_stage("facts")
    started = perf_counter()
    found = [_found(part) for part in reading.parts]
    facts = {name: fact.as_dict() for name, fact in whole_facts(reading, found).items()}
    timings = dict(reading.timings_ms) | {"facts": (perf_counter() - started) * 1e3}
    kernel, kernel_version = kernel_name_and_version()
    result = {
        "schema": SCHEMA,
        "engine": {"version": version("rapiddraft"), "kernel": kernel, "kernel_version": kernel_version},
        "part": part_head(reading),
        "facts": facts,
        "components": components(reading, found),
        "notes": reading.notes,
        "timings_ms": timings,
    }
    return dict(plain(result))


def _found(part: Part) -> Found:
    return Found(part, facts_of_mesh(part, measure_facts(part).facts), [], [], [], [])


def part_facts_in_sandbox(payload: dict[str, Any], report_stage: Callable[[str], None]) -> dict[str, Any]:
    """`part_facts` as the sandbox calls it: payload has `path`, `name` and the `sha256` that the file must have."""
    check_unchanged(payload)
    return part_facts(Path(payload["path"]), payload["name"], report_stage)
