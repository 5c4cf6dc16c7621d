"""How long a thread held up whoever waits for it, and not how long others held up the thread."""

import gc
import os
import sys
import time
from dataclasses import dataclass
from threading import get_ident, local
from typing import Literal

_collected = local()  # seconds that a thread has spent in Python's garbage collection


@dataclass(frozen=True)
class Moment:
    """Seconds since some moment, but for `turns`: how often the thread was given a processor."""

    queued: float  # ready to run, and no processor free
    turns: int
    collected: float
    computed: float
    elapsed: float


class ThreadClock:
    """Measures the thread that makes it. Raises OSError where the system keeps no schedstat."""

    def __init__(self) -> None:
        self.thread_id = get_ident()
        self._schedstat = os.open("/proc/thread-self/schedstat", os.O_RDONLY | os.O_CLOEXEC)
        if _on_collection not in gc.callbacks:
            gc.callbacks.append(_on_collection)

    def now(self) -> Moment:
        """For `own_seconds` later. Call it in the thread that is measured."""
        # Asked first here and last in the end, so that a wait in between counts as one too often, not too rarely.
        queued, turns = self._waits()
        return Moment(queued, turns, _seconds_collected(), time.thread_time(), time.perf_counter())

    def own_seconds(self, since: Moment) -> float:
        """What the thread computed, or slept in calls, since then.

        Not its own doing, and left out: waiting for a processor on a busy machine, collecting the whole process's
        garbage, waiting for the GIL that another thread holds. The last cannot be told from sleeping, except in
        that such a thread wakes at every switch interval to ask for it. So as much sleep is left out as that could
        have been, for each time the thread woke: of many short sleeps in a row not all is counted, but nothing is
        counted that others did.
        """
        elapsed = time.perf_counter() - since.elapsed
        computed = time.thread_time() - since.computed
        collected = _seconds_collected() - since.collected
        queued, turns = self._waits()
        idle = elapsed - computed - (queued - since.queued)
        perhaps_for_the_gil = (turns - since.turns) * sys.getswitchinterval()
        return computed - collected + max(0.0, idle - perhaps_for_the_gil)

    def _waits(self) -> tuple[float, int]:
        _ran, queued, turns = os.pread(self._schedstat, 80, 0).split()
        return int(queued) / 1e9, int(turns)

    def close(self) -> None:
        """Measure no more."""
        os.close(self._schedstat)


def _seconds_collected() -> float:
    return getattr(_collected, "seconds", 0.0)


def _on_collection(phase: Literal["start", "stop"], _info: dict[str, int]) -> None:
    if phase == "start":
        _collected.began = time.thread_time()
    elif hasattr(_collected, "began"):
        _collected.seconds = _seconds_collected() + time.thread_time() - _collected.began
        del _collected.began
