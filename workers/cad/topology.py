"""From a kernel shape to arrays of faces and edges, in one pass over the boundary representation."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workers.cad.binding import curve_on_surface, enum_value, module, new_shape_map, static
from workers.cad.elementary import elementary_normals, unit
from workers.cad.explore import explore
from workers.cad.part import Bend, Curve, Edges, Floats, Ints, Surface
from workers.cad.splines import elementary_of_spline, elementary_of_spline_edge, turn_about
from workers.cad.swept import elementary_of_swept

# Faces that meet at less than this are taken as tangent; modellers write tangency to about 0.1 degrees.
SMOOTH_DEGREES = 1.0
FLATTEST = 1e-5  # 1/mm: less curved than this is no fillet
ROLLING_BALL = 0.02  # how far, relatively, the curvature of a rolling ball's face may vary over it
SINGULAR = 1e-12

Bools = NDArray[np.bool_]


@dataclass
class FaceGeometry:
    """What the kernel knows of the faces, before tessellation adds areas and points."""

    kind: Ints
    origin: Floats
    axis: Floats
    radius: Floats
    minor_radius: Floats
    half_angle: Floats
    sign: Ints
    u_span: Floats
    body: Ints
    loops: list[list[list[int]]]
    shapes: list[Any]


@dataclass
class Written:
    """How the file writes what was read, as far as it tells whether a face's numbers and borders are all of it."""

    faces: Bools  # (n,) elementary as written, rather than told from a spline or a sweep; no edge joins more than two
    edges: Bools  # (m,) lines and circles, to the last digit, which run one way along one face and back along another
    middle: Floats  # (3,) of the ends of all edges, each counted as often as it borders a face
    turn: Floats  # (m,) whether its tangent has its first face to the left (+1), seen from outside, or not (-1)


def read_topology(shape: Any) -> tuple[FaceGeometry, Edges, Written]:  # noqa: ANN401
    """The faces of one solid in explorer order, the edges between them, and how both are written."""
    faces = explore(shape, "Face")
    surfaces = [_Surface(face) for face in faces]
    edges = _EdgeCollector(surfaces)
    loops = [edges.add_face(index, face) for index, face in enumerate(faces)]
    geometry = FaceGeometry(
        kind=np.array([s.kind for s in surfaces], dtype=np.int64),
        origin=_rows([s.origin for s in surfaces]),
        axis=_rows([s.outward_axis for s in surfaces]),
        radius=np.array([s.radius for s in surfaces], dtype=float),
        minor_radius=np.array([s.minor_radius for s in surfaces], dtype=float),
        half_angle=np.degrees(np.array([s.half_angle for s in surfaces], dtype=float)),
        sign=np.array([s.sign for s in surfaces], dtype=np.int64),
        u_span=np.degrees(np.array([s.u_span for s in surfaces], dtype=float)),
        body=np.zeros(len(faces), dtype=np.int64),
        loops=loops,
        shapes=faces,
    )
    return geometry, edges.finish(geometry), edges.written()


def _rows(vectors: list[tuple[float, float, float]]) -> Floats:
    return np.array(vectors, dtype=float).reshape(-1, 3)


