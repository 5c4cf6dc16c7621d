"""The rolling ball: the largest sphere inside the material that touches the surface at a point.

The shrinking-ball method of Ma, Bae and Choi, 3D medial axis point approximation using nearest neighbors and
the normal field (The Visual Computer 28, 2012): start with a ball that is too large, and shrink it to touch
the nearest point that it holds, until it holds none.
"""

from dataclasses import dataclass, replace

import numpy as np
from scipy.spatial import KDTree

from workers.cad.elementary import elementary_normals
from workers.cad.part import Floats, Ints, Part
from workers.facts.inner_edges import POINTS_ON_AN_EDGE, along_edges, inner_edges, meet
from workers.facts.opposite import FACING_DEGREES, Through, exact_distances, mesh_error
from workers.facts.rays import Bools
from workers.facts.samples import Samples, number_on_its_face
from workers.facts.thickness import Thickness

BALLS = 1_500
ROUNDS = 30
# The ball may hold points that lie so little below its surface, relative to its radius.
SETTLED = 1e-3
# A contact so near to the ball's own is the roughness of the mesh, whose facets meet at such angles.
BESIDE = np.cos(np.radians(40.0))
FACING = np.cos(np.radians(FACING_DEGREES))
# So many of the smallest balls are looked at again on the exact surfaces.
CONFIRM_SMALLEST = 4


@dataclass(frozen=True)
class Neck:
    """Where a ball is held between two faces, or between a face and an inner edge of the other."""

    faces: tuple[int, int]
    diameter: float  # mm
    exact: bool  # from the surfaces themselves rather than from the mesh
    point: Floats  # (3,) on the first face
    normal: Floats  # (3,) outward there


@dataclass(frozen=True)
class Balls:
    """The balls that are held between two sides of the material."""

    diameters: Floats  # (k,) mm
    smallest: Neck | None


@dataclass(frozen=True)
class _Targets:
    """What balls may touch: samples of the surface, and points of the edges that reach into the material."""

    points: Floats  # (n, 3)
    normals: Floats  # (n, 3) outward; zero on an edge, which has none
    faces: Ints  # (n, 2) twice the same off an edge
    is_on_edge: Bools  # (n,)


