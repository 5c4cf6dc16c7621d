"""`rapiddraft doctor`: each check is forced to see what is wrong, and says what to do about it."""

import fcntl
import inspect
import json
import os
import resource
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from datetime import timedelta
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import Any
from unittest import mock

import psutil
import pytest

from rapiddraft import commands_doctor
from rapiddraft.doctor import folder, machine, service
from rapiddraft.doctor.finding import Finding, State
from server.clock import now
from server.data_folder import DataFolder
from server.ids import new_id
from server.settings import Settings
from server.stores import damage, worker_heartbeat
from server.stores.dfm_review_jobs import JobError, JobState, ReviewJobs
from tests.stack.running import Stack, free_port, running_stack
from workers.file_broker import FileBroker
from workers.sandbox import Sandbox

OK, WARNING, WRONG = State.OK, State.WARNING, State.WRONG
ERROR = JobError(code="worker_lost", title="t", detail="d", advice="a")


@pytest.fixture
def settings() -> Iterator[Settings]:
    # pytest's own folders have names so long that a socket's path no longer fits.
    with TemporaryDirectory(prefix="rd-") as folder:
        yield _prepared(Path(folder) / "data")


def _prepared(data: Path) -> Settings:
    chosen = Settings(data_dir=data, port=free_port(), sandbox_memory_mb=512, sandbox_children=2)
    DataFolder(chosen.data_dir).prepare()
    return chosen


def states(found: Finding | list[Finding]) -> list[State]:
    return [finding.state for finding in (found if isinstance(found, list) else [found])]


@contextmanager
def damaged(settings: Settings, *, restored: bool) -> Iterator[None]:
    path = settings.data_dir / "jobs" / "x.json"
    path.write_text("x")
    damage.quarantine(DataFolder(settings.data_dir), path, "r", restored={} if restored else None)
    yield


@contextmanager
def written(path: Path, content: str = "") -> Iterator[None]:
    path.write_text(content)
    yield


@contextmanager
def made(path: Path) -> Iterator[None]:
    path.mkdir()
    yield


@contextmanager
def long_held(path: Path) -> Iterator[None]:
    with path.open("wb") as file:
        os.utime(path, (time.time() - 60, time.time() - 60))
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextmanager
def queue_file(settings: Settings, *statements: str) -> Iterator[None]:
    path = DataFolder(settings.data_dir).queue
    FileBroker(path).close()
    with closing(sqlite3.connect(path)) as file:
        for statement in statements:
            file.execute(statement)
    yield


@contextmanager
def a_job(settings: Settings, state: JobState, age: timedelta) -> Iterator[None]:
    jobs = ReviewJobs(DataFolder(settings.data_dir))
    (DataFolder(settings.data_dir).model(model := new_id())).mkdir()
    (DataFolder(settings.data_dir).model(model) / "model.json").write_text("{}")
    with mock.patch("server.stores.dfm_review_jobs.now", lambda: now() - age):
        job = jobs.create(model, "auto", "default", request_id="r", identity="i")
        if state is not JobState.QUEUED:
            jobs.transition(job.id, state, reason="x", error=ERROR if state is JobState.DEAD else None)
    yield


@contextmanager
def taken(port: int) -> Iterator[None]:
    with socket.socket() as other:
        other.bind(("127.0.0.1", port))
        other.listen()
        yield


def on_file_system(kind: str) -> AbstractContextManager[Any]:
    return mock.patch.object(psutil, "disk_partitions", lambda **_: [SimpleNamespace(mountpoint="/", fstype=kind)])


def with_free(size: int) -> AbstractContextManager[Any]:
    return mock.patch("shutil.disk_usage", lambda _path: SimpleNamespace(free=size, total=1 << 40))


def with_files(most: int) -> AbstractContextManager[Any]:
    return mock.patch.object(resource, "getrlimit", lambda _which: (most, most))


def with_memory(mib: int) -> AbstractContextManager[Any]:
    return mock.patch("server.machine.usable_memory", lambda: mib << 20)


def unsynchronised(state: bool) -> AbstractContextManager[Any]:
    return mock.patch.object(machine, "_is_unsynchronised", lambda: state)


DAY = timedelta(days=1)
Check = Callable[[Settings], Finding | list[Finding]]
Trouble = Callable[[Settings], AbstractContextManager[Any]]
MIB = 1 << 20

