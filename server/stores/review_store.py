"""Tickets and their replies: what people have to say about a model. One document a model."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from enum import StrEnum
from pathlib import Path

from pydantic import BaseModel, Field

from server._atomic_json import read_json, with_file_lock, write_json_atomic
from server.clock import now
from server.data_folder import DataFolder
from server.ids import new_id
from server.stores.errors import NotFoundError
from server.stores.model_store import require_model
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


class _Tickets(BaseModel):
    """The document of one model."""

    tickets: dict[str, Ticket] = Field(default_factory=dict)


class ReviewStore:
    """The tickets in one data folder.

    Every method raises NotFoundError for a model or ticket that is not there; those that write also
    OSError and LockTimeoutError, and are durable when they return.
    """

    def __init__(self, data: DataFolder) -> None:
        self.data = data

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
    ) -> Ticket:
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
        with self._changing(model_id) as document:
            document.tickets[ticket.id] = ticket
        return ticket

    def change_ticket(
        self,
        model_id: str,
        ticket_id: str,
        *,
        title: str | None = None,
        text: str | None = None,
        status: TicketStatus | None = None,
    ) -> Ticket:
        """Change what is given of a ticket."""
        given = {"title": title, "text": text, "status": status}
        changes = {name: value for name, value in given.items() if value is not None}
        with self._changing(model_id) as document:
            ticket = _find(document, ticket_id).model_copy(update=changes | {"updated_at": now()})
            document.tickets[ticket_id] = ticket
        return ticket

    def add_reply(self, model_id: str, ticket_id: str, *, text: str, author: str) -> Reply:
        """Answer a ticket."""
        reply = Reply(id=new_id(), text=text, author=author, created_at=now())
        with self._changing(model_id) as document:
            ticket = _find(document, ticket_id)
            ticket.replies.append(reply)
            ticket.updated_at = reply.created_at
        return reply

    def get_ticket(self, model_id: str, ticket_id: str) -> Ticket:
        """The ticket with all its replies."""
        return _find(self._read(model_id), ticket_id)

    def list_tickets(
        self, model_id: str, *, limit: int, cursor: str | None = None, status: TicketStatus | None = None
    ) -> Page[Ticket]:
        """Newest first, those of one status if asked."""
        tickets = self._read(model_id).tickets
        ids = sorted((id_ for id_, t in tickets.items() if status in (None, t.status)), reverse=True)
        return page_of(ids, tickets.get, limit=limit, cursor=cursor)

    @contextmanager
    def _changing(self, model_id: str) -> Iterator[_Tickets]:
        """The document of a model, locked, and written when the block ends well."""
        require_model(self.data, model_id)
        with with_file_lock(self._path(model_id)):
            document = self._read(model_id)
            yield document
            try:
                write_json_atomic(self._path(model_id), document.model_dump(mode="json"))
            except FileNotFoundError:
                raise NotFoundError("model", model_id) from None

    def _read(self, model_id: str) -> _Tickets:
        require_model(self.data, model_id)
        try:
            return _Tickets.model_validate(read_json(self._path(model_id)))
        except FileNotFoundError:
            return _Tickets()

    def _path(self, model_id: str) -> Path:
        return self.data.model(model_id) / "tickets.json"


def _find(document: _Tickets, ticket_id: str) -> Ticket:
    try:
        return document.tickets[ticket_id]
    except KeyError:
        raise NotFoundError("ticket", ticket_id) from None
