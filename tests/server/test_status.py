"""/api/status: all that the service can tell of itself, and nothing that it must not."""

import os
import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from pydantic import SecretStr, ValidationError

from server.access.roles import Role
from server.api.status import Status
from server.diagnostics import jobs
from server.diagnostics.settings_shown import shown
from server.main import create_app
from server.services import Services
from server.settings import Settings
from server.stores.dfm_review_jobs import Job, JobError, JobState
from server.stores.worker_heartbeat import SelfCheck, beat
from tests.job_targets import done_by
from tests.waiting import pid_in
from workers import actors
from workers.sandbox import Limits, Sandbox, SandboxError


def status(client: TestClient) -> dict[str, Any]:
    answer = client.get("/api/status")
    assert answer.status_code == 200, answer.text
    document: dict[str, Any] = answer.json()
    return document


def test_all_of_it(client: TestClient, settings: Settings, services: Services, model_id: str) -> None:
    beat(settings, kernel=SelfCheck(ok=True, detail="OCP 8.0.1"), rules=SelfCheck(ok=True, detail="cnc"), children=3)
    assert client.post(f"/api/models/{model_id}/dfm/review-v2", headers={"Prefer": "respond-async"}).is_success
    now = status(client)
    assert now["ready"] is True and now["startup_errors"] == []
    assert now["versions"]["kernel"] == "OCP 8.0.1"
    assert len(now["versions"]["engine"]) == 64
    assert now["queue"]["messages"] == {"waiting": 1, "delayed": 0, "held": 0, "dead": 0}
    assert 0 <= now["queue"]["oldest_waiting_seconds"] < 60
    assert now["jobs"]["by_state"]["queued"] == now["jobs"]["counted"] == now["jobs"]["kept"] == 1
    [worker] = now["workers"]
    assert (worker["pid"], worker["children_at_most"], worker["children"]) == (os.getpid(), 3, [])
    [own] = [process for process in now["processes"] if process["pid"] == os.getpid()]
    assert own["memory_bytes"] > 1e7 and own["uptime_seconds"] > 0
    assert 0 < now["disk"]["free_bytes"] < now["disk"]["size_bytes"]
    assert now["disk"]["queue_bytes"] == services.data.queue.stat().st_size
    assert now["cache"]["most_bytes"] == 512 * 1024 * 1024
    assert now["settings"]["data_dir"] == str(settings.data_dir)


def test_what_a_child_does(client: TestClient, settings: Settings, sandbox: Sandbox, tmp_path: Path) -> None:
    payload = {"pid_file": str(tmp_path / "pid")}
    with ThreadPoolExecutor(1) as thread:
        job = thread.submit(sandbox.run, "tests.runtime.targets:hang_in_c", payload, Limits(60, 1 << 30))
        pid = pid_in(tmp_path / "pid")
        beat(settings, running=sandbox.running())
        [[child]] = [worker["children"] for worker in status(client)["workers"]]
        assert (child["pid"], child["stage"]) == (pid, "tessellate")
        assert child["memory_bytes"] > 1e6
        os.kill(pid, signal.SIGKILL)
        assert isinstance(job.exception(), SandboxError)
    [[child]] = [worker["children"] for worker in status(client)["workers"]]
    assert child["memory_bytes"] is None


