"""Holes: another diameter, less depth, a drill's point at the bottom."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from workers.cad.edit.body import Body
from workers.cad.edit.booleans import cut, joined
from workers.cad.edit.errors import EditError
from workers.cad.edit.tools import drill_point_length, turned
from workers.cad.part import Bend, Floats, Surface
from workers.fixes.candidate import ADDS, PAST_THE_LIMIT_MM, REMOVES, Box, Candidate
from workers.fixes.registry import NoEditError, recipe
from workers.fixes.situation import JsonObject, Situation, direction_of

SAME_MM = 1e-3
PARALLEL = 1 - 1e-6
POINT_DEGREES = 118.0
WIDER_MM, WIDER = 0.05, 0.05


@dataclass(frozen=True)
class Bore:
    """The narrowest cylinder of a hole; `at` is a point of its axis, `out` the way out of it."""

    at: Floats
    out: Floats
    radius: float
    low: float  # along `out`, from `at`
    high: float
    faces: list[int]
    tip: float  # mm from `low` to the tip of the cone that it ends in, 0 if it has none
    bottom: int  # the flat face that it ends in, -1 if it has none
    open_below: bool
    overshoot: tuple[float, float]  # mm that a tool must go beyond its ends to clear faces that are not square

    def place(self, height: float) -> Floats:
        """(3,) on the axis."""
        return np.asarray(self.at + height * self.out)

    def volume(self, length: float) -> float:
        """mm3."""
        return float(np.pi * self.radius**2 * length)


def bore_of(situation: Situation, finding: JsonObject) -> Bore:
    """The narrowest bore of the hole that a finding is about. Raises NoEditError if it has none."""
    hole = situation.features[finding["features"][0]]
    body, faces = situation.body, situation.body.faces
    radius = hole["size"]["diameter"] / 2
    out = direction_of(situation, hole)
    round_faces = [
        f
        for f in hole["faces"]
        if faces.kind[f] == Surface.CYLINDER
        and abs(faces.radius[f] - radius) < SAME_MM
        and abs(float(faces.axis[f] @ out)) > PARALLEL
    ]
    if not round_faces:
        raise NoEditError("the hole has no cylindrical bore of its diameter")
    at = faces.origin[round_faces[0]]
    at = at - (at @ out) * out
    low, high = body.extent(round_faces, out)
    tip, bottom, open_below = _below(body, hole, round_faces, out, low)
    beyond = _overshoot(body, round_faces, out, low), _overshoot(body, round_faces, out, high)
    return Bore(at, out, float(faces.radius[round_faces[0]]), low, high, round_faces, tip, bottom, open_below, beyond)


def _below(body: Body, hole: JsonObject, bore: list[int], out: Floats, low: float) -> tuple[float, int, bool]:
    """(length of the cone below the bore, its flat bottom or -1, whether it is open there)."""
    for face in bore:
        for edge, other in body.neighbours(face):
            if float(body.edges.middle[edge] @ out) > low + SAME_MM:
                continue
            if body.faces.kind[other] == Surface.CONE and other in hole["faces"]:
                reach = body.extent([other], out)[0]
                return low - reach, -1, False
            if body.faces.kind[other] == Surface.PLANE and body.edges.bend[edge] == Bend.CONCAVE:
                return 0.0, other, False
    return 0.0, -1, True


def _overshoot(body: Body, bore: list[int], out: Floats, end: float) -> float:
    """0 where the bore ends square to its axis; how far that end spreads along the axis elsewhere, mm."""
    edges = [
        edge
        for face in bore
        for edge, _other in body.neighbours(face)
        if abs(float(body.edges.middle[edge] @ out) - end) < abs(end - float(body.edges.centre[edge] @ out)) + SAME_MM
        and body.edges.bend[edge] == Bend.CONVEX
    ]
    spread = [np.ptp([p[edge] @ out for p in (body.edges.start, body.edges.middle, body.edges.end)]) for edge in edges]
    widest = float(max(spread, default=0.0))
    return widest if widest > SAME_MM else 0.0


@recipe("hole-nonstandard", "hole-small")
def other_diameter(situation: Situation, finding: JsonObject) -> Iterator[Candidate]:
    """Bring the hole to the diameter that the finding asks for, or to the next standard one above it."""
    bore = bore_of(situation, finding)
    wanted = finding["change"]["to"]
    yield _resized(situation, bore, wanted)
    for size in standard_above(situation, wanted + SAME_MM)[:2]:
        yield _resized(situation, bore, size)


def standard_above(situation: Situation, diameter: float) -> list[float]:
    """The standard drills from a diameter on, mm, the nearest first."""
    found = set()
    for entry in situation.standard_sizes("hole-nonstandard"):
        low, high, step = entry if len(entry) == 3 else (entry[0], entry[0], 1.0)
        first = low + max(0, np.ceil((diameter - low) / step - 1e-9)) * step
        found |= {round(first + i * step, 6) for i in range(3) if diameter - 1e-9 <= first + i * step <= high + 1e-9}
    return sorted(found)


@recipe("hole-depth")
def less_deep(situation: Situation, finding: JsonObject) -> Iterator[Candidate]:
    """Fill a blind hole from its bottom, or drill it wider: the finding's own change first."""
    hole = situation.features[finding["features"][0]]
    bore = bore_of(situation, finding)
    limit = situation.mildest("hole-depth")
    depth, diameter = hole["size"]["drill_depth"], 2 * bore.radius
    to = limit * diameter - PAST_THE_LIMIT_MM
    wider = [_resized(situation, bore, size) for size in standard_above(situation, depth / limit)[:2]]
    shorter = [] if bore.open_below else [_shortened(bore, depth - to, to)]
    yield from sorted([*shorter, *wider], key=lambda c: abs(c.volume_change or np.inf))


