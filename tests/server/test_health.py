"""/healthz looks at nothing; /readyz names what is wrong, each thing for itself."""

import shutil
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest import mock

import pytest
from dramatiq.errors import BrokerConnectionError
from fastapi import FastAPI
from fastapi.testclient import TestClient

from server.main import create_app
from server.problems import MEDIA_TYPE
from server.services import Services
from server.settings import Settings
from server.stores import worker_heartbeat
from server.stores.worker_heartbeat import SelfCheck, beat, last_beat, stop_beating

KERNEL = SelfCheck(ok=True, detail="OCP 8.0.1")
RULES = SelfCheck(ok=True, detail="12 rules")


@pytest.fixture
def ready(anonymous: TestClient, settings: Settings) -> Iterator[TestClient]:
    """The API with all that it needs."""
    beat(settings, kernel=KERNEL, rules=RULES)
    yield anonymous
    stop_beating(settings)


def wrong(client: TestClient) -> dict[str, str]:
    """What /readyz finds wrong, by name."""
    answer = client.get("/readyz")
    document: dict[str, Any] = answer.json()
    failed = {check["name"]: check["detail"] for check in document["checks"] if not check["ok"]}
    assert answer.status_code == (503 if failed or document["startup_errors"] else 200)
    if answer.status_code == 503:
        assert answer.headers["content-type"] == MEDIA_TYPE
        assert all(detail in document["detail"] for detail in failed.values())
    return failed


def test_ready(ready: TestClient) -> None:
    assert wrong(ready) == {}
    document = ready.get("/readyz").json()
    assert document["ready"] is True
    details = {check["name"]: check["detail"] for check in document["checks"]}
    assert set(details) == {"data folder", "documents", "queue", "worker", "kernel", "rules", "cache"}
    assert details["kernel"] == "OCP 8.0.1"


def test_no_worker(anonymous: TestClient) -> None:
    assert set(wrong(anonymous)) == {"worker", "kernel", "rules"}


def test_a_worker_that_went_silent(ready: TestClient) -> None:
    later = datetime.now(UTC) + timedelta(seconds=60)
    with mock.patch.object(worker_heartbeat, "datetime", mock.Mock(now=lambda _zone: later)):
        assert set(wrong(ready)) == {"worker"}
    assert wrong(ready) == {}


def test_a_worker_that_was_stopped(ready: TestClient, settings: Settings) -> None:
    stop_beating(settings)
    assert "worker" in wrong(ready)


def test_a_kernel_that_does_not_load(ready: TestClient, settings: Settings) -> None:
    beat(settings, kernel=SelfCheck(ok=False, detail="libGL.so.1 is missing"), rules=RULES)
    assert wrong(ready) == {"kernel": "libGL.so.1 is missing"}


def test_bad_rules(ready: TestClient, settings: Settings) -> None:
    beat(settings, kernel=KERNEL, rules=SelfCheck(ok=False, detail="milling.toml, line 3"))
    assert wrong(ready) == {"rules": "milling.toml, line 3"}


def test_data_folder_gone(ready: TestClient, services: Services) -> None:
    shutil.rmtree(services.data.uploads)
    assert set(wrong(ready)) == {"data folder"}


def test_disk_nearly_full(ready: TestClient) -> None:
    with mock.patch("server.diagnostics.readiness.shutil.disk_usage", return_value=mock.Mock(free=1000)):
        assert wrong(ready)["data folder"].startswith("1,000 bytes free")


def test_queue_unreadable(ready: TestClient, services: Services) -> None:
    assert services.broker is not None
    lost = BrokerConnectionError("the file was replaced")  # type: ignore[no-untyped-call]
    with mock.patch.object(services.broker.storage, "counts", side_effect=lost):
        assert wrong(ready) == {"queue": "the file was replaced"}


def test_a_foreign_queue_file_is_named_and_left_alone(settings: Settings) -> None:
    settings.data_dir.mkdir()
    foreign = settings.data_dir / "queue.sqlite3"
    connection = sqlite3.connect(foreign)
    connection.execute("CREATE TABLE somebody_elses (x)")
    connection.commit()
    connection.close()
    before = foreign.read_bytes()
    with TestClient(create_app(settings)) as client:
        document = client.get("/readyz").json()
        assert any(error.startswith("queue: ") for error in document["startup_errors"])
        assert "queue" in wrong(client)
        assert client.get("/healthz").status_code == 200
    assert foreign.read_bytes() == before


def test_a_data_folder_that_cannot_be_made(settings: Settings, app: FastAPI) -> None:
    settings.data_dir.write_text("a file is in the way")
    with TestClient(app) as client:
        assert client.get("/healthz").status_code == 200
        document = client.get("/readyz").json()
        assert document["status"] == 503
        assert document["startup_errors"][0].startswith("data folder: ")
        assert client.get("/api/models").status_code == 503


def test_healthz_needs_no_disk(anonymous: TestClient, services: Services) -> None:
    services.data.root.rename(services.data.root.with_name("gone"))
    assert anonymous.get("/healthz").json() == {"status": "alive"}


def test_the_latest_beat_counts_and_old_ones_go(settings: Settings) -> None:
    assert last_beat(settings) is None
    with mock.patch("server.stores.worker_heartbeat.os.getpid", return_value=1):
        beat(settings, kernel=KERNEL)
    with mock.patch("server.stores.worker_heartbeat.os.getpid", return_value=2):
        beat(settings)
    latest = last_beat(settings)
    assert latest is not None and latest.pid == 2 and latest.is_fresh
    (settings.data_dir / "run" / "workers" / "3.json").write_text("{damaged")
    assert last_beat(settings) == latest
    later = datetime.now(UTC) + timedelta(hours=1)
    with mock.patch.object(worker_heartbeat, "datetime", mock.Mock(now=lambda _zone: later)):
        last_beat(settings)
    assert last_beat(settings) is None
