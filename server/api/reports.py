"""Reports on analysis runs: a review to hand on."""

import logging
from dataclasses import dataclass
from functools import partial
from typing import Any

from fastapi import APIRouter, Response
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse

from server.api.file_names import named_after
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
from server.api.parameters import IdentityDep, ModelId, PreferencesDep, RequestIdDep, RunId, ServicesDep
from server.api.revisions import HeldRevisions
from server.observability.logging import log_ids
from server.prefer import Prefer
from server.problems import responses
from server.review_options import DEFAULT_LIMITS, DEFAULT_PROCESS
from server.services import Services
from server.stores.dfm_review_jobs import Job, JobKind, JobState
from server.stores.reports import HTML, PDF
from workers.actors import NotQueuedError, check_room, put_on_queue
from workers.report import REPORT_VERSION
from workers.report.csv_file import csv_file
from workers.report.sarif import sarif

log = logging.getLogger(__name__)

router = APIRouter(
    prefix="/api/models/{model_id}/analysis-runs/{run_id}",
    tags=["reviews"],
    dependencies=[needs_token],
    responses=responses(401, 404, 429, 500, 503),
)

_STRING = {"schema": {"type": "string"}}
_HEADERS = {"ETag": _STRING, "Content-Disposition": _STRING}
_UNCHANGED = {"description": "The client has it: If-None-Match names it.", "headers": {"ETag": _STRING}}

CSV, SARIF = "text/csv", "application/sarif+json"
HTML_TYPE, PDF_TYPE = "text/html", "application/pdf"
KIND: JobKind = "report"
# What it shows is in it; the browser's own reader of PDF is a plugin with a style.
_FILES = {
    HTML: (
        HTML_TYPE,
        "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'",
    ),
    PDF: (PDF_TYPE, "default-src 'none'; object-src 'self'; style-src 'unsafe-inline'; frame-ancestors 'none'"),
}


def _answers(media_type: str, description: str) -> dict[int | str, dict[str, Any]]:
    content = {media_type: {"schema": {"type": "string"}}}
    return {200: {"description": description, "content": content, "headers": _HEADERS}, 304: _UNCHANGED}


def _drawn(media_type: str) -> dict[int | str, dict[str, Any]]:
    waiting = documented_202("It is being drawn; the job at `Location` says when that is done.")
    return {**_answers(media_type, "The report."), 202: waiting, **responses(409, 422, 507)}


@router.get(
    "/report.csv",
    summary="The findings as CSV",
    response_class=Response,
    responses=_answers(CSV, "A line for each finding, below a line of names (RFC 4180)."),
)
def csv_report(
    model_id: ModelId, run_id: RunId, services: ServicesDep, held: HeldRevisions, mark: bool = True
) -> Response:
    """In UTF-8, with the byte order mark by which Excel knows it unless `mark=false`. What a spreadsheet would take
    for a formula has an apostrophe before it.
    """
    headers = _headers(services, model_id, run_id, "csv")
    if _has_it(services, model_id, run_id, held, headers):
        return Response(status_code=304, headers=headers)
    review = services.runs.get(model_id, run_id).review
    return Response(
        csv_file(review, with_mark=mark), media_type=f"{CSV}; charset=utf-8; header=present", headers=headers
    )


@router.get(
    "/report.sarif",
    summary="The findings as SARIF",
    response_class=Response,
    responses=_answers(SARIF, "A SARIF 2.1.0 log with one run, for code-review tools."),
)
def sarif_report(model_id: ModelId, run_id: RunId, services: ServicesDep, held: HeldRevisions) -> Response:
    """Each rule with its help, each finding as a result; `partialFingerprints` has the finding's id."""
    headers = _headers(services, model_id, run_id, "sarif")
    if _has_it(services, model_id, run_id, held, headers):
        return Response(status_code=304, headers=headers)
    review = services.runs.get(model_id, run_id).review
    return JSONResponse(sarif(review), media_type=SARIF, headers=headers)


@router.get("/report.html", summary="The report as HTML", response_model=None, responses=_drawn(HTML_TYPE))
async def html_report(
    model_id: ModelId,
    run_id: RunId,
    services: ServicesDep,
    request_id: RequestIdDep,
    identity: IdentityDep,
    held: HeldRevisions,
    preferences: PreferencesDep,
) -> Response:
    """One file with pictures of what was found on the part: no scripts, nothing from elsewhere. It is drawn when it is
    first asked for; while that goes on, this waits for it as a review is waited for.
    """
    asked = _Asked(model_id, run_id, request_id, identity)
    return await _drawn_report(services, asked, HTML, preferences, held)


