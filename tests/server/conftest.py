"""The API in this process, on a data folder of its own."""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest import mock

import pytest
from dramatiq import Worker
from fastapi import FastAPI
from fastapi.testclient import TestClient

from server.data_folder import DataFolder
from server.main import create_app
from server.services import Services
from server.settings import Settings
from server.stores.dfm_review_jobs import Job
from tests.waiting import PATIENCE
from workers import actors
from workers.file_broker import FileBroker
from workers.sandbox import Sandbox

STEP = b"ISO-10303-21;\nHEADER;\nENDSEC;\nDATA;\nENDSEC;\nEND-ISO-10303-21;\n"
MIB = 1024 * 1024


def step(text: str) -> bytes:
    """A STEP file that differs from others by `text`."""
    return STEP + f"/* {text} */\n".encode()


def wait_until(condition: Callable[[], object], seconds: float = 20.0) -> None:
    """Wait for `condition` to become true, and fail if it does not in time."""
    deadline = time.monotonic() + PATIENCE * seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.005)


@pytest.fixture(autouse=True)
def log_everything(caplog: pytest.LogCaptureFixture) -> None:
    """A log line that cannot be made is a bug, whether or not it would be shown."""
    caplog.set_level(logging.DEBUG)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path / "data", max_upload_bytes=2 * MIB, review_wait_seconds=10)


@pytest.fixture
def data(settings: Settings) -> DataFolder:
    folder = DataFolder(settings.data_dir)
    folder.prepare()
    return folder


@pytest.fixture
def app(settings: Settings) -> FastAPI:
    return create_app(settings)


@pytest.fixture
def anonymous(app: FastAPI) -> Iterator[TestClient]:
    """A client without a token."""
    with TestClient(app, raise_server_exceptions=False) as client:
        yield client


@pytest.fixture
def client(anonymous: TestClient, services: Services) -> TestClient:
    """A client with the admin token."""
    anonymous.headers["Authorization"] = f"Bearer {services.gate.admin_token}"
    return anonymous


@pytest.fixture
def services(app: FastAPI, anonymous: TestClient) -> Services:  # noqa: ARG001 - which starts them
    services: Services = app.state.services
    return services


@pytest.fixture
def model_id(client: TestClient) -> str:
    """A model that was uploaded."""
    answer = client.post("/api/models?name=bracket.step", content=STEP)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


@pytest.fixture
def finish_next_job(services: Services) -> Iterator[Callable[[Callable[[Job], None]], None]]:
    """Stands in for the worker: calls what it is given with the next job that is queued, in a thread."""
    threads: list[threading.Thread] = []

    def start(finish: Callable[[Job], None]) -> None:
        seen = {job.id for job in services.jobs.list(limit=100).items}

        def watch() -> None:
            wait_until(lambda: new_jobs(services, seen))
            finish(new_jobs(services, seen)[0])

        thread = threading.Thread(target=watch)
        threads.append(thread)
        thread.start()

    yield start
    for thread in threads:
        thread.join(30)
        assert not thread.is_alive()


def new_jobs(services: Services, seen: set[str]) -> list[Job]:
    return [job for job in services.jobs.list(limit=100).items if job.id not in seen]


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    sandbox = Sandbox(())
    yield sandbox
    sandbox.close()


def file_broker(services: Services) -> FileBroker:
    """The queue of an application that began well."""
    assert isinstance(services.broker, FileBroker)
    return services.broker


@contextmanager
def working(services: Services, sandbox: Sandbox) -> Iterator[Worker]:
    """A worker on the services' broker, whose jobs run in `sandbox`."""
    assert services.broker is not None
    worker = Worker(services.broker, worker_threads=2, worker_timeout=100)
    with mock.patch.object(actors, "sandbox", lambda: sandbox):
        worker.start()
        yield worker
        worker.stop()
