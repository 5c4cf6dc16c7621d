"""How much one identity may ask of this process.

Counted in memory: nothing is shared between API processes or kept over a restart. It is there to stop a script that
went wild; work is bounded for all by the queue.
"""

import math
from collections import OrderedDict
from time import monotonic

from starlette.types import ASGIApp, Receive, Scope, Send

from server.middleware.authentication import ANONYMOUS, identity_of
from server.problems import Problem, problem_response
from server.settings import Settings

# Far more than there are people at one service; bounds what is kept in memory.
_REMEMBERED = 10_000


class Allowance:
    """So many a minute for each name, all at once or spread: a token bucket. 0 a minute is any number."""

    def __init__(self, per_minute: int) -> None:
        self._most = per_minute
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()  # by name: how many, and when that was

    def take(self, name: str) -> float:
        """Take one. 0, or in how many seconds there is one again."""
        if not self._most:
            return 0.0
        now, per_second = monotonic(), self._most / 60
        left, at = self._left.pop(name, (float(self._most), now))
        left = min(self._most, left + (now - at) * per_second)
        wait = 0.0 if left >= 1 else (1 - left) / per_second
        self._left[name] = (left if wait else left - 1, now)
        if len(self._left) > _REMEMBERED:
            self._left.popitem(last=False)
        return wait


class RateLimit:
    """Answers 429 to who asks more often than the settings allow. It belongs inside of authentication."""

    def __init__(self, app: ASGIApp, upload_path: str, settings: Settings) -> None:
        self.app = app
        self.upload_path = upload_path
        self._requests = Allowance(settings.requests_per_minute)
        self._uploads = Allowance(settings.uploads_per_minute)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and (name := identity_of(scope)) != ANONYMOUS:
            wait = self._requests.take(name)
            if not wait and scope["method"] == "POST" and scope["path"] == self.upload_path:
                wait = self._uploads.take(name)
            if wait:
                await problem_response(scope, _too_many(name, wait))(scope, receive, send)
                return
        await self.app(scope, receive, send)


def _too_many(name: str, wait: float) -> Problem:
    seconds = math.ceil(wait)
    return Problem(
        429,
        "too_many_requests",
        f"{name} has sent more requests than are allowed in a minute.",
        advice=f"Send it again in {seconds} s. The operator can allow more (docs/settings.md).",
        headers={"Retry-After": str(seconds)},
    )
