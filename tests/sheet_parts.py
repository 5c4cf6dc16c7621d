"""Sheet metal parts built by code, whose flat patterns are known exactly. Lengths in mm, angles in degrees."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from tests.parts import Solid, Vector, block, cone, cylinder, prism, sphere
from workers.cad.binding import module

Turn = tuple[float, float]  # (degrees, inner radius); more than 0 folds up, less down


@dataclass(frozen=True)
class Strip:
    """A strip of sheet: `steps` are legs (mm) and turns, from x = 0 along x, its lower skin at z = 0 at first."""

    thickness: float
    width: float
    steps: Sequence[float | Turn]

    def solid(self) -> Solid:
        """The strip, `width` wide along y."""
        return _extruded(_profile(self.thickness, self.steps), self.width)

    def flat_length(self, k_factor: float) -> float:
        """Legs, and angle · (r + K t) for each turn."""
        return sum(
            math.radians(abs(step[0])) * (step[1] + k_factor * self.thickness) if isinstance(step, tuple) else step
            for step in self.steps
        )

    def flat_area(self, k_factor: float) -> float:
        """mm2 of one side."""
        return self.width * self.flat_length(k_factor)


Point = tuple[float, float]
Side = list[tuple[Point, Point | None, Point]]  # (from, by, to): by is a point on an arc, None for a line


def _profile(thickness: float, steps: Sequence[float | Turn]) -> Side:
    """The closed outline of a strip's section in x and z."""
    left: Side = []
    right: Side = []
    heading, at = 0.0, (0.0, thickness / 2)
    for step in steps:
        ends = [_beside(at, heading, side * thickness / 2) for side in (1, -1)]
        if isinstance(step, tuple):
            degrees, inner = step
            sense = 1 if degrees > 0 else -1
            centre = _beside(at, heading, sense * (inner + thickness / 2))
            angles = (heading + math.radians(degrees) / 2, heading + math.radians(degrees))
            heading = angles[1]
            for side, line, start in ((1, left, ends[0]), (-1, right, ends[1])):
                radius = inner + thickness / 2 - sense * side * thickness / 2
                by, to = (_beside(centre, angle, -sense * radius) for angle in angles)
                if radius > 0:
                    line.append((start, by, to))
            at = _beside(centre, heading, -sense * (inner + thickness / 2))
        else:
            at = (at[0] + step * math.cos(heading), at[1] + step * math.sin(heading))
            for line, start, side in ((left, ends[0], 1), (right, ends[1], -1)):
                line.append((start, None, _beside(at, heading, side * thickness / 2)))
    back: Side = [(to, by, start) for start, by, to in reversed(right)]
    return [*left, (left[-1][2], None, back[0][0]), *back, (back[-1][2], None, left[0][0])]


def _beside(at: Point, heading: float, distance: float) -> Point:
    """`distance` to the left of `at`, going along `heading`."""
    return at[0] - math.sin(heading) * distance, at[1] + math.cos(heading) * distance


def _extruded(outline: Side, width: float) -> Solid:
    gp, build = module("gp"), module("BRepBuilderAPI")
    wire = build.BRepBuilderAPI_MakeWire()
    for start, by, to in outline:
        ends = [gp.gp_Pnt(x, 0.0, z) for x, z in (start, to)]
        if by is None:
            wire.Add(build.BRepBuilderAPI_MakeEdge(*ends).Edge())
        else:
            arc = module("GC").GC_MakeArcOfCircle(ends[0], gp.gp_Pnt(by[0], 0.0, by[1]), ends[1]).Value()
            wire.Add(build.BRepBuilderAPI_MakeEdge(arc).Edge())
    face = build.BRepBuilderAPI_MakeFace(wire.Wire()).Face()
    return Solid(module("BRepPrimAPI").BRepPrimAPI_MakePrism(face, gp.gp_Vec(0.0, width, 0.0)).Shape())


