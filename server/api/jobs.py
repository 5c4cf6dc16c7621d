"""Jobs: reviews on their way."""

from typing import Annotated

from fastapi import APIRouter, Query

from server.api.openapi import needs_token
from server.api.parameters import DEFAULT_LIMIT, ULID, Cursor, JobId, Limit, ServicesDep
from server.problems import responses
from server.stores.dfm_review_jobs import Job, JobState
from server.stores.paging import Page

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
