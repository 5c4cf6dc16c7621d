"""Is it alive, and is it ready?"""

from typing import Any

import anyio.to_thread
from fastapi import APIRouter, Request, Response
from pydantic import BaseModel
from starlette.responses import JSONResponse

from server.api.parameters import ServicesDep
from server.diagnostics.readiness import Readiness, readiness
from server.problems import Problem, ProblemDocument, problem_response

router = APIRouter(tags=["operation"])


class Alive(BaseModel):
    """The process answers."""

    status: str = "alive"


@router.head("/healthz", include_in_schema=False)
@router.get("/healthz", summary="Is the process alive?")
async def healthz() -> Alive:
    """Always 200; looks at nothing."""
    return Alive()


@router.head("/readyz", include_in_schema=False)
@router.get(
    "/readyz",
    summary="Can it do its work?",
    response_model=Readiness,
    responses={503: {"model": ProblemDocument, "description": "No; `checks` and `startup_errors` say why."}},
)
async def readyz(request: Request, services: ServicesDep) -> Response:
    """A line for each core service, and each error at start. 503 if one of them is not as it must be."""
    found = await anyio.to_thread.run_sync(readiness, services, limiter=services.health_threads)
    if found.ready:
        return JSONResponse(found.model_dump())
    wrong = [f"{check.name}: {check.detail}" for check in found.checks if check.required and not check.ok]
    members: dict[str, Any] = found.model_dump()
    detail = "; ".join([*wrong, *found.startup_errors])
    return problem_response(request.scope, Problem(503, "not_ready", detail, title="Not ready", **members))
