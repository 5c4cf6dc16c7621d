"""Candidate sessions: edits that clear findings, proven one by one, and what somebody decided about each."""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any, BinaryIO, Literal

from fastapi import APIRouter, Depends, Response
from pydantic import BaseModel, Field
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, StreamingResponse

from server.api.body import Body
from server.api.file_names import named_after
from server.api.job_answers import accepted, documented_202, job_headers, problem_of, problem_of_queue, wait_for
from server.api.openapi import needs_token
from server.api.parameters import (
    DEFAULT_LIMIT,
    ULID,
    CandidateId,
    CandidateSessionId,
    Cursor,
    IdentityDep,
    Limit,
    ModelId,
    PreferencesDep,
    RequestIdDep,
    ServicesDep,
)
from server.api.review_document import Review
from server.api.revisions import ETAG, ExpectedRevisions, HeldRevisions, etag
from server.observability.logging import log_ids
from server.part_format import PartFormat
from server.prefer import Prefer
from server.problems import Problem, responses
from server.services import Services
from server.stores.dfm_candidate_session_store import (
    Candidate,
    CandidateSession,
    CandidateSessions,
    CandidateState,
    PresentFinding,
    SessionRefusesError,
    SessionState,
)
from server.stores.dfm_review_jobs import Job, JobKind, JobState
from server.stores.documents import Document
from server.stores.errors import NotFoundError
from server.stores.paging import Page
from workers.actors import NotQueuedError, check_room, put_on_queue

log = logging.getLogger(__name__)

KIND: JobKind = "candidate"
STEP, OTHER = "model/step", "application/octet-stream"
PIECE_BYTES = 256 * 1024

router = APIRouter(
    prefix="/api/models/{model_id}/dfm/candidate-sessions",
    tags=["candidates"],
    dependencies=[needs_token],
    responses=responses(401, 404, 500, 503),
)

_STRING = {"schema": {"type": "string"}}
_WRITING = responses(400, 413, 422, 507)
_CHANGING = _WRITING | responses(409, 412)
_UNCHANGED = {"description": "The client has it: If-None-Match names it.", "headers": {"ETag": _STRING}}
_PART: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The file's bytes; the `ETag` is their SHA-256.",
        "content": {STEP: {"schema": {"type": "string"}}, OTHER: {"schema": {"type": "string"}}},
        "headers": {"ETag": _STRING, "Content-Disposition": _STRING},
    },
    304: _UNCHANGED,
}

Reason = Annotated[str, Field(min_length=1, max_length=2000, description="Why; it is kept in the activity log.")]


class NewSession(Body):
    """A session to begin."""

    run_id: Annotated[str, Field(pattern=ULID, description="The analysis run whose findings are to be cleared.")]


class NewCandidate(Body):
    """What an edit is wanted for."""

    finding: Annotated[
        str, Field(min_length=1, max_length=200, description="Id of a finding of the session's present part.")
    ]


class Reasoned(Body):
    """A decision."""

    reason: Reason


class Closing(Body):
    """How a session ends."""

    state: Literal["accepted", "rejected"]
    reason: Reason


class ShownPart(BaseModel):
    """The part that a session has come to."""

    sha256: str
    candidate: str | None = Field(description="The last accepted candidate; null for the part as uploaded.")


class ShownSession(CandidateSession):
    """A session with the part that it has come to, and that part's findings."""

    part: ShownPart
    findings: list[PresentFinding] = Field(description="Of the present part: what an edit can be asked for.")


@dataclass(frozen=True)
class _Change:
    """What somebody does with a session; each is answered with the session as it is then. Raises Problem."""

    services: Services
    response: Response
    model_id: str
    session_id: str
    who: str
    expected: frozenset[int] | None

    def decide(self, candidate_id: str, state: CandidateState, reason: str) -> ShownSession:
        with _refusals():
            decided = self._sessions.decide(
                self.model_id, self.session_id, candidate_id, state, who=self.who, reason=reason, expected=self.expected
            )
        return self._shown(decided)

    def undo(self, reason: str) -> ShownSession:
        self._check_nothing_under_way()
        with _refusals():
            undone = self._sessions.undo(
                self.model_id, self.session_id, who=self.who, reason=reason, expected=self.expected
            )
        return self._shown(undone)

    def close(self, state: SessionState, reason: str) -> ShownSession:
        self._check_nothing_under_way()
        with _refusals():
            closed = self._sessions.close(
                self.model_id, self.session_id, state, who=self.who, reason=reason, expected=self.expected
            )
        return self._shown(closed)

    @property
    def _sessions(self) -> CandidateSessions:
        return self.services.candidate_sessions

    def _shown(self, changed: Document[CandidateSession]) -> ShownSession:
        return _shown(self.services, self.model_id, changed, self.response)

    def _check_nothing_under_way(self) -> None:
        """An edit that begins right after is refused when it is done."""
        latest = self.services.jobs.latest_about(self.model_id, KIND, self.session_id)
        if latest is not None and not latest.state.is_final:
            raise _under_way(latest)


