"""Renewing the leases of the messages that this process is working on."""

import logging
import secrets
import threading
from collections.abc import Iterable

from dramatiq.errors import BrokerError

from .storage import Storage

_log = logging.getLogger(__name__)


class Heartbeat:
    """The messages that one owner holds, and the thread that renews their leases until it is stopped.

    A lease of `lease_seconds` is renewed three times before it would run out. The thread sleeps without
    waking while nothing is held.
    """

    def __init__(self, storage: Storage, owner: str, lease_seconds: float) -> None:
        self.owner = owner
        self.lease_ms = round(lease_seconds * 1000)
        self._storage = storage
        self._interval = lease_seconds / 3
        self._held: set[int] = set()
        self._changed = threading.Condition()
        self._stopped = False
        self._thread: threading.Thread | None = None

    def hold(self, numbers: Iterable[int]) -> None:
        """Renew the leases of these messages from now on."""
        with self._changed:
            self._held.update(numbers)
            if self._thread is None and not self._stopped:
                self._thread = threading.Thread(target=self._run, name="file-broker-heartbeat", daemon=True)
                self._thread.start()
            self._changed.notify()

    def let_go(self, numbers: Iterable[int]) -> None:
        """Renew the leases of these messages no longer."""
        with self._changed:
            self._held.difference_update(numbers)

    def stop(self) -> None:
        """End the thread. What is still held goes to somebody else when its lease runs out."""
        with self._changed:
            self._stopped = True
            self._changed.notify()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        while self._wait_for_beat():
            try:
                self._renew()
            except BrokerError as error:
                _log.warning("Could not renew leases, trying again in %.1f s: %s", self._interval, error)

    def _wait_for_beat(self) -> bool:
        with self._changed:
            self._changed.wait_for(lambda: self._held or self._stopped)
            return not self._changed.wait_for(lambda: self._stopped, self._interval)

    def _renew(self) -> None:
        with self._changed:
            held = set(self._held)
        lost = held - self._storage.renew(self.owner, held, lease_ms=self.lease_ms) if held else set()
        with self._changed:
            lost &= self._held  # not those answered in the meantime
            self._held -= lost
        for number in sorted(lost):
            _log.warning("Message %d was held for longer than its lease; another may have it now.", number)


def new_owner(pid: int) -> str:
    """A name that no other holder of messages ever had."""
    return f"{pid}-{secrets.token_hex(6)}"
