"""Bend reliefs: what is cut beside the end of a bend that does not run out to the edge."""

import math
from dataclasses import dataclass

import numpy as np
from shapely import LineString, Point, Polygon, get_coordinates
from shapely.geometry.base import BaseGeometry

from workers.cad.part import Floats
from workers.sheet.layout import Beyond

# As shares of the thickness: how far off a tangent one looks, and from where on there is nothing beside a bend.
OFF = 0.1
FAR = 20.0
NOTHING = 1e-3  # mm
ALIKE = 0.99  # cosine between bends that run the same way


@dataclass(frozen=True)
class Relief:
    """Beside one end of a bend: mm wide, 0 if it is missing, and deep, from the flange's outside.

    `bend` is the number of the bend; `place` is about where in the pattern it is, None if it is missing.
    """

    bend: int
    width: float
    depth: float
    place: Polygon | None = None


def reliefs_of(material: BaseGeometry, bends: list[Beyond], thickness: float) -> list[Relief]:
    """The reliefs of the bends of a pattern, at those of their ends where sheet goes on beside them.

    A relief reaches the bend at t + R behind the flange's outside.
    """
    return [relief for number in range(len(bends)) for relief in _Ends(material, bends, number, thickness).reliefs()]


@dataclass(frozen=True)
class _Ends:
    """The ends of one bend, and the sheet around them."""

    material: BaseGeometry
    bends: list[Beyond]
    number: int
    thickness: float

    def reliefs(self) -> list[Relief]:
        """One for each end and side of the bend that needs one."""
        one = self.bends[self.number]
        along = one.bend.along
        across = get_coordinates(one.bend.zone) @ one.outwards
        found = []
        for line in one.bend.lines:
            ends = sorted(float(point @ along) for point in line)
            for end, beside in ((ends[0], -along), (ends[1], along)):
                for level, inwards in ((float(across.min()), -one.outwards), (float(across.max()), one.outwards)):
                    relief = self._relief(end * along + level * one.outwards, beside, inwards)
                    if relief is not None:
                        found.append(relief)
        return found

    def _relief(self, corner: Floats, beside: Floats, inwards: Floats) -> Relief | None:
        """Beside the corner of the bend's zone; None if it needs none there. `inwards` leads into the flat."""
        bend, thickness = self.bends[self.number].bend, self.thickness
        off = OFF * thickness
        flat = self._free(corner + off * inwards, beside)
        if math.isinf(flat):
            return None
        met = Point(corner + off * inwards + off * beside)
        if flat < NOTHING and (self._meets_another(met) or self._is_in_corner(Point(corner))):
            return None  # two bends meet in a corner: corner_relief has it
        at_bend = self._free(corner - off * inwards, beside)
        if math.isinf(at_bend) and inwards @ self.bends[self.number].outwards > 0:
            return None  # a flange that is wider than its bend, as at a closed corner: what overhangs is not held
        if not math.isinf(at_bend) and bend.zone.distance(Point(corner - off * inwards + (at_bend + off) * beside)) < (
            NOTHING
        ):
            return None  # the same bend goes on beyond an opening
        start = corner - bend.allowance * inwards
        full = thickness + bend.bend.radius
        if flat > NOTHING:
            reach = self._free(corner + min(flat / 2, thickness / 4) * beside, inwards)
            place = None if math.isinf(reach) else _rectangle(start, flat * beside, (bend.allowance + reach) * inwards)
            return Relief(self.number, flat, full + reach, place)
        if at_bend > NOTHING:
            width = 0.0 if math.isinf(at_bend) else at_bend
            place = _rectangle(start, width * beside, bend.allowance * inwards) if width else None
            return Relief(self.number, width, full, place)
        held = self._held(corner + 2 * NOTHING * beside, -inwards)
        open_ = bend.allowance - held
        width = self._free(corner - (held + min(off, open_ / 2)) * inwards, beside) if open_ > NOTHING else 0.0
        if width < NOTHING or math.isinf(width):
            return Relief(self.number, 0.0, 0.0)
        return Relief(self.number, width, full - held, _rectangle(start, width * beside, open_ * inwards))

    def _meets_another(self, at: Point) -> bool:
        own = self.bends[self.number]
        return any(other is not own and other.bend.zone.distance(at) < NOTHING for other in self.bends)

    def _is_in_corner(self, at: Point) -> bool:
        """Whether another bend, square to this one or at another angle, begins within a thickness."""
        own = self.bends[self.number]
        across = [other for other in self.bends if abs(float(other.bend.along @ own.bend.along)) < ALIKE]
        return any(other.bend.zone.distance(at) < self.thickness for other in across)

    def _held(self, start: Floats, direction: Floats) -> float:
        """mm from a point in the material to where it ends in a direction, at most as far as one looks."""
        along = self.material.intersection(LineString([start, start + direction * FAR * self.thickness]))
        pieces = [(get_coordinates(piece) - start) @ direction for piece in getattr(along, "geoms", [along])]
        return max((float(piece.max()) for piece in pieces if len(piece) and piece.min() < NOTHING), default=0.0)

    def _free(self, start: Floats, direction: Floats) -> float:
        """mm from a point to the next material in a direction, infinite if it is far; 0 if it begins in material."""
        first, last = start + direction * NOTHING / 2, start + direction * FAR * self.thickness
        met = self.material.intersection(LineString([first, last]))
        if met.is_empty:
            return math.inf
        distance = float(np.min((get_coordinates(met) - start) @ direction))
        return 0.0 if distance < NOTHING else distance


def _rectangle(corner: Floats, one: Floats, two: Floats) -> Polygon:
    return Polygon([corner, corner + one, corner + one + two, corner + two])
