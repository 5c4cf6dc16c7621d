"""Requests that hold all threads keep nobody from hearing how the service is, or how a job gets on."""

import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from unittest import mock

import anyio.to_thread
import httpx
import pytest
from fastapi.testclient import TestClient

from server.services import Services
from server.settings import Settings
from server.stores.dfm_review_jobs import JobState
from server.stores.paging import Page
from tests.server.conftest import wait_until

THREADS = 4


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"threadpool_size": THREADS})


def threads_held(client: TestClient) -> float:
    async def ask() -> float:
        return anyio.to_thread.current_default_thread_limiter().borrowed_tokens

    assert client.portal
    return client.portal.call(ask)


@contextmanager
def all_threads_held(client: TestClient, services: Services) -> Iterator[list["Future[httpx.Response]"]]:
    """More requests than there are threads, each waiting for something else."""
    go_on = threading.Event()

    def list_after_a_while(**_: object) -> Page[object]:
        assert go_on.wait(60)
        return Page(items=[], next_cursor=None)

    with ThreadPoolExecutor(2 * THREADS) as pool, mock.patch.object(services.models, "list", list_after_a_while):
        try:
            waiting = [pool.submit(client.get, "/api/models") for _ in range(2 * THREADS)]
            wait_until(lambda: threads_held(client) == THREADS)
            yield waiting
        finally:
            go_on.set()


def test_health_answers_meanwhile(client: TestClient, services: Services) -> None:
    with all_threads_held(client, services) as waiting:
        assert client.get("/healthz").status_code == 200
        assert {check["name"] for check in client.get("/readyz").json()["checks"]} >= {"queue", "worker"}
        assert threads_held(client) == THREADS
        assert not any(request.done() for request in waiting)
    assert [request.result().status_code for request in waiting] == [200] * 2 * THREADS


def test_who_follows_a_job_hears_of_its_end_meanwhile(client: TestClient, services: Services, model_id: str) -> None:
    job = services.jobs.create(model_id, "auto", "default", request_id="test", identity="test")

    async def wait_for_the_end() -> JobState | None:
        assert services.waiter
        ended = await services.waiter.wait(job.id, 20)
        return ended.state if ended else None

    assert client.portal
    with all_threads_held(client, services) as waiting:
        end = client.portal.start_task_soon(wait_for_the_end)
        services.jobs.transition(job.id, JobState.CANCELLED, reason="test")
        assert end.result(30) is JobState.CANCELLED
        assert not any(request.done() for request in waiting)
