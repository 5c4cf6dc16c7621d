"""The flat pattern: outline, inner loops, bend lines and blank, for one K-factor."""

import math
from dataclasses import dataclass
from itertools import groupby

import numpy as np
from shapely import LineString, Polygon, STRtree, get_coordinates, make_valid
from shapely.geometry.base import BaseGeometry
from shapely.ops import unary_union

from workers.cad.part import Floats
from workers.sheet.bend_allowance import KFactor
from workers.sheet.chart import Chart
from workers.sheet.segments import Loop, Segment, chords_of, joined, loop_area
from workers.sheet.sheet import Bend, Left, Sheet
from workers.sheet.unfold import Placed, Unfolding, lay_out

# Overlaps smaller than this share of t² are what chords of arcs leave.
OVERLAP = 0.02
TINY = 1e-9


class NotUnfoldedError(Exception):
    """The sheet cannot be laid flat; the text says why."""


@dataclass(frozen=True)
class PatternBend:
    """A bend in the flat: `lines` run along the middle of its zone, several where it is interrupted."""

    bend: Bend
    angle: float  # degrees
    k_factor: float
    allowance: float  # mm
    lines: list[Floats]  # each (2, 2)
    zone: BaseGeometry

    @property
    def length(self) -> float:
        """mm along the bend line."""
        return sum(float(np.linalg.norm(line[1] - line[0])) for line in self.lines)

    @property
    def along(self) -> Floats:
        """(2,) unit, along the bend line."""
        line = max(self.lines, key=lambda line: float(np.linalg.norm(line[1] - line[0])))
        return np.asarray((line[1] - line[0]) / max(float(np.linalg.norm(line[1] - line[0])), TINY))


@dataclass(frozen=True)
class Overlap:
    """Where the pattern lies on itself."""

    faces: list[int]
    area: float  # mm2
    point: Floats  # (2,)


@dataclass(frozen=True)
class FlatPattern:
    """The pattern seen from the side of the base, its blank's lower corner at the origin and its long side along x."""

    k_factor: KFactor
    outline: Loop
    inner: list[Loop]
    formed: list[list[Segment]]  # around what is formed, and around flats within it: not cut
    slits: list[list[Segment]]  # where what is formed is cut free of the sheet: beside a bridge
    bends: list[PatternBend]
    size: Floats  # (2,) mm of the smallest rectangle around it, longer side first
    placed: dict[int, Placed]
    faces: dict[int, Polygon]  # of each placed face
    overlaps: list[Overlap]
    left: list[Left]

    @property
    def area(self) -> float:
        """mm2 of one side of the sheet; what is formed counts as it is before that."""
        return loop_area(self.outline) + sum(loop_area(loop) for loop in self.inner)


def flat_pattern(sheet: Sheet, k_factor: KFactor) -> FlatPattern:
    """The sheet in the flat. Raises NotUnfoldedError if its outline does not close."""
    thickness = sheet.thickness
    stretch = {
        face: chart.stretch(k_factor.of(chart.radius, thickness), thickness) for face, chart in sheet.charts.items()
    }
    loops = {face: chart.loops for face, chart in sheet.charts.items()}
    found = lay_out(
        loops, stretch, sheet.joints, sheet.skins.base, thickness, k_factor.of(0.0, thickness), sheet.stamped
    )
    border = _border(sheet, found)
    closed = [loop for loop in joined(border) if loop]
    outer = [loop for loop in closed if loop_area(loop) > TINY]
    if not outer:
        raise NotUnfoldedError("the outline of the flat pattern does not close")
    outermost = max(outer, key=loop_area)
    turn, shift, size = _onto_blank(outermost)
    moved = {face: Placed(turn @ at.matrix, turn @ at.shift + shift) for face, at in found.placed.items()}

    def there(loop: Loop) -> Loop:
        return [segment.moved(turn, shift) for segment in loop]

    outline = there(outermost)
    inner: list[Loop] = []
    formed: list[list[Segment]] = []
    slits: list[list[Segment]] = []
    for loop in closed:
        if loop is outermost:
            continue
        if _borders_on(sheet, loop, sheet.formed):
            for run, is_root in _by_border(sheet, there(loop)):
                (formed if is_root else slits).append(run)
        elif loop_area(loop) < -TINY:
            inner.append(there(loop))
    for face, loops_within in sheet.blind.items():
        if face in moved:
            formed += [[s.moved(moved[face].matrix, moved[face].shift) for s in loop] for loop in loops_within]
    shapes = {face: _polygon(sheet.charts[face], at) for face, at in moved.items()}
    bridges = {joint.edge: (there([one])[0], there([two])[0]) for joint, one, two in found.bridges}
    bends = [
        flat for bend in sheet.bends if (flat := _flat_bend(sheet, bend, moved, bridges, k_factor, found)) is not None
    ]
    overlaps = _overlaps(shapes, bends, thickness, sheet.sides)
    return FlatPattern(
        k_factor, outline, inner, formed, slits, bends, size, moved, shapes, overlaps,
        [*sheet.left, *_not_reached(sheet, found)],
    )  # fmt: skip


