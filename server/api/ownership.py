"""What only somebody's owner, or an admin, may do."""

from server.access.roles import Role
from server.problems import Problem


def require_owner(owner: str, identity: str, role: Role, *, did: str, may: str) -> None:
    """Raises Problem 403 unless `identity` is the `owner`, or an admin; `did` and `may` say of what, and what for."""
    if role is not Role.ADMIN and identity != owner:
        detail = f"{owner} {did}; only they or an admin may {may}."
        raise Problem(403, "not_allowed", detail, advice="Ask one of them.")
