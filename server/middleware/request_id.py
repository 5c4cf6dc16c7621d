"""One id for each request: on its response, on its log lines, and on those of the job it starts."""

import re

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from server.ids import new_id
from server.observability.logging import log_ids

HEADER = "X-Request-ID"

_KEY = "rapiddraft.request_id"
_WELL_FORMED = re.compile(r"[A-Za-z0-9._-]{1,128}")


def request_id_of(scope: Scope) -> str:
    """The id of the request in `scope`."""
    return str(scope[_KEY])


class RequestId:
    """Takes the id from a well-formed X-Request-ID (1 to 128 of A-Z a-z 0-9 . _ -), else makes a ULID.

    It belongs outside of everything else, so that even the answer to a bug carries the id.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        given = Headers(scope=scope).get(HEADER, "")
        request_id = given if _WELL_FORMED.fullmatch(given) else new_id()
        scope[_KEY] = request_id

        async def send_with_id(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)[HEADER] = request_id
            await send(message)

        with log_ids(request_id=request_id):
            await self.app(scope, receive, send_with_id)
