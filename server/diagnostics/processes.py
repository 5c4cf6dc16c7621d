"""The processes of the stack: what each is, how long it has run, and what memory it holds."""

import os
import time
from collections.abc import Iterable, Iterator

import psutil
from pydantic import BaseModel, Field

from rapiddraft._parent_death import SUPERVISORD_PID

_BY_COMMAND = (
    ("gunicorn", "API master"),
    ("forkserver", "fork server"),
    ("resource_tracker", "resource tracker"),
    ("workers", "worker"),
    ("supervisord", "supervisord"),
)


class ProcessState(BaseModel):
    """One process."""

    name: str
    pid: int
    memory_bytes: int = Field(description="Resident; pages that processes share count for each.")
    uptime_seconds: float


def processes_of_stack(workers: Iterable[int]) -> list[ProcessState]:
    """supervisord and all below it; without supervisord, this process, gunicorn above it, and `workers` by their pid.

    A process that ends meanwhile is left out.
    """
    found: dict[int, ProcessState] = {}
    for process in _family(workers):
        try:
            with process.oneshot():
                parent = found.get(process.ppid())
                found[process.pid] = ProcessState(
                    name=_name(process, parent.name if parent else ""),
                    pid=process.pid,
                    memory_bytes=process.memory_info().rss,
                    uptime_seconds=max(0.0, time.time() - process.create_time()),
                )
        except psutil.NoSuchProcess:
            continue
    return list(found.values())


def memory_of(pid: int) -> int | None:
    """Resident memory of the process in bytes; None if it is gone."""
    try:
        return int(psutil.Process(pid).memory_info().rss)
    except psutil.NoSuchProcess:
        return None


def _family(workers: Iterable[int]) -> Iterator[psutil.Process]:
    """Parents before their children."""
    supervisord = os.environ.get(SUPERVISORD_PID)
    roots = [int(supervisord)] if supervisord else [_api_root(), *workers]
    for pid in roots:
        try:
            root = psutil.Process(pid)
            yield root
            yield from root.children(recursive=True)
        except psutil.NoSuchProcess:
            continue


def _api_root() -> int:
    """gunicorn's master, if this process is a worker of one."""
    parent = psutil.Process().parent()
    return parent.pid if parent and "gunicorn" in " ".join(parent.cmdline()) else os.getpid()


def _name(process: psutil.Process, parent: str) -> str:
    if parent in ("fork server", "sandbox child"):
        return "sandbox child"
    if parent == "API master":
        return "API worker"
    command = process.cmdline()
    return next((name for word, name in _BY_COMMAND if any(word in part for part in command)), process.name())