def angle(degrees: float = 90.0, radius: float = 2.0, thickness: float = 2.0) -> Strip:
    """An L of two legs."""
    return Strip(thickness, 60.0, [50.0, (degrees, radius), 30.0])


def channel(radius: float = 2.0, thickness: float = 2.0) -> Strip:
    """A U."""
    return Strip(thickness, 80.0, [25.0, (90.0, radius), 60.0, (90.0, radius), 25.0])


def zed(radius: float = 2.0, thickness: float = 1.5) -> Strip:
    """A Z: one bend up, one down."""
    return Strip(thickness, 50.0, [30.0, (90.0, radius), 20.0, (-90.0, radius), 40.0])


def hemmed(radius: float = 1.0, thickness: float = 1.0, back: float = 8.0, degrees: float = 180.0) -> Strip:
    """A sheet with its edge folded back."""
    return Strip(thickness, 40.0, [60.0, (degrees, radius), back])


def flange(thickness: float, length: float, height: float, radius: float) -> Solid:
    """A bend of 90° up and a leg, to stand at an edge along y that starts at the origin; the leg is `height` long."""
    return Strip(thickness, length, [0.001, (90.0, radius), height]).solid()


@dataclass(frozen=True)
class Tray:
    """A base with a flange on each side, which leave the corners free: relief enough for all bends."""

    length: float = 100.0
    width: float = 80.0
    height: float = 20.0
    radius: float = 2.0
    thickness: float = 1.5
    corner: float = 4.0  # how far from its corners the base's sides are bent

    def solid(self) -> Solid:
        """The base from the origin, its lower skin at z = 0."""
        t, c = self.thickness, self.corner
        part = block(self.length, self.width, t).cut(
            *(
                block(c + 1.0, c + 1.0, t + 2.0, (x, y, -1.0))
                for x in (-1.0, self.length - c)
                for y in (-1.0, self.width - c)
            )
        )
        along_y = flange(t, self.width - 2 * c, self.height, self.radius)
        along_x = flange(t, self.length - 2 * c, self.height, self.radius)
        stands: list[tuple[Solid, float, Vector]] = [
            (along_y, 0.0, (self.length - 0.001, c, 0.0)),
            (along_y, 180.0, (0.001, self.width - c, 0.0)),
            (along_x, 90.0, (self.length - c, self.width - 0.001, 0.0)),
            (along_x, -90.0, (c, 0.001, 0.0)),
        ]
        return part.join(*(piece.moved(at, degrees=turn) for piece, turn, at in stands))

    def flat_area(self, k_factor: float) -> float:
        """mm2 of one side."""
        out = math.pi / 2 * (self.radius + k_factor * self.thickness) + self.height
        around = 2 * (self.length + self.width) - 8 * self.corner
        return self.length * self.width - 4 * self.corner**2 + around * out


def plate(length: float = 100.0, width: float = 60.0, thickness: float = 2.0) -> Solid:
    """A flat sheet from the origin."""
    return block(length, width, thickness)


def punch(diameter: float, at: Vector, direction: Vector = (0.0, 0.0, -1.0)) -> Solid:
    """What a round punch takes out: 20 mm along `direction`, centred at `at`."""
    start = (at[0] - 10 * direction[0], at[1] - 10 * direction[1], at[2] - 10 * direction[2])
    return cylinder(diameter, 20.0, start, direction)


def oval_punch(long: float, short: float, at: Vector) -> Solid:
    """An elliptic punch of these radii, 20 mm downwards, centred at `at`; its wall is no elementary surface."""
    gp = module("gp")
    top = gp.gp_Ax2(gp.gp_Pnt(at[0], at[1], at[2] - 10), gp.gp_Dir(0, 0, 1))
    edge = module("BRepBuilderAPI").BRepBuilderAPI_MakeEdge(gp.gp_Elips(top, long, short)).Edge()
    face = module("BRepBuilderAPI").BRepBuilderAPI_MakeFace(
        module("BRepBuilderAPI").BRepBuilderAPI_MakeWire(edge).Wire()
    )
    return Solid(module("BRepPrimAPI").BRepPrimAPI_MakePrism(face.Face(), gp.gp_Vec(0, 0, 20)).Shape())