FORCED: list[tuple[Check, Trouble, list[State], str]] = [
    (machine.python, lambda _: mock.patch("platform.python_version", lambda: "3.12.1"), [WRONG], "3.12.1"),
    (machine.packages, lambda _: mock.patch.object(machine, "_installed", lambda _: "0"), [WRONG], "0 instead of"),
    (folder.data_folder, lambda s: mock.patch.object(Path, "exists", lambda p: p != s.data_dir), [WARNING], "no "),
    (folder.data_folder, lambda _: mock.patch.object(Path, "is_dir", lambda _: False), [WRONG], "not a folder"),
    (folder.data_folder, lambda _: mock.patch.object(folder, "LONGEST_SOCKET", 5), [WRONG], "too long"),
    (
        folder.data_folder,
        lambda _: mock.patch("tempfile.TemporaryFile", side_effect=OSError(30, "Read-only file system")),
        [WRONG],
        "Read-only",
    ),
    (folder.owner, lambda _: mock.patch("os.geteuid", lambda: os.getuid() + 1), [WARNING], "user"),
    (folder.space, lambda _: with_free(1), [WRONG], "largest upload"),
    (folder.space, lambda s: with_free(s.max_upload_bytes + 33 * MIB), [WARNING], "free"),
    (folder.file_system, lambda _: on_file_system("tmpfs"), [WRONG], "tmpfs"),
    (folder.file_system, lambda _: on_file_system("nfs4"), [WARNING], "network"),
    (folder.documents, lambda s: damaged(s, restored=False), [WRONG], "jobs/x.json"),
    (folder.documents, lambda s: damaged(s, restored=True), [WARNING], "restored"),
    (folder.tokens, lambda s: written(s.data_dir / "tokens" / f"{new_id()}.json", "x"), [WRONG], "cannot be read"),
    (folder.tokens, lambda s: written(s.data_dir / "admin-token", "short"), [WRONG], "fewer than"),
    (folder.tokens, lambda s: written(s.data_dir / "admin-token", "x" * 32), [WRONG], "others may read"),
    (folder.leftovers, lambda s: made(s.data_dir / ".restoring-data-1"), [WARNING], "interrupted"),
    (folder.leftovers, lambda s: long_held(s.data_dir / "jobs" / "x.json.lock"), [WARNING], "jobs/x.json.lock"),
    (machine.clock, lambda _: unsynchronised(True), [WARNING], "synchronised"),
    (
        machine.clock,
        lambda s: written(DataFolder(s.data_dir).jobs / "7ZZZZZZZZZZZZZZZZZZZZZZZZZ.json"),
        [WRONG],
        "before",
    ),
    (machine.open_files, lambda _: with_files(1024), [WARNING], "1024"),
    (machine.open_files, lambda _: with_files(100), [WRONG], "100"),
    (machine.memory, lambda _: with_memory(700), [WRONG], "needed"),
    (machine.memory, lambda _: with_memory(1000), [WARNING], "large parts"),
    (
        machine.shared_memory,
        lambda _: mock.patch("os.posix_fallocate", side_effect=OSError(28, "No space left")),
        [WARNING],
        "No space",
    ),
    (service.queue, lambda s: written(DataFolder(s.data_dir).queue, "x" * 9000), [WRONG], "cannot be read"),
    (service.queue, lambda s: queue_file(s, "PRAGMA application_id = 7"), [WRONG], "not a queue"),
    (service.queue, lambda s: queue_file(s, "PRAGMA user_version = 99"), [WRONG], "format 99"),
    (service.jobs, lambda s: a_job(s, JobState.RUNNING, DAY), [WARNING, OK], "is running since"),
    (service.jobs, lambda s: a_job(s, JobState.QUEUED, DAY), [WARNING, OK], "is queued since"),
    (service.jobs, lambda s: a_job(s, JobState.DEAD, DAY), [OK, WARNING], "1 × worker_lost"),
    (service.port, lambda s: taken(s.port), [WRONG], "another program"),
]


@pytest.mark.parametrize(("check", "trouble", "expected", "said"), FORCED)
def test_what_is_wrong_is_seen(
    settings: Settings, check: Check, trouble: Trouble, expected: list[State], said: str
) -> None:
    with unsynchronised(False), on_file_system("ext4"):
        assert set(states(check(settings))) == {OK}  # before
        with trouble(settings):
            found = check(settings)
    findings = found if isinstance(found, list) else [found]
    assert states(found) == expected
    bad = [finding for finding in findings if finding.state is not OK]
    assert any(said in finding.detail for finding in bad), bad
    assert all(finding.remedy for finding in bad)


def test_it_leaves_what_is_damaged_where_it_is(settings: Settings) -> None:
    data = DataFolder(settings.data_dir)
    for path in (data.jobs / f"{new_id()}.json", data.tokens / f"{new_id()}.json"):
        path.write_text("damaged")
    before = {path: path.stat().st_mtime_ns for path in data.root.rglob("*")}
    assert states(service.jobs(settings)) == [OK, OK]
    assert folder.tokens(settings).state is WRONG
    assert {path: path.stat().st_mtime_ns for path in data.root.rglob("*")} == before


