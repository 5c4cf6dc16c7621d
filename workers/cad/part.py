"""A part as the engine sees it: faces, edges and triangles as arrays, free of the kernel.

Lengths are mm, angles degrees unless a name says `_rad`, normals point out of the material.
"""

from dataclasses import dataclass, field
from enum import IntEnum
from functools import cached_property
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


class Surface(IntEnum):
    """The kind of surface under a face."""

    PLANE = 0
    CYLINDER = 1
    CONE = 2
    SPHERE = 3
    TORUS = 4
    FREEFORM = 5


class Curve(IntEnum):
    """The kind of curve under an edge."""

    LINE = 0
    CIRCLE = 1
    OTHER = 2


class Bend(IntEnum):
    """How two faces meet at an edge, seen from outside the material."""

    CONVEX = 1
    SMOOTH = 0
    CONCAVE = -1
    NONE = 2  # a seam, a degenerated edge, or an open boundary


@dataclass(frozen=True)
class Faces:
    """Per-face arrays, indexed by the face's place in `TopExp_Explorer(shape, FACE)`."""

    kind: Ints  # (n,) Surface
    origin: Floats  # (n, 3) a point of the plane, the axis, or the centre
    axis: Floats  # (n, 3) outward normal of a plane, direction of an axis
    radius: Floats  # (n,) of a cylinder, sphere; of a cone at `origin`; major radius of a torus
    minor_radius: Floats  # (n,) of a torus; of the ball that swept a free-form fillet, else 0
    half_angle: Floats  # (n,) of a cone, degrees, positive if it widens along `axis`
    sign: Ints  # (n,) +1 if the material lies on the inner side (a shaft), -1 on the outer (a hole), 0 otherwise
    u_span: Floats  # (n,) degrees covered around the axis
    body: Ints  # (n,) 0-based solid, -1 if the face belongs to none
    loops: list[list[list[int]]]  # per face: wires as lists of edge numbers, the outer one first
    area: Floats  # (n,) mm2, of the tessellation
    point: Floats  # (n, 3) a point on the face, away from its border
    normal: Floats  # (n, 3) outward there

    def __len__(self) -> int:
        return len(self.kind)


@dataclass(frozen=True)
class Edges:
    """Per-edge arrays."""

    faces: Ints  # (m, 2) the two faces, -1 where there is none
    bend: Ints  # (m,) Bend
    angle: Floats  # (m,) degrees between the two outward normals, positive at a convex edge
    curvature: Floats  # (m,) 1/mm square to the edge, of both faces together; positive where they are convex
    kind: Ints  # (m,) Curve
    length: Floats  # (m,)
    start: Floats  # (m, 3)
    middle: Floats  # (m, 3)
    end: Floats  # (m, 3)
    tangent: Floats  # (m, 3) unit, at the middle
    centre: Floats  # (m, 3) of a circle
    radius: Floats  # (m,) of a circle, else 0

    def __len__(self) -> int:
        return len(self.kind)


@dataclass(frozen=True)
class Mesh:
    """The tessellation of the whole part."""

    vertices: Floats  # (v, 3)
    triangles: Ints  # (t, 3)
    face: Ints  # (t,) the face that each triangle approximates
    deflection: float  # mm, the largest distance from the exact surface asked for

    @cached_property
    def normals(self) -> Floats:
        """(t, 3) unit outward normals."""
        cross, length = self._spans
        return np.asarray(cross / np.where(length > 0, length, 1.0)[:, None])

    @cached_property
    def areas(self) -> Floats:
        """(t,) mm2."""
        return np.asarray(self._spans[1] / 2)

    @cached_property
    def _spans(self) -> tuple[Floats, Floats]:
        """((t, 3) the cross product of two sides, (t,) its length) of each triangle."""
        a, b, c = (self.vertices[self.triangles[:, i]] for i in range(3))
        cross = np.cross(b - a, c - a)
        return cross, np.asarray(np.linalg.norm(cross, axis=1))

    @cached_property
    def centroids(self) -> Floats:
        """(t, 3)."""
        return np.asarray(self.vertices[self.triangles].mean(axis=1))


class WallProbe(Protocol):
    """Measures on the exact surfaces; the kernel stands behind it."""

    def thickness(self, first: int, second: int, point: Floats, inward: Floats, reach: float) -> float | None:
        """mm from face `first` near `point` along its normal, to the side of `inward`, to face `second`.

        None if it misses.
        """

    def least_distance(self, first: int, second: int) -> tuple[float, Floats, Floats] | None:
        """mm between two faces, borders included, and a point of each where they are as close; None if unknown."""

    def extent(self, face: int, frame: Floats) -> tuple[Floats, Floats] | None:
        """(low, high) of `face` along the rows of a (3, 3) rotation, mm; None if the mesh is all there is."""


@dataclass(frozen=True)
class Part:
    """A part, read and tessellated."""

    name: str
    sha256: str
    format: str
    units_in_file: str
    bodies: int
    low: Floats  # (3,) bounding box
    high: Floats  # (3,)
    volume: float  # mm3
    area: float  # mm2
    centre_of_mass: Floats  # (3,)
    inertia: Floats  # (3, 3) mm5, about the centre of mass, at a density of 1/mm3
    faces: Faces
    edges: Edges
    mesh: Mesh
    wall_probe: WallProbe
    exact: bool = True  # False for a mesh: its faces are patches of triangles, with no surface behind them
    closed: bool = True  # False for a mesh with open edges: it has no volume
    timings_ms: dict[str, float] = field(default_factory=dict)

    @cached_property
    def edges_of_face(self) -> list[list[int]]:
        """Per face, the edges of all its wires."""
        return [[edge for loop in loops for edge in loop] for loops in self.faces.loops]

    @property
    def size(self) -> Floats:
        """(3,) extent of the bounding box, mm."""
        return np.asarray(self.high - self.low)

    @property
    def diagonal(self) -> float:
        """Of the bounding box, mm."""
        return float(np.linalg.norm(self.size))

    def other_face(self, edge: int, face: int) -> int:
        """The face on the other side of `edge`, or -1."""
        first, second = self.edges.faces[edge]
        return int(second if first == face else first)