class _Surface:
    """One face's surface: its kind, its numbers, and which side the material is on."""

    def __init__(self, face: Any) -> None:  # noqa: ANN401
        self.face = face
        self.reversed = face.Orientation() == _REVERSED
        self.adaptor = module("BRepAdaptor").BRepAdaptor_Surface(face, True)
        # What is read off; a cylinder that was written as a swept line or a spline is one, with parameters of its own.
        self.elementary = self._elementary()
        self.kind = _SURFACES.get(self.elementary.GetType(), Surface.FREEFORM)
        self.origin = self.outward_axis = (0.0, 0.0, 0.0)
        self.radius = self.minor_radius = self.half_angle = self.u_span = 0.0
        self.sign = 0
        if self.kind == Surface.FREEFORM:
            self._read_rolling_ball()
        else:
            self._read_elementary()

    def _elementary(self) -> Any:  # noqa: ANN401
        written_as = self.adaptor.GetType()
        if written_as in _SWEPT:
            return elementary_of_swept(self.face)
        return (elementary_of_spline(self.face) if written_as in _SPLINES else None) or self.adaptor

    def _read_elementary(self) -> None:
        surface = getattr(self.elementary, self.kind.name.capitalize())()
        position = surface.Position()
        location, direction = position.Location(), position.Direction()
        self.origin = (location.X(), location.Y(), location.Z())
        axis = (direction.X(), direction.Y(), direction.Z())
        outward = 1 if position.Direct() != self.reversed else -1
        if self.elementary is not self.adaptor:
            outward = self._outward_where_rewritten(surface, axis)
        if self.kind == Surface.PLANE:
            self.outward_axis = (axis[0] * outward, axis[1] * outward, axis[2] * outward)
            return
        self.outward_axis, self.sign = axis, outward
        self.u_span = self._turn()
        if self.kind == Surface.CONE:
            self.radius, self.half_angle = surface.RefRadius(), surface.SemiAngle()
        elif self.kind == Surface.TORUS:
            self.radius, self.minor_radius = surface.MajorRadius(), surface.MinorRadius()
        else:
            self.radius = surface.Radius()

    def _turn(self) -> float:
        """Radians about the axis that the face covers."""
        if self.adaptor.GetType() in _SPLINES:
            return turn_about(self.adaptor, np.array(self.origin), np.array(self.outward_axis))
        return float(self.adaptor.LastUParameter() - self.adaptor.FirstUParameter())

    def _read_rolling_ball(self) -> None:
        """Radius and side of a free-form face that a rolling ball swept: a fillet written as a B-spline."""
        first_u, last_u = self.adaptor.FirstUParameter(), self.adaptor.LastUParameter()
        first_v, last_v = self.adaptor.FirstVParameter(), self.adaptor.LastVParameter()
        curvatures = [
            self._strongest_curvature(first_u + s * (last_u - first_u), first_v + t * (last_v - first_v))
            for s, t in ((0.5, 0.5), (0.3, 0.3), (0.7, 0.7), (0.3, 0.7), (0.7, 0.3))
        ]
        middle = curvatures[0]
        if abs(middle) > FLATTEST and max(abs(c - middle) for c in curvatures) < ROLLING_BALL * abs(middle):
            self.minor_radius = 1 / abs(middle)
            self.sign = 1 if middle > 0 else -1

    def _strongest_curvature(self, u: float, v: float) -> float:
        """The stronger principal curvature in 1/mm, positive where the face is convex; 0 at a singular point."""
        gp = module("gp")
        point, d_u, d_v, d_uu, d_vv, d_uv = gp.gp_Pnt(), *(gp.gp_Vec() for _ in range(5))
        self.adaptor.D2(u, v, point, d_u, d_v, d_uu, d_vv, d_uv)
        normal = d_u.Crossed(d_v)
        size = normal.Magnitude()
        first = d_u.Dot(d_u), d_u.Dot(d_v), d_v.Dot(d_v)
        area = first[0] * first[2] - first[1] ** 2
        if size < SINGULAR or area < SINGULAR:
            return 0.0
        second = d_uu.Dot(normal) / size, d_uv.Dot(normal) / size, d_vv.Dot(normal) / size
        mean = (second[0] * first[2] - 2 * second[1] * first[1] + second[2] * first[0]) / (2 * area)
        gauss = (second[0] * second[2] - second[1] ** 2) / area
        root = math.sqrt(max(0.0, mean * mean - gauss))
        return float(mean + math.copysign(root, mean)) * (1.0 if self.reversed else -1.0)

    def _outward_where_rewritten(self, surface: Any, axis: tuple[float, float, float]) -> int:  # noqa: ANN401
        """1 if the outward normal points along a plane's axis, or away from the inside of a surface of revolution."""
        u = (self.adaptor.FirstUParameter() + self.adaptor.LastUParameter()) / 2
        v = (self.adaptor.FirstVParameter() + self.adaptor.LastVParameter()) / 2
        along, at = np.array(axis), self.adaptor.Value(u, v)
        offset = np.array([at.X(), at.Y(), at.Z()]) - np.array(self.origin)
        radial = offset - (offset @ along) * along
        if self.kind == Surface.PLANE:
            away = along
        elif self.kind == Surface.SPHERE:
            away = offset
        elif self.kind == Surface.TORUS:
            away = offset - radial * (surface.MajorRadius() / np.linalg.norm(radial))
        else:
            away = radial
        return 1 if float(np.array(self.normal_at(u, v)) @ away) > 0 else -1

    def normal_at(self, u: float, v: float) -> tuple[float, float, float]:
        """The outward normal (not of unit length) at surface parameters; zero at a singular point."""
        gp = module("gp")
        point, along_u, along_v = gp.gp_Pnt(), gp.gp_Vec(), gp.gp_Vec()
        self.adaptor.D1(u, v, point, along_u, along_v)
        normal = along_u.Crossed(along_v)
        turn = -1.0 if self.reversed else 1.0
        return (normal.X() * turn, normal.Y() * turn, normal.Z() * turn)


