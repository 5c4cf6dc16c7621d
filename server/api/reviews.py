"""Reviews: ask for one, and wait for it or be told where it will be."""

import logging
from dataclasses import dataclass
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Header, Response
from pydantic import Discriminator, Field, Tag
from starlette.concurrency import run_in_threadpool

from server.api.body import Body
from server.api.job_answers import accepted, documented_202, job_headers, problem_of, problem_of_queue, wait_for
from server.api.openapi import needs_token
from server.api.parameters import IdentityDep, ModelId, PreferencesDep, RequestIdDep, ServicesDep
from server.api.review_document import Review
from server.observability import metrics
from server.observability.logging import log_ids
from server.prefer import Prefer
from server.problems import Problem, responses
from server.review_options import (
    DEFAULT_LIMITS,
    DEFAULT_PROCESS,
    Comparable,
    LimitSet,
    Material,
    Process,
    joined,
    limit_sets,
    materials,
)
from server.services import Services
from server.stores.dfm_review_jobs import Job, JobState
from server.stores.errors import DamagedDocumentError, NewerDocumentError, NotFoundError
from workers.actors import NotQueuedError, check_room, put_on_queue
from workers.engine_digest import engine_digest

log = logging.getLogger(__name__)

router = APIRouter(
    prefix="/api/models/{model_id}",
    tags=["reviews"],
    dependencies=[needs_token],
    responses=responses(401, 404, 500, 503),
)


class ReviewRequest(Body):
    """How to review the part. May be left out."""

    # Told apart beforehand, so that what is wrong is said of the one that was meant.
    process: Annotated[
        Annotated[Process, Tag("one")] | Annotated[list[Comparable], Field(min_length=1), Tag("several")],
        Discriminator(lambda asked: "several" if isinstance(asked, list) else "one"),
    ] = Field(
        DEFAULT_PROCESS,
        description="One process, `auto` for the one that suits the part best, or a list of those to compare: the "
        "review is then for the best of them, and has a `comparison`.",
        examples=["auto", ["cnc_milling", "fdm"]],
    )
    limits: LimitSet = Field(DEFAULT_LIMITS, description="Name of a set of limits: `default`, `mtk`, or a shop's own.")
    material: Material | None = Field(
        None, description="Id of a material; the limits for metal hold without one, and the review says so."
    )

    @property
    def processes(self) -> str:
        """As a job names what was asked for."""
        return joined([self.process] if isinstance(self.process, str) else self.process)


_STRING = {"schema": {"type": "string"}}
_CACHE_STATUS = {
    **_STRING,
    "description": "`rapiddraft; hit`: kept from before. `fwd=miss`, `fwd=request` (for `Cache-Control: no-cache`): "
    "made for this request, `collapsed` for others too (RFC 9211).",
}


@router.post(
    "/dfm/review-v2",
    summary="Review a part",
    response_model=None,
    responses={
        200: {
            "model": Review,
            "description": "The review.",
            "headers": {
                "Content-Location": _STRING,
                "Cache-Status": _CACHE_STATUS,
                "Job-Shared": _STRING,
                "Link": _STRING,
                "Vary": _STRING,
            },
        },
        202: documented_202(
            "The review is on its way; the job at `Location` says when it is done.",
            Cache_Status=_CACHE_STATUS,
            Job_Shared=_STRING,
        ),
        **responses(400, 409, 413, 422, 429, 507),
    },
)
async def review_model(
    model_id: ModelId,
    services: ServicesDep,
    request_id: RequestIdDep,
    identity: IdentityDep,
    preferences: PreferencesDep,
    wanted: ReviewRequest | None = None,
    cache_control: Annotated[
        str | None, Header(description="`no-cache` for a new review, whatever is kept from before.")
    ] = None,
) -> Response:
    """Waits for the review and returns it. `Content-Location` is where it is kept.

    A review that was made before in the same configuration, by the same engine and the same rules, is returned at once
    (`Cache-Status: rapiddraft; hit`); `Cache-Control: no-cache` has a new one made.

    With `Prefer: respond-async` it is answered 202 at once, and when the review takes longer than
    `Prefer: wait=N` or the service's own limit, it is answered 202 then. A part that cannot be reviewed
    is answered 422 with the reason and what to do about it.

    While a review of the part in the same configuration is under way there is no second: whoever asks then
    waits for the same job, and `Job-Shared: true` says so.
    """
    wanted = wanted or ReviewRequest()
    anew = _wants_anew(cache_control)
    with log_ids(model_id=model_id):
        found = await run_in_threadpool(_find_or_ask, services, model_id, wanted, request_id, identity, anew=anew)
        if found.review is not None:
            answer = _reviewed(found.job, found.review, preferences)
        else:
            job = await wait_for(services, found.job, preferences) or found.job
            answer = await _answer(services, job, preferences)
        answer.headers["Cache-Status"] = found.cache_status(anew=anew)
        answer.headers["Job-Shared"] = "false" if found.is_new else "true"
        return answer


