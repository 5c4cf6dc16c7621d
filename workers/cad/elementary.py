"""What the numbers of an elementary surface (plane, cylinder, cone, sphere, torus) say about points on or near it."""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from workers.cad.part import Floats, Ints, Part, Surface

# The middle of a triangle's edge may lie deeper than its centroid, where half the edges of a strip are straight.
FROM_CENTROIDS = 1.5
ALONG_A_SIDE = 1 - 1e-12  # cosine


class Surfaces(Protocol):
    """Per-face arrays as in `Faces`."""

    @property
    def kind(self) -> Ints: ...
    @property
    def origin(self) -> Floats: ...
    @property
    def axis(self) -> Floats: ...
    @property
    def radius(self) -> Floats: ...
    @property
    def minor_radius(self) -> Floats: ...
    @property
    def half_angle(self) -> Floats: ...
    @property
    def sign(self) -> Ints: ...


def elementary_normals(surfaces: Surfaces, face: Ints, point: Floats) -> Floats:
    """(m, 3) outward normals of planes, cylinders, cones, spheres and tori `face` at `point`s on them, else 0."""
    kind = surfaces.kind[face]
    normals = np.where((kind == Surface.PLANE)[:, None], surfaces.axis[face], 0.0)
    round_ = np.flatnonzero((kind != Surface.PLANE) & (kind != Surface.FREEFORM))
    if len(round_):
        normals[round_] = _round_normals(surfaces, face[round_], point[round_])
    return normals


def _round_normals(surfaces: Surfaces, face: Ints, point: Floats) -> Floats:
    kind, axis, sign = surfaces.kind[face], surfaces.axis[face], surfaces.sign[face][:, None]
    offset = point - surfaces.origin[face]
    along = np.einsum("ij,ij->i", offset, axis)[:, None] * axis
    radial = unit(offset - along)
    slope = np.radians(surfaces.half_angle[face])[:, None]
    tube = unit(offset - radial * surfaces.radius[face][:, None])
    return np.asarray(
        np.select(
            [kind[:, None] == k for k in (Surface.CYLINDER, Surface.CONE, Surface.SPHERE, Surface.TORUS)],
            [
                radial * sign,
                (radial * np.cos(slope) - axis * np.sin(slope)) * sign,
                unit(offset) * sign,
                tube * sign,
            ],
            0.0,
        )
    )


def distances(surfaces: Surfaces, face: Ints, point: Floats) -> Floats:
    """(m,) mm from the elementary surfaces of `face` out to `point`s, negative inside; 0 for a free form."""
    kind, axis, radius = surfaces.kind[face], surfaces.axis[face], surfaces.radius[face]
    offset = point - surfaces.origin[face]
    height = np.einsum("ij,ij->i", offset, axis)
    from_axis = np.linalg.norm(offset - height[:, None] * axis, axis=1)
    slope = np.radians(surfaces.half_angle[face])
    return np.asarray(
        np.select(
            [kind == k for k in (Surface.PLANE, Surface.CYLINDER, Surface.CONE, Surface.SPHERE, Surface.TORUS)],
            [
                height,
                from_axis - radius,
                (from_axis - radius - height * np.tan(slope)) * np.cos(slope),
                np.linalg.norm(offset, axis=1) - radius,
                np.hypot(from_axis - radius, height) - surfaces.minor_radius[face],
            ],
            0.0,
        )
    )


def ends_in_planes(kind: Ints, along: Floats) -> NDArray[np.bool_]:
    """(n, 3) whether each face is the wall of a hole or a shaft that enters each side of a box squarely.

    Such a wall ends there in a plane, where the mesh is exact, or at a face that reaches as far. `along` is what the
    faces' axes have along the sides.
    """
    straight = np.isin(kind, (Surface.CYLINDER, Surface.CONE))[:, None]
    return np.asarray(straight & (np.abs(along) > ALONG_A_SIDE))


def sag_of_faces(part: Part) -> Floats:
    """(n_faces,) mm by which the mesh of each elementary face stands off its surface, at most."""
    sag = np.zeros(len(part.faces))
    np.maximum.at(sag, part.mesh.face, np.abs(distances(part.faces, part.mesh.face, part.mesh.centroids)))
    return FROM_CENTROIDS * sag


def cross(first: Floats, second: Floats) -> Floats:
    """(3,) the cross product of two single vectors; numpy's takes ten times as long for so little."""
    (a, b, c), (d, e, f) = first.tolist(), second.tolist()
    return np.array([b * f - c * e, c * d - a * f, a * e - b * d])


def distinct_rows(rows: Floats) -> tuple[Floats, Ints]:
    """((k, 3) the rows that differ, in order, (n,) which of them each is); numpy.unique takes longer for a few."""
    order = np.lexsort(rows.T[::-1])
    ordered = rows[order]
    is_new = np.append(np.ones(min(1, len(rows)), dtype=bool), (ordered[1:] != ordered[:-1]).any(axis=1))
    number = np.empty(len(rows), dtype=np.int64)
    number[order] = np.cumsum(is_new) - 1
    return ordered[is_new], number


def unit(vectors: Floats) -> Floats:
    """(m, 3) the vectors at length 1; null ones stay null."""
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.where(length > 1e-12, length, 1.0))
