"""Fixtures of the file broker's tests."""

from collections.abc import Iterator
from pathlib import Path

import dramatiq
import pytest

from workers.file_broker import FileBroker
from workers.file_broker.storage import Storage

from .support import SetClock


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the queue file goes."""
    return tmp_path / "queue.sqlite3"


@pytest.fixture
def clock() -> SetClock:
    """A clock that the test sets."""
    return SetClock()


@pytest.fixture
def storage(path: Path, clock: SetClock) -> Iterator[Storage]:
    """A storage on a set clock."""
    storage = Storage(path, max_deliveries=5, clock=clock)
    yield storage
    storage.close()


@pytest.fixture
def broker(path: Path) -> Iterator[FileBroker]:
    """The global broker, with the queue "reviews" declared."""
    broker = FileBroker(path, lease_seconds=1.0)
    broker.declare_queue("reviews")
    dramatiq.set_broker(broker)
    yield broker
    broker.close()
