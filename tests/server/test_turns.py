"""Whose turn it is in a worker: so many children at once, and one for the geometry of each part."""

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from dramatiq import Worker
from fastapi.testclient import TestClient

from server.services import Services
from server.settings import Settings
from server.stores.dfm_review_jobs import Job, JobState
from tests.server.conftest import step, wait_until
from workers import actors
from workers.content_cache import ContentCache
from workers.engine_digest import geometry_digest
from workers.errors import PartError
from workers.sandbox import ChildLost


class Children:
    """Stands in for the sandbox: children that end when they are told to, and keep geometry as real ones do."""

    def __init__(self) -> None:
        self.begun: list[str] = []  # keys of geometry
        self.may_end = threading.Event()
        self.meanwhile: Callable[[], None] = lambda: None

    def run(self, _target: str, payload: dict[str, Any], *_: Any, **__: Any) -> dict[str, Any]:  # noqa: ANN401
        told = payload["cache"]
        self.begun.append(told["key"])
        assert self.may_end.wait(30)
        self.meanwhile()
        ContentCache(Path(told["folder"]), told["max_bytes"]).put(told["key"], b"geometry")
        return {"by": "us"}


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"sandbox_children": 2})


@pytest.fixture
def children() -> Iterator[Children]:
    children = Children()
    with mock.patch.object(actors, "sandbox", lambda: children):
        yield children


@pytest.fixture
def reviewer(services: Services) -> actors.Reviewer:
    return actors.Reviewer(services.settings)


@pytest.fixture
def begin(reviewer: actors.Reviewer) -> Iterator[Callable[[Job], threading.Thread]]:
    """Have a job done in a thread of its own."""
    threads: list[threading.Thread] = []

    def start(job: Job) -> threading.Thread:
        thread = threading.Thread(target=reviewer.run, args=(job.id, "req"))
        thread.start()
        threads.append(thread)
        return thread

    yield start
    for thread in threads:
        thread.join(30)
        assert not thread.is_alive()


def job_for(client: TestClient, services: Services, text: str, limits: str = "default") -> Job:
    model_id = client.post("/api/models", content=step(text)).json()["id"]
    return services.jobs.create(model_id, "auto", limits, request_id="req", identity="Ana")


def job_succeeds(services: Services, job: Job) -> None:
    wait_until(lambda: services.jobs.get(job.id).state is JobState.SUCCEEDED)


def geometry_of(services: Services, job: Job) -> str:
    return f"{services.models.get(job.model_id).sha256}-{geometry_digest()}"


def test_who_waits_for_geometry_keeps_no_child_from_others(
    client: TestClient,
    services: Services,
    reviewer: actors.Reviewer,
    children: Children,
    begin: Callable[[Job], threading.Thread],
) -> None:
    first, again = job_for(client, services, "one"), job_for(client, services, "one", "mtk")
    other = job_for(client, services, "other")
    begin(first)
    wait_until(lambda: children.begun == [geometry_of(services, first)])
    waits, filling = threading.Event(), reviewer.cache.filling

    def seen(key: str, seconds: float) -> AbstractContextManager[None]:
        waits.set()
        return filling(key, seconds)

    with mock.patch.object(reviewer.cache, "filling", seen):
        begin(again)
        assert waits.wait(30)
    begin(other)
    wait_until(lambda: len(children.begun) == 2)
    assert children.begun == [geometry_of(services, first), geometry_of(services, other)]
    assert services.jobs.get(again.id).state is JobState.QUEUED  # nothing of its time has passed
    children.may_end.set()
    job_succeeds(services, again)
    assert children.begun[2] == geometry_of(services, again)


def test_with_the_geometry_there_nobody_waits(
    client: TestClient, services: Services, children: Children, begin: Callable[[Job], threading.Thread]
) -> None:
    jobs = [job_for(client, services, "one", limits) for limits in ("default", "mtk")]
    key = geometry_of(services, jobs[0])
    ContentCache(services.data.cache, 1 << 20).put(key, b"geometry")
    for job in jobs:
        begin(job)
    wait_until(lambda: children.begun == [key, key])
    children.may_end.set()


