"""Wall thickness over the whole surface: rays through the material, confirmed on exact surfaces."""

from dataclasses import dataclass, replace

import numpy as np
from embreex import rtcore_scene
from embreex.mesh_construction import TriangleMesh

from workers.cad.part import Floats, Ints, Part, Surface

SAMPLES = 20_000
# The far side must face back within this angle: closer to an edge than the wall is thick, a ray leaves
# through the neighbouring face and measures no wall.
FACING_DEGREES = 25.0
# A pair of faces needs this many rays between them to count as a wall.
LEAST_RAYS = 3
# Walls between other than parallel analytic faces are measured by the kernel; the thinnest are what matters.
CONFIRM_THINNEST = 100


@dataclass(frozen=True)
class Wall:
    """The material between two faces."""

    faces: tuple[int, int]
    thickness: float  # mm, least
    exact: bool  # from the surfaces themselves rather than from the mesh
    point: Floats  # (3,) on the first face
    normal: Floats  # (3,) outward there
    rays: int


@dataclass(frozen=True)
class Thickness:
    """The walls of a part, thinnest first, and the distribution over its surface."""

    walls: list[Wall]
    samples: Floats  # (k,) mm, one for each ray that measured a wall, equal shares of the surface
    sampled_share: float  # of the surface that a wall was measured under


def measure_thickness(part: Part) -> Thickness:
    """Cast one ray inwards from each of about SAMPLES points spread evenly over the surface."""
    points, directions, source = _sample(part)
    # Start deeper than the mesh departs from the surface, or a quarter of the rays hit their own face.
    skin = 2.0 * part.mesh.deflection
    scene = rtcore_scene.EmbreeScene()
    TriangleMesh(scene, part.mesh.vertices[part.mesh.triangles].astype(np.float32))
    start = _entry_depth(part, skin)
    origins = points + directions * start
    hit = scene.run(origins.astype(np.float32), directions.astype(np.float32), query="INTERSECT", output=True)
    triangle = np.asarray(hit["primID"], dtype=np.int64)
    distance = np.asarray(hit["tfar"], dtype=float) + start
    facing = np.zeros(len(points), dtype=bool)
    found = triangle >= 0
    facing[found] = np.einsum("ij,ij->i", part.mesh.normals[triangle[found]], directions[found]) > np.cos(
        np.radians(FACING_DEGREES)
    )
    target = np.where(found, part.mesh.face[np.where(found, triangle, 0)], -1)
    facing &= (target != source) | (part.faces.kind[source] != Surface.PLANE)
    walls = _walls(part, points[facing], directions[facing], distance[facing], source[facing], target[facing])
    return Thickness(walls, distance[facing], float(facing.mean()) if len(facing) else 0.0)


def _entry_depth(part: Part, skin: float) -> float:
    """How far below the surface rays start: deeper than the mesh error, but well inside the thinnest wall."""
    return min(skin, 0.01 * float(part.size.min())) if part.size.min() > 0 else skin


def _sample(part: Part) -> tuple[Floats, Floats, Ints]:
    """(points, inward directions, face of each), spread evenly by area and the same on every run."""
    areas = part.mesh.areas
    edges = np.concatenate([[0.0], np.cumsum(areas)])
    at = (np.arange(SAMPLES) + 0.5) / SAMPLES * edges[-1]
    triangle = np.minimum(np.searchsorted(edges, at, side="right") - 1, len(areas) - 1)
    # Small faces get a sample of their own: a thin rib's top is too small for the even spread.
    triangle = np.concatenate([triangle, np.arange(len(areas))]) if len(areas) <= 4 * SAMPLES else triangle
    triangle = triangle[areas[triangle] > 0]
    # Points of a Kronecker sequence on the triangle, folded: even, and free of random numbers.
    index = np.arange(1, len(triangle) + 1)
    u, v = (index * 0.7548776662466927) % 1.0, (index * 0.5698402909980532) % 1.0
    outside = u + v > 1
    u, v = np.where(outside, 1 - u, u), np.where(outside, 1 - v, v)
    a, b, c = (part.mesh.vertices[part.mesh.triangles[triangle, i]] for i in range(3))
    points = a + u[:, None] * (b - a) + v[:, None] * (c - a)
    return points, -part.mesh.normals[triangle], part.mesh.face[triangle]