def countersink(diameter: float, depth: float, at: Vector) -> Solid:
    """A cone of 90° from `at`, on the upper skin, downwards."""
    end = diameter - 2 * depth
    return cone(end, diameter + 2.0, depth + 1.0, (at[0], at[1], at[2] - depth))


def tabbed(relief: float = 0.0, depth: float = 0.0, thickness: float = 2.0, radius: float = 2.0) -> Solid:
    """A plate of 100 × 60 mm with a flange of 40 mm amid its edge; reliefs beside it reach `depth` behind the edge."""
    part = plate(100.0, 60.0, thickness)
    if relief:
        sides = (30.0 - relief, 70.0)
        part = part.cut(*(block(relief, depth + 1.0, thickness + 2.0, (x, 60.0 - depth, -1.0)) for x in sides))
    piece = flange(thickness, 40.0, 20.0, radius)
    return part.join(piece.moved((70.0, 60.0 - 0.001, 0.0), degrees=90.0))


def bridged(thickness: float = 1.0) -> Solid:
    """A plate with a strap of 10 mm pressed out of it, 3 mm high, held at both ends."""
    turn, rise = 45.0, 3.0
    slope = (rise - 2 * (1.0 + thickness / 2) * (1 - math.cos(math.radians(turn)))) / math.sin(math.radians(turn))
    bend, back = (turn, 1.0 + 0.0), (-turn, 1.0 + 0.0)
    strap = Strip(thickness, 10.0, [10.0, bend, slope, back, 12.0, back, slope, bend, 10.0])
    run = 32.0 + 4 * (1.0 + thickness / 2) * math.sin(math.radians(turn)) + 2 * slope * math.cos(math.radians(turn))
    base = plate(run + 40.0, 60.0, thickness)
    window = block(run - 20.0, 10.0, thickness + 2.0, (30.0, 25.0, -1.0))
    return base.cut(window).join(strap.solid().moved((20.0, 25.0, 0.0)))


def shallow_relief(reach: float) -> Solid:
    """A flange amid an edge that goes on beside it; its reliefs, 2 mm wide, end `reach` beyond the bend's begin."""
    part = tabbed()
    for x in (0.0, 72.0):
        part = part.join(block(28.0, 3.0, 2.0, (x, 60.0, 0.0)))
    return part.join(*(block(2.0, reach, 2.0, (x, 60.0, 0.0)) for x in (28.0, 70.0) if reach))


def obround_relieved() -> Solid:
    """`tabbed`, with reliefs of 2 mm that end round 4 mm behind the edge."""
    part = plate(100.0, 60.0, 2.0)
    for x in (28.0, 70.0):
        part = part.cut(block(2.0, 4.0, 4.0, (x, 57.0, -1.0)).join(cylinder(2.0, 4.0, (x + 1.0, 57.0, -1.0))))
    return part.join(flange(2.0, 40.0, 20.0, 2.0).moved((70.0, 60.0 - 0.001, 0.0), degrees=90.0))


def shared_relief() -> Solid:
    """A plate with two flanges of 29 mm on one edge and reliefs of 2 mm beside them, of which they share one."""
    part = plate(100.0, 60.0, 2.0).cut(*(block(2.0, 5.0, 6.0, (x, 56.0, -1.0)) for x in (18.0, 49.0, 80.0)))
    pieces = [flange(2.0, 29.0, 20.0, 2.0).moved((x, 60.0 - 0.001, 0.0), degrees=90.0) for x in (49.0, 80.0)]
    return part.join(*pieces)


