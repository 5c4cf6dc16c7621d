"""Reports as the sandbox makes them: HTML and PDF, with pictures."""

import json
from pathlib import Path
from typing import Any

from ulid import ULID

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

    The payload has `path`, `name` and perhaps `sha256` of the part, `run`, the file with its review, `run_id` if it
    has one, and perhaps `cache`, where geometry is kept (see KeptGeometry). The result has `timings_ms`. Raises
    PartError if the part cannot be read.
    """
    check_unchanged(payload)
    review = json.loads(Path(payload["run"]).read_text("utf-8"))
    stages = Stages(report_stage)
    report = drawn_up(review, payload, _about(payload.get("run_id")), stages)
    output = Path(payload["output"])
    with stages.at("write"):
        (output / HTML).write_text(html(report), "utf-8")
        (output / PDF).write_bytes(pdf(report))
    return {"timings_ms": stages.with_rest()}


def drawn_up(review: dict[str, Any], payload: dict[str, Any], about: dict[str, str], stages: Stages) -> Report:
    """The report on `review` of the part that the payload names."""
    geometry = geometry_of(Path(payload["path"]), payload["name"], [], stages, KeptGeometry.of_payload(payload))
    with stages.at("pictures"):
        return content(review, Painter(scene_of(geometry.reading)), about)


def _about(run_id: str | None) -> dict[str, str]:
    """What is known of a kept run: its id, which says when it was asked for."""
    if run_id is None:
        return {}
    return {"Run": run_id, "Asked for": f"{ULID.from_str(run_id).datetime:%Y-%m-%d %H:%M:%S} UTC"}
