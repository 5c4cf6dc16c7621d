"""A proven fix, as the sandbox makes it."""

from pathlib import Path
from typing import Any

from workers.cad.edit.body import read_body
from workers.cad.edit.errors import EditError
from workers.cad.edit.soundness import unsound
from workers.errors import PartError
from workers.fixes import recipes
from workers.fixes.proof import NO_EDIT, Outcome, try_fix
from workers.fixes.situation import JsonObject, Situation
from workers.geometry import KeptGeometry
from workers.review import review
from workers.rules.probe import own_rules
from workers.rules.rule_book import load_rules, material_named
from workers.rules.rule_file import Rule, RuleFileError
from workers.stages import ReportStage
from workers.stored_part import check_unchanged

__all__ = ["candidate_in_sandbox", "recipes"]


def candidate_in_sandbox(payload: dict[str, Any], report_stage: ReportStage) -> JsonObject:
    """Try to fix one finding. `payload` is as for a review, with the id of the `finding`, and where to write the STEP
    as `output`; with `together`, edits that are for more of the pocket's findings go first. Returns the outcome
    (docs/fixes.md). Raises PartError.
    """
    check_unchanged(payload)
    report_stage("review")
    path, output = Path(payload["path"]), Path(payload["output"])
    try:
        earlier = _review(payload, path, payload["process"], KeptGeometry.of_payload(payload))
        finding = next((f for f in earlier["findings"] if f["id"] == payload["finding"]), None)
        if finding is None:
            raise PartError("no_finding", f"The part has no finding {payload['finding']}.", "Review it again.")
        report_stage("edit")
        return _outcome(payload, earlier, finding, path, output).as_dict()
    except RuleFileError as error:
        raise PartError("rules_not_usable", str(error), "Correct the rules, or ask for what there is.") from error


def _outcome(payload: dict[str, Any], earlier: JsonObject, finding: JsonObject, path: Path, output: Path) -> Outcome:
    names = finding["id"], finding["rule"]
    if earlier["part"]["format"] != "STEP":
        return Outcome(NO_EDIT, *names, reason="only STEP files are edited")
    try:
        body = read_body(path)
    except EditError as error:
        return Outcome(NO_EDIT, *names, reason=f"only files with one solid are edited: {error}")
    if len(body.faces.kind) != earlier["part"]["faces"]:
        return Outcome(NO_EDIT, *names, reason="the file holds faces that belong to no solid")
    situation = Situation(body, earlier, _rules(payload, earlier["process"]))
    # Turned or milled: what it was reviewed for stays the same, whatever `auto` would make of the edited part.
    return try_fix(
        situation,
        finding,
        output,
        lambda step: _review(payload, step, earlier["process"], None),
        together=bool(payload.get("together")),
    )


def _review(payload: dict[str, Any], path: Path, process: str, kept: KeptGeometry | None) -> JsonObject:
    material, own = payload.get("material"), own_rules(payload)
    made = review(path, payload["name"], process, payload["limits"], material=material, own=own, kept=kept)
    return {key: value for key, value in made.items() if key != "timings_ms"}


def _rules(payload: dict[str, Any], process: str) -> dict[str, Rule]:
    own = own_rules(payload)
    stock = material_named(payload.get("material"), own)
    return {rule.id: rule.for_material(stock) for rule in load_rules(process, own).rules}


def sound_in_sandbox(payload: dict[str, Any], report_stage: ReportStage) -> JsonObject:
    """Whether the STEP file at `path` is one valid, closed solid: `sound`, and the `reason` if it is not."""
    check_unchanged(payload)
    report_stage("check")
    try:
        reason = unsound(read_body(Path(payload["path"])))
    except EditError as error:
        reason = str(error)
    return {"sound": reason is None, "reason": reason}
