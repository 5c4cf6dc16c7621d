"""Faces that look at each other, through material (walls) or through air (gaps), and how far they are apart."""

from dataclasses import dataclass, replace
from enum import IntEnum

import numpy as np

from workers.cad.elementary import elementary_normals
from workers.cad.part import Bend, Faces, Floats, Ints, Part, Surface
from workers.facts.rays import Bools, RayScene
from workers.facts.samples import Samples

# The far side must face back within this angle: closer to an edge than the wall is thick, a ray leaves
# through the neighbouring face and measures no wall.
FACING_DEGREES = 25.0
# A pair of faces needs this many rays between them to count.
LEAST_RAYS = 3
# Spans between other than parallel analytic faces are measured by the kernel; the narrowest are what matters.
CONFIRM_NARROWEST = 100
PARALLEL = 1 - 1e-9
SQUARE = 1e-6
TOUCHING = 1e-6  # mm
# Rays start so far off the surface, as a share of the part's diagonal: single precision tells no less apart.
SKIN = 2e-6


class Through(IntEnum):
    """What lies between two faces."""

    MATERIAL = -1
    AIR = 1


@dataclass(frozen=True)
class Span:
    """What lies between two faces."""

    faces: tuple[int, int]
    distance: float  # mm, least
    exact: bool  # from the surfaces themselves rather than from the mesh
    point: Floats  # (3,) on the first face
    normal: Floats  # (3,) outward there
    rays: int


@dataclass(frozen=True)
class Spans:
    """All pairs of faces that see each other, closest first, and the distances below or above the whole surface."""

    pairs: list[Span]
    reach: Floats  # (n,) mm from each sample to what its ray meets first, inf where that is nothing
    facing: Bools  # (n,) whether that looks back
    wrong: Bools  # (n,) whether that is met from its wrong side: the sample lies in other material, or in none


def measure_spans(part: Part, scene: RayScene, samples: Samples, through: Through) -> Spans:
    """Cast a ray from each sample along or against its normal, and confirm the pairs that they join."""
    directions = through * samples.normals
    triangle, reach = first_beyond(part, scene, samples.points, directions, samples.face[:, None])
    found = triangle >= 0
    met = part.mesh.normals[np.where(found, triangle, 0)]
    target = part.mesh.face[np.where(found, triangle, 0)]
    looks_back = -through * np.einsum("ij,ij->i", met, directions) > np.cos(np.radians(FACING_DEGREES))
    itself = (target == samples.face) & (part.faces.kind[samples.face] == Surface.PLANE)
    facing = found & looks_back & ~itself
    seen = Samples(samples.points[facing], samples.normals[facing], samples.face[facing])
    pairs = _pairs(part, seen, target[facing], reach[facing], through)
    wrong = found & (through * np.einsum("ij,ij->i", met, directions) > np.cos(np.radians(FACING_DEGREES)))
    return Spans(pairs, reach, facing, wrong)


def with_exact_normals(part: Part, samples: Samples) -> Samples:
    """Triangles of a round face lean by half a chord: a ray along their normals crosses a ball beside its middle."""
    kind = part.faces.kind[samples.face]
    round_ = np.flatnonzero((kind != Surface.PLANE) & (kind != Surface.FREEFORM))
    exact = elementary_normals(part.faces, samples.face[round_], samples.points[round_])
    known = np.einsum("ij,ij->i", exact, samples.normals[round_]) > np.cos(np.radians(FACING_DEGREES))
    normals = samples.normals.copy()
    normals[round_[known]] = exact[known]
    return Samples(samples.points, normals, samples.face)


def first_beyond(part: Part, scene: RayScene, points: Floats, directions: Floats, own: Ints) -> tuple[Ints, Floats]:
    """((n,) triangle that a ray meets first, -1 for none, (n,) mm to it, else inf), from points on faces `own` (n, k).

    A ray that meets its own face at once met the mesh beside the surface, and is cast again from behind that.
    """
    start = np.full(len(points), SKIN * part.diagonal)
    triangle, distance = scene.first_hit(points + directions * start[:, None], directions)
    behind = 2.0 * part.mesh.deflection
    at_once = (triangle >= 0) & (distance < behind) & (part.mesh.face[triangle][:, None] == own).any(axis=1)
    at_once &= part.faces.kind[part.mesh.face[triangle]] != Surface.PLANE
    if at_once.any():
        start[at_once] = behind
        triangle[at_once], distance[at_once] = scene.first_hit(
            points[at_once] + directions[at_once] * behind, directions[at_once]
        )
    return triangle, np.where(triangle >= 0, distance + start, np.inf)


def _pairs(part: Part, samples: Samples, target: Ints, distance: Floats, through: Through) -> list[Span]:
    """Rays grouped by the pair of faces that they join, each with its least distance."""
    if not len(samples):
        return []
    low, high = np.minimum(samples.face, target), np.maximum(samples.face, target)
    key = low * (len(part.faces) + 1) + high
    best, counts = _least_of_each(key, distance)
    enough = (counts >= LEAST_RAYS) & ~_is_wedge(part, low[best], high[best], through)
    best, counts = best[enough], counts[enough]
    exact = exact_distances(part.faces, samples.face[best], target[best], through)
    # A distance between the whole surfaces need not be the one between the trimmed faces.
    error = mesh_error(part)
    confirmed = np.abs(exact - distance[best]) <= error + 0.02 * distance[best]
    value = np.where(confirmed, exact, distance[best])
    spans = [
        Span((int(samples.face[i]), int(target[i])), float(v), bool(c), samples.points[i], samples.normals[i], int(n))
        for i, v, c, n in zip(best, value, confirmed, counts, strict=True)
    ]
    spans.sort(key=_narrowest_first)
    spans = [_by_the_kernel(part, s, through, error) for s in spans[:CONFIRM_NARROWEST]] + spans[CONFIRM_NARROWEST:]
    return sorted(_without_mesh_noise(spans, error), key=_narrowest_first)


