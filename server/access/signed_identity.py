"""Who a trusted proxy says is behind a request, in a JSON web token that it signed: as Cloudflare Access does."""

from dataclasses import dataclass

import jwt
from jwt.exceptions import InvalidTokenError

from server.access.gate import Identity
from server.access.roles import Role
from server.access.signing_keys import KeysUnavailableError as KeysUnavailableError
from server.access.signing_keys import SigningKeys, UnknownKeyError
from server.settings import Settings

# Of public keys only: with a shared secret allowed too, the public key could be used as one to sign with.
_ALGORITHMS = ("RS256", "ES256")
_CLOCK_SKEW_SECONDS = 60
_MAX_EMAIL_CHARACTERS = 254


class NotSignedError(Exception):
    """The token is not one that the proxy signed for this service; says why."""


@dataclass(frozen=True)
class SignedIdentities:
    """Checks signed tokens, and gives each person the role that they have here."""

    keys: SigningKeys
    issuer: str
    audience: str
    role: Role
    roles: dict[str, Role]

    async def identify(self, token: str) -> Identity:
        """Who that is. Raises NotSignedError and KeysUnavailableError."""
        try:
            header = jwt.get_unverified_header(token)
            if header.get("alg") not in _ALGORITHMS:
                raise NotSignedError("it is not signed by RS256 or ES256")
            key = await self.keys.get(header.get("kid", ""))
            claims = jwt.decode(
                token,
                key,
                algorithms=_ALGORITHMS,
                audience=self.audience,
                issuer=self.issuer,
                leeway=_CLOCK_SKEW_SECONDS,
                options={"require": ["exp", "iat", "aud", "iss"]},
            )
        except UnknownKeyError:
            raise NotSignedError("it is signed with an unknown key") from None
        except InvalidTokenError as error:
            raise NotSignedError(str(error)) from error
        email = _email(claims.get("email"))
        return Identity(email, self.roles.get(email, self.role), email)


def _email(claimed: object) -> str:
    """The address in small letters: nobody is two people. It never reads like a name of ours, having an @."""
    email = claimed.lower() if isinstance(claimed, str) else ""
    name, at, host = email.partition("@")
    if not (name and at and host) or len(email) > _MAX_EMAIL_CHARACTERS or not email.isprintable() or " " in email:
        raise NotSignedError("it names no e-mail address")
    return email


def signed_identities(settings: Settings) -> SignedIdentities:
    """Those of the proxy that the settings name."""
    return SignedIdentities(
        keys=SigningKeys(settings.identity_keys),
        issuer=settings.identity_issuer,
        audience=settings.identity_audience,
        role=settings.identity_role,
        roles={email.lower(): role for email, role in settings.identity_roles.items()},
    )
