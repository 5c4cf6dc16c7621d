"""What sandbox children run in these tests instead of the engine."""

import hashlib
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from workers.errors import PartError


def review(payload: dict[str, Any], report_stage: Callable[[str], None]) -> dict[str, Any]:
    """Does what the part file says in its comment."""
    report_stage("read")
    match Path(payload["path"]).read_text().rpartition("/* ")[2].split()[0]:
        case "part_error":
            raise PartError("no_solid", "There is no solid in the file.", "Export a solid body.")
        case "crash":
            os.abort()
        case "bug":
            raise ZeroDivisionError("a bug in the engine")
        case "hang":
            time.sleep(600)
    report_stage("rules")
    return {
        "schema": "rapiddraft.review/1",
        "part": {"name": payload["name"]},
        "process": payload["process"],
        "limits": payload["limits"],
        "material": {"id": payload["material"]},
        "own_rules": payload["rules"],
        "findings": [],
        "summary": {"verdict": "ok"},
        "timings_ms": {"read": 1.5, "rules": 0.5},
    }


def part_facts(payload: dict[str, Any], report_stage: Callable[[str], None]) -> dict[str, Any]:
    """The same for part facts."""
    review(payload | {"process": "", "limits": "", "material": None, "rules": None}, report_stage)
    return {"schema": "rapiddraft.part-facts/1", "facts": {"volume": {"value": 0.0}}, "timings_ms": {"facts": 1.0}}


def report(payload: dict[str, Any], report_stage: Callable[[str], None]) -> dict[str, Any]:
    """The same for a report, which says what it is and of what review."""
    review(payload, report_stage)
    name = json.loads(Path(payload["run"]).read_text())["part"]["name"]
    for kind in ("html", "pdf"):
        (Path(payload["output"]) / f"report.{kind}").write_text(f"{kind} of {name}")
    return {"timings_ms": {"pictures": 1.0}}


def candidate(payload: dict[str, Any], report_stage: Callable[[str], None]) -> dict[str, Any]:
    """The same for an edit: a part is without the findings that its text says were cleared. Those named `no-…` have no
    edit; `crash` and `hang` do so.
    """
    report_stage("edit")
    finding, text = payload["finding"], Path(payload["path"]).read_text()
    match finding:
        case "crash":
            os.abort()
        case "hang":
            time.sleep(600)
    outcome = {"finding": finding, "rule": f"rule-of-{finding}", "reason": "", "edit": "", "figures": {}}
    outcome |= {"attempts": [], "cleared": [], "new": [], "still": [], "volume_before": None, "volume_after": None}
    if finding.startswith("no-"):
        tried = [{"words": "raise the radius to 4 mm", "refused": "it does not fit"}]
        return outcome | {"outcome": "refused", "reason": "it does not fit", "attempts": tried, "volume_before": 9.0}
    edited = text + f"/* without {finding} */\n"
    Path(payload["output"]).write_text(edited)
    left = [{"id": other, **FINDING} for other in FINDINGS if f"without {other} " not in edited]
    return outcome | {
        "outcome": "cleared",
        "edit": f"clear {finding}",
        "figures": {"radius_to": 4.0},
        "attempts": [{"words": f"clear {finding}", "refused": ""}],
        "cleared": [finding],
        "still": [other["id"] for other in left],
        "volume_before": 9.0,
        "volume_after": 10.0,
        "sha256": hashlib.sha256(edited.encode()).hexdigest(),
        "review": {"process": payload["process"], "limits": payload["limits"], "findings": left},
    }


FINDINGS = ("a", "b", "c", "no-d", "crash", "hang")
FINDING = {"rule": "corner-radius", "severity": "major", "title": "Corner too tight"}
