"""Taking messages from one queue, for Dramatiq's worker."""

import dataclasses
import time
from collections import deque
from collections.abc import Iterable
from threading import Lock
from typing import TYPE_CHECKING, Any

from dramatiq import Message
from dramatiq.broker import Consumer, MessageProxy
from dramatiq.common import q_name
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

    The consumer of a delay queue hands out nothing: it moves what is due to the queue, where it is taken like
    any other message. (What Dramatiq does with delayed messages that it is given, an enqueue and an
    acknowledgement, would deliver a message twice if the process died between the two.)
    """

    def __init__(self, broker: "FileBroker", queue_name: str, prefetch: int, timeout: int) -> None:
        self.logger = get_logger(__name__, type(self))  # type: ignore[no-untyped-call]
        self.broker = broker
        self.queue_name = queue_name
        self.delayed = queue_name in broker.delay_queues
        self.prefetch = prefetch
        self.timeout = timeout / 1000
        self._wakeup = Wakeup(broker.wake_folder_of(queue_name))
        self._fetched: deque[Claim] = deque()  # claimed, not handed out yet
        self._held: dict[int, Claim] = {}  # claimed, not answered yet
        self._full = False  # no message is fetched before one is answered
        self._lock = Lock()

    def __next__(self) -> MessageProxy | None:
        deadline = time.monotonic() + self.timeout
        while True:
            self._wakeup.drain()  # first: a hint that arrives while we look must not be lost
            self.broker.housekeeping.step()
            if self.delayed:
                self._release_due()
            elif not self._fetched or not self.broker.fetching:
                self._fetch()
            while self._fetched:
                if (message := self._decoded(self._fetched.popleft())) is not None:
                    return message
            remaining = deadline - time.monotonic()
            if remaining <= 0:
                return None
            self._wakeup.wait(min(remaining, POLL_SECONDS, self._seconds_until_due()))

    def ack(self, message: MessageProxy) -> None:
        """Remove a processed message from the queue, unless it was to be retried and that failed."""
        claim = _claim_of(message)
        if self.broker.retry_failed(claim.message_id):
            self.logger.error("The retry of message %s was not written; its lease will run out.", claim.message_id)
            self._let_go([claim])
            return
        self._answered(claim, "acknowledge", self.broker.storage.ack(claim))

    def nack(self, message: MessageProxy) -> None:
        """Move a failed message to the dead letters, with what it failed on."""
        claim = _claim_of(message)
        reason = f"failed: {message._exception!r}" if message._exception else "rejected"
        # As the worker leaves it, for the middleware has put the traceback into its options.
        self._answered(claim, "reject", self.broker.storage.reject(claim, reason, message._message.encode()))

    def requeue(self, messages: Iterable[MessageProxy]) -> None:
        """Return messages that were not started."""
        self._give_back([_claim_of(message) for message in messages])

    def close(self) -> None:
        """Return what was not handed out, and stop listening."""
        unstarted = list(self._fetched)
        self._fetched.clear()
        try:
            self._give_back(unstarted)
        finally:
            self._wakeup.close()

    def _release_due(self) -> None:
        queue_name = q_name(self.queue_name)
        if self.broker.fetching and self.broker.storage.release_due(self.queue_name, queue_name):
            self.broker.wake(queue_name)

    def _fetch(self) -> None:
        if not self.broker.fetching:
            self._give_back(list(self._fetched))
            self._fetched.clear()
            return
        with self._lock:
            alone = not self._held
            room = self.prefetch - len(self._held)
            self._full = room <= 0 or any(claim.suspect for claim in self._held.values())
            if self._full:
                return
        heartbeat = self.broker.heartbeat
        claims = self.broker.storage.claim(
            self.queue_name, heartbeat.owner, limit=room, lease_ms=heartbeat.lease_ms, alone=alone
        )
        heartbeat.hold(claims)
        with self._lock:
            self._held.update({claim.id: claim for claim in claims})
        self._fetched.extend(claims)

    def _decoded(self, claim: Claim) -> FileMessage | None:
        try:
            return FileMessage(self._undelayed(Message.decode(claim.body)), claim)
        except DecodeError as error:
            self.logger.error("Message %s cannot be decoded; it goes to the dead letters.", claim.message_id)
            accepted = self.broker.storage.reject(claim, f"cannot be decoded: {error.error!r}")
            self._answered(claim, "reject", accepted)
            return None

    def _undelayed(self, message: "Message[Any]") -> "Message[Any]":
        if message.queue_name == self.queue_name:
            return message
        options = {name: value for name, value in message.options.items() if name != "eta"}
        return dataclasses.replace(message, queue_name=self.queue_name, options=options)

    def _seconds_until_due(self) -> float:
        """How long a waiting message of a delay queue has to wait yet."""
        if not self.delayed:
            return POLL_SECONDS
        due = self.broker.storage.next_due(self.queue_name)
        return POLL_SECONDS if due is None else due / 1000

    def _give_back(self, claims: list[Claim]) -> None:
        if claims:
            self._let_go(claims)
            self.broker.storage.give_back(claims)
            self.broker.wake(self.queue_name)

    def _answered(self, claim: Claim, answer: str, accepted: bool) -> None:
        if not accepted:
            self.logger.warning(
                "Refused to %s message %s: it is not held by this process any more"
                " (its lease ran out, or the queue was flushed).",
                answer,
                claim.message_id,
            )
        self._let_go([claim])
        if self._full:
            self._wakeup.poke()

    def _let_go(self, claims: list[Claim]) -> None:
        self.broker.heartbeat.let_go(claims)
        with self._lock:
            for claim in claims:
                if self._held.get(claim.id) is claim:  # not a later claim on the same message
                    del self._held[claim.id]


def _claim_of(message: MessageProxy) -> Claim:
    assert isinstance(message, FileMessage), "only messages of this broker can be answered to it"
    return message.claim
