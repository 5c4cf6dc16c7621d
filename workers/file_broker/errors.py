"""What can go wrong with the queue file, said so that its owner can act on it."""

from dramatiq.errors import BrokerConnectionError, BrokerError


class FileBrokerError(BrokerError):
    """Base class of what this broker raises beyond Dramatiq's own errors."""

    def __init__(self, message: str) -> None:
        super().__init__(message)  # type: ignore[no-untyped-call]


class QueueFileRefusedError(FileBrokerError):
    """The file is not a queue of ours, or is damaged; it is left as it is."""


class QueueFileLostError(FileBrokerError, BrokerConnectionError):
    """The file was removed, replaced or can no longer be read or written."""


class QueueFileBusyError(FileBrokerError, BrokerConnectionError):
    """Another process held the file's write lock for too long (is it stopped in the middle of a write?)."""


class QueueDiskFullError(FileBrokerError, BrokerConnectionError):
    """There is no room for the change; nothing that was accepted before is lost.

    A connection error to Dramatiq, so that a worker keeps its answer and gives it again later.
    """


class QueueFullError(FileBrokerError):
    """The queue has as many messages as it takes, all together or of one group: `waiting`, of whichever it was."""

    def __init__(self, message: str, waiting: int) -> None:
        super().__init__(message)
        self.waiting = waiting


class MessageTooLargeError(FileBrokerError):
    """The encoded message is larger than this broker accepts."""


class DeadLetterNotFoundError(FileBrokerError):
    """There is no dead letter with that number (any more)."""
