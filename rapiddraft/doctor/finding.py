"""What a check found."""

from enum import StrEnum

from pydantic import BaseModel


class State(StrEnum):
    """How bad it is."""

    OK = "ok"
    WARNING = "warning"
    WRONG = "wrong"


class Finding(BaseModel):
    """One line: what was looked at, how it is, and what to do if it is not as it should be."""

    check: str
    state: State
    detail: str
    remedy: str = ""


def ok(check: str, detail: str) -> Finding:
    """All is well."""
    return Finding(check=check, state=State.OK, detail=detail)


def warning(check: str, detail: str, remedy: str) -> Finding:
    """It works, but may not for long."""
    return Finding(check=check, state=State.WARNING, detail=detail, remedy=remedy)


def wrong(check: str, detail: str, remedy: str) -> Finding:
    """It does not work."""
    return Finding(check=check, state=State.WRONG, detail=detail, remedy=remedy)
