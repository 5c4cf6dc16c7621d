"""How deep below the surface a place is: the radius of the largest ball around it."""

import numpy as np
from trimesh.triangles import closest_point

from workers.cad.part import Floats, Ints, Mesh
from workers.facts.rays import RayScene

# Rays in so many directions find the triangles that a ball may touch; how near these are is then exact.
DIRECTIONS = 256


class Depths:
    """Measures depths inside one part."""

    def __init__(self, mesh: Mesh, scene: RayScene) -> None:
        self._mesh = mesh
        self._scene = scene
        self._directions = _all_around()

    def around(self, middle: Floats) -> tuple[Floats, Floats]:
        """((k,) mm to each piece of surface around a place, (k, 3) unit towards it); none outside of the material."""
        triangle, _ = self._scene.first_hit(np.tile(middle, (DIRECTIONS, 1)), self._directions)
        outward = np.einsum("kj,kj->k", self._mesh.normals[triangle], self._directions)
        if not ((triangle >= 0) & (outward > 0)).all():
            return np.zeros(0), np.zeros((0, 3))
        nearest = self._nearest(np.unique(triangle), middle)
        away = np.linalg.norm(nearest - middle, axis=1)
        clear = away > 0
        return away[clear], (nearest[clear] - middle) / away[clear, None]

    def touched(self, middle: Floats, within: float) -> tuple[float, list[int], Floats, Floats]:
        """(mm diameter of the ball there, faces `within` so many radii of it, where it touches, the normal there)."""
        nearest = self._nearest(np.arange(len(self._mesh.triangles)), middle)
        distance = np.linalg.norm(nearest - middle, axis=1)
        first = int(np.round(distance, 6).argmin())
        faces = [int(face) for face in np.unique(self._mesh.face[distance <= within * distance.min()])]
        return 2 * float(distance.min()), faces, nearest[first], self._mesh.normals[first]

    def _nearest(self, triangles: Ints, middle: Floats) -> Floats:
        """(k, 3) the point of each triangle that is nearest to a place."""
        corners = self._mesh.vertices[self._mesh.triangles[triangles]]
        return np.asarray(closest_point(corners, np.tile(middle, (len(corners), 1))))


def _all_around() -> Floats:
    """(DIRECTIONS, 3) unit vectors on a Fibonacci spiral."""
    index = np.arange(DIRECTIONS) + 0.5
    height = 1 - 2 * index / DIRECTIONS
    turn = index * np.pi * (1 + 5**0.5)
    ring = np.sqrt(1 - height**2)
    return np.column_stack([ring * np.cos(turn), ring * np.sin(turn), height])