def _wants_anew(cache_control: str | None) -> bool:
    return "no-cache" in [directive.strip().lower() for directive in (cache_control or "").split(",")]


@dataclass(frozen=True)
class _Found:
    """The job that a request is answered with, and its review if that is there."""

    job: Job
    is_new: bool = False
    review: bytes | None = None

    def cache_status(self, *, anew: bool) -> str:
        if self.review is not None:
            return "rapiddraft; hit"
        collapsed = "" if self.is_new else "; collapsed"
        return f"rapiddraft; fwd={'request' if anew else 'miss'}{collapsed}"


def _find_or_ask(
    services: Services, model_id: str, wanted: ReviewRequest, request_id: str, identity: str, *, anew: bool
) -> _Found:
    """What is there already, kept or under way; else a new job."""
    latest = services.jobs.latest(model_id, wanted.processes, wanted.limits, material=wanted.material)
    if latest is None or latest.state.is_final:
        review = _kept(services, latest) if latest and not anew else None
        if not anew:
            metrics.cache_asked("review", hit=review is not None)
        if latest and review is not None:
            return _Found(latest, review=review)
        try:
            job, is_new = _ask(services, model_id, wanted, request_id, identity, latest)
        except NotQueuedError as error:
            raise problem_of_queue(error, services.settings) from error
        return _Found(job, is_new)
    return _Found(latest)


def _kept(services: Services, job: Job) -> bytes | None:
    """The review that the job led to, if the engine of now would make the same."""
    if job.run_id is None or job.engine is None or job.engine != engine_digest(services.settings.rules_dir):
        return None
    try:
        return services.runs.rendered(job.model_id, job.run_id)
    except (NotFoundError, DamagedDocumentError, NewerDocumentError) as error:
        log.warning("the review is made again", extra={"run_id": job.run_id, "reason": str(error)})
        return None


def _check_known(wanted: ReviewRequest, rules_dir: str) -> None:
    """Raises Problem 422 if there is no such set of limits or material."""
    for name, value, known in (
        ("limits", wanted.limits, limit_sets(rules_dir)),
        ("material", wanted.material, materials(rules_dir)),
    ):
        if value is not None and value not in known:
            detail = f"{name}: there is no {value!r}; there are: {', '.join(known)}"
            raise Problem(422, "invalid_request", detail, advice="Ask for one that there is.")


def _ask(
    services: Services, model_id: str, wanted: ReviewRequest, request_id: str, identity: str, ended: Job | None
) -> tuple[Job, bool]:
    """The job for this review, and whether it is new: one that was asked for since `ended` was the latest will do.

    The intent is written down, then the job is put on the queue; one that cannot be queued is closed. Raises
    NotQueuedError then, and where the queue is seen to be full before anything is written.
    """
    _check_known(wanted, services.settings.rules_dir)
    job, is_new = services.jobs.ask(
        model_id,
        wanted.processes,
        wanted.limits,
        material=wanted.material,
        request_id=request_id,
        identity=identity,
        shares=lambda latest: ended is None or latest.id != ended.id,
        check=partial(check_room, services.settings, services.broker),
    )
    with log_ids(job_id=job.id):
        if not is_new:
            log.info("the review is under way already", extra={"asked_first_by_request": job.request_id})
            return job, False
        put_on_queue(services.jobs, services.broker, job)
        log.info("review asked for", extra={"configuration": f"{job.process}/{job.limits}"})
    return job, True


async def _answer(services: Services, job: Job, preferences: Prefer) -> Response:
    if job.state is JobState.SUCCEEDED and job.run_id:
        review = await run_in_threadpool(services.runs.rendered, job.model_id, job.run_id)
        return _reviewed(job, review, preferences)
    if job.state.is_final:
        raise problem_of(job)
    return accepted(job, preferences)


def _reviewed(job: Job, review: bytes, preferences: Prefer) -> Response:
    headers = {
        "Content-Location": f"/api/models/{job.model_id}/analysis-runs/{job.run_id}",
        **job_headers(job, preferences, is_accepted=False),
    }
    return Response(review, media_type="application/json", headers=headers)
