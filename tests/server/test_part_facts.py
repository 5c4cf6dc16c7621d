"""GET …/part-facts and POST …/part-facts/refresh: measured by a job, kept beside the model."""

from collections.abc import Callable, Iterator
from typing import Any
from unittest import mock

import pytest
from dramatiq import Worker
from fastapi.testclient import TestClient

from server.main import create_app
from server.problems import MEDIA_TYPE
from server.services import Services
from server.settings import Settings
from server.stores.dfm_review_jobs import Job, JobState
from server.stores.errors import NotFoundError
from server.stores.verify import verify
from tests.job_targets import done_by
from tests.server.conftest import STEP, new_jobs, step, wait_until, working
from workers import actors
from workers.file_broker import QueueDiskFullError
from workers.reconciler import Reconciler
from workers.sandbox import Sandbox

FACTS = {"schema": "rapiddraft.part-facts/1", "facts": {"volume": {"value": 0.0, "state": "measured"}}}

Finish = Callable[[Job], None]


@pytest.fixture
def worker(services: Services, sandbox: Sandbox) -> Iterator[Worker]:
    with (
        done_by("part_facts", "tests.server.targets:part_facts"),
        working(services, sandbox) as worker,
    ):
        yield worker


def upload(client: TestClient, what: str) -> str:
    return str(client.post("/api/models?name=a.step", content=step(what)).json()["id"])


def facts_of(client: TestClient, model_id: str, **headers: str) -> Any:  # noqa: ANN401 - httpx's response
    return client.get(f"/api/models/{model_id}/part-facts", headers=headers)


@pytest.mark.usefixtures("worker")
def test_facts_are_measured_when_they_are_asked_for(client: TestClient, services: Services) -> None:
    model_id = upload(client, "good")
    answer = facts_of(client, model_id)
    assert answer.status_code == 200, answer.text
    assert answer.json()["facts"] == {"volume": {"value": 0.0}}
    [job] = services.jobs.list(limit=10).items
    assert (job.kind, job.state, job.run_id) == ("part_facts", JobState.SUCCEEDED, None)
    assert services.runs.list(model_id, limit=10).items == []


@pytest.mark.usefixtures("worker")
def test_facts_are_kept(client: TestClient, services: Services) -> None:
    model_id = upload(client, "good")
    first = facts_of(client, model_id)
    again = facts_of(client, model_id)
    assert again.json() == first.json()
    assert again.headers["etag"] == first.headers["etag"] == '"1"'
    assert facts_of(client, model_id, **{"If-None-Match": again.headers["etag"]}).status_code == 304
    assert len(services.jobs.list(limit=10).items) == 1


@pytest.mark.usefixtures("worker")
def test_a_refresh_measures_again(client: TestClient, services: Services) -> None:
    model_id = upload(client, "good")
    facts_of(client, model_id)
    answer = client.post(f"/api/models/{model_id}/part-facts/refresh")
    assert (answer.status_code, answer.headers["etag"]) == (200, '"2"')
    assert facts_of(client, model_id, **{"If-None-Match": '"1"'}).status_code == 200
    assert len(services.jobs.list(limit=10).items) == 2


@pytest.mark.usefixtures("worker")
def test_a_part_that_cannot_be_measured_says_why_each_time(client: TestClient, services: Services) -> None:
    model_id = upload(client, "part_error")
    for _ in range(2):
        answer = facts_of(client, model_id)
        assert (answer.status_code, answer.json()["code"]) == (422, "no_solid")
        assert answer.headers["content-type"] == MEDIA_TYPE
    assert len(services.jobs.list(limit=10).items) == 1
    assert client.post(f"/api/models/{model_id}/part-facts/refresh").status_code == 422
    assert len(services.jobs.list(limit=10).items) == 2


def test_while_they_are_measured_the_answer_is_the_job(client: TestClient, model_id: str, services: Services) -> None:
    first = facts_of(client, model_id, Prefer="respond-async")
    second = client.post(f"/api/models/{model_id}/part-facts/refresh", headers={"Prefer": "wait=0"})
    assert (first.status_code, second.status_code) == (202, 202)
    assert first.json()["id"] == second.json()["id"]
    assert first.json()["kind"] == "part_facts"
    assert first.headers["location"] == f"/api/jobs/{first.json()['id']}"
    assert int(first.headers["retry-after"]) > 0
    assert len(services.jobs.list(limit=10).items) == 1


