"""The jobs, as Dramatiq runs them. Importing this loads no kernel and starts no process."""

import logging
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import dramatiq
from dramatiq import Broker, Message
from dramatiq.middleware import CurrentMessage, TimeLimitExceeded

from server._atomic_json import LockTimeoutError
from server.clock import now
from server.data_folder import DataFolder
from server.observability import metrics, tracing
from server.observability.logging import log_ids
from server.settings import Settings
from server.stores.dfm_review_jobs import Job, JobError, JobState, ReviewJobs
from server.stores.errors import (
    DamagedDocumentError,
    IllegalTransitionError,
    NewerDocumentError,
    NotFoundError,
)
from server.stores.job_results import JobResults
from server.stores.model_store import Model, ModelStore
from workers import brokers
from workers.child_count import counted
from workers.content_cache import ContentCache
from workers.engine_digest import engine_digest, geometry_digest
from workers.errors import PartError
from workers.file_broker import QueueFullError
from workers.job_errors import MAX_ATTEMPTS, WORKER_LOST_EACH_TIME, explain
from workers.job_kinds import JOB_KINDS
from workers.pace import Pace
from workers.sandbox import (
    ChildFailed,
    ChildLost,
    ChildStarved,
    ChildStopped,
    Limits,
    Sandbox,
    SandboxError,
)

log = logging.getLogger(__name__)

QUEUE = "reviews"
PRELOAD = ("workers.preload",)
MIB = 1024 * 1024
STAGE_INTERVAL_SECONDS = 0.25

# What a later attempt may get past: the child was killed, the machine was loaded, the disk was full, a lock
# was held. All else would end the same way again.
RETRYABLE = (ChildLost, ChildStarved, OSError, LockTimeoutError)


def build_broker(settings: Settings) -> Broker:
    """The broker of this installation with its actors declared, made Dramatiq's global one.

    Raises what brokers.build raises.
    """
    broker = brokers.build(settings)
    broker.add_middleware(CurrentMessage())
    dramatiq.set_broker(broker)
    reviewer = Reviewer(settings)
    broker.add_middleware(_StopBeginning(reviewer))
    options: dict[str, Any] = {
        "broker": broker,
        "queue_name": QUEUE,
        "min_backoff": 500,
        "max_backoff": 30_000,
        # Without a bound: the job counts its attempts, and one that could not even be begun (the disk is
        # full) was not an attempt.
        "retry_when": lambda _retries, error: isinstance(error, RETRYABLE),
        "time_limit": int(longest_attempt_seconds(settings) * 1000),
    }

    def run(job_id: str, request_id: str) -> None:
        reviewer.run(job_id, request_id, _traceparent_of_message())

    for kind in JOB_KINDS.values():
        dramatiq.actor(actor_name=kind.actor, priority=kind.priority, **options)(run)

    return broker


class _StopBeginning(dramatiq.Middleware):
    """Has the reviewer begin nothing more once the worker stops: a thread may still wait for its turn."""

    def __init__(self, reviewer: "Reviewer") -> None:
        self._reviewer = reviewer

    def before_worker_boot(self, broker: Broker, worker: dramatiq.Worker) -> None:  # noqa: ARG002 - Dramatiq's
        self._reviewer.may_begin()

    def before_worker_shutdown(self, broker: Broker, worker: dramatiq.Worker) -> None:  # noqa: ARG002 - Dramatiq's
        self._reviewer.stop_beginning()


def _traceparent_of_message() -> str | None:
    # Not an argument of the actor: a worker of before would not know it.
    message = CurrentMessage.get_current_message()
    return tracing.well_formed(message.options.get("traceparent")) if message else None


def longest_attempt_seconds(settings: Settings) -> float:
    """After so long an attempt is over, whatever happened: it may wait for the geometry that another job makes, and
    then for a child to end; the sandbox keeps its own deadline well before.
    """
    return 3 * settings.sandbox_deadline_seconds + 60


def enqueue_review(broker: Broker, job: Job, *, is_new: bool = False) -> None:
    """Ask a worker to do `job`; durable when this returns. Raises what the broker's `enqueue` raises.

    Only one that `is_new` may be refused because the queue is full.
    """
    # What is sent again belongs to the trace of who asked for it.
    with tracing.span(f"send {job.kind}", "PRODUCER", tracing.current_traceparent() or job.traceparent):
        message = _message(broker, job)
        broker.enqueue(message.copy(options={"is_new": True}) if is_new else message)


def _message(broker: Broker, job: Job) -> "Message[None]":
    """The message for `job`: whoever asked for it has a turn of his own, and the reconciler knows it by its id."""
    actor = broker.get_actor(JOB_KINDS[job.kind].actor)
    message: Message[None] = actor.message(job.id, job.request_id)
    traceparent = tracing.current_traceparent()
    options = {"group": job.identity} | ({"traceparent": traceparent} if traceparent else {})
    return message.copy(message_id=job.id, options=options)


