"""Real worker processes, killed while they work."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import psutil
import pytest

from server.settings import PROJECT_ROOT, Settings
from server.stores.dfm_review_jobs import JobState
from tests.jobs.conftest import Installation
from tests.waiting import until
from workers import job_errors

Start = Callable[[], "subprocess.Popen[bytes]"]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path / "data", broker_lease_seconds=2.0)


@pytest.fixture
def start(settings: Settings, tmp_path: Path) -> Iterator[Start]:
    """Starts a worker process; killed at the end, if not before."""
    environment = {
        **os.environ,
        "RAPIDDRAFT_DATA_DIR": str(settings.data_dir),
        "RAPIDDRAFT_BROKER_LEASE_SECONDS": "2",
        "RAPIDDRAFT_SANDBOX_CHILDREN": "2",
    }
    environment.pop("SUPERVISOR_ENABLED", None)
    with ExitStack() as stack:
        log = stack.enter_context((tmp_path / "log").open("ab"))

        def start() -> "subprocess.Popen[bytes]":
            command = [sys.executable, "-m", "tests.jobs.worker_process"]
            process = subprocess.Popen(command, cwd=PROJECT_ROOT, env=environment, stdout=log, stderr=log)
            stack.callback(process.wait)
            stack.callback(process.kill)
            return process

        yield start


def test_a_job_whose_worker_is_killed_is_done_by_the_next(
    installation: Installation, start: Start, tmp_path: Path
) -> None:
    may_end = tmp_path / "may-end"
    job = installation.send(f"wait_for {may_end}")
    first = start()
    installation.becomes(job, JobState.RUNNING, 60)
    family = psutil.Process(first.pid).children(recursive=True)
    first.kill()
    until(lambda: not any(child.is_running() for child in family), "its children end with it")
    start()
    may_end.touch()
    done = installation.becomes(job, JobState.SUCCEEDED, 60)
    assert "went away" in done.history[2].reason
    assert installation.run_ids(job) == [job.id]


def test_a_part_that_kills_its_worker_is_given_up_and_the_others_are_done(
    installation: Installation, start: Start
) -> None:
    before, poison, after = [installation.send(what) for what in ("good", "kill_worker", "good too")]
    worker = start()

    def all_have_ended() -> bool:
        nonlocal worker
        if worker.poll() is not None:
            worker = start()  # as supervisord does
        return all(installation.jobs.get(job.id).state.is_final for job in (before, poison, after))

    until(all_have_ended, "all have ended", 120)
    given_up = installation.jobs.get(poison.id)
    assert (given_up.state, given_up.attempts) == (JobState.DEAD, job_errors.MAX_ATTEMPTS)
    assert given_up.error is not None and given_up.error.code == "worker_lost"
    for job in (before, after):
        assert installation.jobs.get(job.id).state is JobState.SUCCEEDED
        assert installation.run_ids(job) == [job.id]


def test_a_running_worker_finds_a_job_that_was_never_sent(installation: Installation, start: Start) -> None:
    start()
    job = installation.ask("good")
    done = installation.becomes(job, JobState.SUCCEEDED, 60)
    assert [change.code for change in done.history] == [None, "message_lost", None, None]
