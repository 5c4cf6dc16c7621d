"""Who sends a request, and whether they may: by the token that it carries, or by what a trusted proxy signed."""

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from server.access.allowance import Allowance, too_many
from server.access.gate import Gate, Identity
from server.access.networks import address_of, is_within
from server.access.roles import READING, Role, needed_for
from server.api import docs_page
from server.problems import Problem, problem_response
from server.settings import Networks, Settings

if TYPE_CHECKING:
    from server.access.signed_identity import SignedIdentities

ANONYMOUS = "anonymous"
OPEN_PATHS = frozenset({"/healthz", "/readyz", "/openapi.json", docs_page.PAGE})
OPEN_FOLDER = f"{docs_page.ASSETS}/"
METRICS = "/metrics"
SIGNED_IDENTITY = "Cf-Access-Jwt-Assertion"

_KEY = "rapiddraft.identity"


def identity_of(scope: Scope) -> str:
    """The name of who sent the request in `scope`."""
    identity: Identity | None = scope.get(_KEY)
    return identity.name if identity else ANONYMOUS


def identity_email_of(scope: Scope) -> str | None:
    """The address of who sent the request, if a trusted proxy signed it."""
    identity: Identity | None = scope.get(_KEY)
    return identity.email if identity else None


def role_of(scope: Scope) -> Role:
    """What who sent the request may do; of one that was let in without a token, nothing but look."""
    identity: Identity | None = scope.get(_KEY)
    return identity.role if identity else Role.VIEWER


class Authentication:
    """Lets a request through if its path is open to it, or if who sends it has a role that may."""

    def __init__(self, app: ASGIApp, gate: Gate, settings: Settings, signed: "SignedIdentities | None" = None) -> None:
        self.app = app
        self.gate = gate
        self.metrics_allow = settings.metrics_allow
        self.signed = signed
        self._wrong_tokens = Allowance(settings.wrong_tokens_per_minute)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or _is_open(scope, self.metrics_allow):
            await self.app(scope, receive, send)
            return
        try:
            identity = await self._identity(Headers(scope=scope), scope)
            scope[_KEY] = identity
            _check_role(identity, scope)
        except Problem as problem:
            await problem_response(scope, problem)(scope, receive, send)
            return
        await self.app(scope, receive, send)

    async def _identity(self, headers: Headers, scope: Scope) -> Identity:
        """Raises Problem if nobody can be told, or nobody yet."""
        if self.gate.admin_token is None:
            raise Problem(503, "not_ready", "The service could not start; /readyz says why.")
        authorization = headers.get("authorization")
        signed = headers.get(SIGNED_IDENTITY)
        if self.signed and signed and not authorization:
            _check_not_cross_site(headers, scope["method"])
            return await _identity_signed(self.signed, signed)
        return await self._identity_by_token(authorization or "", address_of(scope.get("client")))

    async def _identity_by_token(self, authorization: str, address: str) -> Identity:
        """Of an address that has sent too many wrong ones, only tokens that were seen before are looked at."""
        kind, _, given = authorization.partition(" ")
        if kind.lower() != "bearer":
            raise _unauthenticated("This needs the header `Authorization: Bearer <token>`.", "Bearer")
        given = given.strip()
        if identity := self.gate.remembered(given):
            return identity
        if wait := self._wrong_tokens.wait(address):
            raise too_many("Too many tokens that are not valid came from this address.", wait)
        identity = await run_in_threadpool(self.gate.identify, given)
        if identity is None:
            self._wrong_tokens.take(address)
            raise _unauthenticated("The token is not valid.", 'Bearer error="invalid_token"')
        return identity


async def _identity_signed(signed: "SignedIdentities", token: str) -> Identity:
    from server.access.signed_identity import KeysUnavailableError, NotSignedError

    try:
        return await signed.identify(token)
    except NotSignedError as error:
        raise _unauthenticated(f"The signed identity in {SIGNED_IDENTITY} is not valid: {error}.", "Bearer") from None
    except KeysUnavailableError:
        raise Problem(
            503,
            "identity_keys_unavailable",
            "The keys to check the signed identity with cannot be read just now.",
            advice="Try again later, or send a token; the operator finds the reason in the log.",
            headers={"Retry-After": "30"},
        ) from None


def _check_not_cross_site(headers: Headers, method: str) -> None:
    """The proxy signs by a cookie, which browsers send along for other sites' pages too. Raises Problem 403."""
    if method in READING:
        return
    site, origin = headers.get("sec-fetch-site"), headers.get("origin")
    is_same = site in ("same-origin", "none") if site else not origin or urlsplit(origin).netloc == headers.get("host")
    if not is_same:
        raise Problem(
            403,
            "cross_site",
            "A page of another site may change nothing here in the name of who looks at it.",
            advice="Send a token instead.",
        )


def _check_role(identity: Identity, scope: Scope) -> None:
    """Raises Problem 403."""
    needed = needed_for(scope["method"], scope["path"])
    if not identity.role.includes(needed):
        raise Problem(
            403,
            "not_allowed",
            f"This needs the role {needed}; {identity.name} has the role {identity.role}.",
            advice="Ask an admin for a token with that role (rapiddraft token make).",
        )


def _is_open(scope: Scope, metrics_allow: Networks) -> bool:
    path = scope["path"]
    if path == METRICS and scope["method"] in READING:
        return is_within(scope["client"], metrics_allow)
    return path in OPEN_PATHS or path.startswith(OPEN_FOLDER)


def _unauthenticated(detail: str, challenge: str) -> Problem:
    return Problem(
        401,
        "not_authenticated",
        detail,
        headers={"WWW-Authenticate": challenge},
        advice="Ask an admin for a token; the first one is in the file admin-token in the data folder.",
    )
