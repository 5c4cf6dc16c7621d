"""A skin face by itself, laid flat: its borders in coordinates of its own, seen from outside the material.

A plane's are mm. A cylinder's are (radians about its axis, mm along it): how wide a radian becomes depends on the
K-factor, so a chart is stretched by that before it is placed.
"""

import math
from dataclasses import dataclass

import numpy as np
from scipy.interpolate import CubicSpline

from workers.cad.elementary import distances, elementary_normals
from workers.cad.part import Floats, Part, Surface
from workers.features.graph import FaceGraph
from workers.sheet.segments import FULL_TURN, TOUCHING, Loop, Segment, loop_area
from workers.sheet.skins import ROUND_TUBE
from workers.sheet.unfold import Stamped

ON_AXIS = 1e-3  # mm
FINER = 8  # points for one of the mesh, along a curve between two surfaces
NEWTON_STEPS = 4
FEWEST = 4  # points of the mesh that a curve is told by
CORNER = math.radians(50)  # between two chords of the mesh: it turns by less along a smooth curve


@dataclass(frozen=True)
class Chart:
    """The borders of one flat or cylindrical skin face, the outer one first and counter-clockwise."""

    face: int
    is_flat: bool
    radius: float  # mm of the inside of a bend, 0 of a flat
    is_inside: bool  # whether a cylinder is the inside of its bend
    loops: list[Loop]

    @property
    def turn(self) -> float:
        """Radians that it is bent, above 0 upwards; 0 of a flat."""
        if self.is_flat:
            return 0.0
        angles = np.concatenate([segment.points[:, 0] for segment in self.loops[0]])
        return float(np.ptp(angles)) * (1 if self.is_inside else -1)

    def stretch(self, k_factor: float, thickness: float) -> float:
        """mm for one unit of the first coordinate: by the neutral line of a bend, r + K t for each radian."""
        return 1.0 if self.is_flat else self.radius + k_factor * thickness


def chart_of(graph: FaceGraph, face: int, thickness: float, curves: "CurvePoints") -> Chart | None:
    """The chart of a plane or a cylinder; None if the face is none, or closed around its axis, or its border open."""
    faces = graph.faces
    kind = graph.kind[face]
    frame: _Frame
    if kind == Surface.PLANE:
        frame = _PlaneFrame(faces.origin[face], faces.axis[face])
    elif kind == Surface.CYLINDER and faces.u_span[face] < ROUND_TUBE:
        frame = _CylinderFrame(graph, face)
    else:
        return None
    loops = []
    for number, edges in enumerate(faces.loops[face]):
        loop = _loop(graph, face, edges, frame, curves)
        if loop is None:
            return None
        outwards = loop_area(_stretched(loop, frame)) > 0
        loops.append(loop if outwards == (number == 0) else [s.reversed() for s in reversed(loop)])
    is_inside = kind == Surface.CYLINDER and graph.sign[face] < 0
    radius = 0.0 if kind == Surface.PLANE else float(faces.radius[face]) - (0.0 if is_inside else thickness)
    return Chart(face, kind == Surface.PLANE, max(0.0, radius), is_inside, loops)


def stamped_of(graph: FaceGraph, face: int, around: int) -> Stamped:
    """How the chart of one plane lies over that of another that is parallel to it."""
    faces = graph.faces
    own, other = (_PlaneFrame(faces.origin[at], faces.axis[at]) for at in (face, around))
    corners = own.origin + np.array([np.zeros(3), own.x, own.y])
    flat = other.flat(corners)
    return Stamped(face, around, (flat[1:] - flat[0]).T, flat[0])


def _stretched(loop: Loop, frame: "_Frame") -> Loop:
    scale = np.diag([frame.unit_length, 1.0])
    return [segment.moved(scale, np.zeros(2)) for segment in loop]


class _PlaneFrame:
    """Coordinates on a plane, right-handed about its outward normal."""

    unit_length = 1.0

    def __init__(self, origin: Floats, normal: Floats) -> None:
        self.origin = origin
        self.normal = normal
        least = np.eye(3)[int(np.abs(normal).argmin())]
        self.x = np.cross(least, normal)
        self.x /= np.linalg.norm(self.x)
        self.y = np.cross(normal, self.x)

    def flat(self, points: Floats) -> Floats:
        """(k, 2) of (k, 3)."""
        offset = points - self.origin
        return np.stack([offset @ self.x, offset @ self.y], axis=1)

    def keeps_circle(self, _graph: FaceGraph, _edge: int) -> bool:
        """Whether a circle stays one: it lies in the plane."""
        return True

    def keeps_line(self, _graph: FaceGraph, edge: int) -> bool:
        """Whether the edge is straight here."""
        return _graph.is_line[edge]


