"""The checklist of a model: what is to be looked at, and how far that is."""

from typing import Annotated

from fastapi import APIRouter, Response
from pydantic import Field

from server.api.body import Body
from server.api.openapi import needs_token
from server.api.parameters import IdentityDep, ItemId, ModelId, ServicesDep
from server.api.revisions import CONDITIONAL, ETAG, ExpectedRevisions, HeldRevisions, etag, shown
from server.problems import Problem, responses
from server.stores.checklists import Checklist, Item, ItemState, TooManyItemsError

router = APIRouter(
    prefix="/api/models/{model_id}/checklist",
    tags=["collaboration"],
    dependencies=[needs_token],
    responses=responses(401, 404, 500, 503),
)

_WRITING = responses(400, 412, 413, 422, 507)

Text = Annotated[str, Field(min_length=1, max_length=2000)]


class NewItem(Body):
    """An item to add."""

    text: Text


class ItemChange(Body):
    """What to change of an item; what is left out stays."""

    text: Text | None = None
    state: ItemState | None = None


@router.get("", summary="Show the checklist", response_model=Checklist, responses=CONDITIONAL)
def show_checklist(
    model_id: ModelId, response: Response, services: ServicesDep, held: HeldRevisions
) -> Checklist | Response:
    """All items, in the order in which they were added. The ETag is that of the whole checklist."""
    return shown(services.reviews.checklists.get(model_id), response, held)


@router.post(
    "/items",
    status_code=201,
    summary="Add an item to the checklist",
    responses=_WRITING | responses(409) | {201: {"headers": ETAG}},
)
def add_item(
    model_id: ModelId,
    item: NewItem,
    response: Response,
    services: ServicesDep,
    identity: IdentityDep,
    expected: ExpectedRevisions,
) -> Item:
    """At the end. Durable when it is answered."""
    try:
        added, revision = services.reviews.checklists.add(model_id, item.text, who=identity, expected=expected)
    except TooManyItemsError as error:
        raise Problem(409, "checklist_full", str(error)) from None
    response.headers["ETag"] = etag(revision)
    return added


@router.patch("/items/{item_id}", summary="Change an item", responses=_WRITING | {200: {"headers": ETAG}})
def change_item(
    model_id: ModelId,
    item_id: ItemId,
    change: ItemChange,
    response: Response,
    services: ServicesDep,
    identity: IdentityDep,
    expected: ExpectedRevisions,
) -> Item:
    """Its text or state. With `If-Match`, only if nobody else changed the checklist meanwhile."""
    changed, revision = services.reviews.checklists.change(
        model_id, item_id, who=identity, expected=expected, text=change.text, state=change.state
    )
    response.headers["ETag"] = etag(revision)
    return changed


@router.delete(
    "/items/{item_id}",
    status_code=204,
    summary="Take an item off the checklist",
    responses=responses(412, 507) | {204: {"headers": ETAG}},
)
def remove_item(
    model_id: ModelId,
    item_id: ItemId,
    response: Response,
    services: ServicesDep,
    identity: IdentityDep,
    expected: ExpectedRevisions,
) -> None:
    """What it said stays in the activity log."""
    revision = services.reviews.checklists.remove(model_id, item_id, who=identity, expected=expected)
    response.headers["ETag"] = etag(revision)