def _walls(part: Part, points: Floats, directions: Floats, distance: Floats, source: Ints, target: Ints) -> list[Wall]:
    """Rays grouped by the pair of faces that they join, each with its least thickness."""
    if not len(points):
        return []
    low, high = np.minimum(source, target), np.maximum(source, target)
    key = low * (len(part.faces) + 1) + high
    order = np.lexsort((distance, key))
    _, first, counts = np.unique(key[order], return_index=True, return_counts=True)
    first, counts = first[counts >= LEAST_RAYS], counts[counts >= LEAST_RAYS]
    walls = []
    for begin, count in zip(first, counts, strict=True):
        best = order[begin]
        pair = (int(source[best]), int(target[best]))
        walls.append(Wall(pair, float(distance[best]), False, points[best], -directions[best], int(count)))
    walls.sort(key=lambda w: (round(w.thickness, 6), w.faces))
    walls = _without_mesh_noise([_confirmed(part, wall, rank) for rank, wall in enumerate(walls)], _mesh_error(part))
    return sorted(walls, key=lambda w: (round(w.thickness, 6), w.faces))


def _mesh_error(part: Part) -> float:
    """mm by which a thickness on the mesh may be off: both skins, each by its deflection, with a margin of two."""
    return 4 * part.mesh.deflection


def _without_mesh_noise(walls: list[Wall], error: float) -> list[Wall]:
    """Leave out unconfirmed walls that a confirmed one on the same face explains within the mesh's error."""
    confirmed: dict[int, float] = {}
    for wall in walls:
        if wall.exact:
            for face in wall.faces:
                confirmed[face] = min(wall.thickness, confirmed.get(face, np.inf))
    return [w for w in walls if w.exact or all(w.thickness + error < confirmed.get(f, np.inf) for f in w.faces)]


def _confirmed(part: Part, wall: Wall, rank: int) -> Wall:
    """The wall with its thickness taken from the exact surfaces, where that can be had."""
    error = _mesh_error(part)
    exact = exact_distance(part, *wall.faces)
    if exact is None and rank < CONFIRM_THINNEST:
        exact = part.wall_probe.thickness(*wall.faces, wall.point, -wall.normal, error)
    # A distance between the whole surfaces need not be the one between the trimmed faces.
    if exact is None or abs(exact - wall.thickness) > error + 0.02 * wall.thickness:
        return wall
    return replace(wall, thickness=exact, exact=True)


def exact_distance(part: Part, first: int, second: int) -> float | None:
    """The distance in mm between two surfaces where it is the same everywhere, else None.

    Parallel planes, a plane and a cylinder along it, coaxial cylinders, parallel cylinders.
    """
    faces = part.faces
    kinds = {int(faces.kind[first]), int(faces.kind[second])}
    axis, other = faces.axis[first], faces.axis[second]
    offset = faces.origin[second] - faces.origin[first]
    if kinds == {Surface.PLANE}:
        return abs(float(offset @ axis)) if abs(float(axis @ other)) > 1 - 1e-9 else None
    if kinds == {Surface.CYLINDER} and abs(float(axis @ other)) > 1 - 1e-9:
        return _between_cylinders(part, first, second)
    if kinds == {Surface.PLANE, Surface.CYLINDER} and abs(float(axis @ other)) < 1e-6:
        plane, cylinder = (first, second) if faces.kind[first] == Surface.PLANE else (second, first)
        height = abs(float((faces.origin[cylinder] - faces.origin[plane]) @ faces.axis[plane]))
        return height - float(faces.radius[cylinder]) * (1 if faces.sign[cylinder] < 0 else -1)
    return None


def _between_cylinders(part: Part, first: int, second: int) -> float | None:
    faces = part.faces
    axis, offset = faces.axis[first], faces.origin[second] - faces.origin[first]
    apart = float(np.linalg.norm(offset - (offset @ axis) * axis))
    radii, signs = faces.radius[[first, second]], faces.sign[[first, second]]
    if signs[0] < 0 and signs[1] < 0:
        return apart - float(radii.sum()) if apart > radii.sum() else None
    if signs[0] != signs[1]:
        outer, inner = (0, 1) if signs[0] > 0 else (1, 0)
        return float(radii[outer] - radii[inner]) - apart
    return 2 * float(radii[0]) if apart < 1e-6 and abs(radii[0] - radii[1]) < 1e-9 else None
