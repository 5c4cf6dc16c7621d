"""Renewing the leases of the messages that this process holds."""

import logging
import math
import os
import secrets
import threading
import time
from collections.abc import Iterable

from dramatiq.errors import BrokerError

from .storage import Claim, Storage

_log = logging.getLogger(__name__)


class Heartbeat:
    """The messages that this process holds, and the thread that renews their leases.

    A lease of `lease_seconds` is renewed three times before it would run out. The thread sleeps without
    waking while nothing is held.
    """

    def __init__(self, storage: Storage, lease_seconds: float) -> None:
        self.owner = f"{os.getpid()}-{secrets.token_hex(6)}"  # a name that no other holder ever had
        self.lease_ms = round(lease_seconds * 1000)
        self._storage = storage
        self._interval = lease_seconds / 3
        self._held: dict[int, Claim] = {}
        self._renewed_until: dict[int, float] = {}  # time.monotonic()
        self._changed = threading.Condition()
        self._stopped = False
        self._thread: threading.Thread | None = None

    def hold(self, claims: Iterable[Claim]) -> None:
        """Renew the leases of these messages from now on."""
        with self._changed:
            self._held.update({claim.id: claim for claim in claims})
            if self._thread is None and not self._stopped:
                self._thread = threading.Thread(target=self._run, name="file-broker-heartbeat", daemon=True)
                self._thread.start()
            self._changed.notify()

    def holds(self, message_id: str) -> bool:
        """Whether this process holds a message with this id."""
        with self._changed:
            return any(claim.message_id == message_id for claim in self._held.values())

    def limit(self, claim: Claim, seconds: float) -> None:
        """Renew the lease for so many seconds more, for whoever runs longer hangs, and another should try."""
        with self._changed:
            if self._held.get(claim.id) is claim:
                self._renewed_until[claim.id] = time.monotonic() + seconds

    def let_go(self, claims: Iterable[Claim]) -> None:
        """Renew the leases of these messages no longer."""
        with self._changed:
            for claim in claims:
                if self._held.get(claim.id) is claim:  # not a later claim on the same message
                    del self._held[claim.id]
                    self._renewed_until.pop(claim.id, None)

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
                self._beat()
            except BrokerError as error:
                _log.warning("Could not renew leases, trying again in %.1f s: %s", self._interval, error)

    def _wait_for_beat(self) -> bool:
        with self._changed:
            self._changed.wait_for(lambda: self._held or self._stopped)
            return not self._changed.wait_for(lambda: self._stopped, self._interval)

    def _beat(self) -> None:
        with self._changed:
            held = dict(self._held)
            hanging = [
                claim for claim in held.values() if self._renewed_until.get(claim.id, math.inf) < time.monotonic()
            ]
        self._drop(hanging, "runs past its time limit; its lease is not renewed any more.")
        numbers = held.keys() - {claim.id for claim in hanging}
        if numbers:
            kept = self._storage.renew(self.owner, numbers, lease_ms=self.lease_ms)
            self._drop([held[number] for number in numbers - kept], "was held for longer than its lease.")

    def _drop(self, claims: Iterable[Claim], why: str) -> None:
        with self._changed:
            dropped = [claim for claim in claims if self._held.get(claim.id) is claim]  # not answered meanwhile
        self.let_go(dropped)
        for claim in dropped:
            _log.warning("Message %s %s Another process may get it.", claim.message_id, why)