def collared(x: float = 40.0) -> Solid:
    """A plate of 80 × 60 × 1 mm with a hole of 6 mm in a collar that is 3 mm high."""
    return plate(80.0, 60.0, 1.0).join(cylinder(7.2, 4.0, (x, 30.0, 0.0))).cut(punch(6.0, (x, 30.0, 1.0)))


def dimpled() -> Solid:
    """A plate of 80 × 60 × 1 mm with a dome of 6 mm pressed into it, drawn without a rounding."""
    both = [sphere(2 * radius, (40.0, 30.0, -6.0)) for radius in (13.0, 12.0)]
    below = block(80.0, 60.0, 30.0, (0.0, 0.0, -29.5))
    return plate(80.0, 60.0, 1.0).join(both[0].cut(below)).cut(both[1].cut(block(80.0, 60.0, 30.0, (0.0, 0.0, -31.0))))


def half_sheared() -> Solid:
    """A plate of 80 × 60 × 2 mm with a button of 8 mm pushed up by half its thickness."""
    return plate(80.0, 60.0, 2.0).join(cylinder(8.0, 3.0, (40.0, 30.0, 0.0))).cut(cylinder(8.0, 1.0, (40.0, 30.0, 0.0)))


def lanced() -> Solid:
    """A plate of 80 × 60 × 1 mm with a tab of 10 mm that is bent up out of a window of 22 × 14 mm."""
    window = block(22.0, 14.0, 5.0, (30.0, 23.0, -1.0))
    return plate(80.0, 60.0, 1.0).cut(window).join(flange(1.0, 10.0, 15.0, 1.0).moved((30.0 - 0.001, 25.0, 0.0)))


def louvred() -> Solid:
    """A plate of 100 × 60 × 1 mm with a louvre of 32 mm, drawn sharp: a slope and two sides, open along y = 36."""
    rise, run = 4.0, 10.0
    lean = math.atan2(rise, run)
    back, top = math.tan(lean / 2), rise + 1.0 / math.cos(lean)
    outside = prism([(-back, 1.0), (run, 1.0), (run, top)], 32.0)
    inside = prism([(0.0, 0.0), (run, 0.0), (run, rise)], 30.0)
    around = (1.0, 1.0, 1.0)  # by 120°: x becomes y, y becomes z
    return (
        plate(thickness=1.0).join(outside.moved((29.0, 26.0, 0.0), around, 120.0))
        .cut(inside.moved((30.0, 26.0, 0.0), around, 120.0))
    )  # fmt: skip


def tube(gap: float) -> Solid:
    """A round tube of 40 × 1 mm, 100 mm long, with a seam that is open by `gap`."""
    ring = cylinder(40.0, 100.0, (0.0, 0.0, 0.0)).cut(cylinder(38.0, 104.0, (0.0, 0.0, -2.0)))
    return ring.cut(block(30.0, gap, 104.0, (0.0, -gap / 2, -2.0))) if gap else ring


def square_tube() -> Solid:
    """A closed tube of 40 × 30 × 1.5 mm, drawn sharp, 100 mm long."""
    return block(40.0, 30.0, 100.0).cut(block(37.0, 27.0, 104.0, (1.5, 1.5, -2.0)))


def notched_and_tabbed() -> Solid:
    """A plate of 100 × 60 × 2 mm: notches of 6 × 9 mm, 5 × 7 mm and one with a point, tabs of 8 × 6 mm and 6 × 6 mm."""
    cuts = [block(6.0, 10.0, 6.0, (20.0, -1.0, -1.0)), block(5.0, 8.0, 6.0, (60.0, 53.0, -1.0))]
    point = prism([(80.0, 60.0), (90.0, 60.0), (85.0, 50.0)], 6.0, (0.0, 0.0, -1.0))
    tabs = [block(8.0, 6.0, 2.0, (45.0, 60.0, 0.0)), block(6.0, 6.0, 2.0, (-6.0, 20.0, 0.0))]
    return plate().cut(*cuts, point).join(*tabs)
