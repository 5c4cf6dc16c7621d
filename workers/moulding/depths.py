"""How deep below the surface a place is: the radius of the largest ball around it."""

import numpy as np
from trimesh.triangles import closest_point

from workers.cad.part import Floats, Ints, Mesh
from workers.facts.rays import RayScene

# Rays in so many directions find the triangles that a ball may touch; how near these are is then exact.
DIRECTIONS = 64


class Depths:
    """Measures depths inside one part."""

    def __init__(self, mesh: Mesh, scene: RayScene) -> None:
        self._mesh = mesh
        self._scene = scene
        self._directions = _all_around()

    def at(self, points: Floats) -> Floats:
        """(n,) mm from each point to the surface; 0 outside of the material."""
        if not len(points):
            return np.zeros(0)
        triangle, nearest = self._nearest(points)
        outward = np.einsum("nkj,kj->nk", self._mesh.normals[triangle], self._directions)
        inside = ((triangle >= 0) & (outward > 0)).all(axis=1)
        return np.where(inside, np.linalg.norm(nearest - points[:, None], axis=2).min(axis=1), 0.0)

    def touched(self, middle: Floats, radius: float) -> tuple[list[int], Floats, Floats]:
        """(faces within `radius` of `middle`, the nearest point of the surface, the outward normal there)."""
        corners = self._mesh.vertices[self._mesh.triangles]
        nearest = closest_point(corners, np.tile(middle, (len(corners), 1)))
        distance = np.linalg.norm(nearest - middle, axis=1)
        first = int(np.round(distance, 6).argmin())
        faces = [int(face) for face in np.unique(self._mesh.face[distance <= radius])]
        return faces, nearest[first], self._mesh.normals[first]

    def _nearest(self, points: Floats) -> tuple[Ints, Floats]:
        """((n, k) triangle met along each direction, -1 for none, (n, k, 3) its nearest point)."""
        count = len(self._directions)
        triangle, _ = self._scene.first_hit(
            np.repeat(points, count, axis=0), np.tile(self._directions, (len(points), 1))
        )
        corners = self._mesh.vertices[self._mesh.triangles[np.maximum(triangle, 0)]]
        nearest = closest_point(corners, np.repeat(points, count, axis=0))
        return triangle.reshape(-1, count), np.asarray(nearest).reshape(-1, count, 3)


def _all_around() -> Floats:
    """(DIRECTIONS, 3) unit vectors on a Fibonacci spiral."""
    index = np.arange(DIRECTIONS) + 0.5
    height = 1 - 2 * index / DIRECTIONS
    turn = index * np.pi * (1 + 5**0.5)
    ring = np.sqrt(1 - height**2)
    return np.column_stack([ring * np.cos(turn), ring * np.sin(turn), height])
