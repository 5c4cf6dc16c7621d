"""Jobs: one document for each review that was asked for, written before anything is done about it."""

import logging
from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from pathlib import Path

from pydantic import BaseModel, Field

from server._atomic_json import read_json, with_file_lock, write_json_atomic
from server.clock import now
from server.data_folder import DataFolder
from server.ids import new_id
from server.review_options import LimitSet, Process
from server.stores.errors import IllegalTransitionError, NotFoundError
from server.stores.paging import Page, ids_in, page_of
from workers.file_broker import wake

log = logging.getLogger(__name__)


class JobState(StrEnum):
    """Where a job is on its way."""

    QUEUED = "queued"
    RUNNING = "running"
    RETRYING = "retrying"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    DEAD = "dead"
    CANCELLED = "cancelled"

    @property
    def is_final(self) -> bool:
        return not TRANSITIONS[self]


_ENDS_WITHOUT_RESULT = frozenset({JobState.FAILED, JobState.DEAD, JobState.CANCELLED})

# Running goes to running when a message is delivered again because its first worker went away.
TRANSITIONS: Mapping[JobState, frozenset[JobState]] = {
    JobState.QUEUED: _ENDS_WITHOUT_RESULT | {JobState.RUNNING},
    JobState.RUNNING: _ENDS_WITHOUT_RESULT | {JobState.RUNNING, JobState.RETRYING, JobState.SUCCEEDED},
    JobState.RETRYING: _ENDS_WITHOUT_RESULT | {JobState.RUNNING},
    JobState.SUCCEEDED: frozenset(),
    JobState.FAILED: frozenset(),
    JobState.DEAD: frozenset(),
    JobState.CANCELLED: frozenset(),
}


class JobError(BaseModel):
    """Why a job ended without a result."""

    code: str = Field(description="Stable, machine-readable name.")
    title: str
    detail: str = Field(description="What was found.")
    advice: str = Field(description="What to do about it.")


class JobChange(BaseModel):
    """One change of a job's state."""

    state: JobState
    at: datetime
    attempt: int
    reason: str


class Job(BaseModel):
    """A review that was asked for, and what became of it."""

    id: str = Field(description="ULID; the run that the job leads to has the same one.")
    model_id: str
    process: Process
    limits: LimitSet
    state: JobState
    stage: str | None = Field(None, description="What the review is doing while it runs.")
    attempts: int = Field(0, description="How often a worker began it.")
    run_id: str | None = Field(None, description="The analysis run, once it succeeded.")
    error: JobError | None = None
    request_id: str
    identity: str
    created_at: datetime
    updated_at: datetime
    history: list[JobChange]


class ReviewJobs:
    """The jobs in one data folder."""

    def __init__(self, data: DataFolder) -> None:
        self.data = data

    def create(self, model_id: str, process: Process, limits: LimitSet, *, request_id: str, identity: str) -> Job:
        """Write down that a review is wanted; durable when this returns. Raises OSError."""
        at = now()
        job = Job(
            id=new_id(),
            model_id=model_id,
            process=process,
            limits=limits,
            state=JobState.QUEUED,
            request_id=request_id,
            identity=identity,
            created_at=at,
            updated_at=at,
            history=[JobChange(state=JobState.QUEUED, at=at, attempt=0, reason="requested")],
        )
        self._write(job)
        return job

    def get(self, job_id: str) -> Job:
        """Raises NotFoundError."""
        try:
            return Job.model_validate(read_json(self._path(job_id)))
        except FileNotFoundError:
            raise NotFoundError("job", job_id) from None

    def list(
        self,
        *,
        limit: int,
        cursor: str | None = None,
        model_id: str | None = None,
        state: JobState | None = None,
    ) -> Page[Job]:
        """Newest first, those of one model or in one state if asked.

        A damaged document is left out and logged.
        """

        def wanted(job_id: str) -> Job | None:
            job = self._if_readable(job_id)
            if job is None or model_id not in (None, job.model_id) or state not in (None, job.state):
                return None
            return job

        return page_of(ids_in(self.data.jobs, ".json"), wanted, limit=limit, cursor=cursor)

    def transition(
        self,
        job_id: str,
        state: JobState,
        *,
        reason: str,
        run_id: str | None = None,
        error: JobError | None = None,
    ) -> Job:
        """Move a job on and wake who waits for it; durable when this returns.

        Going to RUNNING begins the next attempt. Raises NotFoundError, IllegalTransitionError, OSError
        and LockTimeoutError.
        """
        with with_file_lock(self._path(job_id)):
            job = self.get(job_id)
            if state not in TRANSITIONS[job.state]:
                raise IllegalTransitionError(f"Job {job_id} is {job.state}; it cannot become {state}.")
            at = now()
            attempts = job.attempts + (state is JobState.RUNNING)
            change = JobChange(state=state, at=at, attempt=attempts, reason=reason)
            job = job.model_copy(
                update={
                    "state": state,
                    "stage": None,
                    "attempts": attempts,
                    "run_id": run_id,
                    "error": error,
                    "updated_at": at,
                    "history": [*job.history, change],
                }
            )
            self._write(job)
        self._wake(job)
        return job

    def set_stage(self, job_id: str, stage: str) -> None:
        """Say what a running job is doing; no effect on one that is not running. Raises as `transition`."""
        with with_file_lock(self._path(job_id)):
            job = self.get(job_id)
            if job.state is not JobState.RUNNING:
                return
            self._write(job.model_copy(update={"stage": stage, "updated_at": now()}))
        self._wake(job)

    def _wake(self, job: Job) -> None:
        wake(self.data.wake)
        log.debug("job changed", extra={"job_id": job.id, "state": job.state.value})

    def _write(self, job: Job) -> None:
        write_json_atomic(self._path(job.id), job.model_dump(mode="json"))

    def _path(self, job_id: str) -> Path:
        return self.data.jobs / f"{job_id}.json"

    def _if_readable(self, job_id: str) -> Job | None:
        try:
            return self.get(job_id)
        except NotFoundError:
            return None
        except ValueError as error:
            log.error("the job's document is damaged", extra={"job_id": job_id, "error": str(error)})
            return None
