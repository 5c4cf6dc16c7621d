"""Analysis runs: every review that was made of a model."""

from fastapi import APIRouter, Response

from server.api.openapi import needs_token
from server.api.parameters import DEFAULT_LIMIT, Cursor, Limit, ModelId, RunId, ServicesDep
from server.api.review_document import Review
from server.api.revisions import HeldRevisions
from server.problems import responses
from server.stores.analysis_runs import AnalysisRunSummary
from server.stores.paging import Page

router = APIRouter(
    prefix="/api/models/{model_id}/analysis-runs",
    tags=["reviews"],
    dependencies=[needs_token],
    responses=responses(401, 404, 500, 503),
)

_ETAG = {"ETag": {"schema": {"type": "string"}, "description": "The run's id; give it back with If-None-Match."}}


@router.get("", summary="List the reviews of a model", responses=responses(422))
def list_runs(
    model_id: ModelId, services: ServicesDep, limit: Limit = DEFAULT_LIMIT, cursor: Cursor = None
) -> Page[AnalysisRunSummary]:
    """Newest first, without their findings."""
    return services.runs.list(model_id, limit=limit, cursor=cursor)


@router.get(
    "/{run_id}",
    summary="Show a review",
    response_model=None,
    responses={
        200: {"model": Review, "description": "The review, as it was made.", "headers": _ETAG},
        304: {"description": "The client has it: If-None-Match names it.", "headers": _ETAG},
    },
)
def show_run(model_id: ModelId, run_id: RunId, services: ServicesDep, held: HeldRevisions) -> Response:
    """The review as it was made; it never changes."""
    tag = f'"{run_id}"'
    headers = {
        "ETag": tag,
        "Link": f'</api/jobs/{run_id}>; rel="status"',
        "Cache-Control": "private, max-age=31536000, immutable",
    }
    if held & {tag, "*"}:
        services.runs.require(model_id, run_id)
        return Response(status_code=304, headers=headers)
    return Response(services.runs.rendered(model_id, run_id), media_type="application/json", headers=headers)