class _EdgeCollector:
    """Numbers the edges as the faces are walked, and keeps what is needed to classify them."""

    def __init__(self, surfaces: list[_Surface]) -> None:
        self.surfaces = surfaces
        self.map = new_shape_map()
        self.faces: list[list[int]] = []
        self.normals: list[list[tuple[float, float, float] | None]] = []
        self.turn: list[list[float]] = []
        self.rows: list[tuple[Any, ...]] = []
        self.borders: list[int] = []
        self.tips: dict[int, tuple[float, float, float]] = {}

    def add_face(self, index: int, face: Any) -> list[list[int]]:  # noqa: ANN401
        """Number the edges of `face`; returns its wires as lists of edge numbers, the outer one first."""
        wires = explore(face, "Wire")
        loops = []
        for wire in wires:
            loop = []
            for edge in explore(wire, "Edge"):
                number = self._number(edge)
                if number is not None:
                    self._add_side(number, index, edge)
                    loop.append(number)
            loops.append(loop)
        if len(loops) > 1:
            outer = static("BRepTools", "BRepTools", "OuterWire")(face)
            first = next((i for i, wire in enumerate(wires) if wire.IsSame(outer)), 0)
            loops.insert(0, loops.pop(first))
        return [list(dict.fromkeys(loop)) for loop in loops if loop]

    def _number(self, edge: Any) -> int | None:  # noqa: ANN401
        """The edge's number, or None for a degenerated edge (a pole, a cone's tip)."""
        number = int(self.map.FindIndex(edge)) - 1
        if number < 0:
            number = int(self.map.Add(edge)) - 1
            self.rows.append(_read_curve(edge))
            self.faces.append([])
            self.normals.append([])
            self.turn.append([])
            self.borders.append(0)
            if self.rows[number][0] is None:
                self.tips[number] = _vertex_of(edge)
        self.borders[number] += 1
        return None if self.rows[number][0] is None else number

    def _add_side(self, number: int, index: int, edge: Any) -> None:  # noqa: ANN401
        self.faces[number].append(index)
        self.turn[number].append(-1.0 if edge.Orientation() == _REVERSED else 1.0)
        surface = self.surfaces[index]
        self.normals[number].append(_freeform_normal(surface, edge) if surface.kind == Surface.FREEFORM else None)

    def finish(self, geometry: FaceGeometry) -> Edges:
        """The collected edges as arrays, with the bend at each."""
        count = len(self.rows)
        pairs = np.full((count, 2), -1, dtype=np.int64)
        for number, sides in enumerate(self.faces):
            pairs[number, : min(2, len(sides))] = sides[:2]
        kind = np.array([Curve.OTHER if row[0] is None else row[0] for row in self.rows], dtype=np.int64)
        length, radius = (np.array([row[i] for row in self.rows], dtype=float) for i in (1, 7))
        start, middle, end, tangent, centre = (_rows([row[i] for row in self.rows]) for i in (2, 3, 4, 5, 6))
        manifold = np.array(
            [row[0] is not None and len(s) == 2 and s[0] != s[1] for row, s in zip(self.rows, self.faces, strict=True)],
            dtype=bool,
        )
        bend = np.full(count, int(Bend.NONE), dtype=np.int64)
        angle, curvature = np.zeros(count), np.zeros(count)
        if manifold.any():
            first = self._normals(geometry, pairs[:, 0], middle, 0)
            second = self._normals(geometry, pairs[:, 1], middle, 1)
            oriented = tangent * self._first_turn()[:, None]
            inward = np.cross(first, oriented)
            sine, cosine = -np.einsum("ij,ij->i", second, inward), np.einsum("ij,ij->i", first, second)
            angle = np.where(manifold, np.degrees(np.arctan2(sine, cosine)), 0.0)
            defined = np.linalg.norm(first, axis=1) * np.linalg.norm(second, axis=1) > 0
            sharp = np.where(angle > 0, int(Bend.CONVEX), int(Bend.CONCAVE))
            smooth = (np.abs(angle) < SMOOTH_DEGREES) | ~defined
            bend = np.where(manifold, np.where(smooth, int(Bend.SMOOTH), sharp), int(Bend.NONE))
            across = [
                curvature_across(geometry, pairs[:, side], middle, normal, tangent)
                for side, normal in enumerate((first, second))
            ]
            curvature = np.where(manifold, across[0] + across[1], 0.0)
        return Edges(pairs, bend, angle, curvature, kind, length, start, middle, end, tangent, centre, radius)

    def written(self) -> Written:
        """How the faces and the collected edges are written."""
        faces = np.array([surface.elementary is surface.adaptor for surface in self.surfaces], dtype=bool)
        for sides in self.faces:
            faces[sides[2:]] = False
        return Written(
            faces,
            np.array([row[8] and sorted(turn) == [-1.0, 1.0] for row, turn in zip(self.rows, self.turn, strict=True)]),
            self._middle(),
            self._first_turn(),
        )

    def _middle(self) -> Floats:
        often = np.array(self.borders, dtype=float)
        ends = _rows([row[2] for row in self.rows]) + _rows([row[4] for row in self.rows])
        for number, tip in self.tips.items():
            ends[number] = 2 * np.array(tip)
        return np.asarray(often @ ends / max(1.0, 2 * often.sum()))

    def _first_turn(self) -> Floats:
        return np.array([turn[0] if turn else 1.0 for turn in self.turn])

    def _normals(self, geometry: FaceGeometry, face: Ints, point: Floats, side: int) -> Floats:
        """(m, 3) unit outward normals of each edge's face on one side, at `point`."""
        result = elementary_normals(geometry, face, point)
        for number, normals in enumerate(self.normals):
            if side < len(normals) and normals[side] is not None:
                result[number] = normals[side]
        length = np.linalg.norm(result, axis=1, keepdims=True)
        return np.asarray(result / np.where(length > 0, length, 1.0))


