"""Percentiles, and whether a series of measurements grows."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from statistics import median

from scipy.stats import theilslopes

FEWEST_VALUES = 8  # to tell whether a series grows


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
    per_hour_at_least: float
    hours: float
    allowed: float

    @property
    def is_flat(self) -> bool:
        """Whether the last quarter exceeds the second by no more than is allowed, and the slope is no leak's.

        It is one if, over the whole run, even the least slope that the samples admit would exceed what is allowed.
        """
        return self.later - self.earlier <= self.allowed and self.per_hour_at_least * self.hours <= self.allowed

    @property
    def noticed_per_hour(self) -> float:
        """The smallest steady growth an hour that is sure not to pass as flat, where the samples have little noise."""
        return self.allowed / self.hours


def growth(seconds: Sequence[float], values: Sequence[float], *, share: float, units: float) -> Growth:
    """Compare the last quarter of a series with its second; the first is for warming up.

    Allowed are `units`, or `share` of the earlier median where that is more. The medians pass over single peaks;
    the slope (Theil-Sen, per hour, with the lower end of its 95 % interval) is of all but the first quarter, and
    `hours` is the length of the whole run. Raises ValueError below FEWEST_VALUES.
    """
    if len(values) < FEWEST_VALUES:
        raise ValueError(f"{len(values)} samples are too few to tell whether they grow; {FEWEST_VALUES} are needed")
    quarter = len(values) // 4
    earlier, later = median(values[quarter : 2 * quarter]), median(values[-quarter:])
    slope = theilslopes(values[quarter:], seconds[quarter:], alpha=0.95)
    hours = (seconds[-1] - seconds[0]) / 3600
    per_hour, at_least = float(slope.slope) * 3600, float(slope.low_slope) * 3600
    return Growth(earlier, later, per_hour, at_least, hours, max(units, share * earlier))