async def _change(
    model_id: ModelId,
    session_id: CandidateSessionId,
    response: Response,
    services: ServicesDep,
    identity: IdentityDep,
    expected: ExpectedRevisions,
) -> _Change:
    return _Change(services, response, model_id, session_id, identity, expected)


_ChangeDep = Annotated[_Change, Depends(_change)]


@router.post(
    "",
    status_code=201,
    summary="Begin a candidate session",
    response_model=ShownSession,
    responses=_WRITING | {201: {"headers": ETAG | {"Location": _STRING}}},
)
def begin_session(
    model_id: ModelId, wanted: NewSession, response: Response, services: ServicesDep, identity: IdentityDep
) -> ShownSession:
    """For the findings of one analysis run, with its process, limits and material. Durable when it is answered."""
    run = services.runs.get(model_id, wanted.run_id)
    begun = services.candidate_sessions.create(model_id, run, author=identity)
    response.headers["Location"] = _path(model_id, begun.content.id)
    return _shown(services, model_id, begun, response)


@router.get("", summary="List the candidate sessions of a model", responses=responses(422))
def list_sessions(
    model_id: ModelId, services: ServicesDep, limit: Limit = DEFAULT_LIMIT, cursor: Cursor = None
) -> Page[CandidateSession]:
    """Newest first, with their candidates."""
    return services.candidate_sessions.list(model_id, limit=limit, cursor=cursor)


@router.get(
    "/{session_id}",
    summary="Show a candidate session",
    response_model=ShownSession,
    responses={
        200: {"headers": ETAG},
        304: {"description": "It still is at the revision that If-None-Match names.", "headers": ETAG},
    },
)
def show_session(
    model_id: ModelId, session_id: CandidateSessionId, response: Response, services: ServicesDep, held: HeldRevisions
) -> ShownSession | Response:
    """All that was tried and decided, the part that it has come to, and the findings of that part."""
    session = services.candidate_sessions.get(model_id, session_id)
    tag = etag(session.revision)
    if held & {tag, "*"}:
        return Response(status_code=304, headers={"ETag": tag})
    return _shown(services, model_id, session, response)


@router.post(
    "/{session_id}/candidates",
    summary="Try an edit for a finding",
    response_model=None,
    responses={
        200: {
            "model": Candidate,
            "description": "The edit with its proof (`proposed`), or why there is none (`refused`).",
            "headers": ETAG | dict.fromkeys(("Content-Location", "Job-Shared", "Link", "Vary"), _STRING),
        },
        202: documented_202("It is being tried; the job at `Location` says when that is done.", Job_Shared=_STRING),
        **_WRITING,
        **responses(409, 429),
    },
)
async def propose_candidate(
    model_id: ModelId,
    session_id: CandidateSessionId,
    wanted: NewCandidate,
    services: ServicesDep,
    request_id: RequestIdDep,
    identity: IdentityDep,
    preferences: PreferencesDep,
) -> Response:
    """A worker edits a copy of the present part, proves that it is sound, changed nowhere else and reviewed without the
    finding and without a new one, and this waits for it as a review is waited for. The candidate has the job's id.

    One at a time: 409 while an edit for another finding is tried, and until the last one is accepted or rejected.
    """
    asked = _Asked(model_id, session_id, wanted.finding, request_id, identity)
    with log_ids(model_id=model_id):
        job, is_new = await run_in_threadpool(_job, services, asked)
        job = await wait_for(services, job, preferences) or job
        answer = await run_in_threadpool(_answer, services, job, asked, preferences)
        answer.headers["Job-Shared"] = "false" if is_new else "true"
        return answer


