"""Cancelling, following, listing and retrying jobs over HTTP."""

import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any
from unittest import mock

import httpx
import pytest
import uvicorn
from dramatiq.errors import BrokerError
from fastapi import FastAPI

from server.api import job_events
from server.main import create_app
from server.services import Services
from server.settings import Settings
from server.stores.dfm_review_jobs import Job, JobError, JobState
from tests.jobs.conftest import Installation
from tests.waiting import until
from workers import actors
from workers.file_broker import FileBroker

ERROR = JobError(code="no_solid", title="t", detail="There is no solid.", advice="a")


@pytest.fixture
def app(settings: Settings) -> FastAPI:
    return create_app(settings.model_copy(update={"review_wait_seconds": 30}))


@pytest.fixture
def client(app: FastAPI) -> Iterator[httpx.Client]:
    """A client of the API, which is served for real: a test client would not stream."""
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_config=None, timeout_graceful_shutdown=1))
    thread = threading.Thread(target=server.run)
    thread.start()
    until(lambda: server.started, "the API listens")
    port = server.servers[0].sockets[0].getsockname()[1]
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30, trust_env=False) as client:
        client.headers["Authorization"] = f"Bearer {app.state.services.gate.admin_token}"
        yield client
    server.should_exit = True
    thread.join()


@pytest.fixture
def served(client: httpx.Client, app: FastAPI) -> Installation:  # noqa: ARG001 - which starts it
    services: Services = app.state.services
    assert services.broker is not None
    return Installation(services.settings, services.data, services.broker)


def events(lines: Iterator[str]) -> Iterator[dict[str, Any]]:
    """The events of a stream, and "heartbeat" for a comment."""
    event: dict[str, Any] = {}
    for line in lines:
        name, _, value = line.partition(": ")
        if line == "" and event:
            yield event
            event = {}
        elif line.startswith(":"):
            event["heartbeat"] = True
        elif line:
            event[name] = json.loads(value) if name == "data" else value


def test_the_events_of_a_job(client: httpx.Client, served: Installation) -> None:
    job = served.ask("good")
    with client.stream("GET", f"/api/jobs/{job.id}/events") as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        assert stream.headers["cache-control"] == "no-store"
        seen = events(stream.iter_lines())
        first = next(seen)
        assert (first["event"], first["id"], first["data"]["state"]) == ("state", "1", "queued")
        served.jobs.transition(job.id, JobState.RUNNING, reason="a worker took it")
        running = next(seen)
        assert (running["id"], running["data"]["state"], running["data"]["attempt"]) == ("2", "running", 1)
        served.jobs.set_stage(job.id, "facts")
        assert next(seen) == {"event": "stage", "id": "2.facts", "data": {"stage": "facts", "attempt": 1}}
        served.jobs.transition(job.id, JobState.FAILED, reason=ERROR.detail, error=ERROR)
        failed = next(seen)
        assert (failed["id"], failed["data"]["code"]) == ("3", "no_solid")
        assert list(seen) == [], "the stream ends with the job"


def test_events_go_on_where_they_broke_off(client: httpx.Client, served: Installation, app: FastAPI) -> None:
    job = served.ask("good")
    served.jobs.transition(job.id, JobState.RUNNING, reason="a worker took it")
    served.jobs.set_stage(job.id, "facts")

    def after(last: str) -> list[str]:
        with client.stream("GET", f"/api/jobs/{job.id}/events", headers={"Last-Event-ID": last}) as stream:
            return [event["id"] for event in events(stream.iter_lines())]

    with ThreadPoolExecutor(4) as pool:
        streams = [pool.submit(after, last) for last in ("1", "2", "2.facts", "none of ours")]
        until(lambda: followers(app) == 4, "all follow")
        served.jobs.transition(job.id, JobState.CANCELLED, reason="no longer wanted")
        assert [stream.result() for stream in streams] == [
            ["2", "2.facts", "3"],
            ["2.facts", "3"],
            ["3"],
            ["1", "2", "2.facts", "3"],
        ]
    over = client.get(f"/api/jobs/{job.id}/events", headers={"Last-Event-ID": "3"})
    assert (over.status_code, over.content) == (204, b"")


def followers(app: FastAPI) -> int:
    services: Services = app.state.services
    assert services.waiter is not None
    return sum(map(len, services.waiter._followers.values()))


