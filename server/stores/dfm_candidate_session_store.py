"""Candidate sessions: edits that are tried for the findings of one analysis run, each on top of those accepted before.

A session is a document in the model's activity log. The STEP of a proposed edit and its review lie beside it, named by
their SHA-256, and are there before the session names them; what no session names is swept. docs/candidate-sessions.md.
"""

import hashlib
import logging
import os
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from pydantic import BaseModel, Field

from server._atomic_json import LockTimeoutError, fsync_folder, read_json
from server.clock import now
from server.data_folder import DataFolder
from server.ids import new_id
from server.review_options import LimitSet, Material, Process
from server.stores.analysis_runs import AnalysisRun, AnalysisRuns
from server.stores.documents import Document, Kind
from server.stores.errors import AlreadyExistsError, DamagedDocumentError, NewerDocumentError, NotFoundError
from server.stores.model_documents import ModelDocuments, locked_model
from server.stores.model_store import ModelStore
from server.stores.paging import Page, ids_in, page_of
from workers.fixable import is_fixable

log = logging.getLogger(__name__)

FOLDER = "candidate-sessions"
MOST_CANDIDATES = 500  # each is written again with every change of its session


class SessionState(StrEnum):
    """What was decided about a session; one that is decided stays so."""

    OPEN = "open"
    ACCEPTED = "accepted"
    REJECTED = "rejected"


class CandidateState(StrEnum):
    """What became of an edit."""

    PROPOSED = "proposed"
    """It is proven, and nobody has decided yet."""
    REFUSED = "refused"
    """No edit could be proven; `reason` says why."""
    ACCEPTED = "accepted"
    REJECTED = "rejected"
    TAKEN_BACK = "taken_back"


@dataclass
class SessionRefusesError(Exception):
    """A session is not as it must be for what was asked of it; `code` is a stable name for why."""

    code: str
    detail: str

    def __str__(self) -> str:
        return self.detail


class FindingInBrief(BaseModel):
    """A finding, by what one knows it again."""

    id: str
    rule: str
    severity: str
    title: str


class PresentFinding(FindingInBrief):
    """A finding of a session's present part."""

    fixable: bool = Field(description="Whether there is an edit to try for it; if not, the answer will be `refused`.")


class Attempt(BaseModel):
    """One edit that was tried for a finding, and why it was not taken; "" if it was."""

    words: str
    refused: str


class Decision(BaseModel):
    """Who decided what, when and why."""

    state: str
    who: str
    at: datetime
    reason: str


class Candidate(BaseModel):
    """An edit for one finding, with its proof; or why there is none. Only decisions are ever added."""

    id: str = Field(description="ULID; the job that proposed it has the same one.")
    finding: str = Field(description="Id of the finding, among those of the part that was edited.")
    rule: str
    on: str | None = Field(description="The accepted candidate whose part was edited; null for the part as uploaded.")
    state: CandidateState
    reason: str = Field("", description="Why it was refused.")
    edit: str = Field("", description="What was done, in words.")
    figures: dict[str, float] = Field(default_factory=dict)
    attempts: list[Attempt] = Field(default_factory=list, description="All edits that were tried, in their order.")
    cleared: list[str] = Field(default_factory=list, description="Ids of the findings from before that it clears.")
    new: list[FindingInBrief] = Field(default_factory=list, description="Findings that it brings.")
    still: list[str] = Field(default_factory=list, description="Ids of the findings from before that are still there.")
    volume_before: float | None = Field(None, description="mm³")
    volume_after: float | None = Field(None, description="mm³")
    part_sha256: str | None = Field(None, description="Of the STEP file of the edited part.")
    review_sha256: str | None = Field(None, description="Of the JSON of that part's review.")
    author: str
    created_at: datetime
    decisions: list[Decision] = Field(default_factory=list)

    def decided(self, state: CandidateState, who: str, reason: str) -> "Candidate":
        """The same, with a decision more."""
        decision = Decision(state=state, who=who, at=now(), reason=reason)
        return self.model_copy(update={"state": state, "decisions": [*self.decisions, decision]})