def _least_of_each(key: Ints, distance: Floats) -> tuple[Ints, Ints]:
    """((k,) the first with the least distance of each distinct key, ascending, (k,) how many have that key)."""
    order = np.argsort(key, kind="stable")
    ordered = distance[order]
    begin = np.flatnonzero(np.diff(key[order], prepend=-1))
    counts = np.diff(begin, append=len(key))
    is_least = np.flatnonzero(ordered == np.repeat(np.minimum.reduceat(ordered, begin), counts))
    return order[is_least[np.searchsorted(is_least, begin)]], counts


def _is_wedge(part: Part, low: Ints, high: Ints, through: Through) -> Bools:
    """(n,) whether two faces meet at so sharp an edge that they look back at each other beside it.

    Their distance there is 0, and what rays measure is only how near to the edge one happens to start.
    """
    edges = part.edges
    closing = edges.bend == (Bend.CONVEX if through == Through.MATERIAL else Bend.CONCAVE)
    sharp = closing & (np.abs(edges.angle) > 180 - FACING_DEGREES)
    ends = np.sort(edges.faces[sharp], axis=1)
    width = len(part.faces) + 1
    return np.isin(low * width + high, ends[:, 0] * width + ends[:, 1])


def _narrowest_first(span: Span) -> tuple[float, tuple[int, int]]:
    return round(span.distance, 6), span.faces


def mesh_error(part: Part) -> float:
    """mm by which a distance on the mesh may be off: both skins, each by its deflection, with a margin of two."""
    return 4 * part.mesh.deflection


def _by_the_kernel(part: Part, span: Span, through: Through, error: float) -> Span:
    if span.exact:
        return span
    exact = part.wall_probe.thickness(*span.faces, span.point, through * span.normal, error)
    if exact is None or abs(exact - span.distance) > error + 0.02 * span.distance:
        return span
    return replace(span, distance=exact, exact=True)


def _without_mesh_noise(spans: list[Span], error: float) -> list[Span]:
    """Leave out unconfirmed spans that a confirmed one on the same face explains within the mesh's error."""
    confirmed: dict[int, float] = {}
    for span in spans:
        if span.exact:
            for face in span.faces:
                confirmed[face] = min(span.distance, confirmed.get(face, np.inf))
    return [s for s in spans if s.exact or all(s.distance + error < confirmed.get(f, np.inf) for f in s.faces)]


def exact_distances(faces: Faces, first: Ints, second: Ints, through: Through) -> Floats:
    """(n,) mm between pairs of surfaces where it is the same everywhere, else NaN.

    Parallel planes, a plane and a ball or a cylinder along it, coaxial cylinders, parallel cylinders, a ball across.
    """
    first, second = _planes_first(faces, first, second)
    kinds = faces.kind[first], faces.kind[second]
    offset = faces.origin[second] - faces.origin[first]
    cosine = np.abs(np.einsum("ij,ij->i", faces.axis[first], faces.axis[second]))
    along = np.einsum("ij,ij->i", offset, faces.axis[first])
    # Where there is air between, a hole's wall is what a shaft's is in material.
    inner, outer = (-through * faces.sign[side] for side in (first, second))
    radii = faces.radius[first], faces.radius[second]
    apart = np.linalg.norm(offset - along[:, None] * faces.axis[first], axis=1)
    planes = (kinds[1] == Surface.PLANE) & (cosine > PARALLEL)
    lies_along = (kinds[1] == Surface.CYLINDER) & (cosine < SQUARE)
    plane_and_round = (kinds[0] == Surface.PLANE) & (lies_along | (kinds[1] == Surface.SPHERE))
    round_pair = (kinds[0] == Surface.CYLINDER) & (kinds[1] == Surface.CYLINDER) & (cosine > PARALLEL)
    side_by_side = round_pair & (inner < 0) & (outer < 0) & (apart > radii[0] + radii[1] - TOUCHING)
    nested = round_pair & (inner != outer)
    across = round_pair & (inner > 0) & (outer > 0) & (apart < 1e-6) & (np.abs(radii[0] - radii[1]) < 1e-9)
    ball = (kinds[0] == Surface.SPHERE) & (kinds[1] == Surface.SPHERE) & (inner > 0) & (outer > 0)
    across |= ball & (np.linalg.norm(offset, axis=1) < TOUCHING) & (np.abs(radii[0] - radii[1]) < 1e-9)
    return np.select(
        [planes, plane_and_round, side_by_side, nested, across],
        [
            np.abs(along),
            np.abs(along) + outer * radii[1],
            np.maximum(apart - radii[0] - radii[1], 0.0),
            (radii[0] - radii[1]) * inner - apart,
            2 * radii[0],
        ],
        np.nan,
    )


def _planes_first(faces: Faces, first: Ints, second: Ints) -> tuple[Ints, Ints]:
    swap = (faces.kind[second] == Surface.PLANE) & (faces.kind[first] != Surface.PLANE)
    return np.where(swap, second, first), np.where(swap, first, second)
