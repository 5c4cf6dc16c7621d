"""Two versions of a part compared, by the reviews that were made of them."""

import json
from typing import Any, Literal

from fastapi import APIRouter, Response
from pydantic import BaseModel, ConfigDict, Field

from server.api.openapi import needs_token
from server.api.parameters import ModelId, RunId, ServicesDep
from server.problems import Problem, responses
from server.revisions.errors import NotComparableError

router = APIRouter(
    prefix="/api/models/{model_id}/analysis-runs/{run_id}",
    tags=["reviews"],
    dependencies=[needs_token],
    responses=responses(401, 404, 409, 500, 503),
)


class Comparison(BaseModel):
    """What became of a part from one version to the next. Places are those of the later file, mm."""

    model_config = ConfigDict(extra="allow")

    schema_: Literal["rapiddraft.comparison/1"] = Field(alias="schema")
    earlier: dict[str, Any]
    later: dict[str, Any]
    process: str
    limits: str
    unchanged: bool = Field(description="The same shape with the same findings, wherever it lies and however written.")
    alignment: dict[str, Any] = Field(description="kind: identity, moved, mirrored or scaled; rotation, translation.")
    findings: dict[str, list[dict[str, Any]]] = Field(description="cleared, new, changed (graver or milder), same")
    counts: dict[str, int]
    features: dict[str, Any] = Field(description="added, removed, changed, moved; how many are the same")
    components: dict[str, Any] = Field(
        description="Of an assembly: added, removed, changed, moved, renamed; how many are the same"
    )
    facts: list[dict[str, Any]] = Field(description="Those that differ.")
    notes: list[str]


@router.get(
    "/compare/{later_model_id}/{later_run_id}",
    summary="Compare a review with that of a later version",
    response_model=None,
    responses={200: {"model": Comparison, "description": "What is cleared, new, changed and the same."}},
)
def compare_runs(
    model_id: ModelId, run_id: RunId, later_model_id: ModelId, later_run_id: RunId, services: ServicesDep
) -> Response:
    """By geometry, not by the numbers of faces: a part that is exported again, or moved, is unchanged.

    409 if both were not reviewed for the same process, limits and material.
    """
    # Takes a while to import, and few ask for it.
    from server.revisions.comparison import compare

    earlier, later = (
        json.loads(services.runs.rendered(model, run))
        for model, run in ((model_id, run_id), (later_model_id, later_run_id))
    )
    try:
        compared = compare(earlier, later)
    except NotComparableError as reason:
        raise Problem(409, "not_comparable", reason.detail, advice=reason.advice) from reason
    headers = {"Cache-Control": "private, max-age=86400"}
    return Response(json.dumps(compared, ensure_ascii=False), media_type="application/json", headers=headers)
