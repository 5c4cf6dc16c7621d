"""Jobs: reviews on their way."""

import logging
from typing import Annotated

from fastapi import APIRouter, Header, Query, Response
from starlette.concurrency import run_in_threadpool

from server.api import job_events
from server.api.openapi import needs_token
from server.api.ownership import require_owner
from server.api.parameters import DEFAULT_LIMIT, ULID, Cursor, IdentityDep, JobId, Limit, RoleDep, ServicesDep
from server.problems import Problem, responses
from server.stores.dfm_review_jobs import Job, JobState
from server.stores.errors import IllegalTransitionError
from server.stores.paging import Page

log = logging.getLogger(__name__)

router = APIRouter(prefix="/api/jobs", tags=["jobs"], dependencies=[needs_token], responses=responses(401, 500, 503))


@router.get("", summary="List the jobs", responses=responses(422))
def list_jobs(
    services: ServicesDep,
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
    model_id: Annotated[str | None, Query(pattern=ULID, description="Only jobs of this model.")] = None,
    state: Annotated[JobState | None, Query(description="Only jobs in this state.")] = None,
) -> Page[Job]:
    """Newest first."""
    return services.jobs.list(limit=limit, cursor=cursor, model_id=model_id, state=state)


@router.get("/{job_id}", summary="Show a job", responses=responses(404))
def show_job(job_id: JobId, services: ServicesDep) -> Job:
    """Where the job is on its way, each change of its state, and what it led to."""
    return services.jobs.get(job_id)


@router.post("/{job_id}/cancel", summary="Cancel a job", responses=responses(404, 409))
def cancel_job(job_id: JobId, services: ServicesDep, identity: IdentityDep, role: RoleDep) -> Job:
    """Ends a job that is queued or runs; a review under way is stopped within a second.

    Only who asked for it first may, or an admin. Everybody who waits for the job is answered 409. A job that has ended
    already stays as it is: 409 too.
    """
    asked_by = services.jobs.get(job_id).identity
    require_owner(asked_by, identity, role, did="asked for this job", may="cancel it")
    try:
        job = services.jobs.transition(job_id, JobState.CANCELLED, reason=f"cancelled by {identity}")
    except IllegalTransitionError as refused:
        raise Problem(409, "job_has_ended", str(refused), job=job_id) from None
    log.info("job cancelled", extra={"job_id": job_id, "model_id": job.model_id})
    return job


@router.get(
    "/{job_id}/events",
    summary="Follow a job",
    response_class=Response,
    responses={
        200: {"content": {"text/event-stream": {}}, "description": "Server-sent events until the job has ended."},
        204: {"description": "The job has ended, and `Last-Event-ID` says that its last event was received."},
        **responses(404),
    },
)
async def follow_job(
    job_id: JobId,
    services: ServicesDep,
    last_event_id: Annotated[str | None, Header(description="Id of the last event that was received.")] = None,
) -> Response:
    """Server-sent events: `state` for each change of the job's state, `stage` for what its review is doing.

    Begins with the changes since `Last-Event-ID`, or with all. Stages that passed unseen are left out. The
    stream ends after a final state; a comment every few seconds keeps it open until then.
    """
    job = await run_in_threadpool(services.jobs.get, job_id)
    seen = job_events.position(last_event_id)
    if job.state.is_final and seen.changes >= len(job.history):
        return Response(status_code=204)
    if services.waiter is None:
        raise Problem(503, "not_ready", "Jobs cannot be followed now; /readyz says why.")
    return job_events.stream(services.waiter, job_id, seen)
