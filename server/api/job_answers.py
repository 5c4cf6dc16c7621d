"""How a request for work is answered: with the job, with what came of it once it ended, or with a problem."""

import math
from typing import Any

from starlette.responses import JSONResponse, Response

from server import problems
from server.prefer import Prefer
from server.problems import Problem
from server.services import Services
from server.settings import Settings
from server.stores.dfm_review_jobs import Job, JobError, JobState
from server.stores.worker_heartbeat import jobs_per_second
from workers.actors import NotQueuedError
from workers.file_broker import QueueDiskFullError, QueueFullError

_STRING = {"schema": {"type": "string"}}
_SHORTEST_RETRY, _LONGEST_RETRY = 1, 120  # seconds
_ASSUMED_JOB_SECONDS = 1.0  # until a worker has done one


def problem_of_queue(error: NotQueuedError, settings: Settings) -> Problem:
    """The problem for a job that could not be put on the queue."""
    cause = error.__cause__
    if isinstance(cause, QueueDiskFullError) or (cause and problems.is_disk_full(cause)):
        return problems.disk_full()
    why = error.error
    seconds = _seconds_for(cause.waiting, settings) if isinstance(cause, QueueFullError) else 5
    members = {"advice": why.advice, "job": error.job.id if error.job else None}
    headers = {"Retry-After": str(seconds)}
    return Problem(_STATUS[why.code], why.code, why.detail, title=why.title, headers=headers, **members)


def _seconds_for(jobs: int, settings: Settings) -> int:
    """About how long so many jobs take, within what is sensible to tell a client."""
    rate = jobs_per_second(settings) or settings.sandbox_children / _ASSUMED_JOB_SECONDS
    return max(_SHORTEST_RETRY, min(_LONGEST_RETRY, math.ceil(jobs / rate)))


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


def documented_202(description: str, **more: dict[str, Any]) -> dict[str, Any]:
    """What `accepted` answers, for the OpenAPI document; `more` are headers besides, with `_` for `-`."""
    own = dict.fromkeys(("Location", "Retry-After", "Preference-Applied", "Vary"), _STRING)
    headers = own | {name.replace("_", "-"): header for name, header in more.items()}
    return {"model": Job, "description": description, "headers": headers}


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
    "queue_full": 429,
    "model_removed": 404,
    "rules_not_usable": 503,
    "session_changed": 409,
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
    headers = {"Retry-After": "5"} if status == 429 else None
    return Problem(status, job.error.code, job.error.detail, title=job.error.title, headers=headers, **members)
