"""Is it alive, and is it ready?"""

import logging
import shutil
import tempfile
from typing import Any

import anyio.to_thread
from fastapi import APIRouter, Request, Response
from pydantic import BaseModel
from starlette.responses import JSONResponse

from server.api.parameters import ServicesDep
from server.problems import Problem, ProblemDocument, problem_response
from server.services import Services
from server.stores import damage
from server.stores.worker_heartbeat import Beat, SelfCheck, last_beat
from workers import brokers
from workers.actors import QUEUE
from workers.file_broker.broker import RESERVED_BYTES

log = logging.getLogger(__name__)

router = APIRouter(tags=["operation"])


class Alive(BaseModel):
    """The process answers."""

    status: str = "alive"


class Check(BaseModel):
    """One core service."""

    name: str
    ok: bool
    detail: str


class Readiness(BaseModel):
    """Whether reviews can be made now, and if not, why."""

    ready: bool
    checks: list[Check]
    startup_errors: list[str]


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
    readiness = await anyio.to_thread.run_sync(_readiness, services, limiter=services.health_threads)
    if readiness.ready:
        return JSONResponse(readiness.model_dump())
    wrong = [f"{check.name}: {check.detail}" for check in readiness.checks if not check.ok]
    members: dict[str, Any] = readiness.model_dump()
    detail = "; ".join([*wrong, *readiness.startup_errors])
    return problem_response(request.scope, Problem(503, "not_ready", detail, title="Not ready", **members))


def _readiness(services: Services) -> Readiness:
    beat = last_beat(services.settings)
    checks = [
        _data_folder(services),
        _documents(services),
        _queue(services),
        _worker(beat),
        _reported("kernel", beat.kernel if beat else None),
        _reported("rules", beat.rules if beat else None),
    ]
    ready = all(check.ok for check in checks) and not services.startup_errors
    return Readiness(ready=ready, checks=checks, startup_errors=services.startup_errors)


def _data_folder(services: Services) -> Check:
    name = "data folder"
    try:
        with tempfile.TemporaryFile(dir=services.data.uploads) as file:
            file.write(b"?")
        free = shutil.disk_usage(services.data.root).free
    except OSError as error:
        return Check(name=name, ok=False, detail=f"not writable: {error.strerror}")
    needed = services.settings.max_upload_bytes + RESERVED_BYTES
    if free < needed:
        detail = f"{free:,} bytes free; the largest upload and the queue's reserve need {needed:,}"
        return Check(name=name, ok=False, detail=detail)
    return Check(name=name, ok=True, detail=f"writable, {free:,} bytes free")


def _documents(services: Services) -> Check:
    """Of the documents that were found damaged; it does not look for more."""
    name = "documents"
    try:
        notes = damage.notes(services.data)
    except OSError as error:
        return Check(name=name, ok=False, detail=f"cannot tell: {error.strerror}")
    lost = [note.document for note in notes if not note.restored]
    if lost:
        detail = f"damaged and not restored: {', '.join(lost[:5])}; see the notes in {services.data.damaged}"
        return Check(name=name, ok=False, detail=detail)
    if notes:
        return Check(name=name, ok=True, detail=f"{len(notes)} damaged and restored; see {services.data.damaged}")
    return Check(name=name, ok=True, detail="none was found damaged")


def _queue(services: Services) -> Check:
    if services.broker is None:
        return Check(name="queue", ok=False, detail="could not be opened at start")
    try:
        state = brokers.state_of(services.broker, QUEUE)
    except Exception as error:
        log.warning("the queue cannot be read", exc_info=error)
        return Check(name="queue", ok=False, detail=str(error) or type(error).__name__)
    return Check(name="queue", ok=True, detail=f"readable: {state}")


def _worker(beat: Beat | None) -> Check:
    if beat is None:
        return Check(name="worker", ok=False, detail="none has given a sign of life")
    if not beat.is_fresh:
        return Check(name="worker", ok=False, detail=f"no sign of life since {beat.at:%Y-%m-%dT%H:%M:%SZ}")
    return Check(name="worker", ok=True, detail=f"alive (process {beat.pid})")


def _reported(name: str, found: SelfCheck | None) -> Check:
    if found is None:
        return Check(name=name, ok=False, detail="no worker has reported on it yet")
    return Check(name=name, ok=found.ok, detail=found.detail)
