"""What a store refuses."""

from dataclasses import dataclass


@dataclass
class NotFoundError(Exception):
    """There is no such thing: `kind` is the trade's word for it (model, job, review, ticket)."""

    kind: str
    id: str

    def __str__(self) -> str:
        return f"There is no {self.kind} {self.id}."


class AlreadyExistsError(Exception):
    """An immutable document would have been overwritten."""


class IllegalTransitionError(Exception):
    """A job cannot go from its state to the one asked for."""
