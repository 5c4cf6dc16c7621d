"""POST …/dfm/review-v2: waits for the review, or says where it will be."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from fastapi.testclient import TestClient
from hypothesis import given
from hypothesis import strategies as st

from server.main import create_app
from server.prefer import Prefer, parse_prefer
from server.problems import MEDIA_TYPE
from server.services import Services
from server.settings import Settings
from server.stores.dfm_review_jobs import Job, JobError, JobState
from tests.server.conftest import STEP, file_broker, wait_until
from workers.file_broker import QueueDiskFullError

REVIEW = {"schema": "rapiddraft.review/1", "findings": [], "summary": {"verdict": "ok"}}

Finish = Callable[[Job], None]
FinishNextJob = Callable[[Finish], None]


@pytest.fixture
def succeed(services: Services) -> Finish:
    def finish(job: Job) -> None:
        services.jobs.transition(job.id, JobState.RUNNING, reason="taken")
        services.runs.add(job.model_id, job.id, REVIEW, job_id=job.id)
        services.jobs.transition(job.id, JobState.SUCCEEDED, reason="reviewed", run_id=job.id)

    return finish


def test_the_review_is_waited_for(
    client: TestClient, model_id: str, finish_next_job: FinishNextJob, succeed: Finish
) -> None:
    finish_next_job(succeed)
    answer = client.post(f"/api/models/{model_id}/dfm/review-v2", json={"limits": "mtk"})
    assert answer.status_code == 200, answer.text
    assert answer.json() == REVIEW
    assert client.get(answer.headers["content-location"]).json() == REVIEW
    job = client.get(answer.headers["link"].partition(">")[0].removeprefix("<")).json()
    assert (job["state"], job["limits"], job["process"]) == ("succeeded", "mtk", "auto")
    assert job["request_id"] == answer.headers["x-request-id"]
    assert job["identity"] == "admin"
    assert answer.headers["vary"] == "Prefer"
    assert "preference-applied" not in answer.headers


def test_it_is_the_wake_up_that_ends_the_wait(
    client: TestClient, model_id: str, finish_next_job: FinishNextJob, succeed: Finish
) -> None:
    with mock.patch("server.job_waiter.SAFETY_POLL_SECONDS", 3600):
        finish_next_job(succeed)
        assert client.post(f"/api/models/{model_id}/dfm/review-v2").status_code == 200


def test_a_wake_up_that_is_missed_only_delays(
    client: TestClient, model_id: str, finish_next_job: FinishNextJob, succeed: Finish
) -> None:
    with mock.patch("server.stores.dfm_review_jobs.wake"):
        finish_next_job(succeed)
        assert client.post(f"/api/models/{model_id}/dfm/review-v2").status_code == 200


def test_respond_async(client: TestClient, model_id: str, services: Services) -> None:
    answer = client.post(f"/api/models/{model_id}/dfm/review-v2", headers={"Prefer": "respond-async"})
    assert answer.status_code == 202
    job = answer.json()
    assert answer.headers["location"] == f"/api/jobs/{job['id']}"
    assert answer.headers["retry-after"] == "1"
    assert answer.headers["preference-applied"] == "respond-async"
    assert answer.headers["vary"] == "Prefer"
    assert client.get(answer.headers["location"]).json() == job
    assert job["state"] == "queued"
    assert file_broker(services).storage.counts(["reviews"]).waiting == 1


def test_a_wait_that_is_over_becomes_202(client: TestClient, model_id: str) -> None:
    answer = client.post(f"/api/models/{model_id}/dfm/review-v2", headers={"Prefer": "wait=0"})
    assert answer.status_code == 202
    assert answer.headers["preference-applied"] == "wait=0"


def test_the_services_own_limit_holds(settings: Settings) -> None:
    app = create_app(settings.model_copy(update={"review_wait_seconds": 0.05}))
    with TestClient(app) as client:
        client.headers["Authorization"] = f"Bearer {app.state.services.gate.admin_token}"
        model_id = client.post("/api/models", content=STEP).json()["id"]
        for headers in ({}, {"Prefer": "wait=3600"}):
            answer = client.post(f"/api/models/{model_id}/dfm/review-v2", headers=headers)
            assert answer.status_code == 202
        assert app.state.services.waiter is not None
        assert not app.state.services.waiter._followers


def test_respond_async_with_a_wait_is_answered_when_done(
    client: TestClient, model_id: str, finish_next_job: FinishNextJob, succeed: Finish
) -> None:
    finish_next_job(succeed)
    headers = {"Prefer": "respond-async, wait=10"}
    answer = client.post(f"/api/models/{model_id}/dfm/review-v2", headers=headers)
    assert (answer.status_code, answer.headers["preference-applied"]) == (200, "wait=10")


def test_thirty_ask_at_once_and_share_one_job(
    client: TestClient, model_id: str, services: Services, succeed: Finish
) -> None:
    def ask(number: int) -> Any:  # noqa: ANN401 - a response
        body = {"limits": "mtk" if number % 3 == 0 else "default"}
        return client.post(f"/api/models/{model_id}/dfm/review-v2", json=body)

    def all_wait() -> bool:
        assert services.waiter is not None
        return sum(map(len, services.waiter._followers.values())) == 30

    with ThreadPoolExecutor(30) as pool:
        answers = pool.map(ask, range(30))
        wait_until(all_wait)
        jobs = services.jobs.list(limit=100).items
        for job in jobs:
            succeed(job)
        answered = list(answers)
    assert {job.limits for job in jobs} == {"default", "mtk"} and len(jobs) == 2
    assert {answer.status_code for answer in answered} == {200}
    assert len({answer.headers["content-location"] for answer in answered}) == 2
    assert sorted(answer.headers["job-shared"] for answer in answered) == ["false"] * 2 + ["true"] * 28
    assert file_broker(services).message_ids("reviews") == {job.id for job in jobs}


def test_a_review_that_has_ended_is_not_joined(client: TestClient, model_id: str, services: Services) -> None:
    prefer = {"Prefer": "respond-async"}
    first = client.post(f"/api/models/{model_id}/dfm/review-v2", headers=prefer).json()
    services.jobs.transition(first["id"], JobState.CANCELLED, reason="no longer wanted")
    second = client.post(f"/api/models/{model_id}/dfm/review-v2", headers=prefer)
    assert second.json()["id"] != first["id"] and second.headers["job-shared"] == "false"


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("no_solid", 422),
        ("kernel_crashed", 422),
        ("timed_out", 422),
        ("out_of_memory", 422),
        ("worker_lost", 503),
        ("internal_error", 500),
        ("model_removed", 404),
    ],
)
def test_a_failed_review_is_a_problem_document(
    client: TestClient, model_id: str, services: Services, finish_next_job: FinishNextJob, code: str, status: int
) -> None:
    error = JobError(code=code, title="The title", detail="What was found.", advice="What to do.")

    def fail(job: Job) -> None:
        services.jobs.transition(job.id, JobState.FAILED, reason=error.detail, error=error)

    finish_next_job(fail)
    answer = client.post(f"/api/models/{model_id}/dfm/review-v2")
    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (status, code)
    assert answer.headers["content-type"] == MEDIA_TYPE
    assert (problem["title"], problem["detail"], problem["advice"]) == (
        "The title",
        "What was found.",
        "What to do.",
    )
    assert client.get(f"/api/jobs/{problem['job']}").json()["error"]["code"] == code


def test_a_cancelled_review(
    client: TestClient, model_id: str, services: Services, finish_next_job: FinishNextJob
) -> None:
    def cancel(job: Job) -> None:
        services.jobs.transition(job.id, JobState.CANCELLED, reason="no longer wanted")

    finish_next_job(cancel)
    answer = client.post(f"/api/models/{model_id}/dfm/review-v2")
    assert (answer.status_code, answer.json()["code"]) == (409, "job_cancelled")


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({"process": "3d_printing"}, "'cnc_milling'"),
        ({"limits": "none"}, "there are: default, heavy_texture, light_texture, mtk"),
        ({"material": "wood"}, "aluminium-6061-t6"),
        ({"proces": "cnc_milling"}, "proces"),
    ],
)
def test_what_cannot_be_asked_for_names_what_can(
    client: TestClient, model_id: str, services: Services, body: dict[str, str], named: str
) -> None:
    answer = client.post(f"/api/models/{model_id}/dfm/review-v2", json=body)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")
    assert named in answer.json()["detail"]
    assert services.jobs.list(limit=1).items == []


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (QueueDiskFullError("full"), 507, "disk_full"),
        (ConnectionError("gone"), 503, "not_queued"),
    ],
)
def test_a_job_that_cannot_be_queued_is_closed(
    client: TestClient, model_id: str, services: Services, error: Exception, status: int, code: str
) -> None:
    with mock.patch("workers.actors.enqueue_review", side_effect=error):
        answer = client.post(f"/api/models/{model_id}/dfm/review-v2")
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    [job] = services.jobs.list(limit=10).items
    assert job.state is JobState.FAILED
    assert job.error is not None and job.error.code == "not_queued"
    assert str(error) in job.history[-1].reason


@pytest.mark.parametrize(
    ("headers", "understood"),
    [
        ([], Prefer()),
        (["respond-async"], Prefer(respond_async=True)),
        (["Respond-Async; foo=1"], Prefer(respond_async=True)),
        (["wait=10"], Prefer(wait=10)),
        (['wait = "10"'], Prefer(wait=10)),
        (["respond-async, wait=5", "wait=7"], Prefer(respond_async=True, wait=5)),
        (["return=minimal", "handling=lenient,respond-async"], Prefer(respond_async=True)),
        (["wait=-1"], Prefer()),
        (["wait=soon"], Prefer()),
        (["wait=²"], Prefer()),
        (["wait=99999999999999999999"], Prefer()),
        (["respond-asynchronously"], Prefer()),
    ],
)
def test_prefer(headers: list[str], understood: Prefer) -> None:
    assert parse_prefer(headers) == understood


@given(st.lists(st.text()))
def test_prefer_takes_anything(headers: list[str]) -> None:
    parse_prefer(headers)


def test_each_material_is_a_review_of_its_own(client: TestClient, model_id: str, services: Services) -> None:
    def ask(**body: str) -> str:
        headers = {"Prefer": "respond-async"}
        answer = client.post(f"/api/models/{model_id}/dfm/review-v2", json=body, headers=headers)
        assert answer.status_code == 202, answer.text
        return str(answer.json()["id"])

    metal, plastic = ask(), ask(material="abs")
    assert metal != plastic == ask(material="abs")
    assert (services.jobs.get(metal).material, services.jobs.get(plastic).material) == (None, "abs")


def test_a_shops_own_limits_and_materials_can_be_asked_for(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "shop.toml").write_text(
        'process = "cnc_milling"\n[configurations]\nfine = "default"\n'
        '[[materials]]\nid = "ours"\nname = "Ours"\nfamily = "metal"\ndensity = 1.0\n'
        'source = "us"\nurl = "https://us.example"\n'
    )
    app = create_app(settings.model_copy(update={"rules_dir": str(tmp_path)}))
    with TestClient(app) as client:
        client.headers["Authorization"] = f"Bearer {app.state.services.gate.admin_token}"
        model = client.post("/api/models?name=part.step", content=STEP).json()["id"]
        for body, status in (({"limits": "fine"}, 202), ({"material": "ours"}, 202), ({"limits": "finer"}, 422)):
            answer = client.post(f"/api/models/{model}/dfm/review-v2", json=body, headers={"Prefer": "respond-async"})
            assert answer.status_code == status, answer.text