def curvature_across(geometry: FaceGeometry, face: Ints, point: Floats, normal: Floats, tangent: Floats) -> Floats:
    """(m,) curvature in 1/mm of each face at `point`, square to an edge's `tangent`; positive where it is convex.

    By Meusnier and Euler: around the axis of a surface of revolution it is (normal · radial) / distance from
    the axis, along the meridian that of the profile. Free-form faces curve like the ball that rolled along them,
    others count as flat.
    """
    kind, axis, sign = geometry.kind[face], geometry.axis[face], geometry.sign[face]
    offset = point - geometry.origin[face]
    from_axis = offset - np.einsum("ij,ij->i", offset, axis)[:, None] * axis
    distance = np.linalg.norm(from_axis, axis=1)
    radial = unit(from_axis)
    around = np.einsum("ij,ij->i", np.cross(normal, tangent), np.cross(axis, radial)) ** 2
    about_axis = np.einsum("ij,ij->i", normal, radial) / np.where(distance > 1e-9, distance, np.inf)
    of_tube = np.isin(kind, (Surface.TORUS, Surface.FREEFORM))
    profile_radius = np.where(of_tube, geometry.minor_radius[face], geometry.radius[face])
    curved_profile = np.isin(kind, (Surface.SPHERE, Surface.TORUS, Surface.FREEFORM))
    along_profile = np.where(curved_profile, sign / np.where(profile_radius > 0, profile_radius, np.inf), 0.0)
    flat = (kind == Surface.PLANE) | ((kind == Surface.FREEFORM) & (profile_radius == 0))
    curved = np.where(kind == Surface.FREEFORM, along_profile, around * about_axis + (1 - around) * along_profile)
    return np.asarray(np.where(flat, 0.0, curved))


