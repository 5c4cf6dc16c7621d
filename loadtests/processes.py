"""The processes of a stack by name, and what they use."""

from collections import defaultdict
from collections.abc import Iterable

import psutil

API_WORKER, SANDBOX_CHILD = "API worker", "sandbox child"


def by_name(family: Iterable[psutil.Process]) -> dict[str, list[psutil.Process]]:
    """Those that still live. A child of the fork server is a sandbox child, one of gunicorn's an API worker."""
    named: dict[str, list[psutil.Process]] = defaultdict(list)
    kinds: dict[int, str] = {}
    for process in family:
        try:
            kind = _kind(" ".join(process.cmdline()), kinds.get(process.ppid(), ""))
        except (psutil.NoSuchProcess, psutil.ZombieProcess):
            continue
        kinds[process.pid] = kind
        named[kind].append(process)
    return named


def api_workers(family: Iterable[psutil.Process]) -> list[psutil.Process]:
    """The API workers. Raises RuntimeError if there are none: nobody keeps to any target."""
    workers = by_name(family).get(API_WORKER)
    if not workers:
        raise RuntimeError(f"there is no {API_WORKER} among the stack's processes")
    return workers


def _kind(command: str, parent: str) -> str:
    if parent in ("fork server", SANDBOX_CHILD):
        return SANDBOX_CHILD
    if parent == "API master":
        return API_WORKER
    for word, kind in (
        ("gunicorn", "API master"),
        ("forkserver", "fork server"),
        ("resource_tracker", "resource tracker"),
        ("-m workers", "worker"),
        ("supervisord", "supervisord"),
    ):
        if word in command:
            return kind
    return command[:40]


def resident_bytes(processes: Iterable[psutil.Process]) -> int:
    """The sum of their resident memory; shared pages count for each."""
    return sum(process.memory_info().rss for process in processes)
