"""For the operator: all jobs, and what to do with those that ended without a result."""

import logging
from typing import Annotated

from dramatiq.errors import BrokerError
from fastapi import APIRouter, Query, Response
from pydantic import AwareDatetime

from server.api.job_answers import problem_of_queue
from server.api.openapi import needs_token
from server.api.parameters import DEFAULT_LIMIT, ULID, Cursor, IdentityDep, JobId, Limit, ServicesDep
from server.problems import Problem, responses
from server.stores.dfm_review_jobs import Job, JobState, JobUnderWayError
from server.stores.errors import IllegalTransitionError
from server.stores.paging import Page
from workers import dead_letters
from workers.actors import NotQueuedError

log = logging.getLogger(__name__)

router = APIRouter(
    prefix="/api/admin/jobs", tags=["operation"], dependencies=[needs_token], responses=responses(401, 500, 503)
)


@router.get("", summary="List and filter the jobs", responses=responses(422))
def list_jobs(
    services: ServicesDep,
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
    model_id: Annotated[str | None, Query(pattern=ULID, description="Only jobs of this model.")] = None,
    state: Annotated[JobState | None, Query(description="Only jobs in this state.")] = None,
    code: Annotated[str | None, Query(description="Only jobs that ended with this error code.")] = None,
    since: Annotated[AwareDatetime | None, Query(description="Only jobs asked for since then (RFC 3339).")] = None,
) -> Page[Job]:
    """Newest first, read from disk."""
    return services.jobs.list(limit=limit, cursor=cursor, model_id=model_id, state=state, code=code, since=since)


@router.post("/{job_id}/retry", status_code=202, summary="Try a dead letter again", responses=responses(404, 409, 507))
def retry_job(job_id: JobId, services: ServicesDep, identity: IdentityDep, response: Response) -> Job:
    """Queues a job that is failed or dead again, as if it had just been asked for; its history stays."""
    try:
        job = dead_letters.retry(services.jobs, services.broker, job_id, by=identity)
    except (IllegalTransitionError, JobUnderWayError) as refused:
        raise _refused(job_id, refused) from None
    except NotQueuedError as error:
        raise problem_of_queue(error, services.settings) from error
    except BrokerError as error:
        raise _queue_unusable(error) from error
    response.headers["Location"] = f"/api/jobs/{job_id}"
    log.info("dead letter retried", extra={"job_id": job_id, "model_id": job.model_id})
    return job


@router.post("/{job_id}/discard", summary="Discard a dead letter", responses=responses(404, 409))
def discard_job(job_id: JobId, services: ServicesDep, identity: IdentityDep) -> Job:
    """Takes a job that is failed or dead off the list of dead letters: it becomes cancelled and keeps its error."""
    try:
        job = dead_letters.discard(services.jobs, services.broker, job_id, by=identity)
    except IllegalTransitionError as refused:
        raise _refused(job_id, refused) from None
    except BrokerError as error:
        raise _queue_unusable(error) from error
    log.info("dead letter discarded", extra={"job_id": job_id, "model_id": job.model_id})
    return job


def _refused(job_id: str, refusal: Exception) -> Problem:
    code = "job_under_way" if isinstance(refusal, JobUnderWayError) else "not_a_dead_letter"
    return Problem(409, code, str(refusal), job=job_id)


def _queue_unusable(error: BrokerError) -> Problem:
    return Problem(503, "queue_not_usable", f"The job stays as it is: {error}", headers={"Retry-After": "5"})
