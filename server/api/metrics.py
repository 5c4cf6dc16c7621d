"""GET /metrics, for Prometheus."""

from fastapi import APIRouter, Response

from server.api.openapi import needs_token
from server.api.parameters import ServicesDep
from server.diagnostics.collector import StateCollector
from server.observability import metrics
from server.problems import responses

# Now: the first request should not wait for it, nor hold the others up.
metrics.load()

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
def show_metrics(services: ServicesDep) -> Response:
    """What was counted over all processes, and how things stand now: docs/monitoring.md has the table."""
    return Response(metrics.exposition(StateCollector(services)), media_type=metrics.CONTENT_TYPE)
