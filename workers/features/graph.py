"""The face-adjacency graph with convexity, as the recognisers walk it."""

from collections.abc import Callable, Collection, Iterable
from functools import cached_property

import numpy as np

from workers.cad.elementary import distinct_rows, sag_of_faces
from workers.cad.part import Bend, Curve, Ints, Part, Surface
from workers.facts.rays import RayScene
from workers.features.extremes import surface_extremes

COAXIAL_MM = 1e-3
PARALLEL = 1 - 1e-6
FLAT = 1e-7  # 1/mm
# Looking up a member of an enumeration takes longer than what is asked for most often does besides.
_SMOOTH, _CONCAVE, _PLANE = int(Bend.SMOOTH), int(Bend.CONCAVE), int(Surface.PLANE)


class FaceGraph:
    """Adjacency of the faces of one part, with the questions that every recogniser asks."""

    def __init__(self, part: Part, rays: RayScene | None = None) -> None:
        self.part = part
        self._rays = rays
        self.faces = part.faces
        self.edges = part.edges
        # Plain lists: the recognisers ask for single entries, which numpy is slow at.
        self.bend: list[int] = part.edges.bend.tolist()
        self.curvature: list[float] = part.edges.curvature.tolist()
        self.pairs: list[list[int]] = part.edges.faces.tolist()
        self.kind: list[int] = part.faces.kind.tolist()
        self.sign: list[int] = part.faces.sign.tolist()
        self.is_line: list[bool] = (part.edges.kind == Curve.LINE).tolist()
        self.is_circle: list[bool] = (part.edges.kind == Curve.CIRCLE).tolist()
        self._extents: dict[tuple[int, bytes], tuple[float, float]] = {}

    def other(self, edge: int, face: int) -> int:
        """The face across `edge`, or -1."""
        first, second = self.pairs[edge]
        return second if first == face else first

    def neighbours(self, face: int) -> list[tuple[int, int]]:
        """(edge, other face) around `face`, seams and open borders left out."""
        return self._neighbours[face]

    @cached_property
    def _neighbours(self) -> list[list[tuple[int, int]]]:
        return [
            [(edge, other) for edge in edges if (other := self.other(edge, face)) not in (-1, face)]
            for face, edges in enumerate(self.part.edges_of_face)
        ]

    def is_concave(self, edge: int) -> bool:
        """Whether material fills more than half of the space around `edge`; along a fillet, by its curvature."""
        bend = self.bend[edge]
        return bend == _CONCAVE or (bend == _SMOOTH and self.curvature[edge] < -FLAT)

    def flood(self, seeds: Iterable[int], may_cross: Callable[[int, int, int], bool]) -> set[int]:
        """Faces reached from `seeds` over edges for which `may_cross(edge, from, to)` holds."""
        reached, queue = set(seeds), list(seeds)
        while queue:
            face = queue.pop()
            for edge, other in self.neighbours(face):
                if other not in reached and may_cross(edge, face, other):
                    reached.add(other)
                    queue.append(other)
        return reached

    def coaxial(self, first: int, second: int) -> bool:
        """Whether two faces of revolution turn about one line."""
        faces = self.faces
        axis = faces.axis[first]
        if abs(float(axis @ faces.axis[second])) < PARALLEL:
            return False
        offset = faces.origin[second] - faces.origin[first]
        return float(np.linalg.norm(offset - (offset @ axis) * axis)) < self.tolerance

    @cached_property
    def rays(self) -> RayScene:
        """To look around from a place on the part."""
        return self._rays or RayScene(self.part.mesh)

    @cached_property
    def tolerance(self) -> float:
        """mm within which two measured places are one."""
        return max(COAXIAL_MM, 1e-6 * self.part.diagonal)

    @cached_property
    def on_hull(self) -> set[int]:
        """Planes with the whole part on one side: the skin of the stock."""
        planes = np.flatnonzero(self.faces.kind == Surface.PLANE)
        normals = self.faces.axis[planes]
        unique, inverse = distinct_rows(np.round(normals, 6))
        reach = np.array([(self.part.mesh.vertices @ normal).max() for normal in unique])
        height = np.einsum("ij,ij->i", normals, self.faces.origin[planes])
        slack = 1e-4 * self.part.diagonal
        return set(planes[height >= reach[inverse] - slack].tolist())

    @cached_property
    def vertices_of_face(self) -> list[np.ndarray]:
        """Per face, (k, 3) tessellation vertices."""
        mesh = self.part.mesh
        face, vertex = np.divmod(
            np.unique(mesh.face[:, None] * len(mesh.vertices) + mesh.triangles), len(mesh.vertices)
        )
        return np.split(mesh.vertices[vertex], np.searchsorted(face, np.arange(1, len(self.faces))))

    @cached_property
    def triangles_of_face(self) -> list[Ints]:
        """Per face, the numbers of its triangles, in ascending order."""
        face = self.part.mesh.face
        order = np.argsort(face, kind="stable")
        return np.split(order, np.searchsorted(face[order], np.arange(1, len(self.faces))))

    def triangles_of(self, faces: Iterable[int]) -> Ints:
        """The numbers of the triangles of distinct `faces`, in ascending order."""
        return np.sort(np.concatenate([self.triangles_of_face[face] for face in faces]))

    @cached_property
    def sag(self) -> list[float]:
        """Per face, mm by which its mesh may stay short of its bulge."""
        return list(sag_of_faces(self.part).tolist())

    def extent(self, faces: Collection[int], direction: np.ndarray) -> tuple[float, float]:
        """(least, greatest) coordinate of `faces` along a unit `direction`, mm."""
        key = direction.tobytes()
        for face in faces:
            if (face, key) not in self._extents:
                self._extents[face, key] = self._extent_of(face, direction)
        ends = [self._extents[face, key] for face in faces]
        return min(low for low, _ in ends), max(high for _, high in ends)

    def _extent_of(self, face: int, direction: np.ndarray) -> tuple[float, float]:
        """Those of the mesh's nodes, or of the surface where it bulges no further beyond them than a mesh may cut."""
        heights = self.vertices_of_face[face] @ direction
        low, high = float(heights.min()), float(heights.max())
        if self.kind[face] == _PLANE or (surface := surface_extremes(self.faces, face, direction)) is None:
            return low, high
        return (
            surface[0] if surface[0] > low - self.sag[face] else low,
            surface[1] if surface[1] < high + self.sag[face] else high,
        )