class CandidateSession(BaseModel):
    """Edits that were tried for the findings of one analysis run; those accepted are a stack."""

    id: str
    run_id: str = Field(description="The analysis run whose findings are to be cleared.")
    process: Process
    limits: LimitSet
    material: Material | None
    state: SessionState = SessionState.OPEN
    candidates: list[Candidate] = Field(default_factory=list, description="In the order that they were proposed in.")
    stack: list[str] = Field(default_factory=list, description="Ids of the accepted candidates, the first one first.")
    decision: Decision | None = Field(None, description="Who closed it, and why.")
    author: str
    created_at: datetime
    updated_at: datetime

    @property
    def undecided(self) -> Candidate | None:
        """The candidate that somebody has to accept or reject first."""
        return next((candidate for candidate in self.candidates if candidate.state is CandidateState.PROPOSED), None)

    @property
    def top(self) -> Candidate | None:
        """The last accepted candidate, whose part is the present one; None while that is the part as uploaded."""
        return self.candidate(self.stack[-1]) if self.stack else None

    def candidate(self, candidate_id: str) -> Candidate:
        """Raises NotFoundError."""
        for candidate in self.candidates:
            if candidate.id == candidate_id:
                return candidate
        raise NotFoundError("candidate", candidate_id)

    def check_takes_candidates(self) -> None:
        """Raises SessionRefusesError unless an edit may be proposed now."""
        self.check_all_decided()
        if len(self.candidates) >= MOST_CANDIDATES:
            raise SessionRefusesError("session_full", f"A session has at most {MOST_CANDIDATES} candidates.")

    def check_takes_edit_of(self, on: str | None) -> None:
        """The same for an edit of the part of the accepted candidate `on`, which has to be the present one."""
        self.check_takes_candidates()
        if on != (self.stack[-1] if self.stack else None):
            raise SessionRefusesError("session_changed", "The part was changed while the edit was tried.")

    def check_all_decided(self) -> None:
        """Raises SessionRefusesError if the session is closed, or if a candidate has to be decided first."""
        self.check_open()
        if self.undecided is not None:
            raise SessionRefusesError(
                "candidate_undecided", f"Candidate {self.undecided.id} is neither accepted nor rejected yet."
            )

    def check_open(self) -> None:
        """Raises SessionRefusesError if the session is closed."""
        if self.state is not SessionState.OPEN:
            raise SessionRefusesError("session_closed", f"Candidate session {self.id} is {self.state}; it stays so.")

    def with_candidate(self, candidate: Candidate) -> "CandidateSession":
        """The same, with one candidate as it is now."""
        return self.model_copy(
            update={"candidates": [candidate if old.id == candidate.id else old for old in self.candidates]}
        )


CANDIDATE_SESSION_KIND = Kind("candidate session", CandidateSession)


@dataclass(frozen=True)
class PresentPart:
    """The part that a session has come to: as uploaded, or that of the last accepted candidate."""

    path: Path
    sha256: str
    candidate: str | None


@dataclass(frozen=True)
class NewFiles:
    """The STEP of a candidate and its review, as a worker left them: they are moved away from there."""

    part: Path
    review: Path


