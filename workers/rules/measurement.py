"""One value of a quantity somewhere on the part, ready to be held against a limit."""

from collections.abc import Callable
from dataclasses import dataclass, field

from workers.cad.part import Floats
from workers.features.feature import Feature


class NotDecidedError(Exception):
    """A quantity cannot be measured on this part; `lacks` says in a sentence what is missing for it."""

    def __init__(self, lacks: str) -> None:
        super().__init__(lacks)
        self.lacks = lacks


@dataclass
class Measurement:
    """`details` are further sizes in mm, for limits and advice; `change` words the least edit that meets a limit."""

    value: float
    faces: list[int]
    point: Floats
    normal: Floats
    change: Callable[[float], str]
    features: list[Feature] = field(default_factory=list)
    edges: list[int] = field(default_factory=list)
    details: dict[str, float] = field(default_factory=dict)
