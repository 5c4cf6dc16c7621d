"""Killed at any step, any number of times, every job ends once, with one run."""

import json
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

from dramatiq.errors import BrokerError
from hypothesis import event, example, given, settings
from hypothesis import strategies as st

from server.settings import Settings
from server.stores.analysis_runs import AnalysisRuns
from server.stores.dfm_review_jobs import Job, JobState, ReviewJobs
from tests.jobs.conftest import Installation, install
from tests.jobs.test_reconciler import impatient
from workers import actors, job_errors
from workers.file_broker import FileBroker
from workers.file_broker.clock import Clock
from workers.file_broker.consumer import FileConsumer

HOUR_MS = 3_600_000

# Each is one durable step of the API or of a worker; a crash comes right before it or right after.
STEPS: dict[str, tuple[type, str]] = {
    "job named": (ReviewJobs, "_name"),
    "job written": (ReviewJobs, "ask"),
    "enqueued": (FileBroker, "enqueue"),
    "claimed": (FileConsumer, "_fetch"),
    "state written": (ReviewJobs, "transition"),
    "run written": (AnalysisRuns, "add"),
    "answered": (FileConsumer, "ack"),
}


class Killed(BaseException):
    """The process is gone."""


class LaterClock(Clock):
    """So much later that all leases of processes that were killed have run out."""

    def __init__(self, life: int) -> None:
        self.life = life

    def since_boot(self) -> int:
        return super().since_boot() + self.life * HOUR_MS


@contextmanager
def killed_at(step: str, occurrence: int, *, after: bool) -> Iterator[None]:
    """Kill whoever comes to the step for the `occurrence`-th time."""
    owner, name = STEPS[step]
    real: Callable[..., Any] = getattr(owner, name)
    times = 0

    def step_or_death(*args: object, **options: object) -> Any:  # noqa: ANN401 - what the step returns
        nonlocal times
        times += 1
        if times == occurrence and not after:
            raise Killed
        done = real(*args, **options)
        if times == occurrence:
            raise Killed
        return done

    with mock.patch.object(owner, name, step_or_death):
        yield


def ask(installation: Installation, part: str) -> None:
    """What the API does."""
    job, is_new = installation.jobs.ask(
        installation.upload(part), "cnc_milling", "default", request_id="req-1", identity="admin"
    )
    if is_new:
        actors.put_on_queue(installation.jobs, installation.broker, job)


def work(installation: Installation) -> None:
    """What a worker does, in this thread, until there is nothing left to do."""
    reviewer = actors.Reviewer(installation.settings)
    consumer = installation.broker.consume(actors.QUEUE, prefetch=2, timeout=0)
    try:
        while message := next(consumer):
            reviewer.run(*message.args)
            consumer.ack(message)
    finally:
        consumer._wakeup.close()  # type: ignore[attr-defined]  # what the system does for a dead process


def unfinished(installation: Installation) -> list[Job]:
    return [job for job in installation.jobs.list(limit=200).items if not job.state.is_final]


@contextmanager
def life(configuration: Settings, number: int) -> Iterator[Installation]:
    """A process's life on the data folder, with its locks and leases left as they are at its end."""
    installation = install(configuration)
    assert isinstance(installation.broker, FileBroker)
    installation.broker.storage.clock = LaterClock(number)
    try:
        yield installation
    finally:
        installation.broker.close()


crashes = st.lists(
    st.tuples(st.sampled_from(sorted(STEPS)), st.integers(1, 4), st.booleans()), max_size=job_errors.MAX_ATTEMPTS + 2
)
parts = st.lists(st.sampled_from(["a", "b", "c"]), min_size=1, max_size=4)


@settings(max_examples=60, deadline=None)
@given(asked=parts, killed=crashes)
@example(asked=["a"], killed=[("run written", 1, True)])
def test_every_job_ends_once_with_one_run(asked: list[str], killed: list[tuple[str, int, bool]]) -> None:
    engine = "none yet"  # each life has another: a worker that was restarted may be a newer one
    reviewing = mock.Mock(run=lambda *_, **__: {"findings": [], "by": engine})
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        stack.enter_context(impatient())
        stack.enter_context(mock.patch.object(actors, "sandbox", lambda: reviewing))
        stack.enter_context(mock.patch.object(actors, "engine_digest", lambda _rules: engine))
        configuration = Settings(data_dir=Path(folder) / "data")
        wanted = list(asked)
        deaths = 0
        for number, (step, occurrence, after) in enumerate(killed):
            engine = f"that of life {number}"
            with life(configuration, number) as installation, killed_at(step, occurrence, after=after):
                try:
                    while wanted:
                        ask(installation, wanted.pop())
                    installation.reconciler.look()
                    work(installation)
                except Killed:
                    deaths += 1
        engine = "the last"
        with life(configuration, len(killed)) as installation:
            while wanted:
                ask(installation, wanted.pop())
            work(installation)
            installation.reconciler.look()
            work(installation)
            check(installation, deaths)
        event(f"{deaths} deaths")


def check(installation: Installation, deaths: int) -> None:
    assert unfinished(installation) == []
    for job in installation.jobs.list(limit=200).items:
        final = [change.state for change in job.history if change.state.is_final]
        assert len(final) == 1, job.history
        assert job.attempts <= job_errors.MAX_ATTEMPTS
        if deaths < job_errors.MAX_ATTEMPTS:
            assert job.state is JobState.SUCCEEDED, job.history
        else:
            assert job.state in (JobState.SUCCEEDED, JobState.DEAD), job.history
        assert (job.id in installation.run_ids(job)) == (job.state is JobState.SUCCEEDED)
        if job.run_id:
            check_run(installation, job)
    assert isinstance(installation.broker, FileBroker)
    assert installation.broker.message_ids(actors.QUEUE) == set()


def check_run(installation: Installation, job: Job) -> None:
    """The run is by the engine that the job names, if it names one, and is sent as it is kept."""
    run = installation.runs.get(job.model_id, job.id).review
    assert job.engine in (None, run["by"])
    sent = AnalysisRuns(installation.data, installation.settings.cache_mb).rendered(job.model_id, job.id)
    assert json.loads(sent) == run


def test_an_enqueue_that_fails_fails_the_job_and_leaves_nothing_to_reconcile(installation: Installation) -> None:
    job = installation.ask("good")
    refused = BrokerError("the disk is full")  # type: ignore[no-untyped-call]
    with mock.patch.object(FileBroker, "enqueue", side_effect=refused):
        try:
            actors.put_on_queue(installation.jobs, installation.broker, job)
        except actors.NotQueuedError as error:
            assert error.job == job
    with impatient():
        assert installation.reconciler.look() == 0
    failed = installation.jobs.get(job.id)
    assert failed.state is JobState.FAILED and failed.error is not None and failed.error.code == "not_queued"
