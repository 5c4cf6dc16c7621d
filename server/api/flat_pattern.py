"""Flat patterns of sheet metal parts, drawn from the review that they stand in."""

import json
from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, Query, Response

from server.api.openapi import needs_token
from server.api.parameters import ModelId, RunId, ServicesDep
from server.api.revisions import HeldRevisions
from server.flat_pattern.pattern import NoFlatPatternError, Pattern, pattern_of
from server.flat_pattern.svg import svg_of
from server.problems import Problem, responses
from server.services import Services

router = APIRouter(
    prefix="/api/models/{model_id}/analysis-runs/{run_id}",
    tags=["reviews"],
    dependencies=[needs_token],
    responses=responses(401, 404, 500, 503),
)

DXF, SVG = "image/vnd.dxf", "image/svg+xml"
# A drawing that is opened by itself has a style of its own, and nothing else.
SVG_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
Body = Annotated[int | None, Query(ge=0, description="Number of the body, where the file has several.")]
_STRING = {"schema": {"type": "string"}}
_HEADERS = {"ETag": _STRING, "Content-Disposition": _STRING}
_UNCHANGED = {"description": "The client has it: If-None-Match names it.", "headers": {"ETag": _STRING}}


@router.get(
    "/flat-pattern.dxf",
    summary="The flat pattern as DXF",
    response_class=Response,
    responses={
        200: {
            "description": "Layers CUT, BEND_UP, BEND_DOWN and FORM; mm, one to one.",
            "content": {DXF: {"schema": {"type": "string"}}},
            "headers": _HEADERS,
        },
        304: _UNCHANGED,
    },
)
def dxf(model_id: ModelId, run_id: RunId, services: ServicesDep, held: HeldRevisions, body: Body = None) -> Response:
    """What a laser or a punch is programmed from. 404 with the reason where the review has no flat pattern."""
    # Takes as long to import as all of the API, and few ask for it.
    from server.flat_pattern.dxf import dxf_of

    return _drawn(services, model_id, run_id, held, body, dxf_of, DXF)


@router.get(
    "/flat-pattern.svg",
    summary="The flat pattern as SVG",
    response_class=Response,
    responses={
        200: {
            "description": "A drawing in mm, one to one, with its bends.",
            "content": {SVG: {"schema": {"type": "string"}}},
            "headers": _HEADERS,
        },
        304: _UNCHANGED,
    },
)
def svg(model_id: ModelId, run_id: RunId, services: ServicesDep, held: HeldRevisions, body: Body = None) -> Response:
    """To look at, or to print. 404 with the reason where the review has no flat pattern."""
    drawn = _drawn(services, model_id, run_id, held, body, svg_of, SVG)
    drawn.headers["Content-Security-Policy"] = SVG_POLICY
    return drawn


def _drawn(
    services: Services,
    model_id: str,
    run_id: str,
    held: frozenset[str],
    body: int | None,
    draw: Callable[[Pattern], bytes],
    media_type: str,
) -> Response:
    """The pattern of a run, which never changes: the run's id, the body and the kind of file name it for caches."""
    kind = "dxf" if media_type == DXF else "svg"
    name = "flat-pattern" if body is None else f"flat-pattern-{body}"
    tag = f'"{run_id}-{name}-{kind}"'
    headers = {"ETag": tag, "Cache-Control": "private, max-age=31536000, immutable"}
    if held & {tag, "*"}:
        services.runs.require(model_id, run_id)
        return Response(status_code=304, headers=headers)
    try:
        pattern = pattern_of(json.loads(services.runs.rendered(model_id, run_id)), body)
    except NoFlatPatternError as reason:
        advice = "Review the part for sheet_metal, as an exact solid."
        raise Problem(404, "no_flat_pattern", str(reason), advice=advice) from reason
    headers["Content-Disposition"] = f'attachment; filename="{name}.{kind}"'
    return Response(draw(pattern), media_type=media_type, headers=headers)
