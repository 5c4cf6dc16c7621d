"""A Dramatiq broker whose queues are one SQLite file: durable, shared by processes, without a server."""

import os
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from dramatiq import Broker, Message, Middleware
from dramatiq.broker import Consumer
from dramatiq.common import current_millis, dq_name
from dramatiq.errors import BrokerError, DecodeError, QueueJoinTimeout, QueueNotFound

from . import wakeup
from .consumer import FileConsumer
from .errors import MessageTooLargeError
from .heartbeat import Heartbeat
from .housekeeping import Housekeeping
from .middleware import FollowWorker
from .storage import Bound, DeadLetter, QueueCounts, Storage

MAX_MESSAGE_BYTES = 1024 * 1024
RESERVED_BYTES = 32 * 1024 * 1024


class FileBroker(Broker):
    """Keeps messages in the SQLite file at `path` (made if absent) until they are answered.

    Delivers at least once: a message whose holder dies, or stops for longer than `lease_seconds`, goes to
    another. After `max_deliveries` deliveries without an answer it goes to the dead letters, as do messages
    that failed for good. Lower `priority` of the actor goes first; within that, the groups (the message's option
    `group`, a text) have their turns one after the other; within a group, the older message goes first.

    A message with the option `is_new` is refused where `bound` is reached. No other is, nor a delayed one: what
    was accepted once must not be lost because others were accepted since.

    Dead letters are kept until they are purged, unless `dead_letter_seconds` or `dead_letter_limit` say how
    long and how many at most; workers remove the oldest then.

    New messages are refused while less than `reserved_bytes` are free on the disk.

    `on_lease_lost` is called for each lease that is seen to have run out before its holder answered.

    Processes wake each other through sockets in `wake_folder` (default: `path` + ".wake").

    Raises QueueFileRefusedError if the file is damaged or not a queue. When it cannot be used, every method
    raises QueueFileLostError, QueueFileBusyError or QueueDiskFullError, all dramatiq.BrokerConnectionError.
    """

    def __init__(
        self,
        path: Path,
        *,
        lease_seconds: float = 15.0,
        max_deliveries: int = 5,
        reserved_bytes: int = RESERVED_BYTES,
        bound: Bound | None = None,
        on_lease_lost: Callable[[], None] | None = None,
        dead_letter_seconds: float | None = None,
        dead_letter_limit: int | None = None,
        wake_folder: Path | None = None,
        middleware: list[Middleware] | None = None,
    ) -> None:
        super().__init__(middleware)
        self.queues: set[str] = set()
        self.storage = Storage(
            path, max_deliveries=max_deliveries, reserved_bytes=reserved_bytes, on_lease_lost=on_lease_lost
        )
        self.housekeeping = Housekeeping(self.storage, seconds=dead_letter_seconds, count=dead_letter_limit)
        self.wake_folder = wake_folder or path.with_name(f"{path.name}.wake")
        self.lease_seconds = lease_seconds
        self.bound = bound or Bound()
        self.fetching = True  # False while the worker shuts down
        self._failed_retries: set[str] = set()
        self._heartbeat: Heartbeat | None = None
        self._heartbeat_pid = 0
        self.add_middleware(FollowWorker(self))

    @property
    def heartbeat(self) -> Heartbeat:
        """The holder of this process's claims."""
        if self._heartbeat is None or self._heartbeat_pid != os.getpid():
            self._heartbeat_pid = os.getpid()
            self._heartbeat = Heartbeat(self.storage, self.lease_seconds)
        return self._heartbeat

    def close(self) -> None:
        """Stop renewing leases and close the file."""
        if self._heartbeat is not None and self._heartbeat_pid == os.getpid():
            self._heartbeat.stop()
        self._heartbeat = None
        self.storage.close()

    def consume(self, queue_name: str, prefetch: int = 1, timeout: int = 30000) -> Consumer:
        """Iterate over the messages of a queue, holding at most `prefetch`, waiting `timeout` milliseconds.

        Raises QueueNotFound if the queue was not declared.
        """
        self._check_declared(queue_name)
        return FileConsumer(self, queue_name, prefetch, timeout)

    def declare_queue(self, queue_name: str) -> None:
        """Declare a queue and its delay queue. Has no effect the second time."""
        if queue_name in self.queues:
            return
        self.emit_before("declare_queue", queue_name)
        self.queues.add(queue_name)
        self.emit_after("declare_queue", queue_name)

        delayed_name = dq_name(queue_name)
        self.delay_queues.add(delayed_name)
        self.emit_after("declare_delay_queue", delayed_name)

    def get_declared_queues(self) -> set[str]:
        """The names of the declared queues, without their delay queues."""
        return self.queues.copy()

    def enqueue(self, message: "Message[Any]", *, delay: int | None = None) -> "Message[Any]":
        """Add a message, to be delivered after `delay` milliseconds. It is on disk when this returns.

        Raises QueueNotFound, MessageTooLargeError, QueueFullError, and what the class says.
        """
        if delay is not None:
            message = message.copy(queue_name=dq_name(message.queue_name), options={"eta": current_millis() + delay})
        self._check_declared(message.queue_name)
        self.emit_before("enqueue", message, delay)
        body = message.encode()
        if len(body) > MAX_MESSAGE_BYTES:
            raise MessageTooLargeError(
                f"The message for {message.actor_name} has {len(body)} bytes, more than {MAX_MESSAGE_BYTES}."
            )
        try:
            self.storage.enqueue(
                message.queue_name,
                message.message_id,
                body,
                priority=self._priority(message),
                due_at=self._due_at(message),
                group=_group(message),
                bound=self.bound if self._is_new(message) else None,
            )
        except BrokerError:
            if self.heartbeat.holds(message.message_id):
                self._failed_retries.add(message.message_id)
            raise
        self._failed_retries.discard(message.message_id)
        self.wake(message.queue_name)
        self.emit_after("enqueue", message, delay)
        return message

    def check_room(self, message: "Message[Any]") -> None:
        """Raise QueueFullError if this new message would be refused now. Cheap: it reads a count."""
        self.storage.check_bound(
            message.queue_name, self.bound, group=_group(message), priority=self._priority(message)
        )

    def retry_failed(self, message_id: str) -> bool:
        """Whether the last enqueue of this message, while this process held it, failed. Tells it once.

        Dramatiq's Retries enqueues a message again before the worker acknowledges it, and an error in that
        is only logged; to acknowledge it all the same would lose it.
        """
        failed = message_id in self._failed_retries
        self._failed_retries.discard(message_id)
        return failed

    def flush(self, queue_name: str) -> None:
        """Drop all messages of a queue and of its delay queue; dead letters stay. Raises QueueNotFound."""
        self._check_declared(queue_name)
        self.storage.flush([queue_name, dq_name(queue_name)])

    def flush_all(self) -> None:
        """Drop all messages of all declared queues; dead letters stay."""
        for queue_name in self.queues:
            self.flush(queue_name)

    def join(self, queue_name: str, *, interval: int = 20, timeout: int | None = None) -> None:
        """Wait until no message of the queue or its delay queue is left, looking every `interval` ms.

        Raises QueueNotFound, and QueueJoinTimeout after `timeout` milliseconds.
        """
        self._check_declared(queue_name)
        deadline = None if timeout is None else time.monotonic() + timeout / 1000
        while not self.storage.is_empty([queue_name, dq_name(queue_name)]):
            if deadline is not None and time.monotonic() >= deadline:
                raise QueueJoinTimeout(queue_name)  # type: ignore[no-untyped-call]
            time.sleep(interval / 1000)

    def counts(self, queue_name: str) -> QueueCounts:
        """How many messages of a queue and its delay queue wait, are held by workers, and are dead letters."""
        return self.storage.counts([queue_name, dq_name(queue_name)])

    def oldest_waiting(self, queue_name: str) -> datetime | None:
        """When the message was sent that is due and has waited for longest; None if none waits."""
        body = self.storage.oldest_waiting(queue_name)
        return None if body is None else datetime.fromtimestamp(Message.decode(body).message_timestamp / 1000, UTC)

    def message_ids(self, queue_name: str) -> set[str]:
        """The ids of the messages of a queue and its delay queue that have no answer yet."""
        return self.storage.message_ids([queue_name, dq_name(queue_name)])

    def dead_letters(self, queue_name: str) -> list[DeadLetter]:
        """The dead letters of a queue and its delay queue, oldest message first."""
        return self.storage.dead_letters([queue_name, dq_name(queue_name)])

    def requeue_dead_letter(self, number: int) -> None:
        """Deliver a dead letter again, with all its attempts before it. Raises DeadLetterNotFoundError."""
        letter = self.storage.dead_letter(number)
        try:
            message = Message.decode(letter.body)
        except DecodeError:
            self.storage.requeue_dead_letter(number, letter.body)
        else:
            message.options.pop("retries", None)
            due_at = self._due_at(message) if letter.queue in self.delay_queues else 0
            priority, group = self._priority(message), _group(message)
            self.storage.requeue_dead_letter(number, message.encode(), priority=priority, due_at=due_at, group=group)
        self.wake(letter.queue)

    def purge_dead_letter(self, number: int) -> None:
        """Remove a dead letter for good. Raises DeadLetterNotFoundError."""
        self.storage.purge_dead_letter(number)

    def wake(self, queue_name: str) -> None:
        """Make the waiting consumers of a queue, in all processes, look at it."""
        wakeup.wake(self.wake_folder_of(queue_name))

    def wake_folder_of(self, queue_name: str) -> Path:
        """Where the consumers of a queue wait."""
        return self.wake_folder / quote(queue_name, safe="")

    def _check_declared(self, queue_name: str) -> None:
        if queue_name not in self.queues and queue_name not in self.delay_queues:
            raise QueueNotFound(queue_name)  # type: ignore[no-untyped-call]

    def _priority(self, message: "Message[Any]") -> int:
        actor = self.actors.get(message.actor_name)
        return actor.priority if actor is not None else 0

    def _due_at(self, message: "Message[Any]") -> int:
        eta = message.options.get("eta")
        return int(eta) if message.queue_name in self.delay_queues and isinstance(eta, int | float) else 0

    def _is_new(self, message: "Message[Any]") -> bool:
        """Whether it is new work: a retry keeps the options of its original, and is delayed."""
        return bool(message.options.get("is_new")) and message.queue_name not in self.delay_queues


def _group(message: "Message[Any]") -> str:
    return str(message.options.get("group", ""))
