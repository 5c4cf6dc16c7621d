"""Taking messages from one queue, for Dramatiq's worker."""

import time
from collections import deque
from collections.abc import Iterable
from threading import Lock
from typing import TYPE_CHECKING, Any

from dramatiq import Message
from dramatiq.broker import Consumer, MessageProxy
from dramatiq.errors import DecodeError
from dramatiq.logging import get_logger

from .storage import Claim
from .wakeup import Wakeup

if TYPE_CHECKING:
    from .broker import FileBroker

POLL_SECONDS = 0.5  # behind the wake-ups: for hints that were missed and leases that ran out


class FileMessage(MessageProxy):
    """A message with the claim under which it was handed out."""

    def __init__(self, message: "Message[Any]", claim: Claim) -> None:
        super().__init__(message)
        self.claim = claim


class FileConsumer(Consumer):
    """Iterates over the messages of one queue; None after `timeout` milliseconds without one.

    One thread iterates; `ack`, `nack` and `requeue` may come from any. An answer given under a claim that
    has been lost meanwhile (the process was stopped for longer than its lease) is refused and logged.
    """

    def __init__(self, broker: "FileBroker", queue_name: str, prefetch: int, timeout: int) -> None:
        self.logger = get_logger(__name__, type(self))  # type: ignore[no-untyped-call]
        self.broker = broker
        self.queue_name = queue_name
        self.prefetch = prefetch
        self.timeout = timeout / 1000
        self._wakeup = Wakeup(broker.wake_folder_of(queue_name))
        self._fetched: deque[Claim] = deque()  # claimed, not handed out yet
        self._held: set[int] = set()  # claimed, not answered yet
        self._lock = Lock()

    def __next__(self) -> MessageProxy | None:
        deadline = time.monotonic() + self.timeout
        while True:
            self._wakeup.drain()  # first: a hint that arrives while we look must not be lost
            if not self._fetched:
                self._fetch()
            while self._fetched:
                if (message := self._decoded(self._fetched.popleft())) is not None:
                    return message
            remaining = deadline - time.monotonic()
            if remaining <= 0:
                return None
            self._wakeup.wait(min(remaining, POLL_SECONDS, self._seconds_until_due()))

    def ack(self, message: MessageProxy) -> None:
        """Remove a processed message from the queue."""
        claim = _claim_of(message)
        self._answered(claim, "acknowledge", self.broker.storage.ack(claim))

    def nack(self, message: MessageProxy) -> None:
        """Move a failed message to the dead letters, with what it failed on."""
        claim = _claim_of(message)
        reason = f"failed: {message._exception!r}" if message._exception else "rejected"
        # As the worker leaves it, for the middleware has put the traceback into its options.
        accepted = self.broker.storage.reject(claim, reason, message._message.encode())
        self._answered(claim, "reject", accepted)

    def requeue(self, messages: Iterable[MessageProxy]) -> None:
        """Return messages that were not started."""
        self._give_back([_claim_of(message) for message in messages])

    def close(self) -> None:
        """Return what was fetched and not handed out, and stop listening."""
        self._give_back(list(self._fetched))
        self._fetched.clear()
        self._wakeup.close()

    def _fetch(self) -> None:
        with self._lock:
            room = self.prefetch - len(self._held)
        heartbeat = self.broker.heartbeat
        claims = self.broker.storage.claim(
            self.queue_name, heartbeat.owner, limit=room, lease_ms=heartbeat.lease_ms
        )
        if claims:
            numbers = [claim.id for claim in claims]
            heartbeat.hold(numbers)
            with self._lock:
                self._held.update(numbers)
            self._fetched.extend(claims)

    def _decoded(self, claim: Claim) -> FileMessage | None:
        try:
            return FileMessage(Message.decode(claim.body), claim)
        except DecodeError as error:
            self.logger.error(
                "Message %d cannot be decoded; moving it to the dead letters.", claim.id, exc_info=True
            )
            self._answered(
                claim, "reject", self.broker.storage.reject(claim, f"cannot be decoded: {error.error!r}")
            )
            return None

    def _seconds_until_due(self) -> float:
        """How long a waiting message of a delay queue has to wait yet."""
        if self.queue_name not in self.broker.delay_queues or len(self._held) >= self.prefetch:
            return POLL_SECONDS
        due = self.broker.storage.next_due(self.queue_name)
        return POLL_SECONDS if due is None else due / 1000

    def _give_back(self, claims: list[Claim]) -> None:
        if claims:
            self.broker.storage.give_back(claims)
            self._let_go(claims)
            self.broker.wake(self.queue_name)

    def _answered(self, claim: Claim, answer: str, accepted: bool) -> None:
        if not accepted:
            self.logger.warning(
                "Message %d is no longer held by this process (its lease ran out, or the queue was flushed);"
                " refused to %s it.",
                claim.id,
                answer,
            )
        self._let_go([claim])

    def _let_go(self, claims: list[Claim]) -> None:
        numbers = [claim.id for claim in claims]
        self.broker.heartbeat.let_go(numbers)
        with self._lock:
            was_full = len(self._held) >= self.prefetch
            self._held.difference_update(numbers)
        if was_full:
            self._wakeup.poke()


def _claim_of(message: MessageProxy) -> Claim:
    assert isinstance(message, FileMessage), "only messages of this broker can be answered to it"
    return message.claim
