"""The jobs, as Dramatiq runs them. Importing this loads no kernel and starts no process."""

import logging
import time
from functools import lru_cache, partial
from typing import Any

import dramatiq
from dramatiq import Broker, Message
from dramatiq.middleware import TimeLimitExceeded

from server._atomic_json import LockTimeoutError
from server.data_folder import DataFolder
from server.observability.logging import log_ids
from server.settings import Settings
from server.stores.analysis_runs import AnalysisRuns
from server.stores.dfm_review_jobs import Job, JobError, JobState, ReviewJobs
from server.stores.errors import AlreadyExistsError, IllegalTransitionError, NotFoundError
from server.stores.model_store import ModelStore
from workers.errors import PartError
from workers.file_broker import FileBroker
from workers.sandbox import (
    ChildCrashed,
    ChildFailed,
    ChildLost,
    ChildOutOfMemory,
    ChildTimedOut,
    Limits,
    Sandbox,
    SandboxError,
)

log = logging.getLogger(__name__)

QUEUE = "reviews"
REVIEW = "workers.review:review_in_sandbox"
PRELOAD = ("workers.preload",)
MAX_ATTEMPTS = 4

# What a later attempt may get past: the fork server went away, the disk was full, a lock was held.
RETRYABLE = (ChildLost, OSError, LockTimeoutError)


def build_broker(settings: Settings) -> FileBroker:
    """The broker of this installation with its actors declared, made Dramatiq's global one.

    Raises what FileBroker raises for a file that it cannot use.
    """
    data = DataFolder(settings.data_dir)
    broker = FileBroker(data.queue, lease_seconds=settings.broker_lease_seconds, wake_folder=data.queue_wake)
    dramatiq.set_broker(broker)
    reviewer = Reviewer(settings)

    @dramatiq.actor(
        broker=broker,
        queue_name=QUEUE,
        min_backoff=500,
        max_backoff=10_000,
        retry_when=_is_worth_a_retry,
        # The sandbox keeps the deadline; this only frees a thread if the sandbox itself were to hang.
        time_limit=int((settings.sandbox_deadline_seconds + 60) * 1000),
    )
    def run_review(job_id: str, request_id: str) -> None:
        reviewer.run(job_id, request_id)

    return broker


def enqueue_review(broker: Broker, job: Job) -> None:
    """Ask a worker to do `job`; durable when this returns. Raises what the broker's `enqueue` raises."""
    message: Message[None] = broker.get_actor("run_review").message(job.id, job.request_id)
    broker.enqueue(message)


@lru_cache
def sandbox() -> Sandbox:
    """This process's sandbox, made when it is first needed; only a worker process needs one."""
    return Sandbox(PRELOAD)


def _is_worth_a_retry(retries: int, error: BaseException) -> bool:
    return isinstance(error, RETRYABLE) and retries < MAX_ATTEMPTS - 1


