"""A durable, file-backed broker for Dramatiq. README.md says what it guarantees."""

from .broker import FileBroker
from .errors import (
    DeadLetterNotFoundError,
    MessageTooLargeError,
    QueueDiskFullError,
    QueueFileBusyError,
    QueueFileLostError,
    QueueFileRefusedError,
)
from .storage import DeadLetter, QueueCounts
from .wakeup import Wakeup, wake

__all__ = [
    "DeadLetter",
    "DeadLetterNotFoundError",
    "FileBroker",
    "MessageTooLargeError",
    "QueueCounts",
    "QueueDiskFullError",
    "QueueFileBusyError",
    "QueueFileLostError",
    "QueueFileRefusedError",
    "Wakeup",
    "wake",
]
