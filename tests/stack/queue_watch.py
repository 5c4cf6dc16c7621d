"""How full a stack's queue gets, seen from outside."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from workers import actors
from workers.file_broker import FileBroker


@contextmanager
def most_in_queue(data: Path) -> Iterator[list[int]]:
    """How many messages were in the queue at most, once the block is left."""
    broker = FileBroker(data / "queue.sqlite3")
    broker.declare_queue(actors.QUEUE)
    counted: list[int] = []
    stop = threading.Event()

    def count() -> None:
        while not stop.wait(0.002):
            counted.append(len(broker.message_ids(actors.QUEUE)))

    thread = threading.Thread(target=count)
    thread.start()
    most: list[int] = []
    try:
        yield most
    finally:
        stop.set()
        thread.join()
        broker.close()
        most.append(max(counted))
