"""Tickets and replies: what people have to say about a model."""

from typing import Annotated

from fastapi import APIRouter, Query, Response
from pydantic import FailFast, Field

from server.api.body import Body
from server.api.openapi import needs_token
from server.api.parameters import (
    DEFAULT_LIMIT,
    ULID,
    Cursor,
    IdentityDep,
    Limit,
    ModelId,
    ServicesDep,
    TicketId,
)
from server.api.revisions import CONDITIONAL, ETAG, ExpectedRevisions, HeldRevisions, etag, shown
from server.problems import responses
from server.stores.paging import Page
from server.stores.review_store import Reply, Ticket, TicketStatus

router = APIRouter(
    prefix="/api/models/{model_id}/tickets",
    tags=["tickets"],
    dependencies=[needs_token],
    responses=responses(401, 404, 500, 503),
)

_WRITING = responses(400, 413, 422, 507)

Title = Annotated[str, Field(min_length=1, max_length=200)]
Text = Annotated[str, Field(max_length=20_000)]


class NewTicket(Body):
    """A ticket to open."""

    title: Title
    text: Text = ""
    run_id: Annotated[str | None, Field(pattern=ULID, description="The analysis run it is about.")] = None
    finding_id: Annotated[str | None, Field(max_length=200, description="The finding it is about.")] = None
    faces: Annotated[list[Annotated[int, Field(ge=0)]], FailFast(), Field(max_length=10_000)] = Field([])


class TicketChange(Body):
    """What to change of a ticket; what is left out stays."""

    title: Title | None = None
    text: Text | None = None
    status: TicketStatus | None = None


class NewReply(Body):
    """A reply to add."""

    text: Annotated[str, Field(min_length=1, max_length=20_000)]


@router.post("", status_code=201, summary="Open a ticket", responses=_WRITING | {201: {"headers": ETAG}})
def open_ticket(
    model_id: ModelId, ticket: NewTicket, response: Response, services: ServicesDep, identity: IdentityDep
) -> Ticket:
    """Durable when it is answered."""
    opened = services.reviews.create_ticket(
        model_id,
        title=ticket.title,
        text=ticket.text,
        author=identity,
        run_id=ticket.run_id,
        finding_id=ticket.finding_id,
        faces=ticket.faces,
    )
    response.headers["Location"] = f"/api/models/{model_id}/tickets/{opened.content.id}"
    response.headers["ETag"] = etag(opened.revision)
    return opened.content


@router.get("", summary="List the tickets of a model", responses=responses(422))
def list_tickets(
    model_id: ModelId,
    services: ServicesDep,
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
    status: Annotated[TicketStatus | None, Query(description="Only tickets with this status.")] = None,
) -> Page[Ticket]:
    """Newest first, with their replies."""
    return services.reviews.list_tickets(model_id, limit=limit, cursor=cursor, status=status)


@router.get("/{ticket_id}", summary="Show a ticket", response_model=Ticket, responses=CONDITIONAL)
def show_ticket(
    model_id: ModelId, ticket_id: TicketId, response: Response, services: ServicesDep, held: HeldRevisions
) -> Ticket | Response:
    """The ticket with its replies."""
    return shown(services.reviews.get_ticket(model_id, ticket_id), response, held)


@router.patch("/{ticket_id}", summary="Change a ticket", responses=_WRITING | responses(412) | {200: {"headers": ETAG}})
def change_ticket(
    model_id: ModelId,
    ticket_id: TicketId,
    change: TicketChange,
    response: Response,
    services: ServicesDep,
    identity: IdentityDep,
    expected: ExpectedRevisions,
) -> Ticket:
    """Its status, title or text. With `If-Match`, only if nobody else changed it meanwhile."""
    changed = services.reviews.change_ticket(
        model_id,
        ticket_id,
        title=change.title,
        text=change.text,
        status=change.status,
        who=identity,
        expected=expected,
    )
    response.headers["ETag"] = etag(changed.revision)
    return changed.content


@router.post("/{ticket_id}/replies", status_code=201, summary="Reply to a ticket", responses=_WRITING)
def add_reply(
    model_id: ModelId, ticket_id: TicketId, reply: NewReply, services: ServicesDep, identity: IdentityDep
) -> Reply:
    """Durable when it is answered."""
    return services.reviews.add_reply(model_id, ticket_id, text=reply.text, author=identity)