class NotQueuedError(Exception):
    """A job cannot be put on the queue; `job` is failed with `error`, or None if it was not even written down."""

    def __init__(self, error: JobError, job: Job | None = None) -> None:
        super().__init__(error.detail)
        self.error = error
        self.job = job


def check_room(settings: Settings, broker: Broker | None, job: Job) -> None:
    """Raise NotQueuedError, from what the broker raised, if the queue would not take the new `job` now. Cheap.

    For before it is written down; `put_on_queue` refuses it as well where others were faster.
    """
    try:
        broker = _opened(broker)
        brokers.check_room(broker, settings, _message(broker, job))
    except Exception as cause:
        raise NotQueuedError(_why_not_queued(cause)) from cause


def put_on_queue(jobs: ReviewJobs, broker: Broker | None, job: Job, *, is_new: bool = True) -> None:
    """Have `job` done, which is written down already; durable when this returns.

    Raises NotQueuedError, from what the broker raised: whoever asked is told, so nobody else shall try.
    """
    try:
        enqueue_review(_opened(broker), job, is_new=is_new)
    except Exception as cause:
        error = _why_not_queued(cause)
        try:
            jobs.transition(job.id, JobState.FAILED, reason=error.detail, error=error)
        except (OSError, LockTimeoutError):
            log.exception("the job cannot be closed either; the reconciler will see to it")
        raise NotQueuedError(error, job) from cause


def _opened(broker: Broker | None) -> Broker:
    if broker is None:
        raise ConnectionError("the queue could not be opened when the service started")
    return broker


def _why_not_queued(cause: Exception) -> JobError:
    if isinstance(cause, QueueFullError):
        log.warning("the queue is full", extra={"reason": str(cause)})
        return JobError(
            code="queue_full",
            title="Too many jobs wait already",
            detail=f"The queue is full: {cause}",
            advice="Ask again after as many seconds as Retry-After says.",
        )
    log.error("a job cannot be put on the queue", exc_info=cause)
    return JobError(
        code="not_queued",
        title="The review could not be queued",
        detail=f"The job could not be put on the queue: {cause}",
        advice="Ask again; if that does not help, the operator should look at /readyz.",
    )


@lru_cache
def sandbox() -> Sandbox:
    """This process's sandbox, made when it is first needed; only a worker process needs one."""
    return Sandbox(PRELOAD)


@lru_cache
def pace() -> Pace:
    """How long jobs take in this process."""
    return Pace()


