"""Waiting for a condition, with a deadline."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import psutil

T = TypeVar("T")

# How much slower than an idle machine one may be on which the tests hold. It costs nothing: only what never comes
# is waited for in vain.
PATIENCE = 4.0


def until(condition: Callable[[], T], what: str, seconds: float = 20.0) -> T:
    """The first true value of `condition`.

    Raises AssertionError where it has none within `seconds` of an idle machine, PATIENCE times as many of the clock.
    """
    seconds *= PATIENCE
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, f"Waited {seconds:g} s in vain: {what}"
        time.sleep(0.02)
    return value


def pid_in(path: Path) -> int:
    """The pid that a process writes to `path`, once it is there."""
    return int(until(lambda: path.exists() and path.read_text(), f"{path} is written"))


def is_running(pid: int) -> bool:
    """Whether the process lives; a zombie does not."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
