"""How the walls of a pocket give way so that a circle of some width fits in: to where there is room behind them."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import shapely

from workers.cad.edit.body import Body
from workers.cad.edit.section import section_lines
from workers.cad.part import Floats
from workers.features.plan import square_to
from workers.fixes.milling.outline import LEAST_TURN, wider_outline

# Each wall keeps this share of its length, so that none vanishes where its neighbours are moved.
KEPT = 0.25
# The circle's middle is looked for in steps of this share of its width, so far from the outline's middle.
STEP = 1 / 40
REACH = 1.0
HEIGHTS = np.array([0.02, 0.2, 0.4, 0.6, 0.8, 0.98])
MOVED_MM = 1e-6
SLACK_MM = 1e-4


@dataclass(frozen=True)
class Pocket:
    """A pocket of flat upright `walls`, in order around it, along the unit `direction`, with all its `faces`."""

    body: Body
    faces: list[int]
    walls: list[int]
    direction: Floats


def least_widenings(pocket: Pocket, width: float, left: float) -> Iterator[Floats]:
    """(n,) mm that each wall is moved into the material, for a circle `width` mm wide to fit in between them.

    Where the circle's middle is decides how far each wall must go: of all such places, those that leave `left` mm of
    material to every other face of the part, or what there is now; the least volume first, and the fewest walls; of
    each choice of walls to be moved only one.
    """
    plane = square_to(pocket.direction).T
    still = wider_outline(pocket.body, pocket.walls, pocket.direction, np.zeros(len(pocket.walls))) @ plane.T
    steps = np.stack(
        [
            wider_outline(pocket.body, pocket.walls, pocket.direction, step) @ plane.T - still
            for step in np.eye(len(pocket.walls))
        ]
    )
    shares = _shares(pocket, still.mean(axis=0), plane, width)
    outlines = still + np.einsum("kn,nij->kij", shares, steps)
    shares, outlines = _whole(shares, outlines, still)
    others = other_faces(pocket, plane)
    room = min(left, float(shapely.distance(shapely.Polygon(still), others))) - SLACK_MM
    chosen: set[bytes] = set()
    for number in np.lexsort([np.count_nonzero(shares > MOVED_MM, axis=1), np.round(_areas(outlines), 6)]).tolist():
        moved = (shares[number] > MOVED_MM).tobytes()
        if moved not in chosen and shapely.distance(shapely.Polygon(outlines[number]), others) >= room:
            chosen.add(moved)
            yield shares[number]


def room_left(pocket: Pocket, shares: Floats) -> float:
    """mm from walls moved by (n,) mm to the nearest other face of the part; 0 where one opens into another room."""
    plane = square_to(pocket.direction).T
    wider = wider_outline(pocket.body, pocket.walls, pocket.direction, shares) @ plane.T
    return float(shapely.distance(shapely.Polygon(wider), other_faces(pocket, plane)))


def _shares(pocket: Pocket, middle: Floats, plane: Floats, width: float) -> Floats:
    """(k, n) how far each wall goes for a circle about each place of a grid to fit in."""
    faces = pocket.body.faces
    normals = faces.axis[pocket.walls] @ plane.T
    # mm that a circle's middle has to be in front of each wall's line, so that the wall may stay where it is
    levels = np.einsum("ij,ij->i", faces.origin[pocket.walls], faces.axis[pocket.walls]) + width / 2
    places = middle + _places(normals, levels - normals @ middle, width)
    return np.asarray(np.maximum(levels - places @ normals.T, 0.0).round(9))


def _places(normals: Floats, levels: Floats, width: float) -> Floats:
    """(k, 2) middles: a grid; along where one wall just need not move; and where two need not."""
    steps = np.arange(-REACH, REACH + STEP / 2, STEP) * width
    grid = np.stack(np.meshgrid(steps, steps), axis=-1).reshape(-1, 2)
    ahead = np.stack([-normals[:, 1], normals[:, 0]], axis=1)
    lines = (levels[:, None] * normals)[:, None] + steps[:, None] * ahead[:, None]
    pairs = [(i, j) for i in range(len(levels)) for j in range(i) if abs(normals[i] @ ahead[j]) > LEAST_TURN]
    meets = [np.linalg.solve(normals[list(pair)], levels[list(pair)]) for pair in pairs]
    return np.concatenate([grid, lines.reshape(-1, 2), np.array(meets).reshape(-1, 2)])


def _whole(shares: Floats, outlines: Floats, still: Floats) -> tuple[Floats, Floats]:
    """Those in which every wall is there still."""
    now = still - np.roll(still, 1, axis=0)
    spans = outlines - np.roll(outlines, 1, axis=1)
    kept = np.all(np.einsum("kij,ij->ki", spans, now) >= KEPT * np.einsum("ij,ij->i", now, now), axis=1)
    return shares[kept], outlines[kept]


def _areas(outlines: Floats) -> Floats:
    """(k,) mm2."""
    x, y = outlines[..., 0], outlines[..., 1]
    return np.asarray(np.abs((x * np.roll(y, 1, axis=1) - y * np.roll(x, 1, axis=1)).sum(axis=1)) / 2)


def other_faces(pocket: Pocket, plane: Floats) -> shapely.MultiLineString:
    """Where the part's other faces are beside the pocket, at several heights, seen along its direction."""
    low, high = pocket.body.extent(pocket.faces, pocket.direction)
    cuts = [
        section_lines(pocket.body.mesh, pocket.faces, pocket.direction, height)
        for height in low + (high - low) * HEIGHTS
    ]
    return shapely.MultiLineString(list(np.concatenate(cuts) @ plane.T))