@router.get("/report.pdf", summary="The report as PDF", response_model=None, responses=_drawn(PDF_TYPE))
async def pdf_report(
    model_id: ModelId,
    run_id: RunId,
    services: ServicesDep,
    request_id: RequestIdDep,
    identity: IdentityDep,
    held: HeldRevisions,
    preferences: PreferencesDep,
) -> Response:
    """The same on A4. It is drawn when it is first asked for; while that goes on, this waits for it as a review is
    waited for.
    """
    asked = _Asked(model_id, run_id, request_id, identity)
    return await _drawn_report(services, asked, PDF, preferences, held)


@dataclass(frozen=True)
class _Asked:
    """A report that somebody asks for."""

    model_id: str
    run_id: str
    request_id: str
    identity: str


async def _drawn_report(
    services: Services, asked: _Asked, name: str, preferences: Prefer, held: frozenset[str]
) -> Response:
    with log_ids(model_id=asked.model_id):
        answer = await run_in_threadpool(_kept, services, asked, name, held)
        if answer is not None:
            return answer
        job = await run_in_threadpool(_job, services, asked)
        if not job.state.is_final:
            job = await wait_for(services, job, preferences) or job
        if not job.state.is_final:
            return accepted(job, preferences)
        answer = await run_in_threadpool(_kept, services, asked, name, held)
        if answer is None:
            raise problem_of(job)
        answer.headers.update(job_headers(job, preferences, is_accepted=False))
        return answer


def _kept(services: Services, asked: _Asked, name: str, held: frozenset[str]) -> Response | None:
    """The file that is asked for, if it is there. Raises NotFoundError if there is no such run."""
    media_type, policy = _FILES[name]
    headers = _headers(services, asked.model_id, asked.run_id, name.rpartition(".")[2], inline=True)
    services.runs.require(asked.model_id, asked.run_id)
    content = services.reports.content(asked.model_id, asked.run_id, name)
    if content is None:
        return None
    headers["Content-Security-Policy"] = policy
    if held & {headers["ETag"], "*"}:
        return Response(status_code=304, headers=headers)
    return Response(content, media_type=media_type, headers=headers)


def _job(services: Services, asked: _Asked) -> Job:
    """The job to wait for: the one under way, the one that failed on this part, or else a new one."""
    latest = services.jobs.latest_about(asked.model_id, KIND, asked.run_id)
    if latest and latest.state is JobState.FAILED and latest.error and is_about_the_part(latest.error):
        return latest
    review = services.jobs.if_readable(asked.run_id)
    try:
        job, is_new = services.jobs.ask(
            asked.model_id,
            review.process if review else DEFAULT_PROCESS,
            review.limits if review else DEFAULT_LIMITS,
            material=review.material if review else None,
            request_id=asked.request_id,
            identity=asked.identity,
            kind=KIND,
            about=asked.run_id,
            check=partial(check_room, services.settings, services.broker),
        )
        if is_new:
            with log_ids(job_id=job.id):
                put_on_queue(services.jobs, services.broker, job)
                log.info("report asked for", extra={"run_id": asked.run_id})
    except NotQueuedError as error:
        raise problem_of_queue(error, services.settings) from error
    return job


def _has_it(services: Services, model_id: str, run_id: str, held: frozenset[str], headers: dict[str, str]) -> bool:
    """Whether the client has this report on a run. Raises NotFoundError if there is no such run."""
    services.runs.require(model_id, run_id)
    return bool(held & {headers["ETag"], "*"})


def _headers(services: Services, model_id: str, run_id: str, kind: str, *, inline: bool = False) -> dict[str, str]:
    name = services.models.get(model_id).name
    return {
        "ETag": f'"{run_id}-{kind}-{REPORT_VERSION}"',
        # Asked for again each time, mostly for a 304: another version of the service may lay it out otherwise.
        "Cache-Control": "private, no-cache",
        "Content-Disposition": f"{'inline' if inline else 'attachment'}; {named_after(name, f'-review.{kind}')}",
        "Link": f'</api/models/{model_id}/analysis-runs/{run_id}>; rel="describes"',
    }
