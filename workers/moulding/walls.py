"""The wall: how thick most of it is, how even, and where material is heaped up."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.spatial import KDTree

from workers.cad.part import Floats, Ints
from workers.facts.measure import PartFacts
from workers.facts.rays import Bools
from workers.moulding.depths import Depths
from workers.moulding.regions import components

# Walls that differ by no more than this are of one thickness; the nominal one is the most common.
ONE_THICKNESS = 1.05
# Within this of the nominal wall it is even: wall-uniformity's first limit.
EVEN = 0.25
# Thick spots whose balls' middles are closer than this many of their radii are one.
TOGETHER = 1.0
# Of a thick spot so many balls grow.
GROWING = 2
# The largest so many thick spots are told; with more of them the part is not made for moulding at all.
MOST_SPOTS = 10
# A ball grows by moving its middle away from what it touches, in steps that shrink to this of its radius.
FIRST_STEP, LAST_STEP = 0.5, 1e-3
SETTLED = 1e-3
TOUCHING = 0.02  # of its radius: so near to a ball the surface is touched by it
MOST_SEEDS = 1_500

_GRID = np.array([(x, y, z) for x in (-1, 0, 1) for y in (-1, 0, 1) for z in (-1, 0, 1) if x or y or z], dtype=float)
WAYS = _GRID / np.linalg.norm(_GRID, axis=1, keepdims=True)


@dataclass(frozen=True)
class ThickSpot:
    """Where a ball fits in that is larger than the nominal wall."""

    diameter: float  # mm, of the largest ball there
    faces: list[int]  # that its balls touch
    point: Floats  # (3,) where the largest is nearest to the surface
    normal: Floats  # (3,) outward there


@dataclass(frozen=True)
class Walls:
    """The wall as the rolling ball measures it all over the surface."""

    nominal: float  # mm: the most common thickness
    uniformity: float  # the share of the walls that are within a quarter of the nominal
    percentiles: dict[str, float]  # mm
    thick: list[ThickSpot]


def measure_walls(facts: PartFacts, depths: Depths, is_apart: Callable[[Floats], Bools]) -> Walls | None:
    """The walls from balls that are held between two sides, thick spots from where larger ones fit in.

    What `is_apart` says of the middles (k, 3) of balls is left to other rules. None where there is no wall at all.
    """
    balls = facts.balls
    if not len(balls.diameters):
        return None
    nominal = most_common(balls.diameters)
    even = np.abs(balls.diameters / nominal - 1) <= EVEN
    ends = np.percentile(balls.diameters, [5, 50, 95])
    return Walls(
        nominal,
        float(even.mean()),
        dict(zip(("p5", "p50", "p95"), map(float, ends), strict=True)),
        _thick_spots(facts, depths, (1 + EVEN) * nominal / 2, is_apart),
    )


def most_common(diameters: Floats) -> float:
    """The median of the fullest window of equal ratio."""
    ordered = np.sort(diameters)
    ends = np.searchsorted(ordered, ordered * ONE_THICKNESS, side="right")
    begin = int((ends - np.arange(len(ordered))).argmax())
    return float(np.median(ordered[begin : ends[begin]]))


def _thick_spots(
    facts: PartFacts, depths: Depths, radius: float, is_apart: Callable[[Floats], Bools]
) -> list[ThickSpot]:
    """Where balls of `radius` fit below the surface, with the largest that fits there."""
    surface, reach = facts.samples, facts.thickness.reach
    may_fit = np.flatnonzero(np.isfinite(reach) & (reach >= 2 * radius * (1 - SETTLED)))
    middles = surface.points[may_fit] - radius * surface.normals[may_fit]
    _, first = np.unique(np.round(2 * middles / radius), axis=0, return_index=True)
    seeds = middles[np.sort(first)]
    seeds = seeds[~is_apart(seeds)]
    seeds = seeds[:: 1 + len(seeds) // MOST_SEEDS]
    seeds = seeds[depths.at(seeds) >= radius * (1 - SETTLED)]
    spots: list[tuple[ThickSpot, Floats]] = []
    for group in _heaps(seeds, radius):
        spot, middle = _spot(depths, seeds[group])
        if all(float(np.linalg.norm(middle - other)) > TOGETHER * known.diameter / 2 for known, other in spots):
            spots.append((spot, middle))
    return [spot for spot, _ in spots]


def _heaps(seeds: Floats, radius: float) -> list[Ints]:
    """The balls in groups that overlap, the largest groups."""
    if not len(seeds):
        return []
    label = components(len(seeds), KDTree(seeds).query_pairs(2 * radius, output_type="ndarray"))
    groups = [np.flatnonzero(label == number) for number in dict.fromkeys(label.tolist())]
    return sorted(groups, key=lambda group: -len(group))[:MOST_SPOTS]


def _spot(depths: Depths, seeds: Floats) -> tuple[ThickSpot, Floats]:
    """The largest ball that some of the seeds grow to, and its middle."""
    some = seeds[:: 1 + len(seeds) // GROWING]
    radius, middle = max((_grown(depths, seed) for seed in some), key=lambda ball: round(ball[0], 6))
    faces, point, normal = depths.touched(middle, radius * (1 + TOUCHING))
    return ThickSpot(2 * radius, faces, point, normal), middle


def _grown(depths: Depths, middle: Floats) -> tuple[float, Floats]:
    """(mm radius, middle) of the largest ball that one around `middle` grows to."""
    best = float(depths.at(middle[None])[0])
    step, last = FIRST_STEP * best, LAST_STEP * best
    while step > last:
        around = middle + step * WAYS
        depth = depths.at(around)
        deepest = int(np.round(depth, 9).argmax())
        if depth[deepest] > best:
            middle, best = around[deepest], float(depth[deepest])
        else:
            step /= 2
    return best, middle
