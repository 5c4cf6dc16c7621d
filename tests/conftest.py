"""What holds for all tests."""

import logging
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

# Temporary files go to memory: most of the time went by in waiting for a disk that others write to as well. What must
# survive a power loss is for tests/faults to say, which replays each write and sync; the stacks' data stay on a disk.
IN_MEMORY, ROOM_BYTES = Path("/dev/shm"), 2 << 30
if "TMPDIR" not in os.environ and IN_MEMORY.is_dir() and shutil.disk_usage(IN_MEMORY).free > ROOM_BYTES:
    os.environ["TMPDIR"] = tempfile.tempdir = str(IN_MEMORY)

# Tests count jobs: only those of warming up ask for it. Set before any settings are read.
os.environ.setdefault("RAPIDDRAFT_WARM_PART_FACTS", "false")
# A request that blocks the event loop fails, in every application that a test makes.
os.environ.setdefault("RAPIDDRAFT_DEBUG_EVENT_LOOP", "true")

# The same examples on every run: a test that fails by luck tells nothing of the change that it is run for.
settings.register_profile("repeatable", derandomize=True)
settings.load_profile("repeatable")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files with long tests go first, so that in the end many small ones fill all processes to the same moment."""
    long = {item.path for item in items if item.get_closest_marker("stack")}
    items.sort(key=lambda item: item.path not in long)


class _Kept(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.blocked: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.blocked.append(vars(record)["call"])


@pytest.fixture(autouse=True)
def event_loop_blocked_by() -> Iterator[list[str]]:
    """The calls that blocked an event loop. A test that leaves any in it fails: not every client sees it."""
    kept = _Kept()
    log = logging.getLogger("server.middleware.event_loop")
    log.addHandler(kept)
    yield kept.blocked
    log.removeHandler(kept)
    assert not kept.blocked, "the event loop was blocked"