@router.get("/{session_id}/candidates/{candidate_id}", summary="Show a candidate")
def show_candidate(
    model_id: ModelId, session_id: CandidateSessionId, candidate_id: CandidateId, services: ServicesDep
) -> Candidate:
    """An edit with its proof, or why there is none, and what was decided about it."""
    return services.candidate_sessions.get(model_id, session_id).content.candidate(candidate_id)


@router.post(
    "/{session_id}/candidates/{candidate_id}/accept",
    summary="Accept a candidate",
    response_model=ShownSession,
    responses=_CHANGING | {200: {"headers": ETAG}},
)
def accept_candidate(candidate_id: CandidateId, decision: Reasoned, change: _ChangeDep) -> ShownSession:
    """Its part is the session's present one from now on."""
    return change.decide(candidate_id, CandidateState.ACCEPTED, decision.reason)


@router.post(
    "/{session_id}/candidates/{candidate_id}/reject",
    summary="Reject a candidate",
    response_model=ShownSession,
    responses=_CHANGING | {200: {"headers": ETAG}},
)
def reject_candidate(candidate_id: CandidateId, decision: Reasoned, change: _ChangeDep) -> ShownSession:
    """The part stays as it was."""
    return change.decide(candidate_id, CandidateState.REJECTED, decision.reason)


@router.post(
    "/{session_id}/undo",
    summary="Take the last accepted edit back",
    response_model=ShownSession,
    responses=_CHANGING | {200: {"headers": ETAG}},
)
def undo(decision: Reasoned, change: _ChangeDep) -> ShownSession:
    """The present part is the one from before that edit. 409 while an edit is tried, or has to be decided first."""
    return change.undo(decision.reason)


@router.post(
    "/{session_id}/close",
    summary="Close a candidate session",
    response_model=ShownSession,
    responses=_CHANGING | {200: {"headers": ETAG}},
)
def close_session(closing: Closing, change: _ChangeDep) -> ShownSession:
    """It stays as it is then, and its parts can still be downloaded."""
    return change.close(SessionState(closing.state), closing.reason)


@router.get(
    "/{session_id}/part.step", summary="Download the present part", response_class=StreamingResponse, responses=_PART
)
def download_part(
    model_id: ModelId, session_id: CandidateSessionId, services: ServicesDep, held: HeldRevisions
) -> Response:
    """With all accepted edits; the bytes that were uploaded while there are none."""
    session = services.candidate_sessions.get(model_id, session_id).content
    part = services.candidate_sessions.present_part(model_id, session)
    return _part(services, model_id, part.path, part.sha256, held, is_edited=part.candidate is not None)


@router.get(
    "/{session_id}/candidates/{candidate_id}/part.step",
    summary="Download the part of a candidate",
    response_class=StreamingResponse,
    responses=_PART | responses(409),
)
def download_candidate(
    model_id: ModelId,
    session_id: CandidateSessionId,
    candidate_id: CandidateId,
    services: ServicesDep,
    held: HeldRevisions,
) -> Response:
    """As the edit leaves the part that it was tried on. 409 with the reason for a candidate that was refused."""
    session = services.candidate_sessions.get(model_id, session_id).content
    candidate = session.candidate(candidate_id)
    with _refusals():
        path = services.candidate_sessions.part_of(model_id, session, candidate)
    return _part(services, model_id, path, candidate.part_sha256 or "", held, is_edited=True)


@router.get(
    "/{session_id}/review",
    summary="Show the review of the present part",
    response_model=None,
    responses={
        200: {"model": Review, "description": "The review, as it was made.", "headers": {"ETag": _STRING}},
        304: _UNCHANGED,
    },
)
def show_review(
    model_id: ModelId, session_id: CandidateSessionId, services: ServicesDep, held: HeldRevisions
) -> Response:
    """That of the analysis run while no edit is accepted, then the one that proved the last accepted edit."""
    session = services.candidate_sessions.get(model_id, session_id).content
    top = session.top
    tag = f'"{top.review_sha256 if top else session.run_id}"'
    headers = {"ETag": tag, "Cache-Control": "private, no-cache"}
    if held & {tag, "*"}:
        return Response(status_code=304, headers=headers)
    review = services.candidate_sessions.present_review(model_id, session)
    return Response(review, media_type="application/json", headers=headers)


@dataclass(frozen=True)
class _Asked:
    """An edit that somebody asks for."""

    model_id: str
    session_id: str
    finding: str
    request_id: str
    identity: str


