"""What the tests of the file broker share."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import dramatiq
from dramatiq import Worker

from workers.file_broker import FileBroker
from workers.file_broker.clock import Clock

DEADLINE_SECONDS = 80.0  # of a loaded machine


class SetClock(Clock):
    """A clock that goes only when it is told to."""

    def __init__(self) -> None:
        self.boot = "first boot"
        self.boot_ms = 1_000_000
        self.unix_ms = 1_800_000_000_000

    def since_boot(self) -> int:
        """What the test set."""
        return self.boot_ms

    def time_of_day(self) -> int:
        """What the test set."""
        return self.unix_ms

    def boot_id(self) -> str:
        """What the test set."""
        return self.boot

    def go(self, milliseconds: int) -> None:
        """Let time pass."""
        self.boot_ms += milliseconds
        self.unix_ms += milliseconds

    def reboot(self) -> None:
        """Start the machine again, a minute later."""
        self.boot += " and another"
        self.boot_ms = 0
        self.unix_ms += 60_000


def wait_until(condition: Callable[[], object], seconds: float = DEADLINE_SECONDS) -> None:
    """Return as soon as the condition holds; fail the test if it does not within `seconds`."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"did not happen within {seconds:g} s"
        time.sleep(0.005)


@contextmanager
def running_worker(broker: FileBroker, threads: int = 2) -> Iterator[Worker]:
    """A Dramatiq worker in this process."""
    worker = Worker(broker, worker_timeout=100, worker_threads=threads)
    worker.start()
    try:
        yield worker
    finally:
        worker.stop()


def message(actor: str = "review", queue: str = "reviews", *args: object) -> "dramatiq.Message[None]":
    """A message that no actor needs to be declared for."""
    return dramatiq.Message(queue, actor, tuple(args), {}, {})