def test_each_that_follows_is_told_at_once_how_the_job_is(client: httpx.Client, served: Installation) -> None:
    job = served.ask("good")
    url = f"/api/jobs/{job.id}/events"
    with client.stream("GET", url) as first, client.stream("GET", url) as second:
        assert next(events(first.iter_lines()))["id"] == "1"
        assert next(events(second.iter_lines()))["id"] == "1"
        with client.stream("GET", url) as third:
            assert next(events(third.iter_lines()))["id"] == "1"


def test_a_quiet_stream_has_heartbeats_and_no_thread(client: httpx.Client, served: Installation, app: FastAPI) -> None:
    job = served.ask("good")
    streaming = client.stream("GET", f"/api/jobs/{job.id}/events")
    with mock.patch.object(job_events, "HEARTBEAT_SECONDS", 0.02), streaming as stream:
        threads = threading.active_count()
        seen = events(stream.iter_lines())
        assert next(seen)["id"] == "1"
        assert next(seen) == {"heartbeat": True}
        assert next(seen) == {"heartbeat": True}
        assert threading.active_count() <= threads
    until(lambda: followers(app) == 0, "a client that goes away is forgotten")


def test_events_of_no_job(client: httpx.Client) -> None:
    answer = client.get("/api/jobs/01ARZ3NDEKTSV4RRFFQ69G5FAV/events")
    assert (answer.status_code, answer.json()["code"]) == (404, "job_not_found")


def test_a_cancelled_job_answers_all_that_wait(client: httpx.Client, served: Installation, app: FastAPI) -> None:
    model_id = served.upload("good")

    def ask(_: int) -> httpx.Response:
        return client.post(f"/api/models/{model_id}/dfm/review-v2")

    with ThreadPoolExecutor(3) as pool:
        waiting = [pool.submit(ask, number) for number in range(3)]
        until(lambda: followers(app) == 3, "all wait")
        [job] = served.jobs.list(limit=9).items
        cancelled = client.post(f"/api/jobs/{job.id}/cancel")
        assert (cancelled.status_code, cancelled.json()["state"]) == (200, "cancelled")
        answers = [answer.result() for answer in waiting]
    assert {(answer.status_code, answer.json()["code"]) for answer in answers} == {(409, "job_cancelled")}
    assert served.jobs.get(job.id).history[-1].reason == "cancelled by admin"


def test_a_job_that_has_ended_cannot_be_cancelled(client: httpx.Client, served: Installation) -> None:
    job = served.ask("good")
    served.jobs.transition(job.id, JobState.FAILED, reason=ERROR.detail, error=ERROR)
    answer = client.post(f"/api/jobs/{job.id}/cancel")
    assert (answer.status_code, answer.json()["code"]) == (409, "job_has_ended")
    assert served.jobs.get(job.id).state is JobState.FAILED
    missing = client.post("/api/jobs/01ARZ3NDEKTSV4RRFFQ69G5FAV/cancel")
    assert missing.status_code == 404


def listed(client: httpx.Client, **query: str | int) -> list[str]:
    answer = client.get("/api/admin/jobs", params=query)
    assert answer.status_code == 200, answer.text
    return [job["id"] for job in answer.json()["items"]]


def test_jobs_are_listed_and_filtered(client: httpx.Client, served: Installation) -> None:
    first, second, third = served.ask("one"), served.ask("two"), served.ask("three")
    served.jobs.transition(second.id, JobState.FAILED, reason=ERROR.detail, error=ERROR)
    lost = ERROR.model_copy(update={"code": "worker_lost"})
    served.jobs.transition(third.id, JobState.DEAD, reason=lost.detail, error=lost)
    assert listed(client) == [third.id, second.id, first.id]
    assert listed(client, state="dead") == [third.id]
    assert listed(client, code="no_solid") == [second.id]
    assert listed(client, model_id=first.model_id) == [first.id]
    assert listed(client, since=(first.created_at - timedelta(seconds=1)).isoformat()) == [
        third.id,
        second.id,
        first.id,
    ]
    assert listed(client, since=(first.created_at + timedelta(hours=1)).isoformat()) == []
    assert listed(client, limit=1) == [third.id]
    assert listed(client, limit=1, cursor=third.id) == [second.id]
    assert client.get("/api/admin/jobs", params={"state": "lost"}).status_code == 422
    assert client.get("/api/admin/jobs", params={"since": "2026-01-01T00:00:00"}).status_code == 422
    assert httpx.get(f"{client.base_url}/api/admin/jobs", trust_env=False).status_code == 401


