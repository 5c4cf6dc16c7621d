"""One line and one count for each request, whatever became of it."""

import logging
import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from server.middleware.authentication import identity_email_of, identity_of
from server.middleware.event_loop import EventLoopBlockedError
from server.observability import metrics

log = logging.getLogger("access")

# The client went away before it was answered (nginx's number for it).
CLIENT_CLOSED_REQUEST = 499

_IDS = frozenset({"model_id", "job_id"})  # of those in a path


class AccessLog:
    """Belongs outside Starlette's own error handling, so that it sees the answer to a bug too."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        status = CLIENT_CLOSED_REQUEST
        complete = False
        started = time.perf_counter()

        async def watched_send(message: Message) -> None:
            nonlocal status, complete
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)
            complete = message["type"] == "http.response.body" and not message.get("more_body", False)

        try:
            with metrics.request_in_flight():
                await self.app(scope, receive, watched_send)
        except Exception as error:
            log.exception("the request ended in a bug")
            if not complete or isinstance(error, EventLoopBlockedError):
                raise  # the server must break the connection off; else the answer was sent in full
        finally:
            _record(scope, status, time.perf_counter() - started)


def _record(scope: Scope, status: int, seconds: float) -> None:
    method, path, email = scope["method"], scope["path"], identity_email_of(scope)
    metrics.observe_request(method, _route(scope), status, seconds)
    log.info(
        "%s %s %d",
        method,
        path,
        status,
        extra={
            "method": method,
            "path": path,
            "status": status,
            "duration_ms": round(seconds * 1000, 2),
            "identity": identity_of(scope),
            **{name: value for name, value in scope.get("path_params", {}).items() if name in _IDS},
            **({"identity_email": email} if email else {}),
        },
    )


def _route(scope: Scope) -> str:
    """The route's template: a label must not grow with the number of models."""
    return getattr(scope.get("route"), "path", "unmatched")