class Reviewer:
    """Does review jobs: part in, analysis run out. Doing a job twice has the effect of doing it once.

    As many children run as the settings say, whatever the number of threads: with more threads than that, the next
    child computes while the results of those before are made durable.
    """

    def __init__(self, settings: Settings) -> None:
        self.children = threading.BoundedSemaphore(settings.sandbox_children)
        self._stops = threading.Event()
        self.data = data = DataFolder(settings.data_dir)
        self.models = ModelStore(data)
        self.jobs = ReviewJobs(data)
        self.results = JobResults(data, settings.cache_mb)
        self.cache = ContentCache(data.cache, settings.cache_mb * MIB)
        self.rules_dir = settings.rules_dir
        # Before the engine is imported, so that it is never named newer than it is.
        engine_digest(self.rules_dir)
        self.limits = Limits(
            deadline_seconds=settings.sandbox_deadline_seconds,
            memory_bytes=settings.sandbox_memory_mb * MIB,
        )

    def run(self, job_id: str, request_id: str, traceparent: str | None = None) -> None:
        """Make one attempt at a job. Raises what is worth another attempt; all else ends the job here."""
        with log_ids(request_id=request_id, job_id=job_id), ExitStack() as turns:
            try:
                job = self.jobs.get(job_id)
            except NotFoundError:
                log.warning("no such job; the message is dropped")
                return
            with log_ids(model_id=job.model_id), tracing.span(f"do {job.kind}", "CONSUMER", traceparent):
                try:
                    # In this order, so that who waits for geometry keeps no child from others.
                    turns.enter_context(self._turn_for_geometry(job))
                    turns.enter_context(self.children)
                    self._check_goes_on()
                    self._attempt(job, let_next=turns.close)
                except IllegalTransitionError as refused:
                    log.info("the job has ended already", extra={"reason": str(refused)})

    def may_begin(self) -> None:
        """Begin attempts, also after `stop_beginning`."""
        self._stops.clear()

    def stop_beginning(self) -> None:
        """Begin no attempt any more; those under way go on."""
        self._stops.set()

    def _check_goes_on(self) -> None:
        """Raises ChildLost, so that another worker does the job, once this one stops."""
        if self._stops.is_set():
            raise ChildLost("The worker stops.", "start")

    def _turn_for_geometry(self, job: Job) -> AbstractContextManager[None]:
        """The turn to make the geometry of the job's part, if none is kept: the work is not done twice at once."""
        try:
            key = _geometry_key(self.models.get(job.model_id).sha256)
        except (NotFoundError, DamagedDocumentError, NewerDocumentError):
            return nullcontext()  # which the attempt will find as well
        if not self.cache.max_bytes or self.cache.has(key):
            return nullcontext()
        return self.cache.filling(key, self.limits.deadline_seconds)

    def _attempt(self, job: Job, let_next: Callable[[], None]) -> None:
        """`let_next` is called as soon as the child is gone."""
        again = job.state is JobState.RUNNING
        reason = "delivered again: the worker that had it went away" if again else "a worker took it"
        if job.tries >= MAX_ATTEMPTS:
            self._end_without_attempt(job)
            return
        waited = (now() - job.updated_at).total_seconds()
        started = time.perf_counter()
        job = self.jobs.transition(job.id, JobState.RUNNING, reason=reason)
        metrics.job_attempted(job.kind, 0.0 if again else waited)
        timings: dict[str, float] = {}
        ended = JobState.RUNNING
        stages = _StageReports(self.jobs, job)
        try:
            with stages.spans:
                timings = self._do(job, let_next, stages)
            ended = JobState.SUCCEEDED
            if timings:
                pace().add(time.perf_counter() - started)
        except ChildStopped:
            ended = self.jobs.get(job.id).state
        except RETRYABLE as error:
            ended = self._retry_or_give_up(job, error)
            if ended is JobState.RETRYING:
                raise
        except (PartError, SandboxError, NotFoundError, TimeLimitExceeded) as error:
            ended = self._end(job, JobState.FAILED, explain(error))
        except Exception as error:
            log.exception("a bug ended the job")
            ended = self._end(job, JobState.FAILED, explain(error))
        finally:
            fields = {
                "state": ended.value,
                "attempt": job.attempts,
                "duration_ms": round((time.perf_counter() - started) * 1000, 1),
                "stages_ms": timings or stages.took_ms(),  # of one that failed, as they were seen from here
            }
            log.info("job attempt", extra=fields)
            tracing.annotate(state=ended.value, attempt=job.attempts)

    def _do(self, job: Job, let_next: Callable[[], None], stages: "_StageReports") -> dict[str, float]:
        """Do what the job asks for, keep the result, and return how long each stage took, in ms."""
        if self.results.is_kept(job):
            self._succeed(job)
            return {}
        with self.results.folder() as folder:
            return self._do_in(folder, job, let_next, stages)

    def _do_in(self, folder: Path, job: Job, let_next: Callable[[], None], stages: "_StageReports") -> dict[str, float]:
        model = self.models.get(job.model_id)
        engine = engine_digest(self.rules_dir)
        payload = {
            "path": str(self.models.part_file(model.id)),
            "name": model.name,
            "sha256": model.sha256,
            "process": job.process,
            "limits": job.limits,
            "material": job.material,
            "rules": self.rules_dir,
            "cache": self._geometry_cache(model.sha256),
            **self.results.told(job, folder),
        }
        try:
            with counted():
                result: dict[str, Any] = sandbox().run(
                    JOB_KINDS[job.kind].target,
                    payload,
                    # One that the machine had too little time for is not made to give way again.
                    replace(self.limits, nice=0) if job.was_starved else self.limits,
                    on_stage=stages.began,
                    should_stop=_Ended(self.jobs, job, meanwhile=stages.tell),
                )
        except (ChildFailed, PartError):
            self.models.get(job.model_id)  # its file cannot be read where it was removed meanwhile
            raise
        finally:
            let_next()
            self._forget_if_removed(model)
        stages.spans.began("store")
        reviewed = time.perf_counter()
        is_ours = self.results.keep(job, result, folder)
        # Where a rule file was changed meanwhile, it is not known which one the review is by.
        is_known = is_ours and engine_digest(self.rules_dir) == engine
        self._succeed(job, engine if is_known else None)
        timings: dict[str, float] = result.get("timings_ms", {})
        _count_stages(job, timings, time.perf_counter() - reviewed)
        return timings

    def _geometry_cache(self, sha256: str) -> dict[str, Any] | None:
        """Where the sandbox child keeps a part's geometry, as KeptGeometry reads it."""
        if not self.cache.max_bytes:
            return None
        return {"folder": str(self.cache.folder), "max_bytes": self.cache.max_bytes, "key": _geometry_key(sha256)}

    def _forget_if_removed(self, model: Model) -> None:
        """The child may have kept the geometry of a part that was removed meanwhile."""
        if not self.models.exists(model.id):
            self.cache.remove(f"{model.sha256}-")

    def _succeed(self, job: Job, engine: str | None = None) -> JobState:
        """`engine` is None where an earlier attempt, perhaps by another engine, kept the result."""
        run_id = self.results.run_id(job)
        return self._end(job, JobState.SUCCEEDED, run_id=run_id, engine=engine if run_id else None)

    def _end_without_attempt(self, job: Job) -> None:
        if self.results.is_kept(job):
            self._succeed(job)
        else:
            self._end(job, JobState.DEAD, WORKER_LOST_EACH_TIME)

    def _retry_or_give_up(self, job: Job, error: BaseException) -> JobState:
        explained = explain(error)
        if isinstance(error, ChildStarved) and job.was_starved:
            return self._end(job, JobState.FAILED, explained)
        if job.tries >= MAX_ATTEMPTS:
            return self._end(job, JobState.DEAD, explained)
        try:
            return self.jobs.transition(job.id, JobState.RETRYING, reason=str(error), code=explained.code).state
        except IllegalTransitionError as refused:
            log.info("the job ended meanwhile", extra={"reason": str(refused)})
            return self.jobs.get(job.id).state

    def _end(
        self,
        job: Job,
        state: JobState,
        error: JobError | None = None,
        *,
        run_id: str | None = None,
        engine: str | None = None,
    ) -> JobState:
        """End the job, unless it ended meanwhile; the state that it is in now."""
        reason = error.detail if error else JOB_KINDS[job.kind].done
        try:
            return self.jobs.transition(job.id, state, reason=reason, run_id=run_id, engine=engine, error=error).state
        except IllegalTransitionError as refused:
            log.info("the job ended meanwhile", extra={"reason": str(refused)})
            return self.jobs.get(job.id).state