def test_a_review_is_another_job(client: TestClient, model_id: str, services: Services) -> None:
    facts_of(client, model_id, Prefer="respond-async")
    client.post(f"/api/models/{model_id}/dfm/review-v2", headers={"Prefer": "respond-async"})
    assert sorted(job.kind for job in services.jobs.list(limit=10).items) == ["part_facts", "review"]


def test_a_job_that_could_not_be_queued_is_asked_for_again(
    client: TestClient, model_id: str, services: Services
) -> None:
    with mock.patch.object(services.broker, "enqueue", side_effect=QueueDiskFullError("full")):
        assert facts_of(client, model_id).status_code == 507
    assert facts_of(client, model_id, Prefer="respond-async").status_code == 202


def test_there_are_none_of_a_model_that_is_not_there(client: TestClient, services: Services) -> None:
    model_id = upload(client, "good")
    client.delete(f"/api/models/{model_id}")
    assert facts_of(client, model_id).status_code == 404
    assert client.post(f"/api/models/{model_id}/part-facts/refresh").status_code == 404
    assert services.jobs.list(limit=10).items == []


def test_a_result_that_was_kept_before_the_worker_was_lost_is_found(
    client: TestClient, model_id: str, services: Services, settings: Settings
) -> None:
    job_id = facts_of(client, model_id, Prefer="respond-async").json()["id"]
    services.jobs.transition(job_id, JobState.RUNNING, reason="taken")
    services.part_facts.put(model_id, job_id, FACTS)
    actors.Reviewer(settings).run(job_id, "request")
    assert services.jobs.get(job_id).state is JobState.SUCCEEDED
    assert services.part_facts.document(model_id).revision == 1


def test_the_reconciler_finishes_such_a_job(
    client: TestClient, model_id: str, services: Services, settings: Settings
) -> None:
    job_id = facts_of(client, model_id, Prefer="respond-async").json()["id"]
    services.jobs.transition(job_id, JobState.RUNNING, reason="taken")
    services.part_facts.put(model_id, job_id, FACTS)
    assert services.broker is not None
    with (
        mock.patch("workers.reconciler.Reconciler._is_overdue", return_value=True),
        mock.patch("workers.brokers.live_message_ids", return_value=set()),
    ):
        assert Reconciler(settings, services.broker).look() == 1
    job = services.jobs.get(job_id)
    assert (job.state, job.run_id) == (JobState.SUCCEEDED, None)


def test_damaged_facts_are_measured_again(client: TestClient, model_id: str, services: Services) -> None:
    services.part_facts.put(model_id, "01J0000000000000000000000A", FACTS)
    path = services.data.model(model_id) / "part-facts.json"
    assert [finding for finding in verify(services.data).findings if finding.bad] == []
    path.write_bytes(path.read_bytes()[:-20])
    assert any("part-facts" in finding.where for finding in verify(services.data).findings)
    assert facts_of(client, model_id, Prefer="respond-async").status_code == 202
    services.part_facts.put(model_id, "01J0000000000000000000000B", FACTS)
    assert facts_of(client, model_id).json() == FACTS


def test_facts_are_measured_ahead_of_the_first_question(settings: Settings) -> None:
    app = create_app(settings.model_copy(update={"warm_part_facts": True}))
    with TestClient(app) as client:
        services: Services = app.state.services
        client.headers["Authorization"] = f"Bearer {services.gate.admin_token}"
        model = client.post("/api/models", content=STEP)
        assert model.status_code == 201
        [job] = services.jobs.list(limit=10).items
        assert (job.kind, job.model_id) == ("part_facts", model.json()["id"])
        assert client.post("/api/models", content=STEP).status_code == 200
        assert len(new_jobs(services, {job.id})) == 0
        with mock.patch.object(services.broker, "enqueue", side_effect=OSError("no queue")):
            assert client.post("/api/models", content=step("another")).status_code == 201
        wait_until(lambda: len(services.jobs.list(limit=10).items) == 2)


def test_facts_of_a_model_that_goes_while_they_are_first_kept_are_of_no_model(
    client: TestClient, services: Services
) -> None:
    model_id = upload(client, "goes")
    documents = services.part_facts._documents
    write = documents._write

    def too_late(*arguments: Any) -> Any:  # noqa: ANN401
        services.models.remove(model_id, who="ana")
        return write(*arguments)

    with mock.patch.object(documents, "_write", too_late), pytest.raises(NotFoundError):
        services.part_facts.put(model_id, "job", FACTS)