class _CylinderFrame:
    """(radians, mm) on a cylinder, right-handed about its outward normal."""

    def __init__(self, graph: FaceGraph, face: int) -> None:
        faces = graph.faces
        self.origin, self.axis, self.radius = faces.origin[face], faces.axis[face], float(faces.radius[face])
        self.unit_length = self.radius
        self.turn = float(graph.sign[face])
        least = np.eye(3)[int(np.abs(self.axis).argmin())]
        self.x = np.cross(least, self.axis)
        self.x /= np.linalg.norm(self.x)
        self.y = np.cross(self.axis, self.x)
        # Angles count from the middle of what the face leaves open, so that none of its points lies beyond a full turn.
        open_ = FULL_TURN - math.radians(float(faces.u_span[face]))
        points = graph.vertices_of_face[face]
        if open_ < math.pi:  # the mesh may be as coarse as the gap is wide
            border = faces.loops[face][0]
            points = np.concatenate([graph.edges.start[border], graph.edges.end[border]])
        self.first = _after_gap(self._angles(points), open_)

    def _angles(self, points: Floats) -> Floats:
        offset = points - self.origin
        return np.asarray(self.turn * np.arctan2(offset @ self.y, offset @ self.x))

    def flat(self, points: Floats) -> Floats:
        """(k, 2) of (k, 3)."""
        angles = (self._angles(points) - self.first) % FULL_TURN
        return np.stack([angles, (points - self.origin) @ self.axis], axis=1)

    def keeps_circle(self, _graph: FaceGraph, _edge: int) -> bool:
        """Never: one about the axis becomes a line, any other no arc."""
        return False

    def keeps_line(self, graph: FaceGraph, edge: int) -> bool:
        """Whether the edge is straight here: along the axis, or a circle about it."""
        if graph.is_line[edge]:
            return True
        offset = graph.edges.centre[edge] - self.origin
        aside = np.linalg.norm(offset - (offset @ self.axis) * self.axis)
        ends = np.stack([graph.edges.start[edge], graph.edges.middle[edge], graph.edges.end[edge]]) @ self.axis
        return graph.is_circle[edge] and bool(aside < ON_AXIS and np.ptp(ends) < ON_AXIS)


_Frame = _PlaneFrame | _CylinderFrame


def _after_gap(angles: Floats, width: float) -> float:
    """The middle of the gap between angles that is nearest to `width`, radians."""
    ordered = np.sort(angles % FULL_TURN)
    gaps = np.diff(ordered, append=ordered[0] + FULL_TURN)
    at = int(np.abs(gaps - width).argmin())
    return float(ordered[at] + gaps[at] / 2)


def _loop(graph: FaceGraph, face: int, edges: list[int], frame: _Frame, curves: "CurvePoints") -> Loop | None:
    """The edges of a wire one after the other, in either direction; None if they do not close."""
    segments = [_segment(graph, face, edge, frame, curves) for edge in edges]
    ends = np.array([(segment.start, segment.end) for segment in segments]) * (frame.unit_length, 1.0)
    chain = _chain(ends, first_end=1) or _chain(ends, first_end=0)
    if chain is None:
        return None
    return [segments[at].reversed() if end == 0 else segments[at] for at, end in chain]


def _chain(ends: Floats, first_end: int) -> list[tuple[int, int]] | None:
    """(which, the end that it is left by) of segments with (n, 2, 2) ends, each beginning where the last one ended.

    The first is left by `first_end`; None if they do not close.
    """
    left = np.ones(len(ends), dtype=bool)
    left[0], chain = False, [(0, first_end)]
    while left.any():
        gaps = np.linalg.norm(ends - ends[chain[-1]], axis=2)
        gaps[~left] = np.inf
        at, end = (int(number) for number in np.unravel_index(gaps.argmin(), gaps.shape))
        if gaps[at, end] > 10 * TOUCHING:
            return None
        chain.append((at, 1 - end))
        left[at] = False
    closes = np.linalg.norm(ends[chain[-1]] - ends[0, 1 - first_end]) < 10 * TOUCHING
    return chain if closes else None


def _segment(graph: FaceGraph, face: int, edge: int, frame: _Frame, curves: "CurvePoints") -> Segment:
    edges = graph.edges
    flat = frame.flat(np.stack([edges.start[edge], edges.middle[edge], edges.end[edge]]))
    if frame.keeps_line(graph, edge):
        return Segment(flat[[0, 2]], edges=(edge,), face=face)
    if graph.is_circle[edge] and frame.keeps_circle(graph, edge):
        centre = frame.flat(edges.centre[[edge]])[0]
        ends = _on_circle(flat[[0, 2]], centre, float(edges.radius[edge]))
        return Segment(ends, centre, _sense(*(flat - centre)), (edge,), face)
    return Segment(frame.flat(curves.along(face, edge)), edges=(edge,), face=face)


