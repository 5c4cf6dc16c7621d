"""What holds for a job whichever broker carries it."""

from pathlib import Path

import pytest
from dramatiq import Worker

from server.stores.dfm_review_jobs import JobState
from tests.jobs.conftest import Installation, install, working
from tests.waiting import is_running, pid_in, until
from workers import actors, brokers, dead_letters, job_errors
from workers.sandbox import Sandbox


@pytest.mark.usefixtures("any_worker")
def test_a_review(any_installation: Installation) -> None:
    job = any_installation.send("good")
    done = any_installation.becomes(job, JobState.SUCCEEDED)
    assert [change.state for change in done.history] == ["queued", "running", "succeeded"]
    assert any_installation.run_ids(job) == [job.id]


@pytest.mark.usefixtures("any_worker")
@pytest.mark.parametrize(
    ("what", "code"), [("part_error", "no_solid"), ("crash", "kernel_crashed"), ("bug", "internal_error")]
)
def test_a_final_error_is_not_tried_again(any_installation: Installation, what: str, code: str) -> None:
    job = any_installation.becomes(any_installation.send(what), JobState.FAILED)
    assert job.error is not None and job.error.code == code
    assert job.attempts == 1 and job.history[-1].code == code


@pytest.mark.usefixtures("any_worker")
def test_a_child_that_was_killed_is_tried_again(any_installation: Installation, tmp_path: Path) -> None:
    job = any_installation.becomes(any_installation.send(f"lost_once {tmp_path / 'lost'}"), JobState.SUCCEEDED)
    assert [change.state for change in job.history] == ["queued", "running", "retrying", "running", "succeeded"]
    assert [change.code for change in job.history] == [None, None, "worker_lost", None, None]


@pytest.mark.usefixtures("any_worker")
def test_delivered_twice_is_done_once(any_installation: Installation) -> None:
    job = any_installation.send("good")
    done = any_installation.becomes(job, JobState.SUCCEEDED)
    actors.enqueue_review(any_installation.broker, job)
    any_installation.broker.join(actors.QUEUE, timeout=20_000)
    assert any_installation.jobs.get(job.id) == done


@pytest.mark.usefixtures("any_worker")
def test_cancelling_ends_the_child(any_installation: Installation, tmp_path: Path) -> None:
    job = any_installation.send(f"hang {tmp_path / 'pid'}")
    child = pid_in(tmp_path / "pid")
    any_installation.jobs.transition(job.id, JobState.CANCELLED, reason="no longer wanted")
    until(lambda: not is_running(child), "the child is ended")
    any_installation.broker.join(actors.QUEUE, timeout=20_000)
    assert [change.state for change in any_installation.jobs.get(job.id).history] == ["queued", "running", "cancelled"]
    assert any_installation.run_ids(job) == []


def test_a_queued_job_that_is_cancelled_never_runs(any_installation: Installation, sandbox: Sandbox) -> None:
    job = any_installation.send("good")
    any_installation.jobs.transition(job.id, JobState.CANCELLED, reason="no longer wanted")
    other = any_installation.send("good too")
    with working(any_installation, sandbox):
        any_installation.becomes(other, JobState.SUCCEEDED)
        any_installation.broker.join(actors.QUEUE, timeout=20_000)
    assert [change.state for change in any_installation.jobs.get(job.id).history] == ["queued", "cancelled"]


def test_a_dead_letter_is_retried(any_installation: Installation, sandbox: Sandbox) -> None:
    job = any_installation.ask("good")
    for _ in range(job_errors.MAX_ATTEMPTS):
        any_installation.jobs.transition(job.id, JobState.RUNNING, reason="a worker took it")
    actors.put_on_queue(any_installation.jobs, any_installation.broker, job)
    with working(any_installation, sandbox):
        dead = any_installation.becomes(job, JobState.DEAD)
        assert dead.error is not None and dead.error.code == "worker_lost"
        dead_letters.retry(any_installation.jobs, any_installation.broker, job.id, by="somebody")
        done = any_installation.becomes(job, JobState.SUCCEEDED)
    assert done.history[-3].reason == "retried by somebody"
    assert done.attempts == job_errors.MAX_ATTEMPTS + 1 and done.error is None


def test_a_job_outlives_the_process_that_asked(any_installation: Installation, sandbox: Sandbox) -> None:
    job = any_installation.send("good")
    any_installation.broker.close()
    later = install(any_installation.settings)
    with working(later, sandbox):
        later.becomes(job, JobState.SUCCEEDED)
    later.broker.close()


def test_how_full_the_queue_is(any_installation: Installation) -> None:
    assert brokers.depth_of(any_installation.broker, actors.QUEUE)["waiting"] == 0
    any_installation.send("good")
    assert brokers.depth_of(any_installation.broker, actors.QUEUE)["waiting"] == 1


def test_the_worker_stops_with_nothing_lost(any_installation: Installation, sandbox: Sandbox) -> None:
    jobs = [any_installation.send(f"good {number}") for number in range(5)]
    with working(any_installation, sandbox) as worker:
        assert isinstance(worker, Worker)
    with working(any_installation, sandbox):
        for job in jobs:
            any_installation.becomes(job, JobState.SUCCEEDED)
    assert all(any_installation.run_ids(job) == [job.id] for job in jobs)
