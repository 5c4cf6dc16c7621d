"""No request body is larger than its path allows, whatever its Content-Length says."""

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from server.problems import Problem, problem_response

JSON_BYTES = 1024 * 1024

_NO_BODY_IS_READ = frozenset({"GET", "HEAD", "DELETE"})


class BodyLimit:
    """Answers 413 to bodies above JSON_BYTES, except on the paths in `larger` (path -> bytes)."""

    def __init__(self, app: ASGIApp, larger: dict[str, int]) -> None:
        self.app = app
        self.larger = larger

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] in _NO_BODY_IS_READ:
            await self.app(scope, receive, send)
            return
        limit = self.larger.get(scope["path"], JSON_BYTES)
        declared = Headers(scope=scope).get("content-length", "")
        if declared.isdecimal() and int(declared) > limit:
            await problem_response(scope, too_large(limit))(scope, receive, send)
            return
        received = 0

        async def counted_receive() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > limit:
                raise too_large(limit)
            return message

        await self.app(scope, counted_receive, send)


def too_large(limit: int) -> Problem:
    """The problem for a body above `limit` bytes."""
    return Problem(413, "too_large", f"The body is larger than the {limit:,} bytes accepted here.")
