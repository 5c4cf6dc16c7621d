"""A durable, file-backed broker for Dramatiq. README.md says what it guarantees."""

from .broker import FileBroker
from .errors import (
    DeadLetterNotFoundError,
    MessageTooLargeError,
    QueueDiskFullError,
    QueueFileBusyError,
    QueueFileLostError,
    QueueFileRefusedError,
    QueueFullError,
)
from .storage import Bound, DeadLetter, QueueCounts
from .wakeup import Wakeup, wake

__all__ = [
    "Bound",
    "DeadLetter",
    "DeadLetterNotFoundError",
    "FileBroker",
    "MessageTooLargeError",
    "QueueCounts",
    "QueueDiskFullError",
    "QueueFileBusyError",
    "QueueFileLostError",
    "QueueFileRefusedError",
    "QueueFullError",
    "Wakeup",
    "wake",
]
