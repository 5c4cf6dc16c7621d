"""Who sends a request. For now there is one identity, admin, known by the token in the data folder."""

import hmac
from collections.abc import Callable

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from server.api import docs_page
from server.problems import Problem, problem_response

ANONYMOUS = "anonymous"
ADMIN = "admin"
OPEN_PATHS = frozenset({"/healthz", "/readyz", "/openapi.json", docs_page.PAGE})
OPEN_FOLDER = f"{docs_page.ASSETS}/"

_KEY = "rapiddraft.identity"


def identity_of(scope: Scope) -> str:
    """Who sent the request in `scope`."""
    return str(scope.get(_KEY, ANONYMOUS))


class Authentication:
    """Lets a request through if its path is open to all, or if it carries the admin token.

    `admin_token` is called for each request: there is none until the first start made it.
    """

    def __init__(self, app: ASGIApp, admin_token: Callable[[], str | None]) -> None:
        self.app = app
        self.admin_token = admin_token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        problem = self._refusal(scope)
        if problem and not _is_open(scope["path"]):
            await problem_response(scope, problem)(scope, receive, send)
            return
        if not problem:
            scope[_KEY] = ADMIN
        await self.app(scope, receive, send)

    def _refusal(self, scope: Scope) -> Problem | None:
        expected = self.admin_token()
        if expected is None:
            return Problem(503, "not_ready", "The service could not start; /readyz says why.")
        kind, _, given = Headers(scope=scope).get("authorization", "").partition(" ")
        if kind.lower() != "bearer":
            return _unauthenticated("This needs the header `Authorization: Bearer <token>`.", "Bearer")
        if not hmac.compare_digest(given.strip().encode(), expected.encode()):
            return _unauthenticated("The token is not valid.", 'Bearer error="invalid_token"')
        return None


def _is_open(path: str) -> bool:
    return path in OPEN_PATHS or path.startswith(OPEN_FOLDER)


def _unauthenticated(detail: str, challenge: str) -> Problem:
    return Problem(
        401,
        "not_authenticated",
        detail,
        headers={"WWW-Authenticate": challenge},
        advice="The operator finds the token in the file admin-token in the data folder.",
    )
