"""What interrupts a straight edge of the flat pattern: notches into the sheet, and tabs out of it."""

from dataclasses import dataclass

import numpy as np

from workers.cad.part import Floats
from workers.sheet.segments import Loop, Segment, chords_of

SAME_LINE = 1e-3  # mm
PARALLEL = 1 - 1e-9  # cosine


@dataclass(frozen=True)
class EdgeShape:
    """`kind` is notch or tab; mm wide along the edge, and deep from it."""

    kind: str
    width: float
    depth: float
    segments: Loop


def edge_shapes(outline: Loop) -> list[EdgeShape]:
    """The notches and tabs of a loop that runs counter-clockwise, each narrower than what is left of its edge.

    A notch or a tab lies between two lines of which one is the other's extension, wholly on one side of them.
    """
    found = []
    for at, line in enumerate(outline):
        shape = _between(outline, at, _next_on_line(outline, at)) if line.is_line else None
        if shape is not None:
            found.append(shape)
    return found


def _next_on_line(outline: Loop, at: int) -> int | None:
    """How many segments on a line goes on that is the extension of the one at `at`."""
    first = outline[at]
    along = _along(first)
    air = np.array([along[1], -along[0]])
    for step in range(2, len(outline)):
        other = outline[(at + step) % len(outline)]
        if other.is_line and _along(other) @ along > PARALLEL:
            offset = other.start - first.end
            if abs(offset @ air) < SAME_LINE and offset @ along > SAME_LINE:
                return step
    return None


def _between(outline: Loop, at: int, steps: int | None) -> EdgeShape | None:
    if steps is None:
        return None
    first, last = outline[at], outline[(at + steps) % len(outline)]
    along = _along(first)
    inside = [outline[(at + step) % len(outline)] for step in range(1, steps)]
    into = (chords_of(inside) - first.end) @ np.array([-along[1], along[0]])
    width = float((last.start - first.end) @ along)
    if width > first.length + last.length:
        return None
    if into.min() > -SAME_LINE:
        return EdgeShape("notch", width, float(into.max()), inside)
    return EdgeShape("tab", width, -float(into.min()), inside) if into.max() < SAME_LINE else None


def _along(line: Segment) -> Floats:
    return np.asarray((line.end - line.start) / line.length)
