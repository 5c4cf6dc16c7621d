"""Turned grooves: valleys of the profile, into the outer or an inner diameter or into an end face."""

from dataclasses import dataclass, replace

import numpy as np

from workers.cad.part import Bend, Surface
from workers.features.feature import Feature
from workers.features.graph import FaceGraph
from workers.features.turned_profile import Link, Profile, Ring

# A channel wider than twice its depth and than this share of its diameter is a neck, cut with ordinary tools.
WIDEST_DEPTHS = 2.0
WIDEST_SHARE = 0.5
FLOOR = 0.99  # cosine: a floor looks straight out of its groove
LOOKS_OUT = 0.1  # cosine: what is deepest must look out of the groove at least so far
# A wall that rises this many times as high as the other, and higher than the groove is wide, is a shoulder
# that the groove lies in front of.
SHOULDER = 1.5

Place = tuple[float, float]  # height, radius
OUT, IN, UP, DOWN = (0.0, 1.0), (0.0, -1.0), (1.0, 0.0), (-1.0, 0.0)


@dataclass(frozen=True)
class Valley:
    """Rings between two convex circles; coordinates in mm along the direction that the valley opens in."""

    rings: list[int]
    opening: Place
    mouths: tuple[Place, Place]
    floor: float
    depth: float  # from the lower mouth
    width: float  # between the mouths
    floor_width: float

    @property
    def form(self) -> str:
        """Which of the three kinds of turned groove it is."""
        return {OUT: "outer_diameter", IN: "inner_diameter"}.get(self.opening, "end_face")

    @property
    def mouth_diameter(self) -> float:
        """mm, at the lower mouth of a groove in a diameter, the larger one of a groove in an end face."""
        if self.form == "end_face":
            return 2 * max(radius for _height, radius in self.mouths)
        return 2 * abs(self.floor + self.depth)

    @property
    def is_narrow(self) -> bool:
        """Whether a grooving tool cuts it; what is wider is an ordinary part of the profile."""
        mean_width = (self.width + self.floor_width) / 2
        widest = max(WIDEST_DEPTHS * self.depth, WIDEST_SHARE * self.mouth_diameter)
        return self.form == "end_face" or mean_width <= widest


def find_grooves(graph: FaceGraph, profile: Profile) -> list[tuple[Feature, Valley]]:
    """Each groove of the profile, with the valley that it is."""
    return [(_feature(graph, profile, v), v) for v in find_valleys(profile, graph.tolerance) if v.is_narrow]


def find_valleys(profile: Profile, tolerance: float) -> list[Valley]:
    """All valleys of the profile deeper than `tolerance`, narrow or wide, in the order of their first ring."""
    found, done = [], set()
    for start, ring in enumerate(profile.rings):
        if start in done or ring.is_bulge:
            continue
        chain, ends = _chain(profile, start)
        done.update(chain)
        valley = _valley(profile, chain, ends) if len(ends) == 2 else None
        if valley is not None and valley.depth > tolerance:
            found.append(valley)
    return found


def _chain(profile: Profile, start: int) -> tuple[list[int], list[Link]]:
    """The rings joined to `start` at concave or smooth circles, in order, and the convex circles that end them."""
    sides = [_walk(profile, start, onto) for onto in list(profile.rings[start].links)[:2]]
    ends = [end for _rings, end in sides if end is not None]
    before = sides[0][0][::-1] if sides else []
    after = sides[1][0] if len(sides) > 1 else []
    return [*before, start, *after], ends


def _walk(profile: Profile, at: int, onto: int) -> tuple[list[int], Link | None]:
    """The rings from `at` by way of `onto` up to the next convex circle, or to where the profile ends."""
    rings: dict[int, None] = {}
    while True:
        link, ring = profile.rings[at].links[onto], profile.rings[onto]
        if link.bend == Bend.CONVEX or ring.is_bulge:
            return list(rings), link
        beyond = next((number for number in ring.links if number != at), None)
        if onto in rings or beyond is None:
            return list(rings | {onto: None}), None
        rings[onto] = None
        at, onto = onto, beyond


