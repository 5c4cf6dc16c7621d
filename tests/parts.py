"""Parts built by code, each with features and defects of known size. Lengths in mm, angles in degrees.

A part starts as a block whose lower corner is the origin; tools are cut from it or joined to it.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workers.cad.binding import downcast, enum_value, module, new_shape_map, static

Vector = tuple[float, float, float]

UP: Vector = (0.0, 0.0, 1.0)
DOWN: Vector = (0.0, 0.0, -1.0)
DRILL_POINT_DEGREES = 118.0
BREAK_THROUGH = 1.0  # how far a cutting tool reaches beyond the face that it enters by


@dataclass(frozen=True)
class Solid:
    """A kernel shape with the operations that the tests need; every operation gives a new solid."""

    shape: Any

    def cut(self, *tools: "Solid") -> "Solid":
        """This solid without the tools."""
        shape = self.shape
        for tool in tools:
            shape = module("BRepAlgoAPI").BRepAlgoAPI_Cut(shape, tool.shape).Shape()
        return Solid(shape)

    def join(self, *others: "Solid") -> "Solid":
        """This solid and the others as one, without seams between flush faces."""
        shape = self.shape
        for other in others:
            shape = module("BRepAlgoAPI").BRepAlgoAPI_Fuse(shape, other.shape).Shape()
        unify = module("ShapeUpgrade").ShapeUpgrade_UnifySameDomain(shape, True, True, True)
        unify.Build()
        return Solid(unify.Shape())

    def moved(self, by: Vector = (0.0, 0.0, 0.0), axis: Vector = UP, degrees: float = 0.0) -> "Solid":
        """Turned about an axis through the origin, then shifted."""
        turn, shift = _transformation(), _transformation()
        turn.SetRotation(_axis((0.0, 0.0, 0.0), axis), math.radians(degrees))
        shift.SetTranslation(_vector(by))
        return self._transformed(shift.Multiplied(turn))

    def mirrored(self) -> "Solid":
        """Mirrored at the plane x = 0."""
        gp = module("gp")
        mirror = _transformation()
        mirror.SetMirror(gp.gp_Ax2(gp.gp_Pnt(0.0, 0.0, 0.0), gp.gp_Dir(1.0, 0.0, 0.0)))
        return self._transformed(mirror)

    def scaled(self, factor: float) -> "Solid":
        """Every length times `factor`."""
        scale = _transformation()
        scale.SetScale(_point((0.0, 0.0, 0.0)), factor)
        return self._transformed(scale)

    def renumbered(self, order: Sequence[int]) -> "Solid":
        """The same solid with its faces in another order: face `order[i]` comes at place i."""
        faces = shapes_of(self.shape, "FACE")
        sewing = module("BRepBuilderAPI").BRepBuilderAPI_Sewing(1e-6)
        for index in order:
            sewing.Add(faces[index])
        sewing.Perform()
        shell = downcast("Shell")(shapes_of(sewing.SewedShape(), "SHELL")[0])
        solid = module("BRepBuilderAPI").BRepBuilderAPI_MakeSolid(shell).Solid()
        static("BRepLib", "BRepLib", "OrientClosedSolid")(solid)
        return Solid(solid)

    def _transformed(self, transformation: Any) -> "Solid":  # noqa: ANN401
        return Solid(module("BRepBuilderAPI").BRepBuilderAPI_Transform(self.shape, transformation, True).Shape())

    def round_edges(self, radius: float, direction: Vector) -> "Solid":
        """All straight edges along `direction` rounded."""
        fillet = module("BRepFilletAPI").BRepFilletAPI_MakeFillet(self.shape)
        for edge in _edges_along(self.shape, direction):
            fillet.Add(radius, edge)
        return Solid(fillet.Shape())

    def round_edges_at_height(self, radius: float, height: float) -> "Solid":
        """All edges that lie wholly at one height rounded."""
        fillet = module("BRepFilletAPI").BRepFilletAPI_MakeFillet(self.shape)
        for edge in _edges_at_height(self.shape, height):
            fillet.Add(radius, edge)
        return Solid(fillet.Shape())

    def round_edges_off_heights(self, radius: float, heights: tuple[float, ...]) -> "Solid":
        """All edges that lie wholly at none of the heights rounded."""
        fillet = module("BRepFilletAPI").BRepFilletAPI_MakeFillet(self.shape)
        level = [edge for height in heights for edge in _edges_at_height(self.shape, height)]
        for edge in _edges(self.shape):
            if not any(edge.IsSame(other) for other in level):
                fillet.Add(radius, edge)
        return Solid(fillet.Shape())

    def chamfer_edges_at_height(self, width: float, height: float) -> "Solid":
        """All edges that lie wholly at one height broken at 45°."""
        chamfer = module("BRepFilletAPI").BRepFilletAPI_MakeChamfer(self.shape)
        for edge in _edges_at_height(self.shape, height):
            chamfer.Add(width, edge)
        return Solid(chamfer.Shape())

    def write_step(self, path: Path, unit: str = "MM", schema: str = "AP214IS") -> Path:
        """Write the solid to `path`, in `MM`, `INCH`, `M`, … and by `AP203`, `AP242DIS`, …; returns the path."""
        setting = static("Interface", "Interface_Static", "SetCVal")
        setting("write.step.unit", unit)
        setting("write.step.schema", schema)
        writer = module("STEPControl").STEPControl_Writer()
        writer.Transfer(self.shape, enum_value("STEPControl", "STEPControl_StepModelType", "STEPControl_AsIs"))
        writer.Write(str(path))
        setting("write.step.unit", "MM")
        setting("write.step.schema", "AP214IS")
        return path

    def write_brep(self, path: Path) -> Path:
        """Write the solid to `path` in the kernel's own format, which has no unit; returns the path."""
        static("BRepTools", "BRepTools", "Write")(self.shape, str(path))
        return path


