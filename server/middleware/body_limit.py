"""No request body is larger than its path allows, whatever its Content-Length says."""

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from server.problems import Problem, problem_response

# The longest ticket, all its characters escaped; what is parsed holds up the event loop.
JSON_BYTES = 512 * 1024

_MULTIPART_BYTES = 1024 * 1024
_NO_BODY_IS_READ = frozenset({"GET", "HEAD", "DELETE"})


class BodyLimit:
    """Answers 413 to bodies above JSON_BYTES; on `upload_path`, to those above `upload_bytes`.

    What multipart puts around an upload does not count.
    """

    def __init__(self, app: ASGIApp, upload_path: str, upload_bytes: int) -> None:
        self.app = app
        self.upload_path = upload_path
        self.upload_bytes = upload_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] in _NO_BODY_IS_READ:
            await self.app(scope, receive, send)
            return
        is_upload = scope["path"] == self.upload_path
        limit = self.upload_bytes if is_upload else JSON_BYTES
        allowed = limit + (_MULTIPART_BYTES if is_upload else 0)
        declared = Headers(scope=scope).get("content-length", "")
        if declared.isdecimal() and int(declared) > allowed:
            await problem_response(scope, too_large(limit))(scope, receive, send)
            return
        received = 0

        async def counted_receive() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > allowed:
                raise too_large(limit)
            return message

        await self.app(scope, counted_receive, send)


def too_large(limit: int) -> Problem:
    """The problem for a body above `limit` bytes."""
    return Problem(413, "too_large", f"The body is larger than the {limit:,} bytes accepted here.")
