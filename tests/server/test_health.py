"""/healthz looks at nothing; /readyz names what is wrong, each thing for itself."""

import os
import signal
import sqlite3
import subprocess
import sys
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from unittest import mock

import jwt
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from server.data_folder import DataFolder
from server.main import create_app
from server.observability import tracing
from server.problems import MEDIA_TYPE
from server.services import Services
from server.settings import PROJECT_ROOT, Settings
from server.stores import worker_heartbeat
from server.stores.worker_heartbeat import SelfCheck, beat, last_beat, stop_beating
from tests.waiting import until

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
    failed = {c["name"]: c["detail"] for c in document["checks"] if c["required"] and not c["ok"]}
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
    assert set(details) == {
        "data folder",
        "documents",
        "queue",
        "worker",
        "kernel",
        "rules",
        "cache",
        "tracing",
        "identity keys",
    }
    assert details["kernel"] == "OCP 8.0.1"


def test_no_worker(anonymous: TestClient) -> None:
    assert set(wrong(anonymous)) == {"worker", "kernel", "rules"}


def test_a_worker_that_was_stopped(ready: TestClient, settings: Settings) -> None:
    stop_beating(settings)
    assert "worker" in wrong(ready)


@pytest.fixture
def start_worker(services: Services) -> Iterator[Callable[..., "subprocess.Popen[bytes]"]]:
    """Starts a real worker on the services' data folder, with settings, and waits for its first sign of life."""
    started: list[subprocess.Popen[bytes]] = []

    def start(**settings: str) -> "subprocess.Popen[bytes]":
        environment = {**os.environ, "RAPIDDRAFT_DATA_DIR": str(services.data.root), **settings}
        command = [sys.executable, "-m", "workers"]
        started.append(subprocess.Popen(command, cwd=PROJECT_ROOT, env=environment, stdout=subprocess.DEVNULL))
        until(lambda: last_beat(services.settings), "it gives a sign of life", 60)
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait()


Start = Callable[..., "subprocess.Popen[bytes]"]


def test_a_worker_that_stands_still(anonymous: TestClient, start_worker: Start) -> None:
    worker = start_worker()
    assert wrong(anonymous) == {}
    worker.send_signal(signal.SIGSTOP)
    with mock.patch.object(worker_heartbeat, "STALE_AFTER", timedelta(seconds=4)):
        until(lambda: wrong(anonymous), "it is missed")
        assert set(wrong(anonymous)) == {"worker"}
        assert wrong(anonymous)["worker"].startswith("no sign of life since 20")
        worker.send_signal(signal.SIGCONT)
        until(lambda: not wrong(anonymous), "it is back")


@pytest.mark.skipif(find_spec("OCC") is not None, reason="pythonocc-core is installed")
def test_a_kernel_that_does_not_load(anonymous: TestClient, start_worker: Start) -> None:
    start_worker(RAPIDDRAFT_KERNEL="occ")
    failed = wrong(anonymous)
    assert set(failed) == {"kernel"}
    assert "OCC" in failed["kernel"]


def test_rules_of_a_shop_that_are_faulty(anonymous: TestClient, start_worker: Start, tmp_path: Path) -> None:
    (tmp_path / "shop.toml").write_text('process = "cnc_milling"\n[[overrides]]\nid = "hole-dept"\n')
    start_worker(RAPIDDRAFT_RULES_DIR=str(tmp_path / "shop.toml"))
    failed = wrong(anonymous)
    assert set(failed) == {"rules"}
    assert "shop.toml" in failed["rules"]


@pytest.mark.parametrize("folder", ["uploads", "models", "jobs", "run"])
def test_a_folder_that_cannot_be_written_to(ready: TestClient, services: Services, folder: str) -> None:
    path = services.data.root / folder
    path.rename(path.with_name("gone"))
    assert wrong(ready)["data folder"] == f"{folder} is not writable: No such file or directory"
    path.write_text("a file is in the way")
    assert wrong(ready)["data folder"] == f"{folder} is not writable: Not a directory"
    path.unlink()
    path.with_name("gone").rename(path)
    assert wrong(ready) == {}


def test_a_disk_too_small_for_what_may_be_uploaded(settings: Settings) -> None:
    greedy = settings.model_copy(update={"max_upload_bytes": 1 << 60})
    with TestClient(create_app(greedy)) as client:
        beat(settings, kernel=KERNEL, rules=RULES)
        assert "the largest upload and the queue's reserve need 1,152,921," in wrong(client)["data folder"]


def test_a_queue_file_that_was_replaced(ready: TestClient, services: Services) -> None:
    other = services.data.queue.with_name("other")
    other.write_bytes(b"nothing of a queue " * 1000)
    other.replace(services.data.queue)
    assert set(wrong(ready)) == {"queue"}