def block(length: float, width: float, height: float, at: Vector = (0.0, 0.0, 0.0)) -> Solid:
    """A box with its lower corner at `at`."""
    return Solid(module("BRepPrimAPI").BRepPrimAPI_MakeBox(_point(at), length, width, height).Shape())


def cylinder(diameter: float, length: float, at: Vector, direction: Vector = UP) -> Solid:
    """A cylinder that grows from the centre `at` along `direction`."""
    return Solid(module("BRepPrimAPI").BRepPrimAPI_MakeCylinder(_frame(at, direction), diameter / 2, length).Shape())


def cone(diameter: float, end_diameter: float, length: float, at: Vector, direction: Vector = UP) -> Solid:
    """A (truncated) cone from `diameter` at `at` to `end_diameter` at its end."""
    make = module("BRepPrimAPI").BRepPrimAPI_MakeCone
    return Solid(make(_frame(at, direction), diameter / 2, end_diameter / 2, length).Shape())


def prism(corners: Sequence[tuple[float, float]], height: float, at: Vector = (0.0, 0.0, 0.0)) -> Solid:
    """A polygon in the plane z = 0, raised by `height` and shifted to `at`."""
    polygon = module("BRepBuilderAPI").BRepBuilderAPI_MakePolygon()
    for x, y in corners:
        polygon.Add(_point((x + at[0], y + at[1], at[2])))
    polygon.Close()
    face = module("BRepBuilderAPI").BRepBuilderAPI_MakeFace(polygon.Wire()).Face()
    return Solid(module("BRepPrimAPI").BRepPrimAPI_MakePrism(face, _vector((0.0, 0.0, height))).Shape())


def drill(diameter: float, depth: float, at: Vector, direction: Vector = DOWN, *, point: bool = True) -> Solid:
    """What a drill removes: entered at `at`, `depth` deep to the shoulder, with a 118° point unless told not to."""
    entry = _along(at, direction, -BREAK_THROUGH)
    bore = cylinder(diameter, depth + BREAK_THROUGH, entry, direction)
    if not point:
        return bore
    tip = diameter / 2 / math.tan(math.radians(DRILL_POINT_DEGREES / 2))
    return bore.join(cone(diameter, 0.0, tip, _along(at, direction, depth), direction))


def pocket(length: float, width: float, depth: float, at: Vector, corner: float = 0.0, floor: float = 0.0) -> Solid:
    """What an end mill removes from above: `at` is the middle of the mouth; corner and floor radii may be 0."""
    x, y, z = at
    tool = block(length, width, depth + BREAK_THROUGH, (x - length / 2, y - width / 2, z - depth))
    if corner:
        tool = tool.round_edges(corner, UP)
    return tool.round_edges_at_height(floor, z - depth) if floor else tool


def drafted_pocket(
    length: float, width: float, depth: float, draft: float, at: Vector, corner: float = 0.0, floor: float = 0.0
) -> Solid:
    """A pocket whose walls lean outwards by `draft` degrees; `length` and `width` are those of its floor."""
    x, y, z = at
    tool = module("BRepOffsetAPI").BRepOffsetAPI_ThruSections(True, True)
    for level in (0.0, depth + BREAK_THROUGH):
        grow = level * math.tan(math.radians(draft))
        half = (length / 2 + grow, width / 2 + grow)
        polygon = module("BRepBuilderAPI").BRepBuilderAPI_MakePolygon()
        for sx, sy in ((-1, -1), (1, -1), (1, 1), (-1, 1)):
            polygon.Add(_point((x + sx * half[0], y + sy * half[1], z - depth + level)))
        polygon.Close()
        tool.AddWire(polygon.Wire())
    solid = Solid(tool.Shape())
    if corner:
        level_edges = (z - depth, z + BREAK_THROUGH)
        solid = solid.round_edges_off_heights(corner, level_edges)
    return solid.round_edges_at_height(floor, z - depth) if floor else solid