def _job(services: Services, asked: _Asked) -> tuple[Job, bool]:
    """The job that tries the edit, and whether it is new. Raises Problem."""
    session = services.candidate_sessions.get(asked.model_id, asked.session_id).content
    try:
        job, is_new = services.jobs.ask(
            asked.model_id,
            session.process,
            session.limits,
            material=session.material,
            request_id=asked.request_id,
            identity=asked.identity,
            kind=KIND,
            about=asked.session_id,
            finding=asked.finding,
            check=partial(_check, services, asked),
        )
        if is_new:
            with log_ids(job_id=job.id):
                put_on_queue(services.jobs, services.broker, job)
                log.info("candidate asked for", extra={"session_id": asked.session_id, "finding": asked.finding})
    except NotQueuedError as error:
        raise problem_of_queue(error, services.settings) from error
    if job.finding != asked.finding:
        raise _under_way(job)
    return job, is_new


def _check(services: Services, asked: _Asked, job: Job) -> None:
    """Raises what is in the way of a new job; while this is asked, nobody else can ask for one."""
    session = services.candidate_sessions.get(asked.model_id, asked.session_id).content
    with _refusals():
        session.check_takes_candidates()
    known = services.candidate_sessions.present_findings(asked.model_id, session)
    if not any(finding.id == asked.finding for finding in known):
        detail = f"The present part of the session has no finding {asked.finding}."
        raise Problem(422, "no_finding", detail, advice="The session lists the findings that there are.")
    check_room(services.settings, services.broker, job)


def _under_way(job: Job) -> Problem:
    detail = f"Job {job.id} is trying an edit for finding {job.finding} in this session."
    return Problem(409, "candidate_under_way", detail, advice="Wait for it, or cancel it.", job=job.id)


def _answer(services: Services, job: Job, asked: _Asked, preferences: Prefer) -> Response:
    if not job.state.is_final:
        return accepted(job, preferences)
    if job.state is not JobState.SUCCEEDED:
        raise problem_of(job)
    session = services.candidate_sessions.get(asked.model_id, asked.session_id)
    headers = {
        "ETag": etag(session.revision),
        "Content-Location": f"{_path(asked.model_id, asked.session_id)}/candidates/{job.id}",
        **job_headers(job, preferences, is_accepted=False),
    }
    return JSONResponse(session.content.candidate(job.id).model_dump(mode="json"), headers=headers)


def _shown(services: Services, model_id: str, document: Document[CandidateSession], response: Response) -> ShownSession:
    session = document.content
    part = services.candidate_sessions.present_part(model_id, session)
    response.headers["ETag"] = etag(document.revision)
    return ShownSession(
        **dict(session),
        part=ShownPart(sha256=part.sha256, candidate=part.candidate),
        findings=services.candidate_sessions.present_findings(model_id, session),
    )


def _part(
    services: Services, model_id: str, path: Path, sha256: str, held: frozenset[str], *, is_edited: bool
) -> Response:
    model = services.models.get(model_id)
    ending = "-edited.step" if is_edited else f".{model.format.lower()}"
    headers = {
        "ETag": f'"{sha256}"',
        "Cache-Control": "private, no-cache",
        "Content-Disposition": f"attachment; {named_after(model.name, ending)}",
    }
    if held & {headers["ETag"], "*"}:
        return Response(status_code=304, headers=headers)
    # Open from here on: it is sent whole even if the model is removed meanwhile.
    try:
        file = path.open("rb")
    except FileNotFoundError as gone:
        raise NotFoundError("model", model_id) from gone
    headers["Content-Length"] = str(os.fstat(file.fileno()).st_size)
    is_step = is_edited or model.format is PartFormat.STEP
    return StreamingResponse(_pieces(file), media_type=STEP if is_step else OTHER, headers=headers)


def _pieces(file: BinaryIO) -> Iterator[bytes]:
    with file:
        while piece := file.read(PIECE_BYTES):
            yield piece


def _path(model_id: str, session_id: str) -> str:
    return f"/api/models/{model_id}/dfm/candidate-sessions/{session_id}"


@contextmanager
def _refusals() -> Iterator[None]:
    """What a session refuses, as a problem."""
    try:
        yield
    except SessionRefusesError as error:
        raise Problem(409, error.code, error.detail) from error
