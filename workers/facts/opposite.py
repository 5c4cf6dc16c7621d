"""Faces that look at each other, through material (walls) or through air (gaps), and how far they are apart."""

from dataclasses import dataclass, replace
from enum import IntEnum

import numpy as np

from workers.cad.part import Faces, Floats, Ints, Part, Surface
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


def measure_spans(part: Part, scene: RayScene, samples: Samples, through: Through) -> Spans:
    """Cast a ray from each sample along or against its normal, and confirm the pairs that they join."""
    directions = through * samples.normals
    # Start deeper than the mesh departs from the surface, or a quarter of the rays hit their own face.
    start = _entry_depth(part)
    triangle, distance = scene.first_hit(samples.points + directions * start, directions)
    found = triangle >= 0
    met = part.mesh.normals[np.where(found, triangle, 0)]
    target = part.mesh.face[np.where(found, triangle, 0)]
    looks_back = -through * np.einsum("ij,ij->i", met, directions) > np.cos(np.radians(FACING_DEGREES))
    itself = (target == samples.face) & (part.faces.kind[samples.face] == Surface.PLANE)
    facing = found & looks_back & ~itself
    seen = Samples(samples.points[facing], samples.normals[facing], samples.face[facing])
    reach = np.where(found, distance + start, np.inf)
    pairs = _pairs(part, seen, target[facing], reach[facing], through)
    return Spans(pairs, reach, facing)


def _entry_depth(part: Part) -> float:
    """How far off the surface rays start: more than the mesh error, but well inside the thinnest wall."""
    skin = 2.0 * part.mesh.deflection
    return min(skin, 0.01 * float(part.size.min())) if part.size.min() > 0 else skin


def _pairs(part: Part, samples: Samples, target: Ints, distance: Floats, through: Through) -> list[Span]:
    """Rays grouped by the pair of faces that they join, each with its least distance."""
    if not len(samples):
        return []
    low, high = np.minimum(samples.face, target), np.maximum(samples.face, target)
    key = low * (len(part.faces) + 1) + high
    order = np.lexsort((distance, key))
    _, first, counts = np.unique(key[order], return_index=True, return_counts=True)
    enough = counts >= LEAST_RAYS
    best, counts = order[first[enough]], counts[enough]
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

    Parallel planes, a plane and a cylinder along it, coaxial cylinders, parallel cylinders.
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
    plane_and_round = (kinds[0] == Surface.PLANE) & (kinds[1] == Surface.CYLINDER) & (cosine < SQUARE)
    round_pair = (kinds[0] == Surface.CYLINDER) & (kinds[1] == Surface.CYLINDER) & (cosine > PARALLEL)
    side_by_side = round_pair & (inner < 0) & (outer < 0) & (apart > radii[0] + radii[1])
    nested = round_pair & (inner != outer)
    across = round_pair & (inner > 0) & (outer > 0) & (apart < 1e-6) & (np.abs(radii[0] - radii[1]) < 1e-9)
    return np.select(
        [planes, plane_and_round, side_by_side, nested, across],
        [
            np.abs(along),
            np.abs(along) + outer * radii[1],
            apart - radii[0] - radii[1],
            (radii[0] - radii[1]) * inner - apart,
            2 * radii[0],
        ],
        np.nan,
    )


def _planes_first(faces: Faces, first: Ints, second: Ints) -> tuple[Ints, Ints]:
    swap = (faces.kind[second] == Surface.PLANE) & (faces.kind[first] != Surface.PLANE)
    return np.where(swap, second, first), np.where(swap, first, second)
