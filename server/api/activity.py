"""The activity log of a model: who changed what, and when."""

from itertools import islice
from typing import Annotated

from fastapi import APIRouter, Query

from server.api.openapi import needs_token
from server.api.parameters import DEFAULT_LIMIT, Limit, ModelId, ServicesDep
from server.problems import Problem, responses
from server.stores.activity_log import Entry
from server.stores.model_documents import log_of
from server.stores.paging import Page

router = APIRouter(
    prefix="/api/models/{model_id}/activity",
    tags=["collaboration"],
    dependencies=[needs_token],
    responses=responses(401, 404, 500, 503),
)


@router.get("", summary="Show what was changed", responses=responses(422))
def list_activity(
    model_id: ModelId,
    services: ServicesDep,
    limit: Limit = DEFAULT_LIMIT,
    cursor: Annotated[
        str | None, Query(pattern=r"^\d{1,18}$", description="`next_cursor` of the page before; absent for the newest.")
    ] = None,
) -> Page[Entry]:
    """Newest first. Each entry has the hash of the one before; `rapiddraft verify` checks them all.

    The log of a model that was removed is still there.
    """
    model_log = log_of(services.data, model_id)
    try:
        # A page ends where the one before begins in the file: lines are only ever added.
        entries = list(islice(model_log.newest_first(int(cursor) if cursor else None), limit))
    except FileNotFoundError:
        return Page(items=[], next_cursor=None)
    except ValueError:
        raise Problem(422, "invalid_request", "cursor: it is not the `next_cursor` of a page.") from None
    start = entries[-1][1] if entries else 0
    return Page(items=[entry for entry, _ in entries], next_cursor=str(start) if start else None)