def _sense(one: Floats, two: Floats, three: Floats) -> int:
    """1 if the way from `one` by `two` to `three` about the origin is counter-clockwise, else -1."""

    def angle(vector: Floats) -> float:
        return (math.atan2(vector[1], vector[0]) - first) % FULL_TURN

    first = math.atan2(one[1], one[0])
    last = angle(three)
    if last < 1e-9 or last > FULL_TURN - 1e-9:  # a whole circle
        return 1
    return 1 if angle(two) < last else -1


def _on_circle(points: Floats, centre: Floats, radius: float) -> Floats:
    offset = points - centre
    return np.asarray(centre + offset * (radius / np.linalg.norm(offset, axis=1, keepdims=True)))


class CurvePoints:
    """Points along the edges of a part that are neither lines nor circles; what a face's mesh tells is kept."""

    def __init__(self, graph: FaceGraph) -> None:
        self._graph = graph
        self._borders: dict[int, tuple[Floats, dict[int, int]]] = {}

    def along(self, face: int, edge: int) -> Floats:
        """(k, 3) points along an edge of `face`: the mesh's, and more between them.

        Exact ones where both surfaces are known, else on a smooth curve through those of the mesh, which are.
        """
        points = self._of_mesh(face, edge)
        sides = [side for side in self._graph.pairs[edge] if side >= 0]
        if len(sides) < 2 or any(self._graph.kind[side] == Surface.FREEFORM for side in sides):
            return _smooth(points)
        steps = np.linspace(0.0, 1.0, FINER, endpoint=False)[None, :, None]
        fine = (points[:-1, None] * (1 - steps) + points[1:, None] * steps).reshape(-1, 3)
        return np.concatenate([_onto_both(self._graph.part, sides, fine), points[-1:]])

    def _of_mesh(self, face: int, edge: int) -> Floats:
        """(k, 3) nodes of the mesh of `face` along one of its edges, from its start to its end."""
        if face not in self._borders:
            self._borders[face] = self._border(face)
        places, after = self._borders[face]
        edges, border = self._graph.edges, np.array(sorted(after))
        start, end = (
            int(border[np.linalg.norm(places[border] - at, axis=1).argmin()])
            for at in (edges.start[edge], edges.end[edge])
        )
        ways = [_walk(after, start, end), _walk(after, end, start)[::-1]]
        middle = edges.middle[edge]
        best = min(ways, key=lambda way: float(np.linalg.norm(places[way] - middle, axis=1).min()))
        return np.concatenate([edges.start[[edge]], places[best[1:-1]], edges.end[[edge]]])

    def _border(self, face: int) -> tuple[Floats, dict[int, int]]:
        """((k, 3) nodes, which follows which along the border) of the mesh of a face."""
        mesh = self._graph.part.mesh
        nodes, corners = np.unique(mesh.triangles[self._graph.triangles_of_face[face]], return_inverse=True)
        corners = corners.reshape(-1, 3)
        sides = np.concatenate([corners[:, [0, 1]], corners[:, [1, 2]], corners[:, [2, 0]]])
        keys, back = sides @ (len(nodes), 1), sides @ (1, len(nodes))
        return mesh.vertices[nodes], dict(sides[~np.isin(keys, back)].tolist())


def _smooth(points: Floats) -> Floats:
    """(k, 3) points along the cubic spline through (n, 3) of a curve; as they are if they turn a corner or are few."""
    chords = np.diff(points, axis=0)
    lengths = np.linalg.norm(chords, axis=1)
    if len(points) < FEWEST or lengths.min() < ON_AXIS:
        return points
    ways = chords / lengths[:, None]
    if np.any(np.einsum("ij,ij->i", ways[:-1], ways[1:]) < math.cos(CORNER)):
        return points
    at = np.concatenate([[0.0], lengths.cumsum()])
    steps = np.linspace(at[:-1], at[1:], FINER, endpoint=False, axis=1).ravel()
    return np.concatenate([CubicSpline(at, points)(steps), points[-1:]])


def _onto_both(part: Part, sides: list[int], points: Floats) -> Floats:
    """(k, 3) the points moved, by Newton's method, to where two surfaces cross."""
    moved = points
    for _ in range(NEWTON_STEPS):
        normals, off = [], []
        for side in sides:
            index = np.full(len(moved), side)
            sign = np.where(part.faces.sign[index] == 0, 1, part.faces.sign[index])
            normals.append(elementary_normals(part.faces, index, moved) * sign[:, None])
            off.append(distances(part.faces, index, moved))
        step = np.linalg.pinv(np.stack(normals, axis=1), rcond=1e-3) @ np.stack(off, axis=1)[:, :, None]
        moved = moved - step[:, :, 0]
    return np.where(np.linalg.norm(moved - points, axis=1, keepdims=True) < part.mesh.deflection * 4, moved, points)


def _walk(after: dict[int, int], start: int, end: int) -> list[int]:
    way, at = [start], after[start]
    while at != end and len(way) <= len(after):
        way.append(at)
        at = after[at]
    return [*way, end]
