"""How often somebody may do something: a token bucket for each name, in the memory of one process."""

import math
from collections import OrderedDict
from time import monotonic

from server.problems import Problem

# Far more than there are people at one service; bounds what is kept in memory.
_REMEMBERED = 10_000


class Allowance:
    """So many a minute for each name, all at once or spread. 0 a minute is any number."""

    def __init__(self, per_minute: int) -> None:
        self._most = per_minute
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()  # by name: how many, and when that was

    def wait(self, name: str) -> float:
        """0, or in how many seconds there is one again. Takes none."""
        return self._wait(self._left_of(name, monotonic()))

    def take(self, name: str) -> float:
        """Take one. 0, or in how many seconds there is one again."""
        now = monotonic()
        left = self._left_of(name, now)
        wait = self._wait(left)
        self._left.pop(name, None)
        self._left[name] = (left if wait else left - 1, now)
        if len(self._left) > _REMEMBERED:
            self._left.popitem(last=False)
        return wait

    def _left_of(self, name: str, now: float) -> float:
        left, at = self._left.get(name, (float(self._most), now))
        return min(self._most, left + (now - at) * self._most / 60)

    def _wait(self, left: float) -> float:
        return (1 - left) / (self._most / 60) if self._most and left < 1 else 0.0


def too_many(what: str, wait: float) -> Problem:
    """The problem for who asked too often; `what` says who did what, and there is room again in `wait` seconds."""
    seconds = math.ceil(wait)
    return Problem(
        429,
        "too_many_requests",
        what,
        advice=f"Send it again in {seconds} s. The operator can allow more (docs/settings.md).",
        headers={"Retry-After": str(seconds)},
    )
