"""Cups: what would hold water as the part stands, and so holds resin, and sticks to the tank's floor, in SLA.

3D Systems' guide calls it cupping: "a trapped volume of print material between the current layer and the membrane"
(https://infocenter.3dsystems.com, Figure 4 best practices).
"""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from workers.additive.hollows import Grid, Void, air_that_leads_out
from workers.additive.rounds import Round
from workers.cad.part import Floats, Ints, Part
from workers.facts.rays import Bools, RayScene

# A cup is at least so many cells deep, and its mouth so many: less is a step of the grid on a slope.
LEAST_CELLS_DEEP, LEAST_CELLS_WIDE = 2, 4
_LEVEL = np.zeros((3, 3, 3), dtype=bool)
_LEVEL[:, 1, 1] = _LEVEL[1, :, 1] = True
_Pairs = list[tuple[int, int]]


@dataclass(frozen=True)
class Cup:
    """A depression that does not drain."""

    volume: float  # mm3 below its lowest brim, within the cells of a grid
    mouth: float  # mm2, level with the brim
    faces: tuple[int, ...]  # of its floor
    point: Floats  # (3,) on the floor
    normal: Floats  # (3,) outward there


def cups(
    part: Part, scene: RayScene, grid: Grid, holes: list[Round], voids: list[Void], least_mouth: float
) -> list[Cup]:
    """The cups whose mouth is at least so many mm2, largest first; closed voids are none, a hole in a cup drains it."""
    air = grid.air.copy()
    for hole in holes:
        air[tuple(_along(grid, hole).T)] = True
    held = _that_holds(air) & air_that_leads_out(air)
    label, _ = ndimage.label(held)
    found = []
    for number, box in enumerate(ndimage.find_objects(label), start=1):
        cells = label[box] == number
        brim = cells & ~np.pad(cells, ((0, 0), (0, 0), (0, 1)))[:, :, 1:]
        mouth = float(brim.sum()) * grid.pitch**2
        is_deep = cells.any(axis=(0, 1)).sum() >= LEAST_CELLS_DEEP
        if is_deep and mouth >= max(least_mouth, LEAST_CELLS_WIDE * grid.pitch**2):
            low = np.array([side.start for side in box])
            found.append(_cup(part, scene, grid, np.argwhere(cells) + low, mouth))
    closed = {face for void in voids for face in void.faces}
    return sorted(
        (cup for cup in found if not closed.intersection(cup.faces)),
        key=lambda cup: (-round(cup.volume, 6), *np.round(cup.point, 3).tolist()),
    )


def _along(grid: Grid, hole: Round) -> Ints:
    """(n, 3) the cells on the axis of a hole, which may be narrower than they are."""
    steps = np.linspace(-0.5, 0.5, 2 + int(4 * hole.length / grid.pitch))
    return grid.cells(hole.point + steps[:, None] * hole.length * hole.axis)


def _that_holds(air: Bools) -> Bools:
    """The air from which no way leads out that never rises.

    Filled layer by layer: what is connected at or below a layer is one pool, and drained once part of it leads out.
    """
    label, count = ndimage.label(air, structure=_LEVEL)
    sides = [label[0], label[-1], label[:, 0], label[:, -1], label[:, :, 0]]
    drained = np.zeros(count + 1, dtype=bool)
    drained[np.concatenate([side.ravel() for side in sides])] = True
    drains, root = drained.tolist(), list(range(count + 1))

    def pool(number: int) -> int:
        while root[number] != number:
            root[number] = number = root[root[number]]
        return number

    full = np.zeros(count + 1, dtype=bool)
    for level in range(air.shape[2]):
        here = np.unique(label[:, :, level]).tolist()
        for above, below in _pairs(label, level):
            one, other = pool(above), pool(below)
            root[one] = other
            drains[other] = drains[other] or drains[one]
        full[[number for number in here if number and not drains[pool(number)]]] = True
    return np.asarray(full[label])


def _pairs(label: Ints, level: int) -> _Pairs:
    """What lies on what."""
    if level == 0:
        return []
    above, below = label[:, :, level].ravel().astype(np.int64), label[:, :, level - 1].ravel()
    both = (above > 0) & (below > 0)
    size = int(label.max()) + 1
    keys = np.unique(above[both] * size + below[both])
    return list(zip((keys // size).tolist(), (keys % size).tolist(), strict=True))


def _cup(part: Part, scene: RayScene, grid: Grid, cells: Ints, mouth: float) -> Cup:
    """Its floor is what lies straight below."""
    order = np.lexsort((cells[:, 2], cells[:, 1], cells[:, 0]))
    columns = cells[order]
    lowest = columns[np.append(True, (np.diff(columns[:, :2], axis=0) != 0).any(axis=1))]
    start = grid.places(lowest)
    triangle, distance = scene.first_hit(start, np.broadcast_to(-grid.frame[2], start.shape).copy())
    met = np.flatnonzero(triangle >= 0)
    deepest = met[int(lowest[met, 2].argmin())]
    faces = tuple(np.unique(part.mesh.face[triangle[met]]).tolist())
    point = start[deepest] - grid.frame[2] * distance[deepest]
    return Cup(len(cells) * grid.pitch**3, mouth, faces, point, part.mesh.normals[triangle[deepest]])
