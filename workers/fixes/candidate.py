"""One edit that may clear a finding, not yet made."""

from collections.abc import Callable
from dataclasses import dataclass, field

from workers.cad.edit.body import Body
from workers.cad.part import Floats

ADDS, REMOVES, EITHER = 1, -1, 0


@dataclass(frozen=True)
class Box:
    """An axis-aligned box, mm."""

    low: Floats
    high: Floats

    def grown(self, by: float) -> "Box":
        """Larger by so much on every side."""
        return Box(self.low - by, self.high + by)

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
