"""No job stays unfinished without a message, and none is taken that is on its way."""

import os
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from unittest import mock

import pytest
from dramatiq import Message

from server.observability import tracing
from server.stores.dfm_review_jobs import Job, JobState
from tests.jobs.conftest import Installation, working
from workers import actors, job_errors, reconciler
from workers.file_broker import FileBroker
from workers.reconciler import Reconciler
from workers.sandbox import Sandbox

real_time = time.time


@contextmanager
def impatient() -> Iterator[None]:
    """Everything is overdue at once."""
    with (
        mock.patch.object(reconciler, "SENDING_SECONDS", -1.0),
        mock.patch.object(reconciler, "DELIVERY_SECONDS", -1.0),
        mock.patch.object(actors, "longest_attempt_seconds", lambda _settings: -60.0),
    ):
        yield


def messages(installation: Installation) -> set[str]:
    assert isinstance(installation.broker, FileBroker)
    return installation.broker.message_ids(actors.QUEUE)


def states(job: Job) -> list[str]:
    return [change.state.value for change in job.history]


def bring_to(installation: Installation, job: Job, state: JobState) -> None:
    way = {JobState.QUEUED: [], JobState.RUNNING: [JobState.RUNNING]}
    for step in way.get(state, [JobState.RUNNING, state]):
        installation.jobs.transition(job.id, step, reason="on the way")


@pytest.mark.parametrize("state", [JobState.QUEUED, JobState.RUNNING, JobState.RETRYING])
def test_a_job_without_a_message_gets_one_and_ends(
    installation: Installation, sandbox: Sandbox, state: JobState
) -> None:
    job = installation.ask("good")
    bring_to(installation, job, state)
    with impatient():
        assert installation.reconciler.look() == 1
    assert messages(installation) == {job.id}
    sent = installation.jobs.get(job.id)
    assert sent.state is (JobState.QUEUED if state is JobState.QUEUED else JobState.RETRYING)
    assert sent.history[-1].code == "message_lost"
    assert f"while it was {state}" in sent.history[-1].reason
    with working(installation, sandbox):
        installation.becomes(job, JobState.SUCCEEDED)
    assert installation.run_ids(job) == [job.id]


def test_a_message_sent_again_belongs_to_the_trace_of_who_asked(installation: Installation) -> None:
    trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    with tracing.span("a request", parent=trace):
        job = installation.ask("good")
    sent: list[Message[None]] = []
    with impatient(), mock.patch.object(FileBroker, "enqueue", lambda _broker, message: sent.append(message)):
        assert installation.reconciler.look() == 1
    [message] = sent
    assert (message.message_id, message.options["traceparent"]) == (job.id, trace)


@pytest.mark.parametrize("state", [JobState.QUEUED, JobState.RUNNING, JobState.RETRYING])
def test_a_job_that_changed_just_now_is_left_alone(installation: Installation, state: JobState) -> None:
    job = installation.ask("good")
    bring_to(installation, job, state)
    assert installation.reconciler.look() == 0
    assert messages(installation) == set()


@pytest.mark.parametrize("state", [JobState.QUEUED, JobState.RUNNING, JobState.RETRYING])
def test_a_job_with_a_message_is_left_alone(installation: Installation, state: JobState) -> None:
    job = installation.send("good")
    bring_to(installation, job, state)
    before = installation.jobs.get(job.id)
    with impatient():
        assert installation.reconciler.look() == 0
    assert installation.jobs.get(job.id) == before


@pytest.mark.parametrize("state", [JobState.SUCCEEDED, JobState.FAILED, JobState.DEAD, JobState.CANCELLED])
def test_a_job_that_has_ended_is_left_alone(installation: Installation, state: JobState) -> None:
    job = installation.ask("good")
    bring_to(installation, job, state)
    with impatient():
        assert installation.reconciler.look() == 0
    assert messages(installation) == set()


def test_a_job_that_has_ended_is_read_no_more(installation: Installation) -> None:
    job = installation.ask("good")
    bring_to(installation, job, JobState.FAILED)
    grow_old(installation, job)
    looking = installation.reconciler
    with impatient():
        looking.look()
        with mock.patch.object(looking._jobs, "document", side_effect=AssertionError("read again")):
            assert looking.look() == 0
        installation.jobs.bring_back(job.id, reason="retried")
        assert looking.look() == 1, "it is read again once it has changed"


def test_one_that_has_not_ended_is_read_however_old(installation: Installation) -> None:
    job = installation.ask("good")
    grow_old(installation, job)
    looking = installation.reconciler
    assert looking.look() == 0, "there is still time"
    with impatient():
        assert looking.look() == 1


def test_when_the_clock_is_set_back_all_are_read(installation: Installation) -> None:
    looking = installation.reconciler
    with mock.patch("workers.reconciler.time.time", lambda: real_time() + 3600):
        looking.look()
    installation.ask("good")  # written an hour before that look, as it seems now
    with impatient():
        assert looking.look() == 1


def test_memory_does_not_grow_with_the_jobs_that_have_ended(installation: Installation) -> None:
    jobs = [installation.ask(f"good {number}") for number in range(5)]
    for job in jobs[1:]:
        bring_to(installation, job, JobState.FAILED)
    looking = installation.reconciler
    looking.look()
    assert looking._unfinished_ids == {jobs[0].id}


