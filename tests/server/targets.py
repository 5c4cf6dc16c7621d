"""What sandbox children run in these tests instead of the engine."""

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
