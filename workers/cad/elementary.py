"""What the numbers of an elementary surface (plane, cylinder, cone, sphere, torus) say about points on or near it."""

from typing import Protocol

import numpy as np

from workers.cad.part import Floats, Ints, Part, Surface

# The middle of a triangle's edge may lie deeper than its centroid, where half the edges of a strip are straight.
FROM_CENTROIDS = 1.5


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
    """(m, 3) outward normals of planes, cylinders, cones, spheres and tori `face` at `point`s on them."""
    kind, axis, sign = surfaces.kind[face], surfaces.axis[face], surfaces.sign[face][:, None]
    offset = point - surfaces.origin[face]
    along = np.einsum("ij,ij->i", offset, axis)[:, None] * axis
    radial = unit(offset - along)
    slope = np.radians(surfaces.half_angle[face])[:, None]
    tube = unit(offset - radial * surfaces.radius[face][:, None])
    return np.asarray(
        np.select(
            [
                kind[:, None] == k
                for k in (Surface.PLANE, Surface.CYLINDER, Surface.CONE, Surface.SPHERE, Surface.TORUS)
            ],
            [
                axis,
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


def sag_of_faces(part: Part) -> Floats:
    """(n_faces,) mm by which the mesh of each elementary face stands off its surface, at most."""
    sag = np.zeros(len(part.faces))
    np.maximum.at(sag, part.mesh.face, np.abs(distances(part.faces, part.mesh.face, part.mesh.centroids)))
    return FROM_CENTROIDS * sag


def cross(first: Floats, second: Floats) -> Floats:
    """(3,) the cross product of two single vectors; numpy's takes ten times as long for so little."""
    (a, b, c), (d, e, f) = first.tolist(), second.tolist()
    return np.array([b * f - c * e, c * d - a * f, a * e - b * d])


def unit(vectors: Floats) -> Floats:
    """(m, 3) the vectors at length 1; null ones stay null."""
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.where(length > 1e-12, length, 1.0))
