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
    """A document would have been made twice, or an immutable one overwritten."""


class IllegalTransitionError(Exception):
    """A job cannot go from its state to the one asked for."""


@dataclass
class RevisionConflictError(Exception):
    """A document is not at the revision that a change was made for: someone else changed it meanwhile."""

    kind: str
    id: str
    current: int

    def __str__(self) -> str:
        return f"The {self.kind} {self.id} was changed meanwhile; it is at revision {self.current} now."


@dataclass
class DamagedDocumentError(Exception):
    """What is on disk is not what was written, and there is nothing to restore it from."""

    name: str
    reason: str

    def __str__(self) -> str:
        return f"The document {self.name} is damaged: {self.reason}."


class MisshapenDocumentError(DamagedDocumentError):
    """A document is as it was written, but does not say what the program expects: the program is wrong, not
    the disk. So it is left where it is.
    """


@dataclass
class NewerDocumentError(Exception):
    """A newer RapidDraft wrote the document; this one must not touch it."""

    name: str
    version: int
    known: int

    def __str__(self) -> str:
        return (
            f"The document {self.name} has version {self.version}, and this RapidDraft knows versions up to "
            f"{self.known}: a newer one wrote it."
        )
