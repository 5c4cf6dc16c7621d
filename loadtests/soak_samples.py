"""What must not grow while the stack is under steady load, sampled from outside, and kept as it comes."""

import csv
import json
import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import psutil

from loadtests.chart import write_charts
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
    "in the temporary folder": (0.0, 3.0),
    "processes": (0.0, 2.0),
    "zombies": (0.0, 2.0),
    "shared memory files": (0.0, 2.0),
}
# What a process shares with its children is not its own while they live.
QUOTED = ("fork server: own MB",)


class Samples:
    """What was sampled so far; each sample is on disk, in `samples.jsonl`, before the next is taken."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._taken: list[tuple[float, dict[str, float]]] = []

    def __len__(self) -> int:
        return len(self._taken)

    def add(self, seconds: float, values: dict[str, float]) -> None:
        """Take one in, so many seconds after the beginning."""
        self._taken.append((seconds, values))
        with (self._folder / "samples.jsonl").open("a") as file:
            file.write(json.dumps({"seconds": seconds, **values}) + "\n")

    def last_seconds(self) -> float:
        """When the last one was taken; 0 if there is none."""
        return self._taken[-1][0] if self._taken else 0.0

    def series(self) -> dict[str, list[tuple[float, float]]]:
        """(when, value) by name; a series that was not in a sample has one less."""
        names = sorted({name for _, values in self._taken for name in values})
        return {name: [(at, values[name]) for at, values in self._taken if name in values] for name in names}

    def write(self) -> None:
        """All of them as a table and as charts."""
        with (self._folder / "samples.csv").open("w", newline="") as file:
            writer = csv.DictWriter(file, ["seconds", *self.series()])
            writer.writeheader()
            writer.writerows({"seconds": at, **values} for at, values in self._taken)
        write_charts(self._folder / "charts.html", "RapidDraft under steady load", self.series())


def allowed(series: str) -> tuple[float, float] | None:
    """By which (share, units) a series may grow; None if it is only quoted."""
    if series in QUOTED:
        return None
    return next((bounds for ending, bounds in ALLOWED.items() if series.endswith(ending)), None)


def sample(stack: Stack) -> dict[str, float]:
    """Every series' value now. Those of sandbox children are left out: they come and go."""
    family = stack.family()
    values = {"processes": float(len(family)), "zombies": float(sum(_is_zombie(process) for process in family))}
    for name, processes in by_name(family).items():
        if name == SANDBOX_CHILD:
            continue
        with suppress(psutil.NoSuchProcess):  # replaced just now, which the soak notices in the end
            values |= {f"{name}: {what}": value for what, value in _used(processes).items()}
    return values | _files(stack)


def programs(stack: Stack) -> set[int]:
    """The processes that must be there from beginning to end."""
    return {p.pid for name, some in by_name(stack.family()).items() if name != SANDBOX_CHILD for p in some}


def _is_zombie(process: psutil.Process) -> bool:
    try:
        return bool(process.status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


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
        "in the temporary folder": float(sum(1 for _ in Path(stack.environment["TMPDIR"]).rglob("*"))),
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
