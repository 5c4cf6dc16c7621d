"""Part facts: what was measured of a part, each with how, how surely and where."""

import logging
from functools import partial
from typing import Any, Literal

from fastapi import APIRouter, Response
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse

from server.api.job_answers import (
    accepted,
    documented_202,
    is_about_the_part,
    job_headers,
    problem_of,
    problem_of_queue,
    wait_for,
)
from server.api.openapi import needs_token
from server.api.parameters import IdentityDep, ModelId, PreferencesDep, RequestIdDep, ServicesDep
from server.api.review_document import Part
from server.api.revisions import HeldRevisions, etag, shown
from server.observability.logging import log_ids
from server.prefer import Prefer
from server.problems import responses
from server.review_options import DEFAULT_LIMITS, DEFAULT_PROCESS
from server.services import Services
from server.stores.dfm_review_jobs import Job, JobState
from server.stores.documents import Document
from server.stores.errors import DamagedDocumentError, NotFoundError
from server.stores.part_facts import MeasuredFacts
from workers.actors import NotQueuedError, check_room, put_on_queue

log = logging.getLogger(__name__)

router = APIRouter(
    prefix="/api/models/{model_id}/part-facts",
    tags=["part facts"],
    dependencies=[needs_token],
    responses=responses(401, 404, 409, 422, 429, 500, 503, 507),
)

_STRING = {"schema": {"type": "string"}}


class Fact(BaseModel):
    """One measured fact. Lengths in mm; a value that is not there is null, and `state` says why."""

    value: Any
    unit: str
    state: Literal["measured", "inferred", "declared", "unknown", "failed", "not_applicable"]
    method: str
    confidence: float = Field(ge=0, le=1)
    where: dict[str, Any] = Field(description="Faces, point and normal where it was found, and what belongs to it.")


class PartFacts(BaseModel):
    """The facts of one part, `rapiddraft.part-facts/1`. Fields may be added, none removed."""

    model_config = ConfigDict(extra="allow")

    schema_: Literal["rapiddraft.part-facts/1"] = Field(alias="schema")
    part: Part
    facts: dict[str, Fact]
    notes: list[Any]
    timings_ms: dict[str, float]


_ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {"model": PartFacts, "description": "The facts.", "headers": {"ETag": _STRING, "Link": _STRING}},
    202: documented_202("They are being measured; the job at `Location` says when that is done."),
}


@router.get(
    "",
    summary="Show the part facts",
    response_model=None,
    responses={**_ANSWERS, 304: {"description": "They still are what If-None-Match names."}},
)
async def show_facts(
    model_id: ModelId,
    services: ServicesDep,
    request_id: RequestIdDep,
    identity: IdentityDep,
    held: HeldRevisions,
    preferences: PreferencesDep,
) -> Response:
    """What was measured of the part. It is measured after the upload; while that goes on, this waits for it as a
    review is waited for. A part that cannot be measured is answered 422 with the reason.
    """
    with log_ids(model_id=model_id):
        await run_in_threadpool(services.models.get, model_id)
        kept = await run_in_threadpool(_kept, services, model_id)
        if kept is not None:
            return _answer(kept, held)
        job = await run_in_threadpool(_job, services, model_id, request_id, identity)
        return await _after(services, job, preferences, held)


@router.post("/refresh", summary="Measure the part facts again", response_model=None, responses=_ANSWERS)
async def refresh_facts(
    model_id: ModelId,
    services: ServicesDep,
    request_id: RequestIdDep,
    identity: IdentityDep,
    preferences: PreferencesDep,
) -> Response:
    """Measures the part again and waits for it, unless that is under way. Those before stay until then."""
    with log_ids(model_id=model_id):
        await run_in_threadpool(services.models.get, model_id)
        job = await run_in_threadpool(ask_for_facts, services, model_id, request_id, identity)
        return await _after(services, job, preferences, frozenset())


def ask_for_facts(services: Services, model_id: str, request_id: str, identity: str) -> Job:
    """The job that measures the model's facts: written down, then put on the queue, unless one is under way.

    Raises Problem if it cannot be queued.
    """
    try:
        return _ask(services, model_id, request_id, identity)
    except NotQueuedError as error:
        raise problem_of_queue(error, services.settings) from error


def _ask(services: Services, model_id: str, request_id: str, identity: str) -> Job:
    job, is_new = services.jobs.ask(
        model_id,
        DEFAULT_PROCESS,
        DEFAULT_LIMITS,
        request_id=request_id,
        identity=identity,
        kind="part_facts",
        check=partial(check_room, services.settings, services.broker),
    )
    if is_new:
        with log_ids(job_id=job.id):
            put_on_queue(services.jobs, services.broker, job)
            log.info("part facts asked for")
    return job


def warm_up(services: Services, model_id: str, request_id: str, identity: str) -> None:
    """Have the facts of a new model measured before anybody asks; what goes wrong with that is only logged."""
    try:
        _ask(services, model_id, request_id, identity)
    except NotQueuedError as error:
        log.info("the facts are not measured ahead", extra={"reason": str(error)})
    except Exception:
        log.exception("the facts are not measured ahead; who asks for them has them measured")


def _job(services: Services, model_id: str, request_id: str, identity: str) -> Job:
    """The job to wait for: the one under way, the one that failed on this part, or else a new one."""
    latest = services.jobs.latest_for_facts(model_id)
    if latest and latest.state is JobState.FAILED and latest.error and is_about_the_part(latest.error):
        return latest
    return ask_for_facts(services, model_id, request_id, identity)


async def _after(services: Services, job: Job, preferences: Prefer, held: frozenset[str]) -> Response:
    """The answer once the job has ended, or when that took too long."""
    if not job.state.is_final:
        job = await wait_for(services, job, preferences) or job
    if not job.state.is_final:
        return accepted(job, preferences)
    if job.state is not JobState.SUCCEEDED:
        raise problem_of(job)
    answer = _answer(await run_in_threadpool(services.part_facts.document, job.model_id), held)
    answer.headers.update(job_headers(job, preferences, is_accepted=False))
    return answer


def _kept(services: Services, model_id: str) -> Document[MeasuredFacts] | None:
    try:
        return services.part_facts.document(model_id)
    except (NotFoundError, DamagedDocumentError):
        return None  # measured again then


def _answer(kept: Document[MeasuredFacts], held: frozenset[str]) -> Response:
    response = JSONResponse(kept.content.facts, headers={"ETag": etag(kept.revision)})
    unchanged = shown(kept, response, held)
    return unchanged if isinstance(unchanged, Response) else response
