"""GET /metrics, for Prometheus."""

from fastapi import APIRouter, Response

from server.api.openapi import needs_token
from server.observability import metrics
from server.problems import responses

router = APIRouter(tags=["operation"], dependencies=[needs_token])


@router.get(
    "/metrics",
    summary="Metrics for Prometheus",
    response_class=Response,
    responses={
        200: {"content": {"text/plain": {"schema": {"type": "string"}}}, "description": "Prometheus text."},
        **responses(401, 500, 503),
    },
)
def show_metrics() -> Response:
    """Requests by route, and how long they took, over all API processes."""
    return Response(metrics.exposition(), media_type=metrics.CONTENT_TYPE)
