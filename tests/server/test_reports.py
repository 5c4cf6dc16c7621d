"""GET …/analysis-runs/{run}/report.*: a review to hand on."""

import csv
import io
from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from unittest import mock

import pytest
from fastapi.testclient import TestClient

from server.ids import new_id
from server.services import Services
from server.stores.dfm_review_jobs import JobState
from tests.server.conftest import step, wait_until, working
from workers.file_broker import QueueDiskFullError
from workers.job_kinds import JOB_KINDS
from workers.report import REPORT_VERSION
from workers.sandbox import Sandbox

FINDING: dict[str, Any] = {
    "id": "f00d",
    "rule": "wall-thin",
    "severity": "major",
    "title": "Thin wall",
    "measured": {"quantity": "wall_thickness", "value": 0.6, "unit": "mm"},
    "limit": {"comparison": "<", "value": 0.8, "unit": "mm"},
    "features": ["F1"],
    "faces": [1, 2],
    "edges": [],
    "point": [1.0, 2.0, 3.0],
    "normal": [0.0, 0.0, 1.0],
    "advice": "Make it thicker.",
    "smallest_change": "thicken it by 0.20 mm to 0.8 mm",
    "change": {"quantity": "thickness", "from": 0.6, "to": 0.8, "by": 0.2, "unit": "mm"},
    "group": None,
    "extra_minutes": 5.0,
    "source": {"title": "A guide", "url": "https://example.org/walls"},
}
REVIEW: dict[str, Any] = {
    "schema": "rapiddraft.review/1",
    "engine": {"version": "0.1.0", "kernel": "OCP", "kernel_version": "8", "rules_digest": "abc"},
    "part": {
        "name": "bracket.step",
        "sha256": "0" * 64,
        "format": "STEP",
        "units_in_file": "mm",
        "bodies": 1,
        "faces": 6,
    },
    "process": "cnc_milling",
    "limits": "default",
    "material": None,
    "facts": {},
    "features": [],
    "findings": [FINDING],
    "summary": {"counts": {"major": 1}, "verdict": "costly", "score": 90.0},
    "timings_ms": {},
}


@pytest.fixture
def model_id(client: TestClient) -> str:
    return str(client.post("/api/models?name=bracket.step", content=step("good")).json()["id"])


@pytest.fixture
def run_id(services: Services, model_id: str) -> str:
    run_id = new_id()
    services.runs.add(model_id, run_id, REVIEW, job_id=run_id)
    return run_id


def report(client: TestClient, model_id: str, run_id: str, kind: str, **headers: str) -> Any:  # noqa: ANN401 - httpx's
    return client.get(f"/api/models/{model_id}/analysis-runs/{run_id}/report.{kind}", headers=headers)


def test_csv_has_the_figures_of_the_review(client: TestClient, model_id: str, run_id: str) -> None:
    answer = report(client, model_id, run_id, "csv")
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "text/csv; charset=utf-8; header=present"
    assert answer.content.startswith(b"\xef\xbb\xbf")
    [row] = csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"), newline=""))
    assert (row["rule"], row["measured"], row["limit"], row["unit"]) == ("wall-thin", "0.6", "0.8", "mm")
    assert row["source_url"] == "https://example.org/walls"


def test_csv_without_the_byte_order_mark(client: TestClient, model_id: str, run_id: str) -> None:
    answer = client.get(f"/api/models/{model_id}/analysis-runs/{run_id}/report.csv?mark=false")
    assert answer.content.startswith(b"id,")


def test_sarif_has_the_finding(client: TestClient, model_id: str, run_id: str) -> None:
    answer = report(client, model_id, run_id, "sarif")
    assert answer.headers["content-type"] == "application/sarif+json"
    [run] = answer.json()["runs"]
    [result] = run["results"]
    assert (result["ruleId"], result["level"]) == ("wall-thin", "warning")


