"""Upload, review, findings: through every layer there is."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.stack.running import SAMPLE, Stack

pytestmark = pytest.mark.stack


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


def test_ten_who_ask_at_once_and_all_who_ask_later_cost_one_child(stack: Stack, tmp_path: Path) -> None:
    part = tmp_path / "once.step"
    part.write_text(SAMPLE.read_text() + "/* reviewed once */\n")
    model_id = stack.upload(part).raise_for_status().json()["id"]

    def ask(**headers: str) -> httpx.Response:
        return stack.api.post(f"/api/models/{model_id}/dfm/review-v2", headers=headers).raise_for_status()

    def children() -> int:
        started = [line for line in stack.lines() if line["message"] == "Sandbox child started."]
        return sum(line.get("model_id") == model_id for line in started)

    with ThreadPoolExecutor(10) as pool:
        at_once = list(pool.map(lambda _: ask(), range(10)))
    later = [ask() for _ in range(5)]
    assert {answer.content for answer in at_once + later} == {later[0].content}
    assert {answer.headers["Cache-Status"] for answer in later} == {"rapiddraft; hit"}
    assert children() == 1
    assert ask(**{"Cache-Control": "no-cache"}).headers["Content-Location"] != later[0].headers["Content-Location"]
    assert children() == 2


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
