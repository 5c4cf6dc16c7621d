"""Who is behind what a request carries as its token: the admin token's file, and the tokens that were made."""

import hmac
from collections import OrderedDict
from dataclasses import dataclass

from server.access.roles import Role
from server.access.tokens import ADMIN, Token, Tokens

# Far more than there are people at one service; bounds what is kept in memory.
_REMEMBERED = 1000


@dataclass(frozen=True)
class Identity:
    """Who sends a request, and what they may do."""

    name: str
    role: Role
    email: str | None = None  # of one whom a trusted proxy names


class Gate:
    """Knows every valid token. Nobody is let in before `admin_token` is known."""

    def __init__(self, tokens: Tokens) -> None:
        self.tokens = tokens
        self.admin_token: str | None = None
        self._known: OrderedDict[str, tuple[object, Token]] = OrderedDict()

    def remembered(self, given: str) -> Identity | None:
        """Who that is, if it can be told without reading a file; costs one `stat`."""
        if self.admin_token is not None and hmac.compare_digest(given.encode(), self.admin_token.encode()):
            return Identity(ADMIN, Role.ADMIN)
        version, token = self._known.get(given, (None, None))
        return _identity(token) if version is not None and version == self.tokens.version(given) else None

    def identify(self, given: str) -> Identity | None:
        """Who that is; None if the token is not valid. Reads a file."""
        version = self.tokens.version(given)  # before the token is read: a change in between is noticed next time
        token = self.tokens.behind(given)
        if token:
            self._known[given] = version, token
            while len(self._known) > _REMEMBERED:
                self._known.popitem(last=False)
        return _identity(token)


def _identity(token: Token | None) -> Identity | None:
    return Identity(token.name, token.role) if token and token.is_valid else None