def _border(sheet: Sheet, found: Unfolding) -> list[Segment]:
    """The borders of all placed faces but those that they are joined at, and the ends of sharp bends."""
    inside = {joint.edge for joint in found.joints}
    border = [
        segment
        for face, at in found.placed.items()
        for loop in sheet.charts[face].loops
        for segment in (s.moved(at.matrix, at.shift) for s in loop)
        if not inside.issuperset(segment.edges)
    ]
    for _, one, two in found.bridges:
        border.append(Segment(np.array([one.start, two.start]), face=one.face))
        border.append(Segment(np.array([two.end, one.end]), face=one.face))
    return border


def _borders_on(sheet: Sheet, loop: Loop, faces: set[int]) -> bool:
    return any(not faces.isdisjoint(sheet.sides[edge]) for segment in loop for edge in segment.edges)


def _by_border(sheet: Sheet, loop: Loop) -> list[tuple[list[Segment], bool]]:
    """The loop in runs that border on what is formed, True, or on cut faces, False; whole if it is one."""
    is_root = [_borders_on(sheet, [segment], sheet.formed) for segment in loop]
    first = next((at for at in range(len(loop)) if is_root[at] != is_root[at - 1]), 0)
    turned = [*zip(loop, is_root, strict=True)][first:] + [*zip(loop, is_root, strict=True)][:first]
    return [([s for s, _ in run], root) for root, run in groupby(turned, key=lambda pair: pair[1])]


def _polygon(chart: Chart, at: Placed) -> Polygon:
    rings = [chords_of([segment.moved(at.matrix, at.shift) for segment in loop]) for loop in chart.loops]
    rings = [ring for ring in rings if len(ring) > 2]
    return Polygon(rings[0], rings[1:]) if rings else Polygon()


def _flat_bend(
    sheet: Sheet,
    bend: Bend,
    placed: dict[int, Placed],
    bridges: dict[int, tuple[Segment, Segment]],
    k_factor: KFactor,
    found: Unfolding,
) -> PatternBend | None:
    """The bend where it lies in the pattern; None if it is not in it."""
    k = k_factor.of(bend.radius, sheet.thickness)
    if bend.edge >= 0:
        if bend.edge not in bridges:
            return None
        one, two = bridges[bend.edge]
        angle = next(joint.angle for joint in found.joints if joint.edge == bend.edge)
        corners = np.array([one.start, one.end, two.end, two.start])
        line = np.array([(one.start + two.start) / 2, (one.end + two.end) / 2])
        allowance = math.radians(angle) * k * sheet.thickness
        return PatternBend(bend, angle, k, allowance, [line], Polygon(corners))
    faces = [face for face in bend.faces if face in placed]
    if not faces:
        return None
    first = placed[faces[0]]
    across, along = first.matrix[:, 0] / np.linalg.norm(first.matrix[:, 0]), first.matrix[:, 1]
    zone = unary_union([make_valid(_polygon(sheet.charts[face], placed[face])) for face in faces])
    low, high = _span(zone, across)
    ends = _span(zone, along)
    middle = (low + high) / 2 * across
    through = LineString([middle + (ends[0] - 1) * along, middle + (ends[1] + 1) * along]).intersection(zone)
    lines = [np.asarray(line.coords) for line in getattr(through, "geoms", [through]) if line.length > TINY]
    per_radian = bend.radius + k * sheet.thickness
    return PatternBend(bend, math.degrees((high - low) / per_radian), k, high - low, lines, zone)