@recipe("hole-flat-bottom")
def pointed(situation: Situation, finding: JsonObject) -> Iterator[Candidate]:
    """Cut the drill's point below the flat bottom, or into its depth where there is no room below."""
    bore = bore_of(situation, finding)
    if bore.bottom < 0:
        raise NoEditError("the hole's flat bottom does not lie at the end of its narrowest bore")
    if len(situation.body.faces.loops[bore.bottom]) > 1:
        raise NoEditError("something else stands in or goes through the hole's flat bottom")
    length = drill_point_length(bore.radius, POINT_DEGREES)
    below = turned(bore.at, bore.out, [(bore.low - length, 0.0), (bore.low, bore.radius), (bore.low, 0.0)])
    top = bore.low + length
    within = turned(bore.at, bore.out, [(bore.low, 0.0), (top, bore.radius), (top, 0.0)])
    yield Candidate(
        words=f"end it in a {POINT_DEGREES:g}° drill point, {length:.2f} mm below its flat bottom",
        figures={"point_degrees": POINT_DEGREES, "point_length": length},
        make=lambda start: cut(start, below),
        region=_region(bore, bore.low - length, bore.low, bore.radius),
        sense=REMOVES,
        volume_change=-bore.volume(length) / 3,
    )
    yield Candidate(
        words=f"end it in a {POINT_DEGREES:g}° drill point within its depth: the bore {length:.2f} mm shorter",
        figures={"point_degrees": POINT_DEGREES, "bore_shorter_by": length},
        make=lambda start: cut(joined(start, _plug(bore, top)), within),
        region=_region(bore, bore.low, bore.low + length, bore.radius),
        sense=ADDS,
        volume_change=bore.volume(length) * 2 / 3,
    )


def _region(bore: Bore, low: float, high: float, radius: float) -> Box:
    ends = np.array([bore.place(low), bore.place(high)])
    return Box.of_discs(ends, bore.out, radius + WIDER_MM).grown(2 * WIDER_MM)


def _plug(bore: Bore, top: float) -> Any:  # noqa: ANN401
    """What fills the bore from its bottom, point and all, up to a height; flush with it where it is open.

    A little wider than the bore: faces that lie in each other all around are what the kernel fails at.
    """
    more = min(WIDER_MM, WIDER * bore.radius)
    wide = bore.radius + more
    bottom = bore.low if bore.open_below else bore.low - more
    foot = [(bottom - bore.tip, 0.0), (bottom, wide)] if bore.tip > 0 else [(bottom, 0.0), (bottom, wide)]
    return turned(bore.at, bore.out, [*foot, (top, wide), (top, 0.0)])


def _shortened(bore: Bore, by: float, to: float) -> Candidate:
    def make(start: Body) -> Body:
        bottom = bore.low + by
        filled = joined(start, _plug(bore, bottom))
        if bore.tip == 0:
            return filled
        return cut(filled, turned(bore.at, bore.out, [(bottom - bore.tip, 0.0), (bottom, bore.radius), (bottom, 0.0)]))

    return Candidate(
        words=f"make the hole {by:.2f} mm less deep, to {to:.2f} mm",
        figures={"depth_from": to + by, "depth_to": to},
        make=make,
        region=_region(bore, bore.low - bore.tip, bore.low + by, bore.radius),
        sense=ADDS,
        volume_change=bore.volume(by),
    )


def _resized(situation: Situation, bore: Bore, diameter: float) -> Candidate:
    """The bore with another diameter; its cone below grows or shrinks along."""
    radius = diameter / 2
    tip = bore.tip * radius / bore.radius
    square = not any(bore.overshoot)
    larger = radius > bore.radius
    past = [max(WIDER_MM, over * radius / bore.radius + WIDER * radius) for over in bore.overshoot]

    def make(start: Body) -> Body:
        low = bore.low - past[0] if bore.open_below else bore.low
        foot = [(low - tip, 0.0), (low, radius)] if tip > 0 else [(low, 0.0), (low, radius)]
        tool = turned(bore.at, bore.out, [*foot, (bore.high + past[1], radius), (bore.high + past[1], 0.0)])
        if larger:
            return cut(start, tool)
        if not square:
            raise EditError("a hole that ends in an oblique face is not made narrower")
        return cut(joined(start, _plug(bore, bore.high)), tool)

    change = np.pi * (bore.radius**2 - radius**2) * (bore.high - bore.low)
    change += np.pi / 3 * (bore.radius**2 * bore.tip - radius**2 * tip)
    whole = abs(sum(situation.body.areas[bore.faces]) - 2 * np.pi * bore.radius * (bore.high - bore.low)) < SAME_MM
    return Candidate(
        words=f"change the hole's diameter from Ø{2 * bore.radius:.3f} mm to Ø{diameter:.3f} mm",
        figures={"diameter_from": 2 * bore.radius, "diameter_to": diameter},
        make=make,
        region=_region(bore, bore.low - max(tip, bore.tip) - past[0], bore.high + past[1], max(radius, bore.radius)),
        sense=REMOVES if larger else ADDS,
        volume_change=float(change) if square and whole else None,
    )
