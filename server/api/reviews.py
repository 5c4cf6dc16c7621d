"""Reviews: ask for one, and wait for it or be told where it will be."""

import logging
from typing import Annotated

from fastapi import APIRouter, Header, Request, Response
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse

from server.api.job_answers import accepted, job_headers, problem_of, problem_of_queue, wait_for
from server.api.openapi import needs_token
from server.api.parameters import IdentityDep, ModelId, RequestIdDep, ServicesDep
from server.api.review_document import Review
from server.observability.logging import log_ids
from server.prefer import Prefer, parse_prefer
from server.problems import Problem, responses
from server.review_options import DEFAULT_LIMITS, DEFAULT_PROCESS, LimitSet, Material, Process, limit_sets, materials
from server.services import Services
from server.stores.dfm_review_jobs import Job, JobState
from workers.actors import NotQueuedError, put_on_queue

log = logging.getLogger(__name__)

router = APIRouter(
    prefix="/api/models/{model_id}",
    tags=["reviews"],
    dependencies=[needs_token],
    responses=responses(401, 404, 500, 503),
)


class ReviewRequest(BaseModel):
    """How to review the part. May be left out."""

    model_config = ConfigDict(extra="forbid")

    process: Process = DEFAULT_PROCESS
    limits: LimitSet = Field(DEFAULT_LIMITS, description="Name of a set of limits: `default`, `mtk`, or a shop's own.")
    material: Material | None = Field(
        None, description="Id of a material; the limits for metal hold without one, and the review says so."
    )


_STRING = {"schema": {"type": "string"}}


@router.post(
    "/dfm/review-v2",
    summary="Review a part",
    response_model=None,
    responses={
        200: {
            "model": Review,
            "description": "The review.",
            "headers": {"Content-Location": _STRING, "Job-Shared": _STRING, "Link": _STRING, "Vary": _STRING},
        },
        202: {
            "model": Job,
            "description": "The review is on its way; the job at `Location` says when it is done.",
            "headers": {
                "Location": _STRING,
                "Job-Shared": _STRING,
                "Retry-After": _STRING,
                "Preference-Applied": _STRING,
                "Vary": _STRING,
            },
        },
        **responses(400, 409, 413, 422, 507),
    },
)
async def review_model(
    model_id: ModelId,
    request: Request,
    services: ServicesDep,
    request_id: RequestIdDep,
    identity: IdentityDep,
    wanted: ReviewRequest | None = None,
    prefer: Annotated[  # noqa: ARG001 - read in full below, documented here
        str | None, Header(description="`respond-async` for a 202 at once, `wait=N` for one after N seconds.")
    ] = None,
) -> Response:
    """Waits for the review and returns it. `Content-Location` is where it is kept.

    With `Prefer: respond-async` it is answered 202 at once, and when the review takes longer than
    `Prefer: wait=N` or the service's own limit, it is answered 202 then. A part that cannot be reviewed
    is answered 422 with the reason and what to do about it.

    While a review of the part in the same configuration is under way there is no second: whoever asks then
    waits for the same job, and `Job-Shared: true` says so.
    """
    wanted = wanted or ReviewRequest()
    preferences = parse_prefer(request.headers.getlist("prefer"))
    await run_in_threadpool(_check_known, wanted, services.settings.rules_dir)
    with log_ids(model_id=model_id):
        await run_in_threadpool(services.models.get, model_id)
        job, is_new = await run_in_threadpool(_ask, services, model_id, wanted, request_id, identity)
        waited_for = await wait_for(services, job, preferences)
        answer = await _answer(services, waited_for or job, preferences)
        answer.headers["Job-Shared"] = "false" if is_new else "true"
        return answer


def _check_known(wanted: ReviewRequest, rules_dir: str) -> None:
    """Raises Problem 422 if there is no such set of limits or material."""
    for name, value, known in (
        ("limits", wanted.limits, limit_sets(rules_dir)),
        ("material", wanted.material, materials(rules_dir)),
    ):
        if value is not None and value not in known:
            detail = f"{name}: there is no {value!r}; there are: {', '.join(known)}"
            raise Problem(422, "invalid_request", detail, advice="Ask for one that there is.")


def _ask(services: Services, model_id: str, wanted: ReviewRequest, request_id: str, identity: str) -> tuple[Job, bool]:
    """The job for this review, and whether it is new.

    The intent is written down, then the job is put on the queue; one that cannot be queued is closed.
    """
    job, is_new = services.jobs.ask(
        model_id,
        wanted.process,
        wanted.limits,
        material=wanted.material,
        request_id=request_id,
        identity=identity,
    )
    with log_ids(job_id=job.id):
        if not is_new:
            log.info("the review is under way already", extra={"asked_first_by_request": job.request_id})
            return job, False
        try:
            put_on_queue(services.jobs, services.broker, job)
        except NotQueuedError as error:
            raise problem_of_queue(error) from error
        log.info("review asked for", extra={"configuration": f"{job.process}/{job.limits}"})
    return job, True


async def _answer(services: Services, job: Job, preferences: Prefer) -> Response:
    if job.state is JobState.SUCCEEDED and job.run_id:
        run = await run_in_threadpool(services.runs.get, job.model_id, job.run_id)
        headers = {
            "Content-Location": f"/api/models/{job.model_id}/analysis-runs/{job.run_id}",
            **job_headers(job, preferences, is_accepted=False),
        }
        return JSONResponse(run.review, headers=headers)
    if job.state.is_final:
        raise problem_of(job)
    return accepted(job, preferences)