class CandidateSessions:
    """The candidate sessions in one data folder. Raises what `ModelDocuments` raises."""

    def __init__(self, data: DataFolder, runs: AnalysisRuns) -> None:
        self._data = data
        self._runs = runs
        self._models = ModelStore(data)
        self._documents = ModelDocuments(data, CANDIDATE_SESSION_KIND, FOLDER)

    def create(self, model_id: str, run: AnalysisRun, *, author: str) -> Document[CandidateSession]:
        """Begin a session for a run: its process, limits and material stay the same throughout."""
        at = now()
        session = CandidateSession(
            id=new_id(),
            run_id=run.id,
            process=_process_of(run.review),
            limits=run.review["limits"],
            material=(run.review.get("material") or {}).get("id"),
            author=author,
            created_at=at,
            updated_at=at,
        )
        with locked_model(self._data, model_id) as model_log:
            self._runs.require(model_id, run.id)  # retention may have removed it meanwhile
            return self._documents.create_locked(model_log, session.id, session, who=author)

    def get(self, model_id: str, session_id: str) -> Document[CandidateSession]:
        """One session."""
        return self._documents.read(model_id, session_id)

    def list(self, model_id: str, *, limit: int, cursor: str | None = None) -> Page[CandidateSession]:
        """Newest first."""

        def load(session_id: str) -> CandidateSession | None:
            document = self._documents.readable(model_id, session_id)
            return document.content if document else None

        return page_of(self._documents.ids(model_id), load, limit=limit, cursor=cursor)

    # -- the part that it has come to -------------------------------------------------------------------

    def present_part(self, model_id: str, session: CandidateSession) -> PresentPart:
        """The part that the next edit is made on."""
        top = session.top
        if top is None:
            return PresentPart(self._models.part_file(model_id), self._models.get(model_id).sha256, None)
        return PresentPart(self.part_of(model_id, session, top), top.part_sha256 or "", top.id)

    def present_review(self, model_id: str, session: CandidateSession) -> bytes:
        """The review of that part, in JSON; that of the run while nothing is accepted."""
        top = session.top
        if top is None:
            return self._runs.rendered(model_id, session.run_id)
        path = self._folder(model_id, session.id) / f"{top.review_sha256}.json"
        return _there(path).read_bytes()

    def present_findings(self, model_id: str, session: CandidateSession) -> Sequence[PresentFinding]:
        """The findings of that review."""
        top = session.top
        if top is None:
            review = self._runs.get(model_id, session.run_id).review
        else:
            review = read_json(_there(self._folder(model_id, session.id) / f"{top.review_sha256}.json"))
        return [
            PresentFinding.model_validate(finding | {"fixable": is_fixable(finding["rule"], review)})
            for finding in review["findings"]
        ]

    def part_of(self, model_id: str, session: CandidateSession, candidate: Candidate) -> Path:
        """Where the STEP of a candidate is. Raises SessionRefusesError for one that was refused."""
        if candidate.part_sha256 is None:
            raise SessionRefusesError("candidate_refused", f"Candidate {candidate.id} was refused: {candidate.reason}")
        return _there(self._folder(model_id, session.id) / f"{candidate.part_sha256}.step")

    # -- changes ----------------------------------------------------------------------------------------

    def add(
        self, model_id: str, session_id: str, candidate: Candidate, files: NewFiles | None
    ) -> Document[CandidateSession]:
        """Add a candidate that a worker has made, with its files, named by their checksums.

        Raises AlreadyExistsError if it is there, and SessionRefusesError if the session has gone on meanwhile.
        """
        if files is not None:
            _sync(files.part)
            _sync(files.review)

        def added(session: CandidateSession) -> CandidateSession:
            if any(other.id == candidate.id for other in session.candidates):
                raise AlreadyExistsError(f"The candidate {candidate.id} exists.")
            session.check_takes_edit_of(candidate.on)
            if files is not None:
                # Under the model's lock, so that the sweep does not take what is about to be named.
                self._move(model_id, session_id, candidate, files)
            return session.model_copy(update={"candidates": [*session.candidates, candidate]})

        what = f"candidate_{candidate.state}"
        return self._change(model_id, session_id, added, who=candidate.author, what=what)

    def decide(
        self,
        model_id: str,
        session_id: str,
        candidate_id: str,
        state: CandidateState,
        *,
        who: str,
        reason: str,
        expected: Collection[int] | None = None,
    ) -> Document[CandidateSession]:
        """Accept or reject a proposed candidate. Raises SessionRefusesError if that cannot be, NotFoundError for it."""

        def decided(session: CandidateSession) -> CandidateSession:
            session.check_open()
            candidate = session.candidate(candidate_id)
            if candidate.state is not CandidateState.PROPOSED:
                raise SessionRefusesError(
                    "candidate_decided", f"Candidate {candidate_id} is {candidate.state}, not proposed."
                )
            stack = [*session.stack, candidate_id] if state is CandidateState.ACCEPTED else session.stack
            changed = session.with_candidate(candidate.decided(state, who, reason))
            return changed.model_copy(update={"stack": stack})

        what = f"candidate_{state}"
        return self._change(model_id, session_id, decided, who=who, what=what, expected=expected)

    def undo(
        self, model_id: str, session_id: str, *, who: str, reason: str, expected: Collection[int] | None = None
    ) -> Document[CandidateSession]:
        """Take the last accepted edit back. Raises SessionRefusesError if there is none, or one to decide first."""

        def undone(session: CandidateSession) -> CandidateSession:
            session.check_all_decided()
            if session.top is None:
                raise SessionRefusesError("nothing_accepted", "No edit of this session is accepted.")
            changed = session.with_candidate(session.top.decided(CandidateState.TAKEN_BACK, who, reason))
            return changed.model_copy(update={"stack": session.stack[:-1]})

        return self._change(model_id, session_id, undone, who=who, what="edit_taken_back", expected=expected)

    def close(
        self,
        model_id: str,
        session_id: str,
        state: SessionState,
        *,
        who: str,
        reason: str,
        expected: Collection[int] | None = None,
    ) -> Document[CandidateSession]:
        """End the session. Raises SessionRefusesError if it has ended, or one has to be decided first."""

        def closed(session: CandidateSession) -> CandidateSession:
            session.check_all_decided()
            if state is SessionState.ACCEPTED and not session.stack:
                raise SessionRefusesError("nothing_accepted", "No edit of this session is accepted.")
            decision = Decision(state=state, who=who, at=now(), reason=reason)
            return session.model_copy(update={"state": state, "decision": decision})

        return self._change(model_id, session_id, closed, who=who, what=str(state), expected=expected)

    def _change(
        self,
        model_id: str,
        session_id: str,
        change: Callable[[CandidateSession], CandidateSession],
        *,
        who: str,
        what: str,
        expected: Collection[int] | None = None,
    ) -> Document[CandidateSession]:
        return self._documents.change(
            model_id,
            session_id,
            lambda session: change(session).model_copy(update={"updated_at": now()}),
            who=who,
            what=what,
            expected=expected,
        )

    def _move(self, model_id: str, session_id: str, candidate: Candidate, files: NewFiles) -> None:
        folder = self._folder(model_id, session_id)
        if not folder.exists():
            folder.mkdir()
            fsync_folder(folder.parent)
        files.part.replace(folder / f"{candidate.part_sha256}.step")
        files.review.replace(folder / f"{candidate.review_sha256}.json")
        fsync_folder(folder)

    def _folder(self, model_id: str, session_id: str) -> Path:
        return folder_of(self._data, model_id, session_id)