def test_no_more_children_at_once_than_the_settings_say(
    client: TestClient, services: Services, children: Children, begin: Callable[[Job], threading.Thread]
) -> None:
    jobs = [job_for(client, services, text) for text in "abc"]
    threads = [begin(job) for job in jobs]
    wait_until(lambda: len(children.begun) == 2)
    waiting = [job for job in jobs if services.jobs.get(job.id).state is JobState.QUEUED]
    assert len(waiting) == 1
    children.may_end.set()
    for thread in threads:
        thread.join(30)
    assert len(children.begun) == 3


def test_the_next_child_begins_before_the_result_is_stored(
    client: TestClient,
    services: Services,
    reviewer: actors.Reviewer,
    children: Children,
    begin: Callable[[Job], threading.Thread],
) -> None:
    first, second, third = (job_for(client, services, text) for text in "abc")
    stored, keep = threading.Event(), reviewer.results.keep

    def slow(job: Job, result: dict[str, Any], folder: Path) -> bool:
        assert job.id != first.id or stored.wait(30)
        return keep(job, result, folder)

    reviewer.children = threading.BoundedSemaphore(1)
    with mock.patch.object(reviewer.results, "keep", slow):
        children.may_end.set()
        storing = begin(first)
        wait_until(lambda: len(children.begun) == 1)
        for job in (second, third):
            begin(job)
            job_succeeds(services, job)
        assert services.jobs.get(first.id).state is JobState.RUNNING
        stored.set()
        storing.join(30)
    assert services.jobs.get(first.id).state is JobState.SUCCEEDED


def test_a_worker_that_stops_begins_nothing_that_waited(
    client: TestClient,
    services: Services,
    reviewer: actors.Reviewer,
    children: Children,
    begin: Callable[[Job], threading.Thread],
) -> None:
    for text in "ab":
        begin(job_for(client, services, text))
    wait_until(lambda: len(children.begun) == 2)
    waiting, refused = job_for(client, services, "c"), list[BaseException]()

    def run() -> None:
        try:
            reviewer.run(waiting.id, "req")
        except ChildLost as error:
            refused.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    reviewer.stop_beginning()
    children.may_end.set()
    thread.join(30)
    assert len(refused) == 1 and len(children.begun) == 2
    assert services.jobs.get(waiting.id).state is JobState.QUEUED


def test_a_worker_that_shuts_down_says_so_to_its_reviewer(services: Services) -> None:
    assert services.broker is not None
    worker = Worker(services.broker, worker_threads=1, worker_timeout=100)
    with mock.patch.object(actors.Reviewer, "stop_beginning") as told:
        worker.start()
        worker.stop()
    told.assert_called_once_with()


def test_geometry_of_a_part_that_is_removed_meanwhile_is_not_kept(
    client: TestClient, services: Services, children: Children, begin: Callable[[Job], threading.Thread]
) -> None:
    job = job_for(client, services, "one")
    children.meanwhile = lambda: services.models.remove(job.model_id, who="Ana")
    children.may_end.set()
    begin(job).join(30)
    error = services.jobs.get(job.id).error
    assert error is not None and error.code == "model_removed"
    assert not [path for path in services.data.cache.iterdir() if not path.name.startswith(".")]


def test_a_part_that_is_removed_while_it_is_read_is_not_unreadable(
    client: TestClient, services: Services, reviewer: actors.Reviewer
) -> None:
    job = job_for(client, services, "one")

    def run(*_: Any, **__: Any) -> Any:  # noqa: ANN401
        services.models.remove(job.model_id, who="Ana")
        raise PartError("unreadable", "It cannot be read.", "Export it again.")

    with mock.patch.object(actors, "sandbox", lambda: mock.Mock(run=run)):
        reviewer.run(job.id, "req")
    error = services.jobs.get(job.id).error
    assert error is not None and error.code == "model_removed"
