"""The queues that `bench_queue` compares: each sends no-op messages, and has a worker process."""

import shutil
import socket
import subprocess
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import dramatiq
import redis
from dramatiq.brokers.redis import RedisBroker
from huey import Huey, SqliteHuey  # type: ignore[import-untyped]

from workers.file_broker import FileBroker

QUEUE = "bench"
THREADS = 4
Record = Callable[[float], None]  # is told of each start, with the time at which the message was sent


class QueueSystem(ABC):
    """A queue at `address` whose messages do nothing but call `record`."""

    @abstractmethod
    def send(self) -> None:
        """Send one message. It is as durable as this queue makes it when this returns."""

    @abstractmethod
    def is_empty(self) -> bool:
        """Whether no message waits."""

    @abstractmethod
    def start(self) -> None:
        """Start to work, in `THREADS` threads of this process."""

    @abstractmethod
    def stop(self) -> None:
        """Stop working."""


class DramatiqQueue(QueueSystem):
    """Dramatiq over one of its brokers."""

    def __init__(self, broker: dramatiq.Broker, size: Callable[[], int], record: Record) -> None:
        self.broker = broker
        self.size = size
        self.actor = dramatiq.actor(broker=broker, queue_name=QUEUE, actor_name="record")(record)
        self.worker = dramatiq.Worker(broker, worker_threads=THREADS)

    def send(self) -> None:
        """Send the time."""
        self.actor.send(time.monotonic())

    def is_empty(self) -> bool:
        """Whether no message waits or is being worked on."""
        return self.size() == 0

    def start(self) -> None:
        """Start Dramatiq's worker."""
        self.worker.start()

    def stop(self) -> None:
        """Stop it, and let go of the broker."""
        self.worker.stop()
        self.broker.close()


class HueyQueue(QueueSystem):
    """huey over its SQLite storage, with every commit synced. A message is gone once it has been popped."""

    def __init__(self, huey: Huey, record: Record) -> None:
        self.huey = huey
        self.task = huey.task(name="record")(record)
        self.consumer = huey.create_consumer(workers=THREADS, periodic=False)

    def send(self) -> None:
        """Send the time."""
        self.task(time.monotonic())

    def is_empty(self) -> bool:
        """Whether no message waits."""
        return bool(self.huey.pending_count() == 0)

    def start(self) -> None:
        """Start the threads of huey's consumer."""
        self.consumer.start()

    def stop(self) -> None:
        """Stop them, once idle."""
        self.consumer.stop(graceful=True)


def opened(kind: str, address: str, record: Record) -> QueueSystem:
    """The queue at this address, which `hosted` yielded."""
    if kind == "file":
        file = FileBroker(Path(address))
        return DramatiqQueue(file, lambda: len(file.message_ids(QUEUE)), record)
    if kind == "redis":
        broker = RedisBroker(url=address)  # type: ignore[no-untyped-call]
        return DramatiqQueue(broker, lambda: int(broker.do_qsize(QUEUE)), record)
    return HueyQueue(SqliteHuey(QUEUE, filename=address, fsync=True, results=False), record)


@contextmanager
def hosted(kind: str, appendfsync: str | None) -> Iterator[tuple[str, list[int]]]:
    """A place of its own for a queue: its address, and the processes that serve it."""
    with tempfile.TemporaryDirectory(prefix="bench-queue-") as folder:
        if kind != "redis":
            yield str(Path(folder) / "queue.sqlite3"), []
            return
        port = _free_port()
        options = {"port": port, "bind": "127.0.0.1", "dir": folder, "appendonly": "yes", "appendfsync": appendfsync}
        command = [str(shutil.which("redis-server")), *(f for k, v in options.items() for f in (f"--{k}", str(v)))]
        server = subprocess.Popen([*command, "--save", ""], stdout=subprocess.DEVNULL)
        try:
            _wait_for_redis(port)
            yield f"redis://127.0.0.1:{port}", [server.pid]
        finally:
            server.kill()
            server.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_for_redis(port: int) -> None:
    deadline = time.monotonic() + 10
    while True:
        try:
            redis.Redis(port=port).ping()
        except redis.ConnectionError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
        else:
            return
