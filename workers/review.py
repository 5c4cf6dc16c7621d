"""The DFM engine: from a part and a configuration to a review. Pure: no HTTP, no store, no queue."""

from collections.abc import Callable
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from time import perf_counter
from typing import Any, TypeVar

import numpy as np

from workers.cad.binding import kernel_name_and_version
from workers.cad.read_part import read_part
from workers.facts.measure import measure_facts
from workers.features.feature import Feature
from workers.features.recognise import recognise
from workers.rules.evaluate import as_dicts, evaluate
from workers.rules.quantities import Subject
from workers.rules.rule_file import load_rules, rules_digest
from workers.rules.summary import summarise

T = TypeVar("T")

SCHEMA = "rapiddraft.review/1"


def review(
    path: Path,
    name: str,
    process: str,
    limits: str,
    report_stage: Callable[[str], None] = lambda _stage: None,
) -> dict[str, Any]:
    """Review the STEP file at `path` for `process` against the configuration `limits`.

    Raises PartError if the part cannot be reviewed, RuleFileError if there are no such rules.
    """
    rules = load_rules(process)
    part = read_part(path, name, report_stage)
    clock = _Clock(dict(part.timings_ms))
    report_stage("facts")
    facts = clock.time("facts", lambda: measure_facts(part))
    report_stage("features")
    features = clock.time("features", lambda: recognise(part))
    report_stage("rules")
    subject = Subject(part, features, facts, limits)
    found, undecided = clock.time("rules", lambda: evaluate(rules, subject))
    findings = as_dicts(rules, limits, found)
    kernel, kernel_version = kernel_name_and_version()
    result = {
        "schema": SCHEMA,
        "engine": {
            "version": version("rapiddraft"),
            "kernel": kernel,
            "kernel_version": kernel_version,
            "rules_digest": rules_digest(process),
        },
        "part": {
            "name": part.name,
            "sha256": part.sha256,
            "format": part.format,
            "units_in_file": part.units_in_file,
            "bodies": part.bodies,
            "faces": len(part.faces),
        },
        "process": process,
        "limits": limits,
        "facts": {name: fact.as_dict() for name, fact in facts.facts.items()},
        "features": [_feature_dict(feature) for feature in features],
        "findings": findings,
        "undecided": [asdict(rule) for rule in undecided],
        "summary": summarise(findings),
        "timings_ms": clock.timings,
    }
    return dict(_plain(result))


def review_in_sandbox(payload: dict[str, Any], report_stage: Callable[[str], None]) -> dict[str, Any]:
    """`review` as the sandbox calls it: payload has `path`, `name`, `process` and `limits`."""
    return review(Path(payload["path"]), payload["name"], payload["process"], payload["limits"], report_stage)


class _Clock:
    """Times stages in milliseconds."""

    def __init__(self, timings: dict[str, float]) -> None:
        self.timings = timings

    def time(self, stage: str, work: Callable[[], T]) -> T:
        started = perf_counter()
        result = work()
        self.timings[stage] = (perf_counter() - started) * 1e3
        return result


def _feature_dict(feature: Feature) -> dict[str, Any]:
    row = {
        "id": feature.id,
        "type": feature.type,
        "faces": feature.faces,
        "body": feature.body,
        "axis": feature.axis,
        "direction": feature.direction,
        "size": feature.size,
    }
    if feature.steps:
        row["steps"] = feature.steps
    if feature.open_directions:
        row["open_directions"] = feature.open_directions
    if feature.parent is not None:
        row["parent"] = feature.parent.id
    return row


def _plain(value: Any) -> Any:  # noqa: ANN401
    """Plain JSON types, floats rounded to a nanometre so that equal parts give equal bytes."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, np.ndarray | list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, np.integer):
        return int(value)
    if isinstance(value, float | np.floating):
        return round(float(value), 6) + 0.0
    return value
