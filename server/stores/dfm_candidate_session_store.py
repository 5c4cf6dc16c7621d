"""Candidate sessions: proposed changes to a part, from being proposed to being accepted or rejected."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, Field

from server.clock import now
from server.data_folder import DataFolder
from server.ids import new_id
from server.stores.documents import Document, Kind
from server.stores.errors import IllegalTransitionError
from server.stores.model_documents import ModelDocuments
from server.stores.paging import Page, page_of


class CandidateState(StrEnum):
    """What was decided about the candidates of a session."""

    OPEN = "open"
    ACCEPTED = "accepted"
    REJECTED = "rejected"


class CandidateSession(BaseModel):
    """Candidates that were proposed for one analysis run, and what became of them."""

    id: str
    run_id: str = Field(description="The analysis run whose findings the candidates are to clear.")
    state: CandidateState = CandidateState.OPEN
    candidates: list[dict[str, Any]] = Field(default_factory=list)
    author: str
    created_at: datetime
    updated_at: datetime


CANDIDATE_SESSION_KIND = Kind("candidate session", CandidateSession)


class CandidateSessions:
    """The candidate sessions in one data folder. Raises what `ModelDocuments` raises."""

    def __init__(self, data: DataFolder) -> None:
        self._documents = ModelDocuments(data, CANDIDATE_SESSION_KIND, "candidate-sessions")

    def create(
        self, model_id: str, *, run_id: str, candidates: list[dict[str, Any]], author: str
    ) -> Document[CandidateSession]:
        """Begin a session."""
        at = now()
        session = CandidateSession(
            id=new_id(), run_id=run_id, candidates=candidates, author=author, created_at=at, updated_at=at
        )
        return self._documents.create(model_id, session.id, session, who=author)

    def get(self, model_id: str, session_id: str) -> Document[CandidateSession]:
        """One session."""
        return self._documents.read(model_id, session_id)

    def list(self, model_id: str, *, limit: int, cursor: str | None = None) -> Page[CandidateSession]:
        """Newest first."""

        def load(session_id: str) -> CandidateSession | None:
            document = self._documents.readable(model_id, session_id)
            return document.content if document else None

        return page_of(self._documents.ids(model_id), load, limit=limit, cursor=cursor)

    def change(
        self,
        model_id: str,
        session_id: str,
        changes: Mapping[str, Any],
        *,
        who: str,
        expected: frozenset[int] | None = None,
    ) -> Document[CandidateSession]:
        """Change the candidates or the state of an open session.

        Raises IllegalTransitionError for one that is decided, and RevisionConflictError.
        """

        def change(session: CandidateSession) -> CandidateSession:
            if session.state is not CandidateState.OPEN:
                raise IllegalTransitionError(f"Candidate session {session.id} is {session.state}; it stays so.")
            return CandidateSession.model_validate(session.model_dump() | dict(changes) | {"updated_at": now()})

        return self._documents.change(model_id, session_id, change, who=who, expected=expected)
