"""What became of the latest jobs. There may be hundreds of thousands: only so many are read, and the answer says so."""

from collections import Counter
from datetime import datetime

from pydantic import BaseModel, Field

from server.stores.dfm_review_jobs import Job, JobState, ReviewJobs

COUNTED = 200
SHOWN = 10


class JobsState(BaseModel):
    """The latest jobs by state."""

    by_state: dict[JobState, int]
    counted: int = Field(description="How many of the latest jobs `by_state` and `last_errors` are of.")
    kept: int = Field(description="How many there are in all.")


class LastError(BaseModel):
    """A job that ended without a result."""

    job_id: str
    model_id: str
    state: JobState
    code: str | None
    at: datetime


def latest(jobs: ReviewJobs) -> tuple[JobsState, list[LastError]]:
    """The states of the latest jobs, and the latest of those that are failed or dead. Reads COUNTED documents."""
    ids, kept = jobs.newest(COUNTED)
    found = [job for job in map(jobs.if_readable, ids) if job]
    by_state = Counter(job.state for job in found)
    state = JobsState(by_state={state: by_state[state] for state in JobState}, counted=len(found), kept=kept)
    failed = sorted((job for job in found if job.is_dead_letter), key=lambda job: job.updated_at, reverse=True)
    return state, [_error(job) for job in failed[:SHOWN]]


def _error(job: Job) -> LastError:
    return LastError(
        job_id=job.id,
        model_id=job.model_id,
        state=job.state,
        code=job.error.code if job.error else None,
        at=job.updated_at,
    )
