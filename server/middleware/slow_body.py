"""A body comes at a minimum rate, or not at all: who trickles holds a connection, and perhaps a file, for ever."""

import asyncio
from time import monotonic

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from server.problems import Problem

LEAST_BYTES_PER_SECOND = 1024


class SlowBody:
    """Answers 408 once the server has waited for a body `patience` seconds longer than it takes at 1 KiB/s.

    Only waiting for the client counts, not the time that is taken to work on what it sent.
    """

    def __init__(self, app: ASGIApp, patience: float) -> None:
        self.app = app
        self.patience = patience

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        left = self.patience
        is_complete = False

        async def receive_in_time() -> Message:
            nonlocal left, is_complete
            if is_complete:  # what comes now is that the client goes away
                return await receive()
            began = monotonic()
            try:
                async with asyncio.timeout(max(0.0, left)):
                    message = await receive()
            except TimeoutError:
                raise _too_slow() from None
            left += len(message.get("body", b"")) / LEAST_BYTES_PER_SECOND - (monotonic() - began)
            is_complete = not message.get("more_body", False)
            return message

        await self.app(scope, receive_in_time, send)


def _too_slow() -> Problem:
    return Problem(
        408,
        "too_slow",
        f"The body came slower than {LEAST_BYTES_PER_SECOND:,} bytes a second; nothing of it was kept.",
        advice="Send it again over a better connection.",
        headers={"Connection": "close"},
    )
