"""The profile of a turned part: its turned faces as rings in the half plane of height and radius."""

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from workers.cad.part import Bend, Floats, Surface
from workers.features.graph import FaceGraph
from workers.features.turned_axis import (
    ROUND,
    SQUARE_SINE,
    WINDING,
    TurningAxis,
    coaxial,
    edges_around,
    is_faced,
    normals_about,
    square_planes,
)

# Narrower pieces of a coaxial surface are milled: the walls of kidney slots, the corners of a square.
LEAST_TURN_DEGREES = 90.0


@dataclass(frozen=True)
class Link:
    """A circle about the axis at which two rings meet."""

    edge: int
    height: float
    radius: float
    bend: int  # Bend
    angle: float  # degrees, positive where convex


@dataclass
class Ring:
    """One turned surface, halved or cut apart though its faces may be. Heights along the axis and radii in mm."""

    faces: list[int]
    kind: int  # Surface
    sign: int
    low: float
    high: float
    inner: float
    outer: float
    along: float  # mean outward normal: along the axis …
    outward: float  # … and away from it
    links: dict[int, Link] = field(default_factory=dict)  # by the number of the ring across

    @property
    def looks_in(self) -> bool:
        """Whether it faces the axis."""
        return self.outward < -SQUARE_SINE

    @property
    def is_bulge(self) -> bool:
        """A rounded edge or a ball: material bulges there."""
        return self.sign > 0 and self.kind in (Surface.TORUS, Surface.SPHERE)


@dataclass
class Profile:
    """All rings of a part, in the order of their first face."""

    axis: TurningAxis
    rings: list[Ring]


def profile_about(graph: FaceGraph, axis: TurningAxis) -> Profile:
    """The profile of the part about `axis`."""
    part, faces = graph.part, graph.faces
    around = edges_around(part, axis.origin, axis.direction)
    turned = coaxial(part, axis.origin, axis.direction)
    for face in np.flatnonzero(square_planes(part, axis.direction)):
        turned[face] = is_faced(part, int(face), around)
    normals = normals_about(part, axis.origin, axis.direction)
    for face in np.flatnonzero((faces.kind == Surface.FREEFORM) & (normals.face_winding < WINDING)):
        turned[face] = _is_revolved(graph, int(face), axis, around)
    planes = np.flatnonzero(turned & (faces.kind == Surface.PLANE)).tolist()
    measured = _Measured(graph, axis, around, planes)
    rings = []
    for group in _grouped(graph, np.flatnonzero(turned).tolist(), measured, around):
        ring = measured.ring(group)
        weights = faces.area[group] / faces.area[group].sum()
        ring.along, ring.outward = (
            float(weights @ values[group]) for values in (normals.face_along, normals.face_outward)
        )
        rings.append(ring)
    _link(graph, rings, measured, around)
    return Profile(axis, rings)


def _is_revolved(graph: FaceGraph, face: int, axis: TurningAxis, around: np.ndarray) -> bool:
    """Whether a free-form face is bounded by circles about the axis and by lines in planes through it."""
    edges = graph.part.edges_of_face[face]
    return any(around[e] for e in edges) and all(around[e] or _is_meridian(graph, e, axis) for e in edges)


def _is_meridian(graph: FaceGraph, edge: int, axis: TurningAxis) -> bool:
    edges = graph.edges
    offset = np.array([edges.start[edge], edges.middle[edge], edges.end[edge]]) - axis.origin
    radial = offset - np.outer(offset @ axis.direction, axis.direction)
    furthest = radial[int(np.linalg.norm(radial, axis=1).argmax())]
    sideways = np.cross(radial, furthest) @ axis.direction / max(1e-12, float(np.linalg.norm(furthest)))
    return bool(np.abs(sideways).max() < graph.tolerance)


class _Measured:
    """Heights and radii of the faces' tessellation and edges."""

    def __init__(self, graph: FaceGraph, axis: TurningAxis, around: np.ndarray, planes: list[int]) -> None:
        self.graph, self.around = graph, around
        mesh, count = graph.part.mesh, len(graph.faces)
        height, radius = _cylindrical(mesh.vertices, axis)
        corners = np.repeat(mesh.face, 3)
        heights, radii = height[mesh.triangles.ravel()], radius[mesh.triangles.ravel()]
        self.low, self.inner = np.full(count, np.inf), np.full(count, np.inf)
        self.high, self.outer = np.full(count, -np.inf), np.full(count, -np.inf)
        np.minimum.at(self.low, corners, heights)
        np.maximum.at(self.high, corners, heights)
        np.minimum.at(self.inner, corners, radii)
        np.maximum.at(self.outer, corners, radii)
        self.edge_height, self.edge_radius = _cylindrical(graph.edges.middle, axis)
        self.origin_height, _ = _cylindrical(graph.faces.origin, axis)
        for face in planes:
            self.inner[face] = self._inner_of_plane(face)

    def ring(self, group: list[int]) -> Ring:
        """The faces of `group` as one ring."""
        faces, first = self.graph.faces, group[0]
        kind = int(faces.kind[first])
        low, high = float(self.low[group].min()), float(self.high[group].max())
        inner, outer = float(self.inner[group].min()), float(self.outer[group].max())
        if kind == Surface.CYLINDER:
            inner = outer = float(faces.radius[first])
        elif kind == Surface.PLANE:
            low = high = float(self.origin_height[first])
        elif kind == Surface.TORUS and low < self.origin_height[first] < high:
            # The tessellation misses the bottom of a round groove, and a belly, by its deflection.
            major, minor = float(faces.radius[first]), float(faces.minor_radius[first])
            inner, outer = (major - minor, outer) if outer <= major + 1e-9 else (inner, major + minor)
        elif kind == Surface.SPHERE and low < self.origin_height[first] < high:
            outer = float(faces.radius[first])
        return Ring(group, kind, int(faces.sign[first]), low, high, inner, outer, 0.0, 0.0)

    def _inner_of_plane(self, face: int) -> float:
        """Inner radius of a ring, 0 of a disc: a disc's tessellation has no vertex at its middle."""
        outline, *holes = self.graph.faces.loops[face]
        inside = [edge for loop in holes for edge in loop if self.around[edge]]
        if inside:
            return float(self.edge_radius[inside].min())
        radii = self.edge_radius[[edge for edge in outline if self.around[edge]]]
        is_piece_of_ring = len(radii) > 0 and float(np.ptp(radii)) > self.graph.tolerance
        return float(radii.min()) if is_piece_of_ring else 0.0


