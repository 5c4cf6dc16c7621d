"""Who sends a request, and whether they may: by the token that it carries."""

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from server.access.gate import Gate, Identity
from server.access.roles import Role, needed_for
from server.api import docs_page
from server.problems import Problem, problem_response

ANONYMOUS = "anonymous"
OPEN_PATHS = frozenset({"/healthz", "/readyz", "/openapi.json", docs_page.PAGE})
OPEN_FOLDER = f"{docs_page.ASSETS}/"

_KEY = "rapiddraft.identity"


def identity_of(scope: Scope) -> str:
    """The name of who sent the request in `scope`."""
    identity: Identity | None = scope.get(_KEY)
    return identity.name if identity else ANONYMOUS


def role_of(scope: Scope) -> Role:
    """What who sent the request may do; of one that was let in without a token, nothing but look."""
    identity: Identity | None = scope.get(_KEY)
    return identity.role if identity else Role.VIEWER


class Authentication:
    """Lets a request through if its path is open to all, or if its token is of a role that may send it."""

    def __init__(self, app: ASGIApp, gate: Gate) -> None:
        self.app = app
        self.gate = gate

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        identity = await self._identity(Headers(scope=scope).get("authorization", ""))
        if isinstance(identity, Identity):
            scope[_KEY] = identity
        problem = identity if isinstance(identity, Problem) else _refusal(identity, scope)
        if problem and not _is_open(scope["path"]):
            await problem_response(scope, problem)(scope, receive, send)
            return
        await self.app(scope, receive, send)

    async def _identity(self, header: str) -> Identity | Problem:
        if self.gate.admin_token is None:
            return Problem(503, "not_ready", "The service could not start; /readyz says why.")
        kind, _, given = header.partition(" ")
        if kind.lower() != "bearer":
            return _unauthenticated("This needs the header `Authorization: Bearer <token>`.", "Bearer")
        given = given.strip()
        identity = self.gate.remembered(given) or await run_in_threadpool(self.gate.identify, given)
        return identity or _unauthenticated("The token is not valid.", 'Bearer error="invalid_token"')


def _refusal(identity: Identity, scope: Scope) -> Problem | None:
    needed = needed_for(scope["method"], scope["path"])
    if identity.role.includes(needed):
        return None
    return Problem(
        403,
        "not_allowed",
        f"This needs the role {needed}; {identity.name} has the role {identity.role}.",
        advice="Ask an admin for a token with that role (rapiddraft token make).",
    )


def _is_open(path: str) -> bool:
    return path in OPEN_PATHS or path.startswith(OPEN_FOLDER)


def _unauthenticated(detail: str, challenge: str) -> Problem:
    return Problem(
        401,
        "not_authenticated",
        detail,
        headers={"WWW-Authenticate": challenge},
        advice="Ask an admin for a token; the first one is in the file admin-token in the data folder.",
    )