def grow_old(installation: Installation, job: Job) -> None:
    """As if the job's document had been written long ago."""
    path = installation.data.jobs / f"{job.id}.json"
    os.utime(path, (path.stat().st_atime, path.stat().st_mtime - 60))


def test_a_job_whose_attempts_are_used_up_is_dead(installation: Installation) -> None:
    job = installation.ask("good")
    for _ in range(job_errors.MAX_ATTEMPTS):
        installation.jobs.transition(job.id, JobState.RUNNING, reason="a worker took it")
    with impatient():
        assert installation.reconciler.look() == 1
    dead = installation.jobs.get(job.id)
    assert dead.state is JobState.DEAD and dead.error is not None and dead.error.code == "worker_lost"


@pytest.mark.parametrize("message", [True, False])
def test_a_run_that_was_kept_is_not_given_up(installation: Installation, sandbox: Sandbox, message: bool) -> None:
    job = installation.send("crash") if message else installation.ask("crash")
    for _ in range(job_errors.MAX_ATTEMPTS):
        installation.jobs.transition(job.id, JobState.RUNNING, reason="a worker took it")
    installation.runs.add(job.model_id, job.id, {"kept": "by the last"}, job_id=job.id)
    if message:
        with working(installation, sandbox):
            installation.becomes(job, JobState.SUCCEEDED)
    else:
        with impatient():
            assert installation.reconciler.look() == 1
    done = installation.jobs.get(job.id)
    assert (done.state, done.run_id, done.attempts) == (JobState.SUCCEEDED, job.id, job_errors.MAX_ATTEMPTS)
    assert installation.run_ids(job) == [job.id]


def test_a_message_that_kills_before_anything_is_written_is_given_up(installation: Installation) -> None:
    assert isinstance(installation.broker, FileBroker)
    storage = installation.broker.storage
    job = installation.send("good")
    with impatient():
        for _ in range(job_errors.MAX_ATTEMPTS):
            [claim] = storage.claim(actors.QUEUE, "dies", limit=1, lease_ms=1000, alone=True)
            storage.reject(claim, "delivered too often")
            assert installation.reconciler.look() == 1
    assert states(installation.jobs.get(job.id)) == [*["queued"] * job_errors.MAX_ATTEMPTS, "dead"]
    assert messages(installation) == set()


@pytest.mark.parametrize("state", [JobState.QUEUED, JobState.RUNNING, JobState.RETRYING])
def test_a_job_without_a_model_fails(installation: Installation, state: JobState) -> None:
    job = installation.ask("good")
    bring_to(installation, job, state)
    installation.models.remove(job.model_id, who="admin")
    with impatient():
        assert installation.reconciler.look() == 1
    failed = installation.jobs.get(job.id)
    assert failed.state is JobState.FAILED and failed.error is not None and failed.error.code == "model_removed"


@pytest.mark.parametrize("state", [JobState.QUEUED, JobState.RUNNING, JobState.RETRYING])
def test_a_job_that_moves_on_meanwhile_is_left_alone(installation: Installation, state: JobState) -> None:
    job = installation.ask("good")
    bring_to(installation, job, state)
    looking = installation.reconciler

    def worker_was_faster(*_: object) -> set[str]:
        installation.jobs.transition(job.id, JobState.RUNNING, reason="a worker took it")
        return set()

    with impatient(), mock.patch("workers.brokers.live_message_ids", worker_was_faster):
        assert looking.look() == 0
    assert installation.jobs.get(job.id).history[-1].reason == "a worker took it"
    assert messages(installation) == set()


def test_of_several_that_look_at_once_one_sends(installation: Installation) -> None:
    jobs = [installation.ask(f"good {number}") for number in range(5)]
    with impatient(), ThreadPoolExecutor(8) as pool:
        moved = sum(pool.map(lambda _: installation.reconciler.look(), range(8)))
    assert moved == 5
    assert messages(installation) == {job.id for job in jobs}
    assert installation.broker.counts(actors.QUEUE).waiting == 5  # type: ignore[attr-defined]


def test_one_damaged_job_does_not_keep_it_from_the_others(installation: Installation) -> None:
    bad, good = installation.ask("bad"), installation.ask("good")
    (installation.data.jobs / f"{bad.id}.json").write_text("{")
    with impatient():
        assert installation.reconciler.look() == 1
    assert messages(installation) == {good.id}


def test_it_looks_by_itself(installation: Installation, sandbox: Sandbox) -> None:
    job = installation.ask("good")
    with (
        mock.patch.object(reconciler, "SENDING_SECONDS", -1.0),
        mock.patch.object(reconciler, "INTERVAL_SECONDS", 0.05),
    ):
        looking = Reconciler(installation.settings, installation.broker)
        looking.start()
        with working(installation, sandbox):
            installation.becomes(job, JobState.SUCCEEDED)
            again = installation.ask("good again")
            installation.becomes(again, JobState.SUCCEEDED)
        looking.stop()


def test_what_every_broker_lost_is_sent_again(any_installation: Installation, sandbox: Sandbox) -> None:
    job = any_installation.send("good")
    any_installation.broker.flush_all()
    with impatient():
        assert any_installation.reconciler.look() == 1
    with working(any_installation, sandbox):
        any_installation.becomes(job, JobState.SUCCEEDED)
    assert any_installation.run_ids(job) == [job.id]
