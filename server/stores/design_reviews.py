"""Design reviews: people meet about a model, and decide."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, Field

from server.clock import now
from server.data_folder import DataFolder
from server.ids import new_id
from server.stores.documents import Document, Kind
from server.stores.model_documents import ModelDocuments
from server.stores.paging import Page, page_of


class Decision(StrEnum):
    """What a design review decided."""

    PENDING = "pending"
    APPROVED = "approved"
    CHANGES_REQUESTED = "changes_requested"
    REJECTED = "rejected"


class DesignReview(BaseModel):
    """Who looked at a model together, at which tickets, and what they decided."""

    id: str
    title: str
    participants: list[str]
    decision: Decision
    ticket_ids: list[str] = Field(description="The tickets that it is about.")
    author: str
    created_at: datetime
    updated_at: datetime


DESIGN_REVIEW_KIND = Kind("design review", DesignReview)


class DesignReviews:
    """The design reviews in one data folder. Raises what `ModelDocuments` raises."""

    def __init__(self, data: DataFolder) -> None:
        self._documents = ModelDocuments(data, DESIGN_REVIEW_KIND, "design-reviews")

    def create(
        self,
        model_id: str,
        *,
        title: str,
        author: str,
        participants: list[str],
        ticket_ids: list[str],
        decision: Decision = Decision.PENDING,
    ) -> Document[DesignReview]:
        """Begin a design review."""
        at = now()
        review = DesignReview(
            id=new_id(),
            title=title,
            participants=participants,
            decision=decision,
            ticket_ids=ticket_ids,
            author=author,
            created_at=at,
            updated_at=at,
        )
        return self._documents.create(model_id, review.id, review, who=author)

    def get(self, model_id: str, review_id: str) -> Document[DesignReview]:
        """One design review."""
        return self._documents.read(model_id, review_id)

    def list(self, model_id: str, *, limit: int, cursor: str | None = None) -> Page[DesignReview]:
        """Newest first."""

        def load(review_id: str) -> DesignReview | None:
            document = self._documents.readable(model_id, review_id)
            return document.content if document else None

        return page_of(self._documents.ids(model_id), load, limit=limit, cursor=cursor)

    def change(
        self,
        model_id: str,
        review_id: str,
        changes: dict[str, Any],
        *,
        who: str,
        expected: frozenset[int] | None = None,
    ) -> Document[DesignReview]:
        """Change some of its fields. Raises RevisionConflictError."""

        def change(review: DesignReview) -> DesignReview:
            return review.model_copy(update=changes | {"updated_at": now()})

        return self._documents.change(model_id, review_id, change, who=who, expected=expected)

    def remove(self, model_id: str, review_id: str, *, who: str, expected: frozenset[int] | None = None) -> None:
        """Remove it; the activity log keeps what it said. Raises RevisionConflictError."""
        self._documents.remove(model_id, review_id, who=who, expected=expected)
