"""Design reviews: people meet about a model, and decide."""

from typing import Annotated

from fastapi import APIRouter, Response
from pydantic import Field

from server.api.body import Body
from server.api.openapi import needs_token
from server.api.parameters import (
    DEFAULT_LIMIT,
    ULID,
    Cursor,
    DesignReviewId,
    IdentityDep,
    Limit,
    ModelId,
    ServicesDep,
)
from server.api.revisions import CONDITIONAL, ETAG, ExpectedRevisions, HeldRevisions, etag, shown
from server.problems import responses
from server.stores.design_reviews import Decision, DesignReview
from server.stores.paging import Page

router = APIRouter(
    prefix="/api/models/{model_id}/design-reviews",
    tags=["collaboration"],
    dependencies=[needs_token],
    responses=responses(401, 404, 500, 503),
)

_WRITING = responses(400, 413, 422, 507)

Title = Annotated[str, Field(min_length=1, max_length=200)]
Participants = Annotated[list[Annotated[str, Field(min_length=1, max_length=200)]], Field(max_length=100)]
TicketIds = Annotated[list[Annotated[str, Field(pattern=ULID)]], Field(max_length=1000)]


class NewDesignReview(Body):
    """A design review to begin."""

    title: Title
    participants: Participants = Field([])
    ticket_ids: TicketIds = Field([])
    decision: Decision = Decision.PENDING


class DesignReviewChange(Body):
    """What to change of a design review; what is left out stays."""

    title: Title | None = None
    participants: Participants | None = None
    ticket_ids: TicketIds | None = None
    decision: Decision | None = None


@router.post("", status_code=201, summary="Begin a design review", responses=_WRITING | {201: {"headers": ETAG}})
def begin(
    model_id: ModelId, review: NewDesignReview, response: Response, services: ServicesDep, identity: IdentityDep
) -> DesignReview:
    """Durable when it is answered."""
    begun = services.reviews.design_reviews.create(
        model_id,
        title=review.title,
        author=identity,
        participants=review.participants,
        ticket_ids=review.ticket_ids,
        decision=review.decision,
    )
    response.headers["Location"] = f"/api/models/{model_id}/design-reviews/{begun.content.id}"
    response.headers["ETag"] = etag(begun.revision)
    return begun.content


@router.get("", summary="List the design reviews of a model", responses=responses(422))
def list_reviews(
    model_id: ModelId, services: ServicesDep, limit: Limit = DEFAULT_LIMIT, cursor: Cursor = None
) -> Page[DesignReview]:
    """Newest first."""
    return services.reviews.design_reviews.list(model_id, limit=limit, cursor=cursor)


@router.get("/{review_id}", summary="Show a design review", response_model=DesignReview, responses=CONDITIONAL)
def show_review(
    model_id: ModelId, review_id: DesignReviewId, response: Response, services: ServicesDep, held: HeldRevisions
) -> DesignReview | Response:
    """Who took part, which tickets it is about, and what was decided."""
    return shown(services.reviews.design_reviews.get(model_id, review_id), response, held)


@router.patch(
    "/{review_id}",
    summary="Change a design review",
    responses=_WRITING | responses(412) | {200: {"headers": ETAG}},
)
def change_review(
    model_id: ModelId,
    review_id: DesignReviewId,
    change: DesignReviewChange,
    response: Response,
    services: ServicesDep,
    identity: IdentityDep,
    expected: ExpectedRevisions,
) -> DesignReview:
    """With `If-Match`, only if nobody else changed it meanwhile."""
    changed = services.reviews.design_reviews.change(
        model_id, review_id, change.model_dump(exclude_none=True), who=identity, expected=expected
    )
    response.headers["ETag"] = etag(changed.revision)
    return changed.content


@router.delete("/{review_id}", status_code=204, summary="Remove a design review", responses=responses(412, 507))
def remove_review(
    model_id: ModelId,
    review_id: DesignReviewId,
    services: ServicesDep,
    identity: IdentityDep,
    expected: ExpectedRevisions,
) -> None:
    """What it said stays in the activity log."""
    services.reviews.design_reviews.remove(model_id, review_id, who=identity, expected=expected)