@pytest.mark.parametrize("kind", ["csv", "sarif"])
def test_it_is_sent_once_and_is_named_after_the_part(client: TestClient, model_id: str, run_id: str, kind: str) -> None:
    answer = report(client, model_id, run_id, kind)
    assert answer.headers["cache-control"] == "private, no-cache"
    assert f'filename="bracket-review.{kind}"' in answer.headers["content-disposition"]
    assert answer.headers["x-content-type-options"] == "nosniff"
    again = report(client, model_id, run_id, kind, **{"If-None-Match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.usefixtures("drawing")
@pytest.mark.parametrize("kind", ["csv", "sarif", "html", "pdf"])
def test_a_later_version_makes_it_again(client: TestClient, model_id: str, run_id: str, kind: str) -> None:
    tag = report(client, model_id, run_id, kind).headers["etag"]
    assert report(client, model_id, run_id, kind, **{"If-None-Match": tag}).status_code == 304
    later = REPORT_VERSION + 1
    with (
        mock.patch("server.api.reports.REPORT_VERSION", later),
        mock.patch("server.stores.reports.REPORT_VERSION", later),
    ):
        again = report(client, model_id, run_id, kind, **{"If-None-Match": tag})
    assert again.status_code == 200
    assert again.headers["etag"] != tag


@pytest.mark.parametrize("kind", ["csv", "sarif", "html", "pdf"])
def test_there_is_none_of_a_run_that_is_not_there(client: TestClient, model_id: str, kind: str) -> None:
    answer = report(client, model_id, new_id(), kind)
    assert (answer.status_code, answer.json()["code"]) == (404, "analysis_run_not_found")


@pytest.mark.parametrize(
    ("name", "plain", "full"),
    [
        ("Gehäuse Ø5.step", "Geh_use _5-review.csv", "Geh%C3%A4use%20%C3%985-review.csv"),
        ('a"b;c.step', "a_b_c-review.csv", "a_b%3Bc-review.csv"),
    ],
)
def test_any_name_makes_a_safe_file_name(
    client: TestClient, services: Services, name: str, plain: str, full: str
) -> None:
    model_id = client.post("/api/models", params={"name": name}, content=step(name)).json()["id"]
    run_id = new_id()
    services.runs.add(model_id, run_id, REVIEW, job_id=run_id)
    header = report(client, model_id, run_id, "csv").headers["content-disposition"]
    assert f'filename="{plain}"' in header
    assert f"filename*=UTF-8''{full}" in header


@pytest.fixture
def drawing(services: Services, sandbox: Sandbox) -> Iterator[None]:
    """A worker that draws reports, after a fashion."""
    report = replace(JOB_KINDS["report"], target="tests.server.targets:report")
    with mock.patch.dict(JOB_KINDS, {"report": report}), working(services, sandbox):
        yield


@pytest.mark.usefixtures("drawing")
@pytest.mark.parametrize(("kind", "media_type"), [("html", "text/html; charset=utf-8"), ("pdf", "application/pdf")])
def test_a_report_is_drawn_when_it_is_asked_for_and_kept(
    client: TestClient, services: Services, model_id: str, run_id: str, kind: str, media_type: str
) -> None:
    answer = report(client, model_id, run_id, kind)
    assert (answer.status_code, answer.headers["content-type"]) == (200, media_type), answer.text
    assert answer.content == f"{kind} of bracket.step".encode()
    assert report(client, model_id, run_id, kind).content == answer.content
    [job] = services.jobs.list(limit=10).items
    assert (job.kind, job.about, job.state) == ("report", run_id, JobState.SUCCEEDED)
    again = report(client, model_id, run_id, kind, **{"If-None-Match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert answer.headers["cache-control"] == "private, no-cache"
    assert f'inline; filename="bracket-review.{kind}"' in answer.headers["content-disposition"]


@pytest.mark.usefixtures("drawing")
def test_the_html_may_show_what_is_in_it_and_nothing_else(client: TestClient, model_id: str, run_id: str) -> None:
    policy = report(client, model_id, run_id, "html").headers["content-security-policy"]
    assert "default-src 'none'" in policy and "img-src data:" in policy and "style-src 'unsafe-inline'" in policy
    assert "script-src" not in policy


def test_while_it_is_drawn_the_answer_is_the_job(
    client: TestClient, services: Services, model_id: str, run_id: str
) -> None:
    first = report(client, model_id, run_id, "html", Prefer="respond-async")
    second = report(client, model_id, run_id, "pdf", Prefer="wait=0")
    assert (first.status_code, second.status_code) == (202, 202)
    assert first.json()["id"] == second.json()["id"]
    assert (first.json()["kind"], first.json()["about"]) == ("report", run_id)
    assert first.headers["location"] == f"/api/jobs/{first.json()['id']}"
    assert len(services.jobs.list(limit=10).items) == 1


@pytest.mark.usefixtures("drawing")
def test_a_part_that_cannot_be_drawn_says_why_each_time(client: TestClient, services: Services) -> None:
    model_id = client.post("/api/models?name=a.step", content=step("part_error")).json()["id"]
    run_id = new_id()
    services.runs.add(model_id, run_id, REVIEW, job_id=run_id)
    for kind in ("html", "pdf"):
        answer = report(client, model_id, run_id, kind)
        assert (answer.status_code, answer.json()["code"]) == (422, "no_solid")
    assert len(services.jobs.list(limit=10).items) == 1


def test_a_report_whose_job_was_cancelled_is_asked_for_again(
    client: TestClient, services: Services, model_id: str, run_id: str
) -> None:
    first = report(client, model_id, run_id, "pdf", Prefer="respond-async").json()["id"]
    assert client.post(f"/api/jobs/{first}/cancel").status_code < 300
    assert services.jobs.get(first).state is JobState.CANCELLED
    again = report(client, model_id, run_id, "pdf", Prefer="respond-async")
    assert again.status_code == 202
    assert again.json()["id"] != first


def test_a_report_on_a_model_that_was_removed_meanwhile_is_none(
    client: TestClient, services: Services, sandbox: Sandbox, model_id: str, run_id: str
) -> None:
    job_id = report(client, model_id, run_id, "html", Prefer="respond-async").json()["id"]
    assert client.delete(f"/api/models/{model_id}").status_code == 204
    target = replace(JOB_KINDS["report"], target="tests.server.targets:report")
    with mock.patch.dict(JOB_KINDS, {"report": target}), working(services, sandbox):
        wait_until(lambda: services.jobs.get(job_id).state is JobState.FAILED)
    error = services.jobs.get(job_id).error
    assert error is not None and error.code == "model_removed"
    answer = report(client, model_id, run_id, "html")
    assert (answer.status_code, answer.json()["code"]) == (404, "model_not_found")
    assert not services.data.model(model_id).exists()


def test_a_report_that_could_not_be_queued_is_asked_for_again(
    client: TestClient, services: Services, model_id: str, run_id: str
) -> None:
    with mock.patch.object(services.broker, "enqueue", side_effect=QueueDiskFullError("full")):
        assert report(client, model_id, run_id, "pdf").status_code == 507
    assert report(client, model_id, run_id, "pdf", Prefer="respond-async").status_code == 202


def test_a_report_needs_a_token(anonymous: TestClient, model_id: str, run_id: str) -> None:
    del anonymous.headers["Authorization"]
    assert report(anonymous, model_id, run_id, "csv").status_code == 401