def _valley(profile: Profile, chain: list[int], ends: list[Link]) -> Valley | None:
    """The chain seen from the direction in which it is deepest, or None if it is no valley."""
    first, last = ((end.height, end.radius) for end in ends)
    candidates = [_seen_from(profile, chain, (first, last), opening) for opening in (OUT, IN, UP, DOWN)]
    valley = max((v for v in candidates if v is not None), key=lambda v: v.depth, default=None)
    return None if valley is None else _without_shoulder(profile, valley)


def _seen_from(profile: Profile, chain: list[int], mouths: tuple[Place, Place], opening: Place) -> Valley | None:
    rings = [profile.rings[number] for number in chain]
    floor = min(_extent(ring, opening)[0] for ring in rings)
    deepest = [ring for ring in rings if _extent(ring, opening)[0] <= floor + 1e-6]
    if max(_toward(ring, opening) for ring in deepest) < LOOKS_OUT:
        return None
    across = _across(opening)
    flat = [ring for ring in deepest if _toward(ring, opening) > FLOOR]
    return Valley(
        rings=chain,
        opening=opening,
        mouths=mouths,
        floor=floor,
        depth=min(_along(mouth, opening) for mouth in mouths) - floor,
        width=abs(_along(mouths[0], across) - _along(mouths[1], across)),
        floor_width=sum(float(np.ptp(_extent(ring, across))) for ring in flat),
    )


def _without_shoulder(profile: Profile, valley: Valley) -> Valley:
    """The valley without a first or last wall that rises far above the other side."""
    rings, mouths, across = list(valley.rings), list(valley.mouths), _across(valley.opening)
    for end in (0, -1):
        top = _extent(profile.rings[rings[end]], valley.opening)[1]
        if len(rings) > 1 and top - valley.floor > max(SHOULDER * valley.depth, valley.width):
            wall, foot = rings.pop(end), rings[end]
            link = profile.rings[wall].links[foot]
            mouths[end] = (link.height, link.radius)
    width = abs(_along(mouths[0], across) - _along(mouths[1], across))
    return replace(valley, rings=rings, width=width)


def _along(place: Place, direction: Place) -> float:
    return place[0] * direction[0] + place[1] * direction[1]


def _across(opening: Place) -> Place:
    return abs(opening[1]), abs(opening[0])


def _toward(ring: Ring, direction: Place) -> float:
    return _along((ring.along, ring.outward), direction)


def _extent(ring: Ring, direction: Place) -> tuple[float, float]:
    """(least, greatest) coordinate of a ring along one of the four directions."""
    ends = _along((ring.low, ring.inner), direction), _along((ring.high, ring.outer), direction)
    return min(ends), max(ends)


def _feature(graph: FaceGraph, profile: Profile, valley: Valley) -> Feature:
    rings = [profile.rings[number] for number in valley.rings]
    deepest = min(rings, key=lambda ring: (round(_extent(ring, valley.opening)[0], 6), ring.kind == Surface.PLANE))
    face = max(deepest.faces, key=lambda f: float(graph.faces.area[f]))
    point, axis = graph.faces.point[face], profile.axis.direction
    radial = point - profile.axis.origin
    radial = radial - (radial @ axis) * axis
    radial = radial / max(1e-12, float(np.linalg.norm(radial)))
    diameter = valley.mouth_diameter if valley.form == "end_face" else 2 * abs(valley.floor)
    return Feature(
        type="groove",
        faces=sorted(f for ring in rings for f in ring.faces),
        body=int(graph.faces.body[face]),
        axis=axis,
        direction=axis * valley.opening[0] + radial * valley.opening[1],
        size={"width": valley.width, "depth": valley.depth, "diameter": diameter},
        point=point,
        steps=[{"form": valley.form, "diameter": diameter, "depth": valley.depth}],
    )