def _freeform_normal(surface: _Surface, edge: Any) -> tuple[float, float, float]:  # noqa: ANN401
    """The outward normal of a free-form face at the middle of one of its edges."""
    first, last = _edge_range(edge)
    curve = curve_on_surface(edge, surface.face, first, last)
    if curve is None:
        return (0.0, 0.0, 0.0)
    at = curve.Value((first + last) / 2)
    return surface.normal_at(at.X(), at.Y())


def _edge_range(edge: Any) -> tuple[float, float]:  # noqa: ANN401
    adaptor = module("BRepAdaptor").BRepAdaptor_Curve(edge)
    return adaptor.FirstParameter(), adaptor.LastParameter()


def _vertex_of(edge: Any) -> tuple[float, float, float]:  # noqa: ANN401
    at = static("BRep", "BRep_Tool", "Pnt")(static("TopExp", "TopExp", "FirstVertex")(edge))
    return at.X(), at.Y(), at.Z()


def _read_curve(edge: Any) -> tuple[Any, ...]:  # noqa: ANN401
    """(kind, length, start, middle, end, tangent, centre, radius, whether it is just that).

    The kind is None for a degenerated edge.
    """
    zero = (0.0, 0.0, 0.0)
    if static("BRep", "BRep_Tool", "Degenerated")(edge):
        return (None, 0.0, zero, zero, zero, zero, zero, 0.0, False)
    adaptor = module("BRepAdaptor").BRepAdaptor_Curve(edge)
    kind = _CURVES.get(adaptor.GetType(), Curve.OTHER)
    is_exact = kind != Curve.OTHER
    first, last = adaptor.FirstParameter(), adaptor.LastParameter()
    gp = module("gp")
    at, direction = gp.gp_Pnt(), gp.gp_Vec()
    adaptor.D1((first + last) / 2, at, direction)
    size = direction.Magnitude()
    tangent = (direction.X() / size, direction.Y() / size, direction.Z() / size) if size > 0 else zero
    start, end = adaptor.Value(first), adaptor.Value(last)
    centre, radius = zero, 0.0
    if kind == Curve.CIRCLE:
        circle = adaptor.Circle()
        location, radius = circle.Location(), circle.Radius()
        centre, length = (location.X(), location.Y(), location.Z()), radius * (last - first)
    elif kind == Curve.LINE:
        length = last - first
    else:
        length = static("GCPnts", "GCPnts_AbscissaPoint", "Length")(adaptor)
        if adaptor.GetType() in _SPLINE_CURVES:
            kind, centre, radius, is_exact = elementary_of_spline_edge(edge)
    return (
        kind, length, (start.X(), start.Y(), start.Z()), (at.X(), at.Y(), at.Z()),
        (end.X(), end.Y(), end.Z()), tangent, centre, radius, is_exact,
    )  # fmt: skip


_REVERSED = enum_value("TopAbs", "TopAbs_Orientation", "TopAbs_REVERSED")
_SURFACES = {
    enum_value("GeomAbs", "GeomAbs_SurfaceType", f"GeomAbs_{kind.name.capitalize()}"): kind
    for kind in Surface
    if kind != Surface.FREEFORM
}
_SWEPT = [
    enum_value("GeomAbs", "GeomAbs_SurfaceType", f"GeomAbs_SurfaceOf{how}") for how in ("Revolution", "Extrusion")
]
_SPLINE_CURVES = [enum_value("GeomAbs", "GeomAbs_CurveType", f"GeomAbs_{how}Curve") for how in ("BSpline", "Bezier")]
_SPLINES = [enum_value("GeomAbs", "GeomAbs_SurfaceType", f"GeomAbs_{how}Surface") for how in ("BSpline", "Bezier")]
_CURVES = {
    enum_value("GeomAbs", "GeomAbs_CurveType", "GeomAbs_Line"): Curve.LINE,
    enum_value("GeomAbs", "GeomAbs_CurveType", "GeomAbs_Circle"): Curve.CIRCLE,
}