def _span(shape: BaseGeometry, direction: Floats) -> tuple[float, float]:
    heights = get_coordinates(shape) @ direction
    return float(heights.min()), float(heights.max())


def _onto_blank(outline: Loop) -> tuple[Floats, Floats, Floats]:
    """(rotation, shift, (length, width)) that lay the outline into its smallest rectangle, the longer side along x.

    The rectangle of least area around a convex polygon lies along one of its sides (Freeman and Shapira, 1975).
    """
    around = Polygon(chords_of(outline)).convex_hull
    assert isinstance(around, Polygon)
    hull = np.asarray(around.exterior.coords)
    sides = np.diff(hull, axis=0)
    angles = np.unique(np.round(np.arctan2(sides[:, 1], sides[:, 0]) % (math.pi / 2), 9))
    turned = [_rotation(-angle) for angle in angles]
    spans = np.array([np.ptp(hull @ matrix.T, axis=0) for matrix in turned])
    areas = spans.prod(axis=1)
    best = int(np.flatnonzero(areas <= areas.min() * (1 + 1e-9))[0])
    matrix = turned[best]
    if spans[best, 1] > spans[best, 0] * (1 + 1e-9):
        matrix = _rotation(math.pi / 2) @ matrix
    low, high = _box(outline, matrix)
    centre = Polygon(chords_of(outline) @ matrix.T).centroid
    if round(centre.x - (low[0] + high[0]) / 2, 4) > 0 or (
        round(centre.x - (low[0] + high[0]) / 2, 4) == 0 and round(centre.y - (low[1] + high[1]) / 2, 4) > 0
    ):
        matrix = -matrix
        low, high = _box(outline, matrix)
    return matrix, -low, high - low


def _box(outline: Loop, matrix: Floats) -> tuple[Floats, Floats]:
    tips = np.concatenate([segment.moved(matrix, np.zeros(2)).extremes() for segment in outline])
    return tips.min(axis=0), tips.max(axis=0)


def _rotation(angle: float) -> Floats:
    return np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])


def _overlaps(
    faces: dict[int, Polygon], bends: list[PatternBend], thickness: float, sides: dict[int, tuple[int, int]]
) -> list[Overlap]:
    """Places where faces of the pattern lie on one another, each with all faces there.

    Faces that meet in a sharp bend do by what they are drawn too long outside: that is no conflict.
    """
    sharp = [bend for bend in bends if not bend.bend.faces]
    shapes: list[BaseGeometry] = [make_valid(shape) for shape in [*faces.values(), *(bend.zone for bend in sharp)]]
    around = [{face} for face in faces] + [set(sides[bend.bend.edge]) for bend in sharp]
    meeting = [set(sides[bend.bend.edge]) for bend in sharp]
    regions: list[tuple[BaseGeometry, set[int]]] = []
    for one, two in sorted(map(tuple, STRtree(shapes).query(shapes, predicate="intersects").T.tolist())):
        both = around[one] | around[two]
        if one >= two or both in meeting:
            continue
        common = shapes[one].intersection(shapes[two])
        if common.area > OVERLAP * thickness**2:
            regions.append((common, both))
    if not regions:
        return []
    merged = unary_union([region for region, _ in regions])
    found = []
    for piece in polygons(merged):
        inside = set().union(*(members for region, members in regions if region.intersects(piece)))
        at = piece.representative_point()
        found.append(Overlap(sorted(inside), float(piece.area), np.array([at.x, at.y])))
    return found


def _not_reached(sheet: Sheet, found: Unfolding) -> list[Left]:
    """The faces that no bend joins to the base, and the edges where a ring of faces would have to be cut open."""
    lost = set(sheet.charts) - set(found.placed)
    left = []
    if lost:
        reason = "no bend about a straight line joins it to the rest"
        left.append(Left(sorted(lost), reason))
    if found.rings:
        around = sorted({face for joint in found.rings for face in joint.faces})
        left.append(Left(around, "faces and bends form a ring: cut it open at an edge to lay it flat"))
    return left


def polygons(shape: BaseGeometry) -> list[Polygon]:
    """The polygons that a shape consists of."""
    return [piece for piece in getattr(shape, "geoms", [shape]) if isinstance(piece, Polygon) and not piece.is_empty]
