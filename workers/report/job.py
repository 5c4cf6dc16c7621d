"""Reports as the sandbox makes them: HTML and PDF, with pictures."""

import json
from pathlib import Path
from typing import Any

from workers.geometry import KeptGeometry, geometry_of
from workers.report.content import Report, content
from workers.report.html import html
from workers.report.pdf import pdf
from workers.report.pictures import Painter
from workers.report.scene import scene_of
from workers.stages import ReportStage, Stages
from workers.stored_part import check_unchanged

HTML, PDF = "report.html", "report.pdf"


def report_in_sandbox(payload: dict[str, Any], report_stage: ReportStage) -> dict[str, Any]:
    """Write the report on a review as report.html and report.pdf into the folder `output`.

    The payload has `path`, `name` and `sha256` of the part, `run`, the file of the analysis run, and perhaps `cache`,
    where geometry is kept (see KeptGeometry). The result has `timings_ms`. Raises PartError if the part cannot be read.
    """
    check_unchanged(payload)
    run = json.loads(Path(payload["run"]).read_text("utf-8"))
    run = run.get("content", run)  # a document of the store, or what it holds
    about = {"Run": run["id"], "Reviewed": run["created_at"]} if "review" in run else {}
    review = run.get("review", run)
    stages = Stages(report_stage)
    report = drawn_up(review, payload, about, stages)
    output = Path(payload["output"])
    with stages.at("write"):
        (output / HTML).write_text(html(report), "utf-8")
        (output / PDF).write_bytes(pdf(report))
    return {"timings_ms": stages.with_rest()}


def drawn_up(review: dict[str, Any], payload: dict[str, Any], about: dict[str, str], stages: Stages) -> Report:
    """The report on `review` of the part that the payload names."""
    geometry = geometry_of(Path(payload["path"]), payload["name"], None, stages, KeptGeometry.of_payload(payload))
    with stages.at("pictures"):
        return content(review, Painter(scene_of(geometry.reading)), about)
