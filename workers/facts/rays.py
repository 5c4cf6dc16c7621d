"""Rays against the mesh of a part."""

import numpy as np
from embreex import rtcore_scene
from embreex.mesh_construction import TriangleMesh
from numpy.typing import NDArray

from workers.cad.part import Floats, Ints, Mesh

Bools = NDArray[np.bool_]

_MISSED = -1


class RayScene:
    """The triangles of one part, to cast rays at.

    Embree computes in single precision: the mesh is shifted to its own middle, so that a part far from the
    origin is measured as well as one at it.
    """

    def __init__(self, mesh: Mesh) -> None:
        self._middle = (mesh.vertices.min(axis=0) + mesh.vertices.max(axis=0)) / 2
        self._scene = rtcore_scene.EmbreeScene()
        TriangleMesh(self._scene, self._local(mesh.vertices)[mesh.triangles])

    def first_hit(self, points: Floats, directions: Floats) -> tuple[Ints, Floats]:
        """((n,) triangle that each ray meets first, -1 for none, (n,) mm to it) for rays of unit direction."""
        hit = self._scene.run(self._local(points), directions.astype(np.float32), query="INTERSECT", output=True)
        triangle = np.asarray(hit["primID"], dtype=np.int64)
        return triangle, np.where(triangle >= 0, np.asarray(hit["tfar"], dtype=float), 0.0)

    def is_free(self, points: Floats, direction: Floats) -> Bools:
        """(n,) whether the ray from each point along one `direction` meets nothing."""
        return self.are_free(points, direction.reshape(-1, 3))

    def are_free(self, points: Floats, directions: Floats) -> Bools:
        """(n,) whether each ray meets nothing; `directions` are as many as `points`, or one for all."""
        if not len(points):
            return np.zeros(0, dtype=bool)
        along = directions.astype(np.float32)
        hit = np.asarray(self._scene.run(self._local(points), along, query="OCCLUDED"), dtype=np.int64)
        return np.asarray(hit == _MISSED)

    def _local(self, points: Floats) -> NDArray[np.float32]:
        return np.asarray(points - self._middle, dtype=np.float32)