def test_a_child_is_at_work_for_a_job(
    services: Services, client: TestClient, model_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Asked of the sandbox while the worker's own code runs a job in it."""
    seen, go_on = threading.Event(), threading.Event()
    sandbox = Sandbox(())

    def look(reports: Any, stage: str) -> None:  # noqa: ANN401, ARG001
        seen.set()
        go_on.wait(20)

    monkeypatch.setattr(actors, "sandbox", lambda: sandbox)
    monkeypatch.setattr(actors._StageReports, "began", look)
    job = services.jobs.create(model_id, "cnc_milling", "default", request_id="r", identity="admin")
    with done_by("review", "tests.server.targets:review"), ThreadPoolExecutor(1) as thread:
        done = thread.submit(actors.Reviewer(services.settings).run, job.id, "r")
        assert seen.wait(20)
        beat(services.settings, running=sandbox.running())
        go_on.set()
        done.result()
    sandbox.close()
    [[child]] = [worker["children"] for worker in status(client)["workers"]]
    assert (child["job_id"], child["stage"]) == (job.id, "read")


def test_the_latest_errors(client: TestClient, services: Services, model_id: str) -> None:
    ended = []
    for number in range(3):
        job = services.jobs.create(model_id, "cnc_milling", "default", request_id="r", identity="admin")
        error = JobError(code=f"code_{number}", title="t", detail="/a/path/of/ours", advice="a")
        services.jobs.transition(job.id, JobState.FAILED, reason="x", error=error)
        ended.append(job.id)
    now = status(client)
    assert [error["job_id"] for error in now["last_errors"]] == ended[::-1]
    assert [error["code"] for error in now["last_errors"]] == ["code_2", "code_1", "code_0"]
    assert all(error["state"] == "failed" and error["at"] for error in now["last_errors"])


def test_it_reads_no_more_jobs_than_it_says(
    client: TestClient, services: Services, model_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "COUNTED", 5)
    for _ in range(9):
        services.jobs.create(model_id, "cnc_milling", "default", request_id="r", identity="admin")
    read: list[str] = []
    get = services.jobs.get

    def counted(job_id: str) -> Job:
        read.append(job_id)
        return get(job_id)

    monkeypatch.setattr(services.jobs, "get", counted)
    now = status(client)
    assert (now["jobs"]["counted"], now["jobs"]["kept"], now["jobs"]["by_state"]["queued"]) == (5, 9, 5)
    assert len(read) == 5


@pytest.mark.parametrize("role", [Role.VIEWER, Role.REVIEWER])
def test_only_admins_see_settings_and_paths(anonymous: TestClient, services: Services, role: Role) -> None:
    job = services.jobs.create("01ARZ3NDEKTSV4RRFFQ69G5FAV", "cnc_milling", "default", request_id="r", identity="x")
    (services.data.jobs / f"{job.id}.json").write_text("{damaged")
    services.jobs.if_readable(job.id)
    _, token = services.gate.tokens.make("Ana", role)
    anonymous.headers["Authorization"] = f"Bearer {token}"
    answer = anonymous.get("/api/status")
    assert answer.json()["settings"] is None
    assert "damaged and not restored" in answer.text
    assert str(services.data.root) not in answer.text


def test_without_a_token_nothing_is_told(anonymous: TestClient) -> None:
    assert anonymous.get("/api/status").status_code == 401


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("redis://user:hunter2@host:6379/0", "redis://user:***@host:6379/0"),
        ("rediss://:hunter2@host/0?ssl_cert_reqs=none&password=hunter2", "rediss://:***@host/0?***"),
        ("amqp://user:hunter2@host", "amqp://user:***@host"),
        ("amqp://user:hunter2:hunter2@host", "amqp://user:***@host"),
        ("redis://user:hunter2/hunter2?#@host:6379/0", "redis://user:***@host:6379/0"),
        ("redis://hunter2@host:6379/0", "redis://***@host:6379/0"),
        ("redis://host:6379/0?password=a#hunter2", "redis://host:6379/0?***"),
        ("redis://host:6379/0", "redis://host:6379/0"),
        ("file:///var/lib/queue.sqlite3", "file:///var/lib/queue.sqlite3"),
    ],
)
def test_no_password_is_shown(settings: Settings, url: str, expected: str) -> None:
    settings = settings.model_copy(update={"broker_url": url})
    assert shown(settings)["broker_url"] == expected
    assert "hunter2" not in str(shown(settings))


@pytest.mark.parametrize("url", ["redis://user:hunter2/@host:6379", "redis//user:hunter2@host"])
def test_a_url_that_is_none_is_refused_and_not_repeated(settings: Settings, url: str) -> None:
    with pytest.raises(ValidationError) as refused:
        Settings(data_dir=settings.data_dir, broker_url=url)
    assert "broker_url" in str(refused.value)
    assert "hunter2" not in str(refused.value)


def test_a_secret_is_masked_by_its_type(settings: Settings) -> None:
    class WithSecret(Settings):
        secret: SecretStr = SecretStr("hunter2")

    assert shown(WithSecret())["secret"] == "*" * 10
    assert set(shown(settings)) == set(Settings.model_fields)


def test_a_service_that_could_not_start_says_so(settings: Settings) -> None:
    settings.data_dir.mkdir()
    (settings.data_dir / "queue.sqlite3").write_bytes(b"nothing of a queue " * 1000)
    app = create_app(settings)
    with TestClient(app) as client:
        client.headers["Authorization"] = f"Bearer {app.state.services.gate.admin_token}"
        now = status(client)
    assert (now["ready"], now["queue"]) == (False, None)
    assert now["startup_errors"][0].startswith("queue: ")


def test_the_example_in_the_documents_is_one(app: FastAPI) -> None:
    example = app.openapi()["components"]["schemas"]["Status"]["example"]
    assert Status.model_validate(example, strict=False).jobs.kept == 48211
    assert set(example) == set(Status.model_fields)