def bracket() -> Solid:
    """The sample part: a milled bracket with one of many common mistakes each; scripts/make_sample.py writes it."""
    base = block(120.0, 80.0, 30.0).round_edges(6.0, UP)
    return base.cut(
        pocket(50.0, 40.0, 22.0, (40.0, 40.0, 30.0), corner=3.0, floor=1.0),  # corners too tight for 22 mm
        pocket(20.0, 12.0, 6.0, (95.0, 60.0, 30.0)),  # sharp corners
        pocket(4.0, 30.0, 20.0, (70.7, 40.0, 30.0)),  # 5 times as deep as wide, 3.7 mm from the pocket
        pocket(30.0, 12.0, 25.0, (40.0, 73.4, 30.0), corner=4.0),  # leaves a wall of 0.6 mm
        drill(3.0, 24.0, (100.0, 20.0, 30.0)),  # 8 diameters deep
        drill(8.0, 12.0, (85.0, 15.0, 30.0), point=False),  # flat bottom
        drill(6.35, 40.0, (112.0, 40.0, 30.0), point=False),  # a quarter of an inch: no metric drill
        drill(6.6, 40.0, (10.0, 12.0, 30.0), point=False),  # clearance hole for M6 …
        drill(11.0, 6.5, (10.0, 12.0, 30.0), point=False),  # … with its counterbore
    )


def _along(at: Vector, direction: Vector, distance: float) -> Vector:
    return (at[0] + direction[0] * distance, at[1] + direction[1] * distance, at[2] + direction[2] * distance)


def _point(at: Vector) -> Any:  # noqa: ANN401
    return module("gp").gp_Pnt(*at)


def _vector(by: Vector) -> Any:  # noqa: ANN401
    return module("gp").gp_Vec(*by)


def _axis(at: Vector, direction: Vector) -> Any:  # noqa: ANN401
    return module("gp").gp_Ax1(_point(at), module("gp").gp_Dir(*direction))


def _frame(at: Vector, direction: Vector) -> Any:  # noqa: ANN401
    return module("gp").gp_Ax2(_point(at), module("gp").gp_Dir(*direction))


def _transformation() -> Any:  # noqa: ANN401
    return module("gp").gp_Trsf()


def shapes_of(shape: Any, kind: str) -> list[Any]:  # noqa: ANN401
    """The distinct sub-shapes of one kind (`FACE`, `EDGE`, …)."""
    found = new_shape_map()
    static("TopExp", "TopExp", "MapShapes")(shape, enum_value("TopAbs", "TopAbs_ShapeEnum", f"TopAbs_{kind}"), found)
    return [found.FindKey(i) for i in range(1, found.Size() + 1)]


def _edges(shape: Any) -> list[Any]:  # noqa: ANN401
    return [downcast("Edge")(edge) for edge in shapes_of(shape, "EDGE")]


def _ends(edge: Any) -> tuple[Any, Any, Any]:  # noqa: ANN401
    curve = module("BRepAdaptor").BRepAdaptor_Curve(edge)
    first, last = curve.FirstParameter(), curve.LastParameter()
    return curve.Value(first), curve.Value((first + last) / 2), curve.Value(last)


def _edges_along(shape: Any, direction: Vector) -> list[Any]:  # noqa: ANN401
    chosen = []
    for edge in _edges(shape):
        start, _middle, end = _ends(edge)
        span = (end.X() - start.X(), end.Y() - start.Y(), end.Z() - start.Z())
        length = math.hypot(*span)
        if length > 0 and abs(sum(s * d for s, d in zip(span, direction, strict=True))) > 0.999 * length:
            chosen.append(edge)
    return chosen


def _edges_at_height(shape: Any, height: float) -> list[Any]:  # noqa: ANN401
    return [edge for edge in _edges(shape) if all(abs(point.Z() - height) < 1e-6 for point in _ends(edge))]