def _geometry_key(sha256: str) -> str:
    return f"{sha256}-{geometry_digest()}"


def _count_stages(job: Job, timings_ms: dict[str, float], store_seconds: float) -> None:
    metrics.job_stages(job.kind, {stage: ms / 1e3 for stage, ms in timings_ms.items()} | {"store": store_seconds})
    if "cache" in timings_ms:
        # What is kept takes no time to be read: see geometry_of.
        metrics.cache_asked("geometry", hit=timings_ms.get("read") == 0)


class _StageReports:
    """Writes down what a review is doing, for those who follow it; not each of many stages in quick succession, since
    each costs the disk as much as what must not be lost.
    """

    def __init__(self, jobs: ReviewJobs, job: Job) -> None:
        self._jobs = jobs
        self._job_id = job.id
        self.spans = tracing.StageSpans()
        self._began: dict[str, float] = {}  # on the monotonic clock, one after the other
        self._untold: str | None = None
        self._next = time.monotonic() + STAGE_INTERVAL_SECONDS

    def began(self, stage: str) -> None:
        """Remember the stage."""
        self.spans.began(stage)
        self._began.setdefault(stage, time.monotonic())
        self._untold = stage

    def took_ms(self) -> dict[str, float]:
        """How long each stage took, in ms; the last one until now."""
        begun = list(self._began.items())
        ends = [*(at for _, at in begun[1:]), time.monotonic()][: len(begun)]
        return {stage: round((end - at) * 1000, 1) for (stage, at), end in zip(begun, ends, strict=True)}

    def tell(self) -> None:
        """Write the latest stage down, if it is new and the last was written long enough ago."""
        if self._untold is None or time.monotonic() < self._next:
            return
        stage, self._untold = self._untold, None
        try:
            self._jobs.set_stage(self._job_id, stage)
        except RETRYABLE as error:
            log.warning("cannot report the stage; the review goes on", extra={"error": str(error)})
        self._next = time.monotonic() + STAGE_INTERVAL_SECONDS


class _Ended:
    """Whether a job has ended while its review goes on. Asked often: mostly one `stat`."""

    def __init__(self, jobs: ReviewJobs, job: Job, meanwhile: Callable[[], None]) -> None:
        """`meanwhile` is done each time that this is asked."""
        self._jobs = jobs
        self._job_id = job.id
        self._meanwhile = meanwhile
        self._seen: object = None

    def __call__(self) -> bool:
        try:
            self._meanwhile()
            version = self._jobs.version(self._job_id)
            if version == self._seen:
                return False
            self._seen = version
            return self._jobs.get(self._job_id).state.is_final
        except NotFoundError:
            return True
        except (OSError, LockTimeoutError, DamagedDocumentError, NewerDocumentError) as error:
            log.warning("cannot see whether the job is still wanted", extra={"error": str(error)})
            return False
