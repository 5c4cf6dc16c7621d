"""What must not grow while the stack is under steady load, sampled from outside."""

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import psutil

from loadtests.processes import API_WORKER, SANDBOX_CHILD, by_name
from tests.stack.running import Stack

MB = 2**20
SHARED_MEMORY = Path("/dev/shm")
# By the end of a series' name: (share of what it was, units) that it may grow by. Everything else is only quoted.
ALLOWED = {
    "resident MB": (0.05, 4.0),
    "own MB": (0.05, 4.0),
    "open files": (0.0, 6.0),
    "WAL MB": (0.1, 4.0),
    "uploads": (0.0, 2.0),
    "wake sockets": (0.0, 2.0),
    "queue-wake sockets": (0.0, 2.0),
    "temporary files": (0.0, 3.0),
    "shared memory files": (0.0, 2.0),
}
# What a process shares with its children is not its own while they live.
QUOTED = ("fork server: own MB",)


def allowed(series: str) -> tuple[float, float] | None:
    """By which (share, units) a series may grow; None if it is only quoted."""
    if series in QUOTED:
        return None
    return next((bounds for ending, bounds in ALLOWED.items() if series.endswith(ending)), None)


def sample(stack: Stack) -> dict[str, float]:
    """Every series' value now. Those of sandbox children are left out: they come and go."""
    values: dict[str, float] = {}
    for name, processes in by_name(stack.family()).items():
        if name == SANDBOX_CHILD:
            continue
        with suppress(psutil.NoSuchProcess):  # replaced just now, which the soak notices in the end
            values |= {f"{name}: {what}": value for what, value in _used(processes).items()}
    return values | _files(stack)


def programs(stack: Stack) -> set[int]:
    """The processes that must be there from beginning to end."""
    return {p.pid for name, some in by_name(stack.family()).items() if name != SANDBOX_CHILD for p in some}


def _used(processes: Iterable[psutil.Process]) -> dict[str, float]:
    memory = [process.memory_full_info() for process in processes]
    return {
        "resident MB": sum(each.rss for each in memory) / MB,
        "own MB": sum(each.uss for each in memory) / MB,
        "open files": float(sum(process.num_fds() for process in processes)),
    }


def _files(stack: Stack) -> dict[str, float]:
    data = stack.data
    names = [name for _, _, files in os.walk(data) for name in files]
    return {
        "WAL MB": _size(data / "queue.sqlite3-wal") / MB,
        "queue MB": _size(data / "queue.sqlite3") / MB,
        "cache MB": sum(_size(file) for file in _entries(data / "cache")) / MB,
        "uploads": float(len(_entries(data / "uploads"))),
        "wake sockets": float(len(_entries(data / "run" / "wake"))),
        "queue-wake sockets": float(len(_entries(data / "run" / "queue-wake"))),
        "temporary files": float(sum(name.endswith(".tmp") or name.startswith("tmp") for name in names)),
        "lock files": float(sum(name.endswith(".lock") for name in names)),
        "job documents": float(len(_entries(data / "jobs"))),
        "models": float(len(_entries(data / "models"))),
        "shared memory files": float(len(_shared_memory(stack))),
    }


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except FileNotFoundError:
        return 0


def _entries(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except FileNotFoundError:
        return []


def _shared_memory(stack: Stack) -> list[Path]:
    """The stack's own files in /dev/shm: those in the folder where its API workers keep their metrics."""
    for worker in by_name(stack.family())[API_WORKER]:
        for opened in worker.open_files():
            if (file := Path(opened.path)).is_relative_to(SHARED_MEMORY):
                return _entries(file.parent)
    return []
