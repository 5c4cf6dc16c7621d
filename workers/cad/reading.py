"""What a file holds: its distinct solids as parts, where each occurs, and the tree that its makers named.

Free of the kernel. A placement is (3, 4): a rotation or reflection, and a shift in mm; it takes the
coordinates in which a part was read to those of the file.
"""

from dataclasses import dataclass, field

import numpy as np

from workers.cad.part import Floats, Ints, Part


def unplaced() -> Floats:
    """The placement of what lies where it was read."""
    return np.eye(3, 4)


@dataclass(frozen=True)
class Body:
    """One occurrence of a solid in the file."""

    part: int  # which of the reading's parts it is
    placement: Floats  # (3, 4) from the part's coordinates to the file's
    faces: Ints  # (n,) the number in the file of each of the part's faces
    low: Floats  # (3,) bounding box where it lies, mm
    high: Floats  # (3,)

    @property
    def is_at_home(self) -> bool:
        """Whether the part's own coordinates are those of the file."""
        return bool(np.array_equal(self.placement, unplaced()))

    @property
    def is_where_it_was_read(self) -> bool:
        """Whether the part's own coordinates and face numbers are those of the file."""
        return self.is_at_home and bool(np.array_equal(self.faces, np.arange(len(self.faces))))


@dataclass(frozen=True)
class Component:
    """A node of the assembly tree."""

    name: str
    colour: str | None  # "#rrggbb" in sRGB
    placement: Floats  # (3, 4) from the component's own coordinates to the file's
    bodies: list[int] = field(default_factory=list)  # those directly in it
    components: list["Component"] = field(default_factory=list)


@dataclass(frozen=True)
class Reading:
    """A file, read: every distinct solid once."""

    name: str
    sha256: str
    format: str
    units_in_file: str
    faces: int  # of the whole file, those that belong to no solid too
    parts: list[Part]
    bodies: list[Body]
    components: list[Component]
    notes: list[str]  # what was healed, and what its owner should know of
    timings_ms: dict[str, float]