def turned(profile: Sequence[tuple[float, float]]) -> Solid:
    """A body of revolution about the z axis: corners (height, radius) of its half profile, which is closed.

    An edge of the profile that lies on the axis sweeps no face.
    """
    polygon = module("BRepBuilderAPI").BRepBuilderAPI_MakePolygon()
    for height, radius in profile:
        polygon.Add(_point((radius, 0.0, height)))
    polygon.Close()
    face = module("BRepBuilderAPI").BRepBuilderAPI_MakeFace(polygon.Wire()).Face()
    make = module("BRepPrimAPI").BRepPrimAPI_MakeRevol
    return Solid(make(face, _axis((0.0, 0.0, 0.0), UP)).Shape())


def shaft(*stages: tuple[float, float]) -> Solid:
    """A solid shaft of (diameter, length) stages, upwards from the origin."""
    profile, height = [(0.0, 0.0)], 0.0
    for diameter, length in stages:
        profile += [(height, diameter / 2), (height + length, diameter / 2)]
        height += length
    return turned([*profile, (height, 0.0)])


def ring(outer: float, inner: float, width: float, height: float = 0.0) -> Solid:
    """A ring about the z axis between two diameters, `width` along the axis from `height`: what a groove tool cuts."""
    return turned([(height, inner / 2), (height, outer / 2), (height + width, outer / 2), (height + width, inner / 2)])


def sphere(diameter: float, at: Vector) -> Solid:
    """A ball around `at`."""
    return Solid(module("BRepPrimAPI").BRepPrimAPI_MakeSphere(_point(at), diameter / 2).Shape())


def torus(diameter: float, section: float, height: float = 0.0) -> Solid:
    """A round ring about the z axis: `diameter` to the middle of its round section, at `height`."""
    make = module("BRepPrimAPI").BRepPrimAPI_MakeTorus
    return Solid(make(_frame((0.0, 0.0, height), UP), diameter / 2, section / 2).Shape())


def hexagon(across_flats: float, length: float, height: float = 0.0) -> Solid:
    """A hexagonal prism about the z axis."""
    radius = across_flats / math.sqrt(3)
    corners = [(radius * math.cos(i * math.pi / 3), radius * math.sin(i * math.pi / 3)) for i in range(6)]
    return prism(corners, length, (0.0, 0.0, height))


def halved(solid: Solid) -> Solid:
    """The same solid with every face of revolution split at the plane y = 0, as many CAD systems write them."""
    side = 1e4
    halves = [block(2 * side, side, 2 * side, (-side, -side * low, -side)) for low in (0.0, 1.0)]
    pieces = [module("BRepAlgoAPI").BRepAlgoAPI_Common(solid.shape, half.shape).Shape() for half in halves]
    return Solid(module("BRepAlgoAPI").BRepAlgoAPI_Fuse(*pieces).Shape())


def egg(diameter: float, length: float, height: float = 0.0) -> Solid:
    """An ellipsoid about the z axis from `height` upwards: a surface of revolution of no elementary kind."""
    gp = module("gp")
    middle = (0.0, 0.0, height + length / 2)
    frame = gp.gp_Ax2(_point(middle), gp.gp_Dir(0.0, 1.0, 0.0), gp.gp_Dir(0.0, 0.0, 1.0))
    ellipse = gp.gp_Elips(frame, length / 2, diameter / 2)
    arc = module("BRepBuilderAPI").BRepBuilderAPI_MakeEdge(ellipse, 0.0, math.pi).Edge()
    ends = _point((0.0, 0.0, height)), _point((0.0, 0.0, height + length))
    line = module("BRepBuilderAPI").BRepBuilderAPI_MakeEdge(*ends).Edge()
    wire = module("BRepBuilderAPI").BRepBuilderAPI_MakeWire(arc, line).Wire()
    face = module("BRepBuilderAPI").BRepBuilderAPI_MakeFace(wire).Face()
    solid = module("BRepPrimAPI").BRepPrimAPI_MakeRevol(face, _axis((0.0, 0.0, 0.0), UP)).Shape()
    static("BRepLib", "BRepLib", "OrientClosedSolid")(downcast("Solid")(solid))
    return Solid(solid)


def around_z(tool: Solid, count: int) -> list[Solid]:
    """`count` copies of a tool, evenly spread around the z axis."""
    return [tool.moved(degrees=360.0 * number / count) for number in range(count)]


def in_pieces(solid: Solid, degrees: float) -> Solid:
    """The same solid, its faces of revolution cut into pieces of at most `degrees`, as many CAD systems write them."""
    divide = module("ShapeUpgrade").ShapeUpgrade_ShapeDivideAngle(math.radians(degrees) + 1e-6, solid.shape)
    divide.Perform()
    return Solid(divide.Result())


def as_splines(solid: Solid) -> Solid:
    """The same solid, every surface and curve written as a B-spline."""
    return Solid(module("BRepBuilderAPI").BRepBuilderAPI_NurbsConvert(solid.shape, True).Shape())
