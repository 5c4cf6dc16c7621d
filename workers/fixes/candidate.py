"""One edit that may clear a finding, not yet made."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from workers.cad.edit.body import Body
from workers.cad.part import Floats

ADDS, REMOVES, EITHER = 1, -1, 0
# What an edit goes beyond a limit, so that rounding in a file does not bring the finding back.
PAST_THE_LIMIT_MM = 1e-3


@dataclass(frozen=True)
class Box:
    """An axis-aligned box, mm."""

    low: Floats
    high: Floats

    @classmethod
    def of_points(cls, points: Floats) -> "Box":
        """Around (n, 3) points."""
        return cls(points.min(axis=0), points.max(axis=0))

    @classmethod
    def of_discs(cls, middles: Floats, axis: Floats, radius: float) -> "Box":
        """Around discs about (n, 3) middles, square to a unit `axis`."""
        # A disc reaches r · sin of the angle between its axis and each coordinate.
        reach = radius * np.sqrt(np.clip(1 - axis**2, 0, 1))
        return cls(middles.min(axis=0) - reach, middles.max(axis=0) + reach)

    @classmethod
    def around(cls, boxes: Sequence["Box"]) -> "Box":
        """Around boxes."""
        return cls(np.min([box.low for box in boxes], axis=0), np.max([box.high for box in boxes], axis=0))

    def grown(self, by: float) -> "Box":
        """Larger by so much on every side."""
        return Box(self.low - by, self.high + by)

    def holds(self, other: "Box") -> bool:
        """Whether another lies in it."""
        return bool(np.all(other.low >= self.low) and np.all(other.high <= self.high))

    def swept(self, way: Floats) -> "Box":
        """Around itself and where it is after a shift by (3,) mm."""
        return Box(np.minimum(self.low, self.low + way), np.maximum(self.high, self.high + way))

    @property
    def middle(self) -> Floats:
        """(3,)."""
        return np.asarray((self.low + self.high) / 2)

    @property
    def volume(self) -> float:
        """mm3."""
        return float((self.high - self.low).prod())


@dataclass(frozen=True)
class Candidate:
    """An edit in words and figures; `make` applies it, and raises EditError where it is not possible.

    Nothing outside of `region` may change; `sense` says whether the edit adds material or removes it, and
    `volume_change` by how much where a formula knows (mm3).
    """

    words: str
    figures: dict[str, float]
    make: Callable[[Body], Body]
    region: Box
    sense: int
    volume_change: float | None = None
    clears_also: list[str] = field(default_factory=list)  # ids of further findings that the same edit is for