def test_a_stack_that_something_else_than_supervisord_started(settings: Settings) -> None:
    worker_heartbeat.beat(settings)
    with taken(settings.port):
        assert "is the stack's" in service.port(settings).detail
        assert "without supervisord" in service.stack(settings).detail
        assert service.readiness(settings).state is WRONG  # it is asked: what has the port there does not answer
    [beat] = DataFolder(settings.data_dir).workers.iterdir()
    os.utime(beat, (time.time() - 60, time.time() - 60))
    assert service.stack(settings).detail == "does not run"


def test_what_belongs_to_another_is_seen(settings: Settings) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root may give a file away")
    os.chown(settings.data_dir / "jobs", 12345, -1)
    assert "jobs belong" in folder.owner(settings).detail


@pytest.mark.parametrize("url", ["redis://127.0.0.1:{port}/0", "amqp://127.0.0.1:{port}"])
def test_a_broker_that_does_not_answer(settings: Settings, url: str) -> None:
    found = service.queue(settings.model_copy(update={"broker_url": url.format(port=free_port())}))
    assert found.state is WRONG and "does not answer" in found.detail


@pytest.mark.skipif(find_spec("OCC") is not None, reason="pythonocc-core is installed")
def test_a_kernel_that_cannot_be_loaded(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAPIDDRAFT_KERNEL", "occ")
    kernel = machine.kernel_and_rules(settings)[0]
    assert kernel.state is WRONG and "RAPIDDRAFT_KERNEL=occ" in kernel.detail


def test_rules_that_cannot_be_loaded(settings: Settings, tmp_path: Path) -> None:
    assert states(machine.kernel_and_rules(settings)) == [OK, OK]
    rules = tmp_path / "rules.toml"
    rules.write_text("not a rule file")
    assert states(machine.kernel_and_rules(settings.model_copy(update={"rules_dir": str(rules)}))) == [OK, WRONG]


def test_every_check_is_called_and_none_ends_the_others(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAPIDDRAFT_DATA_DIR", str(settings.data_dir))
    with ExitStack() as stack:
        stack.enter_context(mock.patch("shutil.disk_usage", side_effect=OSError(5, "Input/output error")))
        stack.enter_context(mock.patch.object(Sandbox, "run", lambda *_: {}))
        found = {finding.check: finding for finding in commands_doctor.examine()}
    assert found["space"].state is WRONG and "Input/output error" in found["space"].detail
    assert len(found) == len(commands_doctor.CHECKS) + 3  # settings; jobs, kernel and rules are two each


def test_every_check_there_is_is_made() -> None:
    there = {
        check
        for module in (folder, machine, service)
        for name, check in inspect.getmembers(module, inspect.isfunction)
        if check.__module__ == module.__name__ and not name.startswith("_")
    }
    assert set(commands_doctor.CHECKS) == there


def doctor(**environment: str) -> tuple[int, dict[str, dict[str, str]]]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("RAPIDDRAFT_")}
    command = [sys.executable, "-m", "rapiddraft", "doctor", "--json"]
    done = subprocess.run(command, env=inherited | environment, capture_output=True, text=True, check=False)
    return done.returncode, {finding["check"]: finding for finding in json.loads(done.stdout)}


def test_settings_that_are_invalid_or_misspelt(tmp_path: Path) -> None:
    status, found = doctor(RAPIDDRAFT_PORT="99999")
    assert status == 2 and "RAPIDDRAFT_PORT" in found["settings"]["detail"]
    status, found = doctor(RAPIDDRAFT_DATA_DIR=str(tmp_path), RAPIDDRAFT_PROT="1", RAPIDDRAFT_PORT=str(free_port()))
    assert status >= 1 and "RAPIDDRAFT_PROT" in found["settings"]["detail"]
    assert found["stack"]["detail"] == "does not run"


@pytest.mark.stack
def test_with_the_stack_up_and_with_a_program_of_it_down() -> None:
    with mock.patch.dict(os.environ), _short_folder() as data, running_stack(data) as stack:
        stack.wait_until_ready()
        settings = Settings(data_dir=data, port=stack.port)
        _until_running(stack)
        assert states(service.port(settings)) == states(service.stack(settings)) == [OK]
        assert service.readiness(settings).detail == "ready"
        psutil.Process(stack.process.pid).rlimit(resource.RLIMIT_NOFILE, (777, 777))
        assert "777 a process" in machine.open_files(settings).detail
        stack.control("stop", "api")
        assert "api stopped" in service.stack(settings).detail
        assert states(service.stack(settings)) == states(service.readiness(settings)) == [WRONG]


@contextmanager
def _short_folder() -> Iterator[Path]:
    import tempfile

    with tempfile.TemporaryDirectory(prefix="rd-", dir="/tmp") as data:
        yield Path(data)


def _until_running(stack: Stack) -> None:
    from tests.waiting import until

    until(lambda: stack.control("status").count("RUNNING") == 2, "both programs count as running", 60)
