"""What Dramatiq's tests use of its in-memory StubBroker beyond the interface of every broker."""

from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from dramatiq import Broker, Message, Middleware, Worker
from dramatiq.broker import MessageProxy
from dramatiq.common import dq_name

from workers.file_broker import FileBroker


class ConformanceBroker(FileBroker):
    """A FileBroker that shows its queues and dead letters as the brokers do that the tests were written for.

    `join` raises what a message of the queue failed on, if `fail_fast`.
    """

    def __init__(self, path: Path, *, fail_fast: bool) -> None:
        super().__init__(path)
        self.queues: _Queues = _Queues(self)
        self.fail_fast = fail_fast
        self.failures = _Failures()
        self.add_middleware(self.failures)

    @property
    def dead_letters(self) -> list["Message[Any]"]:  # type: ignore[override]
        """The dead letters of all queues."""
        return [letter.message for name in self.queues for letter in super(ConformanceBroker, self).dead_letters(name)]

    def join(
        self,
        queue_name: str,
        *,
        interval: int = 20,
        timeout: int | None = None,
        fail_fast: bool | None = None,
        min_successes: int = 1,  # noqa: ARG002
    ) -> None:
        """Wait for the queue, then raise what its first failed message failed on.

        RabbitmqBroker, which counts a queue and its delay queue one after the other, must find them empty
        `min_successes` times; here once is enough.
        """
        super().join(queue_name, interval=interval, timeout=timeout)
        failures = self.failures.by_queue[queue_name]
        if failures and (self.fail_fast if fail_fast is None else fail_fast):
            raise failures.pop(0)

    def get_queue_message_counts(self, queue_name: str) -> tuple[int, int, int]:
        """How many messages a queue, its delay queue and its dead letters have, as RabbitmqBroker tells it."""
        return (
            len(self.storage.message_ids([queue_name])),
            len(self.storage.message_ids([dq_name(queue_name)])),
            self.counts(queue_name).dead,
        )


class _Queues(set[str]):
    """The names of the queues, and each queue under its name."""

    def __init__(self, broker: ConformanceBroker) -> None:
        self._broker = broker

    def __getitem__(self, name: str) -> "_Queue":
        return _Queue(self._broker, name)


class _Queue:
    """A queue in the file, with the methods of queue.Queue that the tests call."""

    def __init__(self, broker: ConformanceBroker, name: str) -> None:
        self._broker = broker
        self._name = name

    def put(self, body: bytes) -> None:
        self._broker.storage.enqueue(self._name, "from the test", body)
        self._broker.wake(self._name)

    def get(self, timeout: float) -> bytes:
        [claim] = self._broker.storage.claim(self._name, "the test", limit=1, lease_ms=int(timeout * 1000))
        return claim.body

    def qsize(self) -> int:
        return self._broker.storage.counts([self._name]).waiting


class _Failures(Middleware):
    """Remembers what messages failed on: a dead letter in the file has only the traceback's text."""

    def __init__(self) -> None:
        self.by_queue: defaultdict[str, list[BaseException]] = defaultdict(list)

    def before_nack(self, broker: Broker, message: MessageProxy) -> None:  # noqa: ARG002
        error = message._exception or Exception("rejected")
        # Another object than the one that was raised, for a test looks whether that one is let go.
        copy = type(error).__new__(type(error), *error.args)
        copy.__dict__.update(error.__dict__)
        self.by_queue[message.queue_name].append(copy)


@contextmanager
def worker(broker: Broker, **options: Any) -> Iterator[Worker]:  # noqa: ANN401
    """A worker with these options, while the block runs."""
    worker = Worker(broker, **options)
    worker.start()
    try:
        yield worker
    finally:
        worker.stop()
