"""Errors as RFC 9457 problem details."""

import errno
import logging
from itertools import islice
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse
from starlette.routing import Match
from starlette.types import Scope

from server._atomic_json import LockTimeoutError
from server.middleware.request_id import request_id_of
from server.stores.errors import DamagedDocumentError, NewerDocumentError, NotFoundError, RevisionConflictError

log = logging.getLogger(__name__)

# A body can have ten thousands of them, whose answer would take seconds to make.
_ERRORS_SHOWN = 20

MEDIA_TYPE = "application/problem+json"

TITLES = {
    400: "Bad request",
    401: "Not authenticated",
    403: "Not allowed",
    404: "Not found",
    405: "Method not allowed",
    408: "Too slow",
    409: "Conflict",
    412: "Changed meanwhile",
    413: "Too large",
    415: "Unsupported media type",
    422: "Cannot be processed",
    429: "Too many requests",
    431: "Header too large",
    500: "Internal error",
    503: "Not available",
    507: "Out of disk space",
}


class ProblemDocument(BaseModel):
    """RFC 9457 problem details."""

    model_config = ConfigDict(title="Problem", extra="allow")

    type: str = Field("about:blank", description="A URI for the kind of problem; `code` is what to test.")
    title: str
    status: int
    detail: str = Field(description="What is wrong, in words.")
    code: str = Field(description="Stable, machine-readable name of the problem.")
    instance: str = Field(description="Path of the request.")
    request_id: str = Field(description="Quote this when you report the problem; it is in the log.")
    advice: str | None = Field(None, description="What to do about it.")


class Problem(HTTPException):
    """Raise this anywhere in a request to answer it with a problem document."""

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        *,
        title: str | None = None,
        headers: dict[str, str] | None = None,
        **members: Any,  # noqa: ANN401 - extension members, as RFC 9457 has them
    ) -> None:
        super().__init__(status, detail, headers)
        self.code = code
        self.title = title or TITLES.get(status, "Error")
        self.members = members


def problem_response(scope: Scope, problem: Problem) -> JSONResponse:
    """The response for a problem of the request in `scope`."""
    document = {
        "type": "about:blank",
        "title": problem.title,
        "status": problem.status_code,
        "detail": problem.detail,
        "code": problem.code,
        "instance": scope["path"],
        "request_id": request_id_of(scope),
        **problem.members,
    }
    return JSONResponse(document, problem.status_code, problem.headers, media_type=MEDIA_TYPE)


def responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The OpenAPI entry of the problems that an operation answers with."""
    return {status: {"model": ProblemDocument, "description": TITLES[status]} for status in statuses}


def install(app: FastAPI) -> None:
    """Answer every error of `app` with a problem document."""
    for kind, handler in _HANDLERS.items():
        app.add_exception_handler(kind, handler)


async def _on_http_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    if not isinstance(error, Problem):
        status = error.status_code
        title = TITLES.get(status, str(error.detail))
        code = title.lower().replace(" ", "_")
        headers = dict(error.headers or {})
        if status == 405:
            headers["Allow"] = ", ".join(_allowed_methods(request))
        error = Problem(status, code, str(error.detail), title=title, headers=headers)
    return problem_response(request.scope, error)


def _allowed_methods(request: Request) -> list[str]:
    """All that the path takes; Starlette names those of the first route alone."""
    routes = request.app.routes
    return [
        method
        for method in ("GET", "POST", "PUT", "PATCH", "DELETE")
        if any(route.matches({**request.scope, "method": method})[0] is Match.FULL for route in routes)
    ]


async def _on_invalid(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    found = error.errors()
    errors = [
        {"where": ".".join(map(str, item["loc"])), "message": item["msg"]} for item in islice(found, _ERRORS_SHOWN)
    ]
    if any(item["loc"][0] == "path" for item in found):
        problem = Problem(404, "not_found", "There is nothing at this path: an id in it is not one of ours.")
    else:
        detail = "; ".join(f"{item['where']}: {item['message']}" for item in errors)
        if len(found) > len(errors):
            detail += f"; and {len(found) - len(errors):,} more"
        problem = Problem(422, "invalid_request", detail, errors=errors)
    return problem_response(request.scope, problem)


async def _on_not_found(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, NotFoundError)
    return problem_response(request.scope, Problem(404, f"{error.kind.replace(' ', '_')}_not_found", str(error)))


async def _on_conflict(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RevisionConflictError)
    problem = Problem(
        412,
        "revision_conflict",
        str(error),
        headers={"ETag": f'"{error.current}"'},
        advice="Read it again, see what the other change did, and send yours with the new ETag.",
        current_revision=error.current,
    )
    return problem_response(request.scope, problem)


async def _on_damaged(request: Request, error: Exception) -> JSONResponse:
    problem = Problem(
        500,
        "document_damaged",
        str(error),
        advice="The damaged file was kept; the operator finds it named at /readyz.",
    )
    return problem_response(request.scope, problem)


async def _on_newer(request: Request, error: Exception) -> JSONResponse:
    problem = Problem(500, "document_newer", str(error), advice="The operator should update RapidDraft again.")
    return problem_response(request.scope, problem)


async def _on_locked(request: Request, error: Exception) -> JSONResponse:
    problem = Problem(503, "locked", str(error), headers={"Retry-After": "1"})
    return problem_response(request.scope, problem)


async def _on_os_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, OSError)
    if is_disk_full(error):
        log.error("the disk is full", exc_info=error)
        return problem_response(request.scope, disk_full())
    if error.errno in _STORAGE_TROUBLE:
        log.error("the data folder cannot be used", exc_info=error)
        return problem_response(request.scope, storage_unavailable(error))
    raise error


async def _on_bug(request: Request, error: Exception) -> JSONResponse:  # noqa: ARG001 - a handler's signature
    detail = "Something went wrong on our side. Report it with the request id."
    return problem_response(request.scope, Problem(500, "internal_error", detail))


def is_disk_full(error: BaseException) -> bool:
    """Whether an error says that the disk, or the quota on it, is used up."""
    return isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)


def disk_full() -> Problem:
    """The problem for a disk that is used up."""
    return Problem(
        507,
        "disk_full",
        "There is no space left for this; nothing of it was kept.",
        advice="Free space in the data folder's file system, then send it again.",
    )


# What an operator can mend, and a client may then ask again for; any other OSError is a bug of ours.
_STORAGE_TROUBLE = frozenset(
    {errno.EROFS, errno.EIO, errno.EMFILE, errno.ENFILE, errno.EACCES, errno.EPERM, errno.ENODEV, errno.ESTALE}
)


def storage_unavailable(error: OSError) -> Problem:
    """The problem for a data folder that cannot be used just now: read-only, failing, too many open files."""
    return Problem(
        503,
        "storage_unavailable",
        f"The data folder cannot be used just now ({error.strerror}); nothing of this was kept.",
        advice="Send it again later; if that does not help, the operator should look at /readyz.",
        headers={"Retry-After": "5"},
    )


_HANDLERS = {
    HTTPException: _on_http_error,
    RequestValidationError: _on_invalid,
    NotFoundError: _on_not_found,
    RevisionConflictError: _on_conflict,
    DamagedDocumentError: _on_damaged,
    NewerDocumentError: _on_newer,
    LockTimeoutError: _on_locked,
    OSError: _on_os_error,
    Exception: _on_bug,
}
