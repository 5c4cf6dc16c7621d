"""The DFM engine: from a part and a configuration to a review. Pure: no HTTP, no store, no queue."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from workers.cad.part import Floats
from workers.cad.reading import Reading
from workers.engine_versions import engine_versions
from workers.errors import PartError
from workers.facts.meshes import facts_of_mesh, notes_on_mesh
from workers.features.feature import Feature
from workers.features.graph import FaceGraph
from workers.geometry import Geometry, KeptGeometry, geometry_of
from workers.plain_json import plain
from workers.process_choice import ProcessChoice, asked_for, candidates_of
from workers.process_comparison import compared, comparison
from workers.rules.centres import Centres
from workers.rules.evaluate import Undecided, evaluate
from workers.rules.finding_document import as_dicts, group_of
from workers.rules.material import Material
from workers.rules.measurement import Measurement
from workers.rules.meshes import decidable
from workers.rules.probe import own_rules
from workers.rules.quantities import Subject
from workers.rules.rule_book import load_rules, material_named, rules_digest
from workers.rules.rule_file import RuleFile, RuleFileError
from workers.rules.summary import summarise
from workers.stages import ReportStage, Stages
from workers.stored_part import check_unchanged
from workers.whole import Found, components, part_head, whole_document, whole_facts, whole_features, whole_findings

SCHEMA = "rapiddraft.review/1"


def review(
    path: Path,
    name: str,
    process: str,
    limits: str,
    report_stage: ReportStage = lambda _stage: None,
    *,
    material: str | None = None,
    own: Path | None = None,
    kept: KeptGeometry | None = None,
) -> dict[str, Any]:
    """Review the part or assembly at `path` for `process` against the configuration `limits`.

    With the process `auto`, each solid is reviewed for the one that it is shaped for; with several, joined by `+`, the
    review is that for the best of them, and compares them. `material` is one of workers/rules/data/materials.toml;
    without one the limits for metal hold. `own` is a shop's file or folder of rules, `kept` where the part's geometry
    is. Raises PartError if the part cannot be reviewed, RuleFileError if there are no such rules.
    """
    stages = Stages(report_stage)
    asked = asked_for(process)
    candidates = [candidates_of(one, limits, own) for one in asked]
    book = {one: load_rules(one, own).checked(limits) for several in candidates for one in several}
    rules = _Rules(book, limits, material_named(material, own), own)
    geometry = geometry_of(path, name, candidates, stages, kept)
    documents = []
    for one, of in zip(asked, candidates, strict=True):
        with stages.at("rules"):
            documents.append(_document(geometry, geometry.choices[of], one, rules))
    if len(asked) == 1:
        (document,) = documents
    else:
        choices = (geometry.choices[of] for of in candidates)
        rows = zip(asked, choices, documents, strict=True)
        document = comparison([compared(one, geometry.reading, choice, review) for one, choice, review in rows])
    return document | {"timings_ms": plain(stages.with_rest())}


@dataclass(frozen=True)
class _Rules:
    """What parts are held against."""

    by_process: dict[str, RuleFile]
    limits: str
    stock: Material | None
    own: Path | None


def _document(geometry: Geometry, choices: list[ProcessChoice], asked: str, rules: _Rules) -> dict[str, Any]:
    """The review without its timings, each solid for what was chosen for it."""
    reading = geometry.reading
    reviewed = []
    for part, solid, choice in zip(reading.parts, geometry.solids, choices, strict=True):
        subject = Subject(FaceGraph(part), solid.analysis_for(choice), solid.facts, rules.limits, rules.stock)
        reviewed.append(_review_part(subject, rules.by_process[choice.process]))
    used = {name: rules.by_process[name] for name in sorted({choice.process for choice in choices})}
    found = [found for found, _ in reviewed]
    undecided = list(dict.fromkeys(rule for _, rules_left in reviewed for rule in rules_left))
    findings = whole_findings(reading, found)
    result: dict[str, Any] = {
        "schema": SCHEMA,
        "engine": engine_versions() | {"rules_digest": "+".join(rules_digest(name, rules.own) for name in used)},
        "part": part_head(reading),
        "process": _main_process(reading, choices),
        "process_choice": {"asked": asked, "parts": [choice.as_dict() for choice in choices]},
        "limits": rules.limits,
        "material": _material_dict(rules.stock, sum(reading.parts[body.part].volume for body in reading.bodies)),
        "facts": {name: fact.as_dict() for name, fact in whole_facts(reading, found).items()},
        "features": whole_features(reading, found),
        "findings": findings,
        "undecided": [asdict(rule) for rule in undecided],
        "switched_off": _switched_off(list(used.values())),
        "components": components(reading, found),
        "notes": reading.notes + _notes(geometry),
        "summary": summarise(findings, _rules_held(used, rules.limits), len({rule.rule for rule in undecided})),
    }
    document: dict[str, Any] = plain(result | whole_document(reading, found))
    return document


def review_in_sandbox(payload: dict[str, Any], report_stage: ReportStage) -> dict[str, Any]:
    """`review` as the sandbox calls it: payload has `path`, `name`, `process` and `limits`.

    It may have `material`, as `rules` where a shop's own rules are, the `sha256` that the file must have, and as
    `cache` where geometry is kept (see KeptGeometry).
    """
    check_unchanged(payload)
    what = Path(payload["path"]), payload["name"], payload["process"], payload["limits"]
    try:
        return review(
            *what,
            report_stage,
            material=payload.get("material"),
            own=own_rules(payload),
            kept=KeptGeometry.of_payload(payload),
        )
    except RuleFileError as error:
        raise PartError("rules_not_usable", str(error), "Correct the rules, or ask for what there is.") from error


def _notes(geometry: Geometry) -> list[str]:
    parts = zip(geometry.reading.parts, geometry.solids, strict=True)
    return [note for part, solid in parts for note in notes_on_mesh(part, solid.facts)]


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


def _review_part(subject: Subject, rules: RuleFile) -> tuple[Found, list[Undecided]]:
    """What is found on one solid, and the rules that could not be decided on it."""
    part = subject.part
    decidable_rules, left = decidable(rules, part, subject.limits)
    findings, undecided = evaluate(decidable_rules, subject)
    centres = _centres(subject)
    found = Found(
        part,
        facts_of_mesh(part, subject.facts.facts) | subject.analysis.facts(subject.material),
        [_feature_dict(feature) | {"centre": centres.of_faces(feature.faces)} for feature in subject.features],
        [
            row | {"centre": _centre_of_finding(centres, finding.measurement)}
            for row, finding in zip(as_dicts(rules, subject, findings), findings, strict=True)
        ],
        [finding.place for finding in findings],
        [group_of(finding) for finding in findings],
        subject.analysis.document(subject.material),
    )
    return found, left + undecided


def _centres(subject: Subject) -> Centres:
    axes = subject.facts.facts["oriented_bounding_box"].where.get("axes")
    return Centres(subject.part, np.eye(3) if axes is None else axes)


def _centre_of_finding(centres: Centres, measured: Measurement) -> Floats | None:
    return centres.of_edges(measured.edges) if measured.edges else centres.of_faces(measured.faces)


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
