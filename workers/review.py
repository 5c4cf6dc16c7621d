"""The DFM engine: from a part and a configuration to a review. Pure: no HTTP, no store, no queue."""

from collections.abc import Callable
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from time import perf_counter
from typing import Any, TypeVar

from workers.cad.binding import kernel_name_and_version
from workers.cad.part import Part
from workers.cad.read_file import read_file
from workers.cad.reading import Reading
from workers.errors import PartError
from workers.facts.measure import measure_facts
from workers.facts.meshes import facts_of_mesh
from workers.features.feature import Feature
from workers.features.graph import FaceGraph
from workers.features.recognise import recognise
from workers.plain_json import plain
from workers.process_choice import ProcessChoice, choose_process, processes_of
from workers.rules.evaluate import Undecided, evaluate
from workers.rules.finding_document import as_dicts, group_of
from workers.rules.material import Material
from workers.rules.meshes import decidable
from workers.rules.probe import own_rules
from workers.rules.quantities import Subject
from workers.rules.rule_book import load_rules, material_named, rules_digest
from workers.rules.rule_file import RuleFile, RuleFileError
from workers.rules.summary import summarise
from workers.stored_part import check_unchanged
from workers.whole import Found, components, part_head, whole_facts, whole_features, whole_findings

T = TypeVar("T")

SCHEMA = "rapiddraft.review/1"


def review(
    path: Path,
    name: str,
    process: str,
    limits: str,
    report_stage: Callable[[str], None] = lambda _stage: None,
    *,
    material: str | None = None,
    own: Path | None = None,
) -> dict[str, Any]:
    """Review the part or assembly at `path` for `process` against the configuration `limits`.

    With the process `auto`, each solid is reviewed for the one that it is shaped for. `material` is one of
    workers/rules/data/materials.toml; without one the limits for metal hold. `own` is a shop's file or folder
    of rules. Raises PartError if the part cannot be reviewed, RuleFileError if there are
    no such rules.
    """
    started = perf_counter()
    rules = {name: load_rules(name, own).checked(limits) for name in processes_of(process)}
    stock = material_named(material, own)
    reading = read_file(path, name, report_stage)
    clock = _Clock(dict(reading.timings_ms))
    choices = [choose_process(process, part) for part in reading.parts]
    reviewed = [
        _review_part(part, choice, rules[choice.process], limits, stock, clock, report_stage)
        for part, choice in zip(reading.parts, choices, strict=True)
    ]
    used = {name: rules[name] for name in sorted({choice.process for choice in choices})}
    found = [found for found, _ in reviewed]
    undecided = list(dict.fromkeys(rule for _, rules_left in reviewed for rule in rules_left))
    findings = whole_findings(reading, found)
    kernel, kernel_version = kernel_name_and_version()
    result = {
        "schema": SCHEMA,
        "engine": {
            "version": version("rapiddraft"),
            "kernel": kernel,
            "kernel_version": kernel_version,
            "rules_digest": "+".join(rules_digest(name, own) for name in used),
        },
        "part": part_head(reading),
        "process": _main_process(reading, choices),
        "process_choice": {"asked": process, "parts": [choice.as_dict() for choice in choices]},
        "limits": limits,
        "material": _material_dict(stock, sum(reading.parts[body.part].volume for body in reading.bodies)),
        "facts": {name: fact.as_dict() for name, fact in whole_facts(reading, found).items()},
        "features": whole_features(reading, found),
        "findings": findings,
        "undecided": [asdict(rule) for rule in undecided],
        "switched_off": _switched_off(list(used.values())),
        "components": components(reading, found),
        "notes": reading.notes,
        "summary": summarise(findings, _rules_held(used, limits), len({rule.rule for rule in undecided})),
    }
    document: dict[str, Any] = plain(result)
    rest = (perf_counter() - started) * 1e3 - sum(clock.timings.values())
    return document | {"timings_ms": plain(clock.timings | {"rest": rest})}


def review_in_sandbox(payload: dict[str, Any], report_stage: Callable[[str], None]) -> dict[str, Any]:
    """`review` as the sandbox calls it: payload has `path`, `name`, `process` and `limits`.

    It may have `material`, as `rules` where a shop's own rules are, and the `sha256` that the file must have.
    """
    check_unchanged(payload)
    what = Path(payload["path"]), payload["name"], payload["process"], payload["limits"]
    try:
        return review(*what, report_stage, material=payload.get("material"), own=own_rules(payload))
    except RuleFileError as error:
        raise PartError("rules_not_usable", str(error), "Correct the rules, or ask for what there is.") from error


def _main_process(reading: Reading, choices: list[ProcessChoice]) -> str:
    """The process that most of the material is reviewed for."""
    volumes: dict[str, float] = {}
    for body in reading.bodies:
        name = choices[body.part].process
        volumes[name] = volumes.get(name, 0.0) + reading.parts[body.part].volume
    return max(sorted(volumes), key=lambda name: volumes[name])


def _rules_held(used: dict[str, RuleFile], limits: str) -> int:
    return len({rule.id for rules in used.values() for rule in rules.rules if limits in rule.limits})


def _switched_off(rules: list[RuleFile]) -> list[dict[str, str]]:
    off = {rule: reason for book in rules for rule, reason in book.switched_off.items()}
    return [{"rule": rule, "reason": reason} for rule, reason in off.items()]


def _review_part(
    part: Part,
    choice: ProcessChoice,
    rules: RuleFile,
    limits: str,
    stock: Material | None,
    clock: "_Clock",
    report_stage: Callable[[str], None],
) -> tuple[Found, list[Undecided]]:
    """What is found on one solid, and the rules that could not be decided on it."""
    report_stage("facts")
    facts = clock.time("facts", lambda: measure_facts(part))
    report_stage("features")
    graph = FaceGraph(part, facts.scene if part.exact else None)
    features = clock.time("features", lambda: recognise(graph, choice.axis) if part.exact else [])
    report_stage("rules")
    subject = Subject(graph, features, facts, limits, stock)
    decidable_rules, left = decidable(rules, part, limits)
    findings, undecided = clock.time("rules", lambda: evaluate(decidable_rules, subject))
    found = Found(
        part,
        facts_of_mesh(part, facts.facts),
        [_feature_dict(feature) for feature in features],
        as_dicts(rules, subject, findings),
        [finding.place for finding in findings],
        [group_of(finding) for finding in findings],
    )
    return found, left + undecided


class _Clock:
    """Times stages in milliseconds, summed over the distinct solids of a file."""

    def __init__(self, timings: dict[str, float]) -> None:
        self.timings = timings

    def time(self, stage: str, work: Callable[[], T]) -> T:
        started = perf_counter()
        result = work()
        self.timings[stage] = self.timings.get(stage, 0.0) + (perf_counter() - started) * 1e3
        return result


def _material_dict(material: Material | None, volume: float) -> dict[str, Any]:
    """What the part is made of, with its mass in g; without a material, the family whose limits were taken."""
    if material is None:
        return {"id": None, "family": "metal", "assumed": True}
    mass = volume * material.density / 1e3
    return {"id": material.id, "name": material.name, "family": material.family, "assumed": False, "mass": mass}


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
    if feature.pattern:
        row["pattern"] = feature.pattern
    if feature.open_directions:
        row["open_directions"] = feature.open_directions
    if feature.parent is not None:
        row["parent"] = feature.parent.id
    return row
