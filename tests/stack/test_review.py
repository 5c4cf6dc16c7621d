"""Upload, review, findings: through every layer there is."""

from typing import Any

import pytest

from tests.stack.running import SAMPLE, Stack

pytestmark = [pytest.mark.stack, pytest.mark.xdist_group("stack")]


def test_a_part_is_uploaded_and_reviewed(stack: Stack, model: dict[str, Any]) -> None:
    answer = stack.api.post(f"/api/models/{model['id']}/dfm/review-v2")
    assert answer.status_code == 200
    review = answer.json()
    assert review["schema"] == "rapiddraft.review/1"
    assert review["part"]["sha256"] == model["sha256"]
    assert review["part"]["faces"] > 0
    assert review["findings"]
    for finding in review["findings"]:
        assert finding["title"]
        assert finding["advice"]
        assert finding["severity"] in ("critical", "major", "minor", "info")
        assert all(0 <= face < review["part"]["faces"] for face in finding["faces"])


def test_the_same_bytes_are_one_model(stack: Stack, model: dict[str, Any]) -> None:
    again = stack.api.post("/api/models", files={"file": ("another name.step", SAMPLE.read_bytes())})
    assert again.status_code == 200
    assert again.json()["id"] == model["id"]


def test_a_client_that_does_not_wait_follows_the_job(stack: Stack, model: dict[str, Any]) -> None:
    asked = stack.ask_for_review(model["id"])
    assert asked.status_code == 202
    location = asked.headers["Location"]
    job = stack.ended_job(asked.json()["id"], seconds=60)
    assert location.endswith(job["id"])
    assert job["state"] == "succeeded"
    run = stack.api.get(f"/api/models/{model['id']}/analysis-runs/{job['run_id']}")
    assert run.json()["findings"]


def test_what_is_not_step_is_refused(stack: Stack) -> None:
    answer = stack.api.post("/api/models", content=b"%PDF-1.7 not a part")
    assert answer.status_code == 415
    assert "PDF" in answer.json()["detail"]


def test_metrics_of_all_api_processes_are_summed(stack: Stack) -> None:
    for _ in range(20):
        assert stack.api.get("/api/models").status_code == 200
    text = stack.api.get("/metrics").text
    counted = [
        float(line.rsplit(" ", 1)[1])
        for line in text.splitlines()
        if line.startswith("rapiddraft_http_requests_total{")
        and 'route="/api/models"' in line
        and 'method="GET"' in line
    ]
    assert sum(counted) >= 20, text