def roll_ball(part: Part, samples: Samples, thickness: Thickness) -> Balls:
    """Fit a ball at every few of the samples that `thickness` was measured at.

    A ball near an outer edge is small without a wall being thin: only those count that touch on opposite sides.
    """
    targets = _targets(part, samples)
    chosen = np.flatnonzero(number_on_its_face(samples.face) % max(1, len(samples) // BALLS) == 0)
    chosen = chosen[np.isfinite(thickness.reach[chosen])]
    points, inward = samples.points[chosen], -samples.normals[chosen]
    radius, contact = _shrink(points, inward, thickness.reach[chosen] / 2, targets.points)
    touched = contact >= 0
    held = np.where(touched, _opposite(points, inward, radius, targets, contact), thickness.facing[chosen])
    between = held & touched
    on_edge, first = targets.is_on_edge[contact], targets.faces[contact, 0]
    at = Samples(points, -inward, samples.face[chosen])
    way = targets.points[contact] - points
    second = np.where(on_edge, _squarer(part, targets.faces[contact], targets.points[contact], way), first)
    smallest = _smallest(part, at, second, 2 * radius, on_edge, between)
    return Balls(2 * radius[held], smallest)


def _targets(part: Part, samples: Samples) -> _Targets:
    edges = part.edges
    inner = inner_edges(part)
    on_edges = along_edges(part, inner)
    return _Targets(
        np.concatenate([samples.points, on_edges]),
        np.concatenate([samples.normals, np.zeros_like(on_edges)]),
        np.concatenate([np.column_stack([samples.face] * 2), np.repeat(edges.faces[inner], POINTS_ON_AN_EDGE, axis=0)]),
        np.arange(len(samples) + len(on_edges)) >= len(samples),
    )


def _squarer(part: Part, faces: Ints, points: Floats, way: Floats) -> Ints:
    """(n,) of the two `faces` (n, 2) that meet at each point, the one that is the squarer to the way there."""
    one, two = (np.einsum("ij,ij->i", elementary_normals(part.faces, side, points), way) for side in faces.T)
    return np.where(two > one, faces[:, 1], faces[:, 0])


def _shrink(points: Floats, inward: Floats, radius: Floats, targets: Floats) -> tuple[Floats, Ints]:
    """((n,) radius of each ball, (n,) target that it touches, -1 where it kept its first radius)."""
    tree = KDTree(targets, leafsize=64, balanced_tree=False)
    radius, contact = radius.copy(), np.full(len(points), -1, dtype=np.int64)
    moving = np.flatnonzero(radius > 0)
    for _ in range(ROUNDS):
        if not len(moving):
            break
        centre = points[moving] + inward[moving] * radius[moving, None]
        distance, nearest = tree.query(centre)
        inside = distance < radius[moving] * (1 - SETTLED)
        moving, nearest = moving[inside], nearest[inside]
        span = targets[nearest] - points[moving]
        depth = np.einsum("ij,ij->i", span, inward[moving])
        smaller = np.einsum("ij,ij->i", span, span) / (2 * np.maximum(depth, 1e-12))
        # The cosine of the angle between both contacts, seen from the new centre, is 1 - depth / radius.
        apart = (depth > 0) & (1 - depth / smaller < BESIDE)
        moving, nearest = moving[apart], nearest[apart]
        radius[moving] = smaller[apart]
        contact[moving] = nearest
    return radius, contact


def _opposite(points: Floats, inward: Floats, radius: Floats, targets: _Targets, contact: Ints) -> Bools:
    """(n,) whether each ball is held between its point and its contact: they look away from each other."""
    out = targets.points[contact] - points - inward * radius[:, None]
    out /= np.maximum(np.linalg.norm(out, axis=1), 1e-12)[:, None]
    across = np.einsum("ij,ij->i", out, inward) > FACING
    on_edge = targets.is_on_edge[contact]
    square = np.einsum("ij,ij->i", out, targets.normals[contact]) > FACING
    return np.asarray(across & (on_edge | square))


def _smallest(part: Part, samples: Samples, second: Ints, diameter: Floats, on_edge: Bools, held: Bools) -> Neck | None:
    """The smallest ball between two faces that do not meet, measured on the exact surfaces."""
    best: Neck | None = None
    seen: set[tuple[int, int]] = set()
    for i in np.flatnonzero(held)[np.argsort(diameter[held], kind="stable")]:
        pair = (int(samples.face[i]), int(second[i]))
        key = (min(pair), max(pair))
        if key in seen or meet(part, *pair):
            continue
        if best is not None and (len(seen) == CONFIRM_SMALLEST or diameter[i] - mesh_error(part) > best.diameter):
            break
        seen.add(key)
        ball = Neck(pair, float(diameter[i]), False, samples.points[i], samples.normals[i])
        neck = _to_the_edge(part, ball) if on_edge[i] else _between_faces(part, ball)
        if best is None or round(neck.diameter, 6) < round(best.diameter, 6):
            best = neck
    return best


def _between_faces(part: Part, ball: Neck) -> Neck:
    """The ball's diameter from the exact surfaces, where these are as close as the mesh says within its error."""
    pair = np.array(ball.faces)
    for exact in (
        float(exact_distances(part.faces, pair[:1], pair[1:], Through.MATERIAL)[0]),
        part.wall_probe.thickness(*ball.faces, ball.point, -ball.normal, mesh_error(part)),
    ):
        if exact is not None and abs(exact - ball.diameter) <= _slack(part, ball):
            return replace(ball, diameter=exact, exact=True)
    return ball


def _to_the_edge(part: Part, ball: Neck) -> Neck:
    """The same for a ball that touches an inner edge, to which no normal leads."""
    found = part.wall_probe.least_distance(*ball.faces)
    if found is None or abs(found[0] - ball.diameter) > _slack(part, ball):
        return ball
    return replace(ball, diameter=found[0], exact=True, point=found[1])


def _slack(part: Part, ball: Neck) -> float:
    return mesh_error(part) + 0.02 * ball.diameter