def dead(served: Installation, what: str = "good") -> Job:
    job = served.ask(what)
    served.jobs.transition(job.id, JobState.DEAD, reason=ERROR.detail, error=ERROR)
    return job


def test_a_dead_letter_is_retried(client: httpx.Client, served: Installation) -> None:
    job = dead(served)
    answer = client.post(f"/api/admin/jobs/{job.id}/retry")
    assert (answer.status_code, answer.headers["location"]) == (202, f"/api/jobs/{job.id}")
    assert (answer.json()["state"], answer.json()["error"]) == ("queued", None)
    assert answer.json()["history"][-1]["reason"] == "retried by admin"
    assert isinstance(served.broker, FileBroker)
    assert served.broker.message_ids(actors.QUEUE) == {job.id}
    again = client.post(f"/api/admin/jobs/{job.id}/retry")
    assert (again.status_code, again.json()["code"]) == (409, "not_a_dead_letter")


def test_a_retried_job_is_joined_by_who_asks_then(client: httpx.Client, served: Installation) -> None:
    job = dead(served)
    later = served.ask("good")
    served.jobs.transition(later.id, JobState.CANCELLED, reason="no longer wanted")
    client.post(f"/api/admin/jobs/{job.id}/retry")
    answer = client.post(f"/api/models/{job.model_id}/dfm/review-v2", headers={"Prefer": "respond-async"})
    assert (answer.json()["id"], answer.headers["job-shared"]) == (job.id, "true")


def test_no_retry_beside_a_job_that_does_the_same(client: httpx.Client, served: Installation) -> None:
    job = dead(served)
    other = served.ask("good")
    answer = client.post(f"/api/admin/jobs/{job.id}/retry")
    assert (answer.status_code, answer.json()["code"]) == (409, "job_under_way")
    assert other.id in answer.json()["detail"]
    assert served.jobs.get(job.id).state is JobState.DEAD


def test_no_retry_without_the_model(client: httpx.Client, served: Installation) -> None:
    job = dead(served)
    served.models.remove(job.model_id, who="admin")
    answer = client.post(f"/api/admin/jobs/{job.id}/retry")
    assert (answer.status_code, answer.json()["code"]) == (404, "model_not_found")


def test_a_dead_letter_is_discarded(client: httpx.Client, served: Installation) -> None:
    assert isinstance(served.broker, FileBroker)
    job = served.send("good")
    [claim] = served.broker.storage.claim(actors.QUEUE, "dies", limit=1, lease_ms=1000)
    served.broker.storage.reject(claim, "delivered too often")
    served.jobs.transition(job.id, JobState.DEAD, reason=ERROR.detail, error=ERROR)
    answer = client.post(f"/api/admin/jobs/{job.id}/discard")
    assert (answer.status_code, answer.json()["state"]) == (200, "cancelled")
    assert answer.json()["error"]["code"] == "no_solid"
    assert listed(client, state="dead") == []
    assert served.broker.dead_letters(actors.QUEUE) == []
    again = client.post(f"/api/admin/jobs/{job.id}/discard")
    assert (again.status_code, again.json()["code"]) == (409, "not_a_dead_letter")


@pytest.mark.parametrize("what", ["retry", "discard"])
def test_while_the_queue_cannot_be_used_a_dead_letter_stays(
    client: httpx.Client, served: Installation, what: str
) -> None:
    job = dead(served)
    lost = BrokerError("the file was replaced")  # type: ignore[no-untyped-call]
    with mock.patch.object(FileBroker, "dead_letters", side_effect=lost):
        answer = client.post(f"/api/admin/jobs/{job.id}/{what}")
    assert (answer.status_code, answer.json()["code"]) == (503, "queue_not_usable")
    assert served.jobs.get(job.id).state is JobState.DEAD
    with mock.patch.object(FileBroker, "enqueue", side_effect=lost):
        answer = client.post(f"/api/admin/jobs/{job.id}/retry")
    assert (answer.status_code, answer.json()["code"]) == (503, "not_queued")
    assert served.jobs.get(job.id).state is JobState.FAILED
