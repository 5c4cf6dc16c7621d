"""Narrow places of an outline: where two parallel edges face each other through air."""

from dataclasses import dataclass

import numpy as np

from workers.sheet.segments import Loop

ANTIPARALLEL = -1 + 1e-6  # cosine
LONG = 0.5  # widths that the two edges face each other along, at least


@dataclass(frozen=True)
class NarrowPlace:
    """A notch, `width` mm wide and `depth` mm deep, between two edges of the part."""

    width: float
    depth: float
    edges: tuple[int, ...]


def narrow_places(outline: Loop, widest: float) -> list[NarrowPlace]:
    """The notches of a loop that are no wider than `widest`, mm; the material is on the left of each segment."""
    lines = [segment for segment in outline if segment.is_line]
    if len(lines) < 2:
        return []
    start, end = np.array([line.start for line in lines]), np.array([line.end for line in lines])
    length = np.linalg.norm(end - start, axis=1)
    along = (end - start) / length[:, None]
    air = np.stack([along[:, 1], -along[:, 0]], axis=1)  # to the right
    opposite = along @ along.T < ANTIPARALLEL
    width = np.einsum("ijk,ik->ij", start[None] - start[:, None], air)
    # The other line runs back: its end comes first.
    low = np.maximum(0.0, np.einsum("ijk,ik->ij", end[None] - start[:, None], along))
    high = np.minimum(length[:, None], np.einsum("ijk,ik->ij", start[None] - start[:, None], along))
    facing = opposite & (width > 0) & (width <= widest) & (high - low > LONG * np.maximum(width, 0))
    found = []
    for one, two in np.argwhere(np.triu(facing, 1)).tolist():
        edges = (*lines[one].edges, *lines[two].edges)
        found.append(NarrowPlace(float(width[one, two]), float(high[one, two] - low[one, two]), edges))
    return found
