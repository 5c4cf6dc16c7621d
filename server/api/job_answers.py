"""How a request for work is answered: with the job, with what came of it once it ended, or with a problem."""

from typing import Any

from starlette.responses import JSONResponse, Response

from server import problems
from server.prefer import Prefer
from server.problems import Problem
from server.services import Services
from server.stores.dfm_review_jobs import Job, JobError, JobState
from workers.actors import NotQueuedError
from workers.file_broker import QueueDiskFullError


def problem_of_queue(error: NotQueuedError) -> Problem:
    """The problem for a job that could not be put on the queue."""
    cause = error.__cause__
    if isinstance(cause, QueueDiskFullError) or (cause and problems.is_disk_full(cause)):
        return problems.disk_full()
    why = error.error
    headers = {"Retry-After": "5"}
    return Problem(503, why.code, why.detail, title=why.title, advice=why.advice, job=error.job.id, headers=headers)


async def wait_for(services: Services, job: Job, preferences: Prefer) -> Job | None:
    """The job once it ended, or None if that took longer than the client or the service waits."""
    seconds = services.settings.review_wait_seconds
    if preferences.wait is not None:
        seconds = min(seconds, preferences.wait)
    elif preferences.respond_async:
        seconds = 0
    if seconds <= 0 or services.waiter is None:
        return None
    return await services.waiter.wait(job.id, seconds)


def accepted(job: Job, preferences: Prefer) -> Response:
    """The 202 for a job that has not ended."""
    headers = {
        "Location": f"/api/jobs/{job.id}",
        "Retry-After": "1",
        **job_headers(job, preferences, is_accepted=True),
    }
    return JSONResponse(job.model_dump(mode="json"), 202, headers)


def job_headers(job: Job, preferences: Prefer, *, is_accepted: bool) -> dict[str, str]:
    """What every answer about a job has: where it is, and which preferences were heeded."""
    applied = []
    if preferences.respond_async and is_accepted:
        applied.append("respond-async")
    if preferences.wait is not None:
        applied.append(f"wait={preferences.wait}")
    headers = {"Link": f'</api/jobs/{job.id}>; rel="status"', "Vary": "Prefer"}
    if applied:
        headers["Preference-Applied"] = ", ".join(applied)
    return headers


# Any other code is about the part, and the client's to act on.
_STATUS = {
    "worker_lost": 503,
    "internal_error": 500,
    "storage_error": 500,
    "not_queued": 503,
    "model_removed": 404,
    "rules_not_usable": 503,
}


def is_about_the_part(error: JobError) -> bool:
    """Whether asking again would end the same way: it is the part that is at fault, or too much."""
    return error.code not in _STATUS


def problem_of(job: Job) -> Problem:
    """The problem that a job without a result is answered with."""
    if job.state is JobState.CANCELLED or job.error is None:
        return Problem(409, "job_cancelled", f"Job {job.id} was cancelled.", job=job.id)
    members: dict[str, Any] = {"advice": job.error.advice, "job": job.id}
    status = _STATUS.get(job.error.code, 422)
    return Problem(status, job.error.code, job.error.detail, title=job.error.title, **members)
