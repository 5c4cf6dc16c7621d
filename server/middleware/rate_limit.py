"""How much one identity may ask of this process.

Counted in memory: nothing is shared between API processes or kept over a restart. It is there to stop a script that
went wild; work is bounded for all by the queue.
"""

from starlette.types import ASGIApp, Receive, Scope, Send

from server.access.allowance import Allowance, too_many
from server.middleware.authentication import ANONYMOUS, identity_of
from server.problems import problem_response
from server.settings import Settings


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
                problem = too_many(f"{name} has sent more requests than are allowed in a minute.", wait)
                await problem_response(scope, problem)(scope, receive, send)
                return
        await self.app(scope, receive, send)