def _cylindrical(points: Floats, axis: TurningAxis) -> tuple[Floats, Floats]:
    """(height, radius) of (k, 3) points about the axis."""
    offset = points - axis.origin
    height = offset @ axis.direction
    return height, np.linalg.norm(offset - np.outer(height, axis.direction), axis=1)


def _grouped(graph: FaceGraph, turned: list[int], measured: _Measured, around: np.ndarray) -> list[list[int]]:
    """The faces of each ring: of one surface, joined at a seam or lying beside each other around the axis."""
    home = {face: face for face in turned}

    def root(face: int) -> int:
        while home[face] != face:
            home[face] = home[home[face]]
            face = home[face]
        return face

    def join(first: int, second: int) -> None:
        low, high = sorted((root(first), root(second)))
        home[high] = low

    for face in turned:
        for edge, other in graph.neighbours(face):
            same = other in home and graph.kind[other] == graph.kind[face] and graph.sign[other] == graph.sign[face]
            if same and graph.bend[edge] == Bend.SMOOTH and not around[edge]:
                join(face, other)
    for span in _pieces(turned, root):
        if graph.kind[span[0]] in ROUND and float(graph.faces.u_span[span].sum()) < LEAST_TURN_DEGREES:
            for face in span:
                del home[face]
    for face, other in _beside_each_other(graph, [f for f in turned if f in home], measured):
        join(face, other)
    return _pieces([f for f in turned if f in home], root)


def _pieces(turned: list[int], root: Callable[[int], int]) -> list[list[int]]:
    groups: dict[int, list[int]] = {}
    for face in turned:
        groups.setdefault(root(face), []).append(face)
    return list(groups.values())


def _beside_each_other(graph: FaceGraph, turned: list[int], measured: _Measured) -> list[tuple[int, int]]:
    """Pairs of faces of one kind with the same ranges of height and radius, or overlapping on a cylinder or plane."""
    near = graph.tolerance
    rows = np.stack([measured.low, measured.high, measured.inner, measured.outer], axis=1)
    is_plane = graph.faces.kind == Surface.PLANE
    size = np.where(is_plane, measured.origin_height, graph.faces.radius)
    begin = np.where(is_plane, measured.inner, measured.low)
    class_of = _classes(size, turned, near)
    found = []
    ordered = sorted(turned, key=lambda f: (graph.kind[f], graph.sign[f], class_of[f], begin[f], f))
    for face, other in pairwise(ordered):
        if graph.kind[face] != graph.kind[other] or graph.sign[face] != graph.sign[other]:
            continue
        if graph.kind[face] == Surface.CYLINDER:
            one = class_of[face] == class_of[other] and measured.low[other] < measured.high[face] - near
        elif graph.kind[face] == Surface.PLANE:
            level = class_of[face] == class_of[other] and measured.inner[other] < measured.outer[face] + near
            one = level and float(graph.faces.axis[face] @ graph.faces.axis[other]) > 0
        else:
            one = bool(np.abs(rows[face] - rows[other]).max() < near)
        if one:
            found.append((face, other))
    return found


def _classes(size: Floats, faces: list[int], near: float) -> dict[int, int]:
    """A number for each face, the same where sizes differ by less than `near`."""
    ordered = sorted(faces, key=lambda f: size[f])
    steps = np.diff(size[ordered], prepend=size[ordered[:1]]) > near
    return dict(zip(ordered, np.cumsum(steps).tolist(), strict=True))


def _link(graph: FaceGraph, rings: list[Ring], measured: _Measured, around: np.ndarray) -> None:
    """Tell each ring which others it meets at circles about the axis."""
    ring_of = {face: number for number, ring in enumerate(rings) for face in ring.faces}
    for number, ring in enumerate(rings):
        for face in ring.faces:
            for edge, other in graph.neighbours(face):
                across = ring_of.get(other)
                if not around[edge] or across is None or across == number or across in ring.links:
                    continue
                ring.links[across] = Link(
                    edge,
                    float(measured.edge_height[edge]),
                    float(measured.edge_radius[edge]),
                    graph.bend[edge],
                    float(graph.edges.angle[edge]),
                )
