"""Which way up a part is built best."""

from dataclasses import dataclass, replace

import numpy as np
from scipy.spatial import ConvexHull, QhullError

from workers.additive.printing import Building, Weights
from workers.additive.skin import part_of_mesh
from workers.cad.part import Floats, Ints, Mesh, Part
from workers.facts.frames import own_directions, principal_axes
from workers.facts.rays import Bools, RayScene
from workers.facts.samples import spread_by_area

# So many of the directions that most of the surface looks in are tried as the way down.
MOST_DIRECTIONS = 12
# A direction counts as one if this share of the surface looks in it.
LEAST_SHARE = 0.01
# Of directions closer to each other than this (cosine of 3 degrees) one stands for all: so little is no tilt.
SAME = 0.9986
# Costs no further apart are equal: rays sample the room below what overhangs.
EQUAL_COST = 2e-3
EQUAL = 1e-4  # of the part's diagonal: heights
SAME_BUT_FOR_ROUNDING = 1 - 1e-6
STEP = 1e-3  # normals closer than this in each coordinate are one
PER_SIDE = 1000
# What lies so near to the plate, as a share of the diagonal, lies on it.
ON_PLATE = 1e-4
FLAT_DOWN = 0.999
# A slope within this of the limit is on it (cosine): single precision in a file of triangles tells no more.
ON_THE_LIMIT = 1e-4
RAYS = 300
# A part may lie aslant on the plate: tried in steps of a quarter of a degree.
TURNS = np.radians(np.linspace(0.0, 90.0, 361))


@dataclass(frozen=True)
class Orientation:
    """One way to build a part."""

    up: Floats  # (3,) unit, in the part's own frame
    height: float  # mm
    mass_height: float  # mm that the centre of mass lies above the plate
    plate_area: float  # mm2 that lies on the plate
    support_area: float  # mm2 of surface that overhangs more than the process allows
    support_volume: float  # mm3 below it, down to the plate or to the part
    footprint: tuple[float, float]  # mm: of the rectangle that it takes on the plate, longer side first
    cost: float  # by which orientations are ordered: docs/additive.md


def orientations(
    part: Part, mesh: Mesh, scene: RayScene, box: Floats, building: Building, weights: Weights
) -> list[Orientation]:
    """All that were tried, best first; `box` are the sides of the part's least box, mm."""
    ups = candidates(part, mesh)
    built = [_built(part, mesh, scene, up, building) for up in ups]
    widest = max(max(o.plate_area for o in built), 1e-9)
    priced = [replace(o, cost=_cost(part, o, box, weights, o.plate_area / widest)) for o in built]
    return best_first(part, priced)


def best_first(part: Part, built: list[Orientation]) -> list[Orientation]:
    """By cost; of equals the one whose mass lies lowest, then the lowest; of these, as it was drawn."""
    cost = _steps(np.array([o.cost for o in built]), EQUAL_COST)
    slack = EQUAL * part.diagonal
    mass = _steps(np.array([o.mass_height for o in built]), slack)
    height = _steps(np.array([o.height for o in built]), slack)
    as_drawn = np.round([-o.up for o in built], 3).T + 0.0
    return [built[number] for number in np.lexsort((*as_drawn, height, mass, cost))]


def _steps(values: Floats, slack: float) -> Ints:
    """(n,) the rank of each value; those that a chain of differences of no more than `slack` links have one rank."""
    order = np.argsort(values, kind="stable")
    rank = np.empty(len(values), dtype=np.int64)
    rank[order] = np.cumsum(np.diff(values[order], prepend=values[order[0]]) > slack)
    return rank


