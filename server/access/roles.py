"""What a role may do: a viewer reads, a reviewer works, an admin runs the service."""

from enum import StrEnum

READING = frozenset({"GET", "HEAD", "OPTIONS"})
OF_ADMINS = "/api/admin"


class Role(StrEnum):
    """From least to most: who has one may do all that those before it may."""

    VIEWER = "viewer"
    REVIEWER = "reviewer"
    ADMIN = "admin"

    def includes(self, other: "Role") -> bool:
        """Whether this one may do all that `other` may."""
        ranks = list(Role)
        return ranks.index(self) >= ranks.index(other)


def needed_for(method: str, path: str) -> Role:
    """The least role that may send a request."""
    if path == OF_ADMINS or path.startswith(f"{OF_ADMINS}/"):
        return Role.ADMIN
    return Role.VIEWER if method in READING else Role.REVIEWER
