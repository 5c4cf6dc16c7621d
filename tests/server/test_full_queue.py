"""A queue that has as many jobs as it may: new ones are refused before anything is written, all else goes on."""

from collections.abc import Callable
from typing import Any
from unittest import mock

import pytest
from fastapi.testclient import TestClient

from server.problems import MEDIA_TYPE
from server.review_options import DEFAULT_LIMITS, DEFAULT_PROCESS
from server.services import Services
from server.settings import Settings
from server.stores import worker_heartbeat
from server.stores.dfm_review_jobs import Job, JobState
from server.stores.model_store import ModelStore
from tests.server.conftest import step
from workers import actors
from workers.engine_digest import engine_digest

LATER = {"Prefer": "respond-async"}


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(
        update={"max_queued_jobs": 3, "max_queued_jobs_per_user": 2, "warm_part_facts": False, "sandbox_children": 2}
    )


def upload(client: TestClient, what: str) -> str:
    return str(client.post("/api/models?name=a.step", content=step(what)).json()["id"])


def ask(client: TestClient, model_id: str, **headers: str) -> Any:  # noqa: ANN401 - httpx's response
    return client.post(f"/api/models/{model_id}/dfm/review-v2", headers=LATER | headers)


def job_of(services: Services, what: str, identity: str) -> Job:
    """A job of somebody's, on the queue."""
    part = ModelStore(services.data).receive(1 << 20)
    try:
        part.write(step(what))
        model_id = services.models.keep(part, "part.step", identity)[0].id
    finally:
        part.close()
    job, _ = services.jobs.ask(model_id, DEFAULT_PROCESS, DEFAULT_LIMITS, request_id="r", identity=identity)
    actors.put_on_queue(services.jobs, services.broker, job)
    return job


@pytest.fixture
def full(services: Services) -> list[Job]:
    """As many jobs as the queue takes, of two users."""
    return [job_of(services, f"waits {number}", who) for number, who in enumerate(("admin", "bert", "bert"))]


@pytest.mark.usefixtures("full")
def test_a_new_review_is_refused_and_nothing_is_written_down(client: TestClient, services: Services) -> None:
    before = services.jobs.ids()
    answer = ask(client, upload(client, "one too many"))
    assert answer.status_code == 429
    assert answer.headers["content-type"] == MEDIA_TYPE
    problem = answer.json()
    assert problem["code"] == "queue_full" and "3 messages" in problem["detail"] and problem["advice"]
    assert 1 <= int(answer.headers["retry-after"]) <= 120
    assert services.jobs.ids() == before


@pytest.mark.usefixtures("full")
def test_who_has_nothing_in_a_full_queue_is_let_in(services: Services) -> None:
    assert job_of(services, "of a third", "anna").state is JobState.QUEUED


def test_one_user_cannot_take_all_the_room(client: TestClient, services: Services) -> None:
    for number in range(2):
        assert ask(client, upload(client, f"mine {number}")).status_code == 202
    refused = ask(client, upload(client, "my third"))
    assert (refused.status_code, refused.json()["code"]) == (429, "queue_full")
    assert job_of(services, "of another", "anna").state is JobState.QUEUED


def test_a_review_that_is_under_way_is_joined(client: TestClient, full: list[Job]) -> None:
    answer = ask(client, full[0].model_id)
    assert (answer.status_code, answer.json()["id"]) == (202, full[0].id)


def test_a_review_that_is_kept_is_answered(
    client: TestClient, model_id: str, services: Services, finish_next_job: Callable[[Callable[[Job], None]], None]
) -> None:
    def succeed(job: Job) -> None:
        services.jobs.transition(job.id, JobState.RUNNING, reason="taken")
        services.runs.add(job.model_id, job.id, {"findings": []}, job_id=job.id)
        engine = engine_digest(services.settings.rules_dir)
        services.jobs.transition(job.id, JobState.SUCCEEDED, reason="reviewed", run_id=job.id, engine=engine)

    finish_next_job(succeed)
    assert client.post(f"/api/models/{model_id}/dfm/review-v2").status_code == 200
    job_of(services, "waits", "anna")
    job_of(services, "waits too", "anna")  # with the one that nobody took off the queue, it is full
    assert ask(client, upload(client, "one too many")).status_code == 429
    assert client.post(f"/api/models/{model_id}/dfm/review-v2").status_code == 200


@pytest.mark.usefixtures("full")
def test_who_was_not_fast_enough_is_refused_too(client: TestClient, services: Services) -> None:
    """Others may take the last place between the look and the message."""
    with mock.patch("server.api.reviews.check_room"):
        answer = ask(client, upload(client, "one too many"))
    assert (answer.status_code, answer.json()["code"]) == (429, "queue_full")
    assert 1 <= int(answer.headers["retry-after"]) <= 120
    job = services.jobs.get(answer.json()["job"])
    assert job.state is JobState.FAILED and job.error is not None and job.error.code == "queue_full"


@pytest.mark.usefixtures("full")
def test_part_facts_are_refused_who_asks_for_them_but_not_ahead(client: TestClient, services: Services) -> None:
    before = services.jobs.ids()
    warm = services.settings.model_copy(update={"warm_part_facts": True})
    with mock.patch.object(services, "settings", warm):
        model_id = upload(client, "one too many")
    assert services.jobs.ids() == before
    answer = client.get(f"/api/models/{model_id}/part-facts", headers=LATER)
    assert (answer.status_code, answer.json()["code"]) == (429, "queue_full")
    assert services.jobs.ids() == before


def test_part_facts_take_no_room_from_reviews(client: TestClient) -> None:
    models = [upload(client, f"mine {number}") for number in range(3)]
    for model_id in models[:2]:
        assert client.get(f"/api/models/{model_id}/part-facts", headers=LATER).status_code == 202
    assert client.get(f"/api/models/{models[2]}/part-facts", headers=LATER).status_code == 429
    for model_id in models[:2]:
        assert ask(client, model_id).status_code == 202


@pytest.mark.parametrize(
    ("children", "mean_job_seconds", "seconds"), [(2, 3.0, 5), (4, 0.01, 1), (1, 600.0, 120), (2, None, 2)]
)
@pytest.mark.usefixtures("full")
def test_retry_after_tells_how_long_what_waits_will_take(
    client: TestClient, services: Services, children: int, mean_job_seconds: float | None, seconds: int
) -> None:
    worker_heartbeat.beat(services.settings, children=children, mean_job_seconds=mean_job_seconds)
    assert ask(client, upload(client, "one too many")).headers["retry-after"] == str(seconds)


def test_all_workers_count_for_how_fast_jobs_are_done(services: Services) -> None:
    assert worker_heartbeat.jobs_per_second(services.settings) is None
    for pid in (1, 2):
        with mock.patch.object(worker_heartbeat, "os", mock.Mock(getpid=lambda pid=pid: pid)):
            worker_heartbeat.beat(services.settings, children=2, mean_job_seconds=0.5)
    assert worker_heartbeat.jobs_per_second(services.settings) == 8