def candidates(part: Part, mesh: Mesh) -> Floats:
    """(k, 3) ways up: flat faces laid down or turned up, and the part's own and principal directions."""
    # Three whole numbers in one: numpy sorts rows ten times as slowly.
    steps = np.rint(mesh.normals / STEP).astype(np.int64) + PER_SIDE
    key = (steps[:, 0] * (2 * PER_SIDE + 1) + steps[:, 1]) * (2 * PER_SIDE + 1) + steps[:, 2]
    _, first, inverse = np.unique(key, return_index=True, return_inverse=True)
    area = np.bincount(inverse.ravel(), weights=mesh.areas)
    order = np.lexsort((first, -np.round(area / area.sum(), 6)))
    order = order[area[order] > LEAST_SHARE * area.sum()][:MOST_DIRECTIONS]
    own = np.concatenate([own_directions(part)[: MOST_DIRECTIONS // 2], principal_axes(part)])
    ways = np.concatenate([-mesh.normals[first[order]], mesh.normals[first[order]], own, -own])
    ways = ways / np.linalg.norm(ways, axis=1, keepdims=True)
    ways = ways[~np.tril(ways @ ways.T > SAME_BUT_FOR_ROUNDING, -1).any(axis=1)]
    return _distinct(ways, np.array([mesh.areas[on_plate(part, mesh, up)].sum() for up in ways]) / part.area)


def _distinct(ways: Floats, on_plate: Floats) -> Floats:
    """Without those that another is near to which lays more of the surface on the plate."""
    order = np.argsort(-np.round(on_plate, 6), kind="stable")
    close = ways[order] @ ways[order].T > SAME
    kept: list[int] = []
    for number in range(len(order)):
        if not close[number, kept].any():
            kept.append(number)
    return np.asarray(ways[order[kept]])


def overhanging(part: Part, mesh: Mesh, up: Floats, support_angle: float) -> Bools:
    """(t,) the triangles that slope less than the angle from horizontal, looking down, and do not lie on the plate."""
    if support_angle == 0:
        return np.zeros(len(mesh.triangles), dtype=bool)
    over = -(mesh.normals @ up) > np.cos(np.radians(support_angle)) + ON_THE_LIMIT
    return np.asarray(over & ~on_plate(part, mesh, up))


def on_plate(part: Part, mesh: Mesh, up: Floats) -> Bools:
    """(t,) the triangles that lie flat on the plate."""
    heights = mesh.vertices @ up
    lies = mesh.normals @ up < -FLAT_DOWN
    lies[lies] = heights[mesh.triangles[lies]].max(axis=1) < heights.min() + ON_PLATE * part.diagonal
    return np.asarray(lies)


def _built(part: Part, mesh: Mesh, scene: RayScene, up: Floats, building: Building) -> Orientation:
    heights = mesh.vertices @ up
    flat = on_plate(part, mesh, up)
    over = np.flatnonzero(overhanging(part, mesh, up, building.support_angle))
    return Orientation(
        up,
        float(heights.max() - heights.min()),
        float(part.centre_of_mass @ up - heights.min()),
        float(mesh.areas[flat].sum()),
        float(mesh.areas[over].sum()),
        _support_volume(part, mesh, scene, up, over, float(heights.min())),
        _footprint(mesh.vertices, up),
        0.0,
    )


def _support_volume(part: Part, mesh: Mesh, scene: RayScene, up: Floats, over: Ints, plate: float) -> float:
    """The room below what overhangs: its mean height, by rays straight down, times the shadow that it casts."""
    if not len(over):
        return 0.0
    samples = spread_by_area(part_of_mesh(mesh, over), RAYS)
    weight = np.full(len(samples), 1.0)
    weight[RAYS:] = 0.0  # one more on every triangle is not an equal share
    start = samples.points - up * (2e-6 * part.diagonal)
    triangle, distance = scene.first_hit(start, np.broadcast_to(-up, start.shape).copy())
    height = np.where(triangle >= 0, distance, np.maximum(start @ up - plate, 0.0))
    slope = -(samples.normals @ up)
    area = float(mesh.areas[over].sum())
    return float((weight * slope * height).sum() / weight.sum() * area)


def _footprint(vertices: Floats, up: Floats) -> tuple[float, float]:
    """The least rectangle around the part's shadow."""
    helper = np.eye(3)[int(np.abs(up).argmin())]
    across = np.cross(up, helper)
    across /= np.linalg.norm(across)
    shadow = (vertices - vertices[0]) @ np.column_stack([across, np.cross(up, across)])
    try:
        corners = shadow[ConvexHull(shadow).vertices]
    except QhullError:  # a sheet on its edge casts a line
        corners = shadow
    sides = np.roll(corners, -1, axis=0) - corners
    along = sides / np.maximum(np.linalg.norm(sides, axis=1, keepdims=True), 1e-12)
    width = np.ptp(corners @ along.T, axis=0)
    depth = np.ptp(corners @ np.column_stack([-along[:, 1], along[:, 0]]).T, axis=0)
    best = int(np.round(width * depth, 6).argmin())
    pair = sorted((float(width[best]), float(depth[best])), reverse=True)
    return pair[0], pair[1]


def _cost(part: Part, o: Orientation, box: Floats, weights: Weights, of_widest: float) -> float:
    return float(
        weights.support_volume * o.support_volume / max(float(np.prod(box)), 1e-9)
        + weights.support_area * o.support_area / part.area
        + weights.height * o.height / float(np.linalg.norm(box))
        + weights.off_plate * (1 - of_widest)
    )


def times_too_large(o: Orientation, size: tuple[float, float, float]) -> float:
    """The largest of the part's sides over the machine's, as the part stands, turned on the plate as fits best."""
    (length, width), plate = o.footprint, sorted(size[:2], reverse=True)
    along = (length * np.cos(TURNS) + width * np.sin(TURNS)) / plate[0]
    across = (length * np.sin(TURNS) + width * np.cos(TURNS)) / plate[1]
    return max(float(np.maximum(along, across).min()), o.height / size[2])