def _process_of(review: dict[str, Any]) -> str:
    """What the part is to be reviewed for again. Solids for different processes are so by `auto` only."""
    choices = review.get("process_choice", {}).get("parts", [])
    return "auto" if len({choice["process"] for choice in choices}) > 1 else str(review["process"])


def folder_of(data: DataFolder, model_id: str, session_id: str) -> Path:
    """Where the files of a session's candidates are."""
    return data.model(model_id) / FOLDER / session_id


def files_of(session: CandidateSession) -> Mapping[str, str]:
    """The SHA-256 of each file that a session names, by its name."""
    parts = {f"{c.part_sha256}.step": c.part_sha256 for c in session.candidates if c.part_sha256}
    return parts | {f"{c.review_sha256}.json": c.review_sha256 for c in session.candidates if c.review_sha256}


def sha256_of(path: Path) -> str:
    """In hexadecimal. Raises OSError."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sweep_unnamed(data: DataFolder, before: float) -> int:
    """Remove the files of candidates that no session names, last written before that Unix time; how many."""
    return sum(
        _sweep_session(data, model_id, session_id, before)
        for model_id in ids_in(data.models)
        for session_id in ids_in(data.model(model_id) / FOLDER)
    )


def _sweep_session(data: DataFolder, model_id: str, session_id: str, before: float) -> int:
    folder = folder_of(data, model_id, session_id)
    if not any(path.stat().st_mtime < before for path in folder.iterdir()):
        return 0
    count = 0
    try:
        with locked_model(data, model_id):
            document = CANDIDATE_SESSION_KIND.read(folder.with_name(f"{session_id}.json"))
            named = files_of(document.content)
            for path in folder.iterdir():
                if path.name not in named and path.stat().st_mtime < before:
                    path.unlink()
                    count += 1
    except (NotFoundError, LockTimeoutError, OSError, DamagedDocumentError, NewerDocumentError) as error:
        log.warning("files of candidates are left", extra={"session_id": session_id, "reason": str(error)})
    return count


def _there(path: Path) -> Path:
    """Raises DamagedDocumentError if a file that a session names is not there."""
    if not path.is_file():
        raise DamagedDocumentError(f"{path.parent.name}/{path.name}", "it is not there")
    return path


def _sync(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())
