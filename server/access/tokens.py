"""Tokens: who may use the service, as what, and until when.

A token reads `rd_<id>_<secret>`. Its id names a document; of the secret, which is 32 random bytes, only the
SHA-256 is kept: a slow hash protects passwords, which can be guessed, and these cannot.
"""

import hashlib
import hmac
import secrets
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

from pydantic import BaseModel, Field

from server.access.roles import Role
from server.clock import now
from server.data_folder import DataFolder
from server.ids import is_id, new_id
from server.stores.documents import Documents, Kind
from server.stores.errors import DamagedDocumentError, NewerDocumentError, NotFoundError
from server.stores.paging import ids_in

PREFIX = "rd"
ADMIN = "admin"
MAX_NAME_CHARACTERS = 100
# Names that documents and logs use for others.
_RESERVED = frozenset({ADMIN, "anonymous", "worker"})
_NO_DIGEST = "0" * 64


class BadNameError(ValueError):
    """A name that no token can have."""


class Token(BaseModel):
    """What is kept of a token."""

    id: str = Field(description="ULID; the middle of the token itself.")
    name: str = Field(description="Whose it is: what they do is logged and kept under this name.")
    role: Role
    sha256: str = Field(description="Of the secret, in hexadecimal.")
    made_at: datetime
    expires_at: datetime | None = None
    revoked_at: datetime | None = None

    @property
    def is_valid(self) -> bool:
        """Whether it is neither revoked nor expired."""
        return self.revoked_at is None and (self.expires_at is None or now() < self.expires_at)


TOKEN_KIND = Kind("token", Token)


class Tokens:
    """The tokens of one data folder. What writes is durable when it returns; raises OSError and LockTimeoutError."""

    def __init__(self, data: DataFolder) -> None:
        self.data = data
        self._documents = Documents(data, TOKEN_KIND)

    def make(self, name: str, role: Role, lasting: timedelta | None = None) -> tuple[Token, str]:
        """A new token and its text, which is told this once. Raises BadNameError."""
        secret = secrets.token_urlsafe(32)
        made_at = now()
        token = Token(
            id=new_id(),
            name=_checked(name),
            role=role,
            sha256=_digest(secret),
            made_at=made_at,
            expires_at=made_at + lasting if lasting else None,
        )
        self._documents.create(self._path(token.id), token)
        return token, f"{PREFIX}_{token.id}_{secret}"

    def revoke(self, token_id: str) -> Token:
        """Let nobody in with it any more; one that is revoked already stays so. Raises NotFoundError."""

        def revoked(token: Token) -> Token:
            return token if token.revoked_at else token.model_copy(update={"revoked_at": now()})

        return self._documents.change(self._path(token_id), revoked).content

    def get(self, token_id: str) -> Token:
        """Raises NotFoundError, DamagedDocumentError and NewerDocumentError."""
        return self._documents.read(self._path(token_id)).content

    def list(self, unreadable: Callable[[Exception], None] | None = None) -> list[Token]:
        """All tokens, newest first. One that cannot be read is left out, and `unreadable` told why."""
        tokens = []
        for token_id in ids_in(self.data.tokens, ".json"):
            try:
                tokens.append(self.get(token_id))
            except (NotFoundError, DamagedDocumentError, NewerDocumentError) as error:
                if unreadable:
                    unreadable(error)
        return tokens

    def behind(self, given: str) -> Token | None:
        """The token whose text is `given`, None if there is none. Takes as long for one that does not exist."""
        token_id, secret = _parts(given)
        try:
            token = self.get(token_id) if is_id(token_id) else None
        except (NotFoundError, DamagedDocumentError, NewerDocumentError):
            token = None
        matches = hmac.compare_digest(_digest(secret), token.sha256 if token else _NO_DIGEST)
        return token if matches else None

    def version(self, given: str) -> object:
        """Equal to what it was before if the answer of `behind` is; costs one `stat`."""
        token_id, _ = _parts(given)
        try:
            status = self._path(token_id).stat() if is_id(token_id) else None
        except OSError:
            return None
        return status and (status.st_ino, status.st_mtime_ns)

    def _path(self, token_id: str) -> Path:
        return self.data.tokens / f"{token_id}.json"


def _parts(given: str) -> tuple[str, str]:
    """(id, secret) of a token's text; empty ones where it has not the form of a token."""
    prefix, _, rest = given.partition("_")
    token_id, _, secret = rest.partition("_")
    return (token_id, secret) if prefix == PREFIX else ("", "")


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def _checked(name: str) -> str:
    if not name.strip() or len(name) > MAX_NAME_CHARACTERS or not name.isprintable() or name != name.strip():
        raise BadNameError(f"A name has 1 to {MAX_NAME_CHARACTERS} visible characters, and no space around them.")
    if name.lower() in _RESERVED:
        raise BadNameError(f"The name {name} is the service's own; take another.")
    return name