class Reviewer:
    """Does review jobs: part in, analysis run out. Doing a job twice has the effect of doing it once."""

    def __init__(self, settings: Settings) -> None:
        data = DataFolder(settings.data_dir)
        self.models = ModelStore(data)
        self.jobs = ReviewJobs(data)
        self.runs = AnalysisRuns(data)
        self.limits = Limits(
            deadline_seconds=settings.sandbox_deadline_seconds,
            memory_bytes=settings.sandbox_memory_mb * 1024 * 1024,
        )

    def run(self, job_id: str, request_id: str) -> None:
        """Make one attempt at a job. Raises what is worth another attempt; all else ends the job here."""
        with log_ids(request_id=request_id, job_id=job_id):
            try:
                job = self.jobs.get(job_id)
            except NotFoundError:
                log.warning("no such job; the message is dropped")
                return
            with log_ids(model_id=job.model_id):
                try:
                    self._attempt(job)
                except IllegalTransitionError as refused:
                    log.info("the job has ended already", extra={"reason": str(refused)})

    def _attempt(self, job: Job) -> None:
        again = job.state is JobState.RUNNING
        reason = "delivered again: the worker that had it went away" if again else "a worker took it"
        if job.attempts >= MAX_ATTEMPTS:
            self._end(job, JobState.DEAD, _WORKER_LOST_EACH_TIME)
            return
        started = time.perf_counter()
        job = self.jobs.transition(job.id, JobState.RUNNING, reason=reason)
        timings: dict[str, float] = {}
        ended = JobState.RUNNING
        try:
            timings = self._review(job)
            ended = JobState.SUCCEEDED
        except RETRYABLE as error:
            ended = self._retry_or_give_up(job, error)
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
                "stages_ms": timings,
            }
            log.info("job attempt", extra=fields)

    def _review(self, job: Job) -> dict[str, float]:
        """Review the part, keep the run, and return how long each stage took, in ms."""
        model = self.models.get(job.model_id)
        payload = {
            "path": str(self.models.part_file(model.id)),
            "name": model.name,
            "process": job.process,
            "limits": job.limits,
        }
        review: dict[str, Any] = sandbox().run(REVIEW, payload, self.limits, on_stage=partial(self._report_stage, job))
        try:
            self.runs.add(model.id, job.id, review, job_id=job.id)
        except AlreadyExistsError:
            log.info("an earlier attempt kept the run already")
        self._end(job, JobState.SUCCEEDED, run_id=job.id)
        timings: dict[str, float] = review.get("timings_ms", {})
        return timings

    def _report_stage(self, job: Job, stage: str) -> None:
        try:
            self.jobs.set_stage(job.id, stage)
        except RETRYABLE as error:
            log.warning("cannot report the stage; the review goes on", extra={"error": str(error)})

    def _retry_or_give_up(self, job: Job, error: BaseException) -> JobState:
        if job.attempts < MAX_ATTEMPTS:
            return self.jobs.transition(job.id, JobState.RETRYING, reason=str(error)).state
        return self._end(job, JobState.DEAD, explain(error))

    def _end(self, job: Job, state: JobState, error: JobError | None = None, run_id: str | None = None) -> JobState:
        """End the job, unless it ended meanwhile; the state that it is in now."""
        reason = error.detail if error else "reviewed"
        try:
            return self.jobs.transition(job.id, state, reason=reason, run_id=run_id, error=error).state
        except IllegalTransitionError as refused:
            log.info("the job ended meanwhile", extra={"reason": str(refused)})
            return self.jobs.get(job.id).state


def explain(error: BaseException) -> JobError:
    """What went wrong, for the one who asked for the review."""
    if isinstance(error, PartError):
        return JobError(
            code=error.code,
            title="The part cannot be reviewed",
            detail=error.detail,
            advice=error.advice,
        )
    if isinstance(error, ChildCrashed | ChildTimedOut | ChildOutOfMemory):
        title, advice = _PART_TOO_MUCH[error.code]
        return JobError(code=error.code, title=title, detail=f"{error} (stage: {error.stage})", advice=advice)
    if isinstance(error, TimeLimitExceeded):
        title, advice = _PART_TOO_MUCH["timed_out"]
        return JobError(code="timed_out", title=title, detail="The sandbox did not answer.", advice=advice)
    if isinstance(error, ChildFailed):
        log.error("the engine failed on this part", extra={"stage": error.stage, "traceback": error.traceback})
    if isinstance(error, ChildLost):
        return JobError(
            code=error.code,
            title="The reviewing process was lost",
            detail=f"{error} It was tried {MAX_ATTEMPTS} times.",
            advice="Ask for the review again; if that does not help, tell the operator.",
        )
    if isinstance(error, NotFoundError):
        return JobError(
            code="model_removed",
            title="The model was removed",
            detail=str(error),
            advice="Upload the part again to have it reviewed.",
        )
    if isinstance(error, OSError | LockTimeoutError):
        return JobError(
            code="storage_error",
            title="The result could not be stored",
            detail=str(error),
            advice="The operator should check the disk of the data folder (see /readyz).",
        )
    return JobError(
        code="internal_error",
        title="The review failed because of a bug",
        detail=str(error) or type(error).__name__,
        advice="Report it with the request id; the log holds the details.",
    )


_WORKER_LOST_EACH_TIME = JobError(
    code="worker_lost",
    title="The worker was lost",
    detail=f"The worker that reviewed the part went away, {MAX_ATTEMPTS} times.",
    advice="Ask for the review again; if that does not help, tell the operator.",
)

_PART_TOO_MUCH = {
    "kernel_crashed": (
        "The CAD kernel crashed on this part",
        "Export the part again, as AP214 or AP242 and without hidden bodies; if it crashes again, the "
        "geometry is damaged and needs healing in the CAD system.",
    ),
    "timed_out": (
        "The review took too long",
        "Simplify the part (remove threads, text and patterns), or ask the operator to raise "
        "RAPIDDRAFT_SANDBOX_DEADLINE_SECONDS.",
    ),
    "out_of_memory": (
        "The review needed too much memory",
        "Simplify the part or review its bodies one by one, or ask the operator to raise RAPIDDRAFT_SANDBOX_MEMORY_MB.",
    ),
}
