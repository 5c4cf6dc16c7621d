"""One value of a quantity somewhere on the part, ready to be held against a limit."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from workers.cad.part import Floats
from workers.features.feature import Feature


class NotDecidedError(Exception):
    """A quantity cannot be measured on this part, or not everywhere on it.

    `lacks` says in a sentence what is missing for it; `measured` is what could be measured all the same.
    """

    def __init__(self, lacks: str, measured: "Sequence[Measurement]" = ()) -> None:
        super().__init__(lacks)
        self.lacks = lacks
        self.measured = list(measured)


@dataclass(frozen=True)
class Change:
    """The least edit that meets a limit, in words, and as a figure: one size of the part, as it is and as it has to be.

    `quantity` names the size (`diameter`, `depth`, `radius`, `width`, `thickness`, …).
    """

    text: str
    quantity: str
    now: float
    to: float
    unit: str = "mm"

    def as_dict(self) -> dict[str, float | str]:
        """The figure as it stands in a finding."""
        return {
            "quantity": self.quantity,
            "from": self.now,
            "to": self.to,
            "by": self.to - self.now,
            "unit": self.unit,
        }


ChangeTo = Callable[[float], "str | Change"]


@dataclass
class Measurement:
    """`details` are further sizes in mm, for limits and advice; `change` gives the least edit that meets a limit.

    That is a `Change` where the edit is a figure, else its words alone.
    """

    value: float
    faces: list[int]
    point: Floats
    normal: Floats
    change: ChangeTo
    features: list[Feature] = field(default_factory=list)
    edges: list[int] = field(default_factory=list)
    details: dict[str, float] = field(default_factory=dict)
