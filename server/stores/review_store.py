"""What people have to say about a model: tickets with their replies, design reviews, and a checklist."""

from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from pydantic import BaseModel, Field

from server._atomic_json import fsync_folder
from server.clock import now
from server.data_folder import DataFolder
from server.ids import new_id
from server.stores.checklists import Checklists
from server.stores.design_reviews import DesignReviews
from server.stores.documents import Document, Kind
from server.stores.model_documents import ModelDocuments, locked_model
from server.stores.paging import Page, page_of


class TicketStatus(StrEnum):
    """How far a ticket is."""

    OPEN = "open"
    IN_PROGRESS = "in_progress"
    RESOLVED = "resolved"
    CLOSED = "closed"


class Reply(BaseModel):
    """An answer to a ticket."""

    id: str
    text: str
    author: str
    created_at: datetime


class Ticket(BaseModel):
    """Something about a model that somebody should look at."""

    id: str
    title: str
    text: str
    status: TicketStatus
    run_id: str | None = Field(None, description="The analysis run that it is about.")
    finding_id: str | None = Field(None, description="The finding of that run that it is about.")
    faces: list[int] = Field(default_factory=list, description="Faces that it is about, by index.")
    author: str
    created_at: datetime
    updated_at: datetime
    replies: list[Reply] = Field(default_factory=list)


class _OldTickets(BaseModel):
    """All tickets of a model in one document, as they were kept at first."""

    tickets: dict[str, Ticket] = Field(default_factory=dict)


TICKET_KIND = Kind("ticket", Ticket)
OLD_TICKETS_KIND = Kind("tickets", _OldTickets)
OLD_TICKETS = "tickets.json"


class ReviewStore:
    """The tickets in one data folder, one document each, and beside them design reviews and checklists.

    Every method raises NotFoundError for a model or ticket that is not there, and DamagedDocumentError and
    NewerDocumentError; those that write also OSError and LockTimeoutError, and are durable when they return.
    """

    def __init__(self, data: DataFolder) -> None:
        self.data = data
        self.design_reviews = DesignReviews(data)
        self.checklists = Checklists(data)
        self._tickets = ModelDocuments(data, TICKET_KIND, "tickets")

    def create_ticket(
        self,
        model_id: str,
        *,
        title: str,
        text: str,
        author: str,
        run_id: str | None = None,
        finding_id: str | None = None,
        faces: list[int] | None = None,
    ) -> Document[Ticket]:
        """Open a ticket."""
        at = now()
        ticket = Ticket(
            id=new_id(),
            title=title,
            text=text,
            status=TicketStatus.OPEN,
            run_id=run_id,
            finding_id=finding_id,
            faces=faces or [],
            author=author,
            created_at=at,
            updated_at=at,
        )
        return self._of(model_id).create(model_id, ticket.id, ticket, who=author)

    def change_ticket(
        self,
        model_id: str,
        ticket_id: str,
        *,
        who: str,
        expected: frozenset[int] | None = None,
        title: str | None = None,
        text: str | None = None,
        status: TicketStatus | None = None,
    ) -> Document[Ticket]:
        """Change what is given of a ticket. Raises RevisionConflictError."""
        given = {"title": title, "text": text, "status": status}
        changes: dict[str, Any] = {name: value for name, value in given.items() if value is not None}

        def change(ticket: Ticket) -> Ticket:
            return ticket.model_copy(update=changes | {"updated_at": now()})

        return self._of(model_id).change(model_id, ticket_id, change, who=who, expected=expected)

    def add_reply(self, model_id: str, ticket_id: str, *, text: str, author: str) -> Reply:
        """Answer a ticket."""
        reply = Reply(id=new_id(), text=text, author=author, created_at=now())

        def change(ticket: Ticket) -> Ticket:
            return ticket.model_copy(update={"replies": [*ticket.replies, reply], "updated_at": reply.created_at})

        self._of(model_id).change(model_id, ticket_id, change, who=author, what="replied")
        return reply

    def get_ticket(self, model_id: str, ticket_id: str) -> Document[Ticket]:
        """The ticket with all its replies."""
        return self._of(model_id).read(model_id, ticket_id)

    def list_tickets(
        self, model_id: str, *, limit: int, cursor: str | None = None, status: TicketStatus | None = None
    ) -> Page[Ticket]:
        """Newest first, those of one status if asked. One that cannot be read is left out and logged."""
        tickets = self._of(model_id)

        def wanted(ticket_id: str) -> Ticket | None:
            document = tickets.readable(model_id, ticket_id)
            return document.content if document and status in (None, document.content.status) else None

        return page_of(tickets.ids(model_id), wanted, limit=limit, cursor=cursor)

    def _of(self, model_id: str) -> ModelDocuments[Ticket]:
        """The tickets, those of this model in documents of their own."""
        old = self.data.model(model_id) / OLD_TICKETS
        if old.exists():
            self._split(model_id, old)
        return self._tickets

    def _split(self, model_id: str, old: Path) -> None:
        """Give each ticket in the document `old` one of its own; begun again, it goes on where it ended."""
        with locked_model(self.data, model_id) as model_log:
            if not old.exists():
                return
            for ticket_id, ticket in OLD_TICKETS_KIND.read(old).content.tickets.items():
                if not self._tickets.path(model_id, ticket_id).exists():
                    self._tickets.create_locked(model_log, ticket_id, ticket, who="migration", what="split_off")
            old.unlink()
            fsync_folder(old.parent)
