"""Quantities of bend reliefs: what is cut beside the end of a bend that does not run out to the edge."""

import math
from dataclasses import dataclass

import numpy as np
from shapely import LineString, Point, get_coordinates
from shapely.geometry.base import BaseGeometry

from workers.cad.part import Floats
from workers.rules.measurement import Change, ChangeTo, Measurement
from workers.rules.quantities.registry import Subject, quantity
from workers.rules.quantities.sheet_parts import bend_faces, laid_flat, measured
from workers.rules.rule_file import Rule
from workers.sheet.laid import Laid
from workers.sheet.layout import Beyond

# As shares of the thickness: how far off a tangent one looks, and from where on there is nothing beside a bend.
OFF = 0.1
FAR = 20.0
NOTHING = 1e-3  # mm
ALIKE = 0.99  # cosine between bends that run the same way


@dataclass(frozen=True)
class Relief:
    """Beside one end of a bend: mm wide, 0 if it is missing, and deep, from the flange's outside."""

    width: float
    depth: float


@quantity("relief_width")
def relief_width(subject: Subject, _rule: Rule) -> list[Measurement]:
    """Width in mm of the narrowest relief of each bend that needs one, 0 where it is missing. Detail: `thickness`."""
    laid = laid_flat(subject)
    found = []
    for one in laid.bends:
        if reliefs := reliefs_of(laid, one):
            width = min(relief.width for relief in reliefs)
            thickness = laid.sheet.thickness
            found.append(measured(subject, width, bend_faces(laid, one), _wider(width), thickness=thickness))
    return found


@quantity("relief_depth")
def relief_depth(subject: Subject, _rule: Rule) -> list[Measurement]:
    """Depth in mm of the shallowest relief of each bend, from the flange's outside; missing ones do not count.

    Detail: `thickness_and_radius`, at which it reaches where the bend begins.
    """
    laid = laid_flat(subject)
    found = []
    for one in laid.bends:
        if depths := [relief.depth for relief in reliefs_of(laid, one) if relief.width > NOTHING]:
            needed = laid.sheet.thickness + one.bend.bend.radius
            change = _deeper(min(depths))
            found.append(measured(subject, min(depths), bend_faces(laid, one), change, thickness_and_radius=needed))
    return found


def _wider(width: float) -> ChangeTo:
    def change(limit: float) -> Change:
        text = f"cut a relief {limit:.2f} mm wide" if width < NOTHING else f"widen the relief to {limit:.2f} mm"
        return Change(text, "width", width, limit)

    return change


def _deeper(depth: float) -> ChangeTo:
    def change(limit: float) -> Change:
        return Change(f"make the relief {limit - depth:.2f} mm deeper (to {limit:.2f} mm)", "depth", depth, limit)

    return change


def reliefs_of(laid: Laid, one: Beyond) -> list[Relief]:
    """The reliefs that a bend has or lacks, at either end and on either side of it."""
    zone, along = one.bend.zone, one.bend.along
    across = get_coordinates(zone) @ one.outwards
    found = []
    for line in one.bend.lines:
        ends = sorted(float(point @ along) for point in line)
        for end, beside in ((ends[0], -along), (ends[1], along)):
            for level, inwards in ((float(across.min()), -one.outwards), (float(across.max()), one.outwards)):
                corner = end * along + level * one.outwards
                relief = _relief(laid, one, corner, beside, inwards)
                if relief is not None:
                    found.append(relief)
    return found


def _relief(laid: Laid, one: Beyond, corner: Floats, beside: Floats, inwards: Floats) -> Relief | None:
    """What is beside the corner of a bend's zone; None if it needs no relief there. `inwards` leads into the flat."""
    thickness, radius = laid.sheet.thickness, one.bend.bend.radius
    off = OFF * thickness
    flat = _free(laid.material, corner + off * inwards, beside, thickness)
    if math.isinf(flat):
        return None
    if flat < NOTHING and _meets_another(laid, one, Point(corner + off * inwards + off * beside)):
        return None  # two bends meet in a corner: corner_relief has it
    bend = _free(laid.material, corner - off * inwards, beside, thickness)
    if not math.isinf(bend) and one.bend.zone.distance(Point(corner - off * inwards + (bend + off) * beside)) < NOTHING:
        return None  # the same bend goes on beyond an opening
    full = thickness + radius
    if flat > NOTHING:
        reach = _free(laid.material, corner + min(flat / 2, thickness / 4) * beside, inwards, thickness)
        return Relief(flat, full + reach)
    if bend > NOTHING:
        return Relief(0.0 if math.isinf(bend) else bend, full)
    start = corner - one.bend.allowance * inwards
    deeper = _free(laid.material, start + off * inwards, beside, thickness)
    if deeper <= NOTHING or math.isinf(deeper):
        return Relief(0.0, 0.0)
    reach = _free(laid.material, start + min(deeper / 2, thickness / 4) * beside, inwards, thickness)
    return Relief(deeper, full - (one.bend.allowance - reach))


def _meets_another(laid: Laid, one: Beyond, at: Point) -> bool:
    return any(other is not one and other.bend.zone.distance(at) < NOTHING for other in laid.bends)


@quantity("corner_relief")
def corner_relief(subject: Subject, rule: Rule) -> list[Measurement]:
    """Distance in mm between two bends that meet in a corner of a flat. Detail: `thickness`."""
    laid = laid_flat(subject)
    thickness = laid.sheet.thickness
    within = max((level.value or 0.0) for level in rule.limits[subject.limits]) * thickness
    found = []
    for number, one in enumerate(laid.bends):
        for other in laid.bends[number + 1 :]:
            distance = float(one.bend.zone.distance(other.bend.zone))
            if distance < within and abs(float(one.bend.along @ other.bend.along)) < ALIKE:
                faces = [*bend_faces(laid, one), *bend_faces(laid, other)]
                found.append(measured(subject, distance, faces, _wider(distance), thickness=thickness))
    return found


def _free(material: BaseGeometry, start: Floats, direction: Floats, thickness: float) -> float:
    """mm from a point to the next material in a direction, infinite if it is far; 0 if it begins in material."""
    first, last = start + direction * NOTHING / 2, start + direction * FAR * thickness
    met = material.intersection(LineString([first, last]))
    if met.is_empty:
        return math.inf
    distance = float(np.min((get_coordinates(met) - start) @ direction))
    return 0.0 if distance < NOTHING else distance