def test_damaged_documents(client: TestClient, services: Services, settings: Settings, model_id: str) -> None:
    beat(settings, kernel=KERNEL, rules=RULES)
    (services.data.model(model_id) / "model.json").write_text("{damaged")
    assert client.get(f"/api/models/{model_id}").status_code == 200  # made again from the log
    assert wrong(client) == {}
    [documents] = [c["detail"] for c in client.get("/readyz").json()["checks"] if c["name"] == "documents"]
    assert documents == "1 damaged and restored; see the folder damaged"

    job = services.jobs.create(model_id, "cnc_milling", "default", request_id="r", identity="admin")
    (services.data.jobs / f"{job.id}.json").write_text("{damaged")
    services.jobs.if_readable(job.id)
    assert wrong(client)["documents"].startswith(f"damaged and not restored: jobs/{job.id}.json; see")
    for note in services.data.damaged.glob("*.json"):
        note.unlink()
    assert wrong(client) == {}


def test_a_cache_that_cannot_be_written_to_is_reported_and_no_more(ready: TestClient, services: Services) -> None:
    services.data.cache.write_text("a file is in the way")
    answer = ready.get("/readyz")
    assert (answer.status_code, answer.json()["ready"]) == (200, True)
    [cache] = [check for check in answer.json()["checks"] if check["name"] == "cache"]
    assert not cache["required"]
    assert (cache["ok"], cache["detail"]) == (False, "not writable: Not a directory; nothing is kept")


def optional(client: TestClient) -> dict[str, tuple[bool, str]]:
    """What /readyz says, being 200, of what is not required."""
    answer = client.get("/readyz")
    assert answer.status_code == 200
    return {c["name"]: (c["ok"], c["detail"]) for c in answer.json()["checks"] if not c["required"]}


def test_traces_that_cannot_be_sent_are_reported_and_no_more(
    ready: TestClient, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert optional(ready)["tracing"] == (True, "off")
    monkeypatch.setattr(tracing, "_trouble", None)
    with TestClient(create_app(settings.model_copy(update={"otlp_endpoint": "http://127.0.0.1:9"}))) as client:
        assert optional(client)["tracing"] == (True, "on")
        with tracing.span("work"):
            pass
        tracing.close()
        assert optional(client)["tracing"] == (False, "the last ones could not be sent; see the log")


def test_traces_that_cannot_even_be_set_up_are_reported_and_no_more(
    ready: TestClient, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert ready
    monkeypatch.setattr(tracing, "_trouble", None)
    monkeypatch.setenv("OTEL_BSP_MAX_QUEUE_SIZE", "-1")
    with TestClient(create_app(settings.model_copy(update={"otlp_endpoint": "http://127.0.0.1:9"}))) as client:
        assert optional(client)["tracing"] == (False, "could not be set up; the log says why")


def test_keys_that_cannot_be_read_are_reported_and_no_more(
    ready: TestClient, settings: Settings, tmp_path: Path
) -> None:
    assert optional(ready)["identity keys"] == (True, "off")
    trusting = {"identity_keys": str(tmp_path / "keys"), "identity_issuer": "i", "identity_audience": "a"}
    with TestClient(create_app(settings.model_copy(update=trusting))) as client:
        assert optional(client)["identity keys"] == (True, "on")
        token = jwt.encode({}, "a secret of at least 32 characters", "HS256").split(".")
        header = urlsafe_b64encode(b'{"alg":"RS256","kid":"a"}').decode().rstrip("=")
        signed = {"Cf-Access-Jwt-Assertion": ".".join([header, *token[1:]])}
        assert client.get("/api/models", headers=signed).status_code == 503
        assert optional(client)["identity keys"] == (False, "cannot be read; the log says why")


@pytest.mark.parametrize(
    ("what", "patched"),
    [
        ("data folder", "server.data_folder.DataFolder.prepare"),
        ("admin token", "server.access.admin_token.load_or_make"),
        ("queue", "server.services.actors.build_broker"),
        ("wake-up socket", "server.services.JobWaiter"),
    ],
)
def test_each_error_at_start_is_in_the_body(settings: Settings, what: str, patched: str) -> None:
    DataFolder(settings.data_dir).prepare()
    beat(settings, kernel=KERNEL, rules=RULES)
    with mock.patch(patched, side_effect=OSError("no luck")), TestClient(create_app(settings)) as client:
        answer = client.get("/readyz")
        assert (answer.status_code, answer.json()["startup_errors"]) == (503, [f"{what}: no luck"])
        assert f"{what}: no luck" in answer.json()["detail"]
        assert client.get("/healthz").status_code == 200


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
    with mock.patch.object(worker_heartbeat, "os", mock.Mock(getpid=lambda: 1)):
        beat(settings, kernel=KERNEL)
    with mock.patch.object(worker_heartbeat, "os", mock.Mock(getpid=lambda: 2)):
        beat(settings)
    latest = last_beat(settings)
    assert latest is not None and latest.pid == 2 and latest.is_fresh
    (settings.data_dir / "run" / "workers" / "3.json").write_text("{damaged")
    assert last_beat(settings) == latest
    later = datetime.now(UTC) + timedelta(hours=1)
    with mock.patch.object(worker_heartbeat, "datetime", mock.Mock(now=lambda _zone: later)):
        last_beat(settings)
    assert last_beat(settings) is None
