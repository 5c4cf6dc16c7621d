"""Percentiles, and whether a series of measurements grows."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from statistics import median

from scipy.stats import theilslopes


def percentile(values: Sequence[float], percent: float) -> float:
    """The least of `values` that so many percent of them do not exceed (nearest rank). Raises ValueError if empty."""
    if not values:
        raise ValueError("there is no percentile of nothing")
    ranked = sorted(values)
    return ranked[max(1, ceil(len(ranked) * percent / 100)) - 1]


@dataclass(frozen=True)
class Latencies:
    """What many requests took, ms."""

    count: int
    p50: float
    p95: float
    p99: float
    max: float

    @classmethod
    def of(cls, milliseconds: Sequence[float]) -> "Latencies":
        """Raises ValueError if there are none."""
        return cls(len(milliseconds), *(percentile(milliseconds, percent) for percent in (50, 95, 99, 100)))

    def __str__(self) -> str:
        return f"p50 {self.p50:.1f}, p99 {self.p99:.1f}, max {self.max:.1f} ms ({self.count})"


def with_missed_turns(milliseconds: Sequence[float], interval: float) -> list[float]:
    """Latencies of a loop that was to ask every `interval` ms, with those of the requests that it could not send.

    A request that takes 95 ms keeps the loop from sending nine more, which would have taken 85, 75, … ms: left
    out, a standstill would count as one slow request ("coordinated omission").
    """
    return [value - missed * interval for value in milliseconds for missed in range(max(1, ceil(value / interval)))]


@dataclass(frozen=True)
class Growth:
    """How a series went on once it was warm: medians of its second and of its last quarter, and a robust slope."""

    earlier: float
    later: float
    per_hour: float
    allowed: float

    @property
    def is_flat(self) -> bool:
        """Whether the last quarter exceeds the second by no more than is allowed."""
        return self.later - self.earlier <= self.allowed


def growth(seconds: Sequence[float], values: Sequence[float], *, share: float, units: float) -> Growth:
    """Compare the last quarter of a series with its second; the first is for warming up.

    Allowed are `units`, or `share` of the earlier median where that is more. The medians pass over single peaks;
    the slope (Theil-Sen, per hour) is of all but the first quarter. Raises ValueError below eight values.
    """
    quarter = len(values) // 4
    if quarter < 2:
        raise ValueError(f"{len(values)} samples are too few to tell whether they grow; eight are needed")
    earlier, later = median(values[quarter : 2 * quarter]), median(values[-quarter:])
    slope = float(theilslopes(values[quarter:], seconds[quarter:]).slope)
    return Growth(earlier, later, slope * 3600, max(units, share * earlier))
