"""Keeping the file small while the queue goes on: old dead letters, free pages, the log."""

import logging
import threading
import time

from dramatiq.errors import BrokerError

from .storage import Storage

_log = logging.getLogger(__name__)

# What is done at once is so little that nobody waits for it long; while there is more to do it goes on soon.
STEP_SECONDS = 1.0
PAUSE_SECONDS = 60.0
DEAD_LETTERS_A_STEP = 100
BYTES_A_STEP = 1024 * 1024
# A queue that is filled and emptied again and again should not have to grow its file each time.
FREE_BYTES_KEPT = 4 * 1024 * 1024


class Housekeeping:
    """Removes dead letters older than `seconds` and beyond the newest `count` (None: keeps them all)."""

    def __init__(self, storage: Storage, *, seconds: float | None, count: int | None) -> None:
        self._storage = storage
        self._seconds = seconds
        self._count = count
        self._due_at = time.monotonic() + STEP_SECONDS
        self._lock = threading.Lock()

    def step(self) -> None:
        """Do a little, if it is time to. To be called often, from any thread."""
        if time.monotonic() < self._due_at or not self._lock.acquire(blocking=False):
            return
        try:
            more = self._tidy()
        except BrokerError as error:
            _log.warning("Could not tidy the queue file, trying again later: %s", error)
            more = False
        finally:
            self._lock.release()
        self._due_at = time.monotonic() + (STEP_SECONDS if more else PAUSE_SECONDS)

    def _tidy(self) -> bool:
        trimmed = self._storage.trim_dead_letters(seconds=self._seconds, count=self._count, step=DEAD_LETTERS_A_STEP)
        if trimmed:
            _log.info("Removed %d dead letters that were too old or too many.", trimmed)
        given = self._storage.tidy_file(free_bytes=FREE_BYTES_KEPT, step_bytes=BYTES_A_STEP)
        return bool(trimmed or given)
