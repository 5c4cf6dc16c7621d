"""The wall: how thick most of it is, how even, and where material is heaped up."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.optimize import linprog
from scipy.spatial import KDTree

from workers.cad.connected import connected
from workers.cad.part import Floats, Ints
from workers.facts.measure import PartFacts
from workers.facts.rays import Bools
from workers.moulding.depths import Depths
from workers.rules.rule_book import load_rules

# Walls that differ by no more than this are of one thickness; the nominal one is the most common.
ONE_THICKNESS = 1.05
# Within this of the nominal wall it is even: wall-uniformity's first limit.
EVEN = 0.25
# Where three even walls meet at sharp edges a ball fits in that is 2 * 3 ** 0.5 / (1 + 3 ** 0.5) as large as they are
# thick: that is for corner-sharp to tell. What is larger is a thick spot.
THICK = 1.28
# Thick spots whose balls' middles are closer than this many of their radii are one.
TOGETHER = 1.0
# The largest so many thick spots are told; with more of them the part is not made for moulding at all.
MOST_SPOTS = 10
LAST_STEP = 1e-5  # of its radius: a ball that gains no more has grown
SETTLED = 1e-3
TOUCHING = 0.02  # of its radius: so near to a ball the surface is touched by it
MOST_SEEDS = 1_500
HALVINGS = 8


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
    thick: list[ThickSpot] | None  # the largest first; None where they were not looked for
    further: int  # places with room for a ball that large, beside those


def measure_walls(facts: PartFacts, depths: Depths, is_apart: Callable[[Floats], Bools]) -> Walls | None:
    """The walls from balls that are held between two sides, thick spots from where larger ones fit in.

    What `is_apart` says of the middles (k, 3) of balls is left to other rules. In a wall that is thicker than any resin
    is moulded in no thick spots are looked for. None where there is no wall at all.
    """
    balls = facts.balls
    if not len(balls.diameters):
        return None
    nominal = most_common(balls.diameters)
    even = np.abs(balls.diameters / nominal - 1) <= EVEN
    ends = np.percentile(balls.diameters, [5, 50, 95])
    percentiles = dict(zip(("p5", "p50", "p95"), map(float, ends), strict=True))
    if nominal > thickest_of_any_resin():
        return Walls(nominal, float(even.mean()), percentiles, None, 0)
    thick, further = _thick_spots(facts, depths, THICK * nominal / 2, is_apart)
    return Walls(nominal, float(even.mean()), percentiles, thick, further)


def thickest_of_any_resin() -> float:
    """mm that the rule `wall-range` allows the resin that it allows most."""
    rule = next(rule for rule in load_rules("injection_moulding").rules if rule.id == "wall-range")
    by_resin = [rule.limits, *rule.material_limits.values()]
    return max(level.value or 0.0 for limits in by_resin for level in limits["default"])


def most_common(diameters: Floats) -> float:
    """The median of the fullest window of equal ratio."""
    ordered = np.sort(diameters)
    ends = np.searchsorted(ordered, ordered * ONE_THICKNESS, side="right")
    begin = int((ends - np.arange(len(ordered))).argmax())
    return float(np.median(ordered[begin : ends[begin]]))


def _thick_spots(
    facts: PartFacts, depths: Depths, radius: float, is_apart: Callable[[Floats], Bools]
) -> tuple[list[ThickSpot], int]:
    """Where balls of `radius` fit below the surface, with the largest that fits there, and how many places are left."""
    surface, reach = facts.samples, facts.thickness.reach
    tree = KDTree(surface.points, leafsize=64, balanced_tree=False)
    below = np.flatnonzero(np.isfinite(reach) & (reach >= 2 * radius * (1 - SETTLED)))
    below = below[:: 1 + len(below) // MOST_SEEDS]
    below = below[~is_apart(surface.points[below] - radius * surface.normals[below])]
    points, inward = surface.points[below], -surface.normals[below]
    fits = tree.query(points + radius * inward)[0] >= radius * (1 - SETTLED)
    points, inward, below = points[fits], inward[fits], below[fits]
    largest = _largest_below(tree, points, inward, reach[below] / 2)
    middles = (points + largest[:, None] * inward)[np.argsort(-np.round(largest, 4), kind="stable")]
    _, first = np.unique(np.round(2 * middles / radius), axis=0, return_index=True)
    seeds = middles[np.sort(first)]
    heaps = _heaps(seeds, radius)
    spots: list[tuple[ThickSpot, Floats]] = []
    for heap in heaps[:MOST_SPOTS]:
        spot, middle = _spot(depths, seeds[heap[0]], radius)
        apart = (float(np.linalg.norm(middle - other)) > TOGETHER * one.diameter / 2 for one, other in spots)
        if spot.diameter >= 2 * radius and all(apart) and not is_apart(middle[None])[0]:
            spots.append((spot, middle))
    return [spot for spot, _ in spots], len(heaps[MOST_SPOTS:])


def _largest_below(tree: KDTree, points: Floats, inward: Floats, most: Floats) -> Floats:
    """(n,) mm radius, up to `most` (n,), of the largest ball below each point that no other point of the tree is in."""
    low, high = np.zeros(len(points)), most
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        fits = tree.query(points + middle[:, None] * inward)[0] >= middle * (1 - SETTLED)
        low, high = np.where(fits, middle, low), np.where(fits, high, middle)
    return high


def _heaps(seeds: Floats, radius: float) -> list[Ints]:
    """The balls in groups that overlap, the largest groups first; in each in the order of `seeds`."""
    if not len(seeds):
        return []
    label = connected(len(seeds), KDTree(seeds).query_pairs(2 * radius, output_type="ndarray"))
    groups = [np.flatnonzero(label == number) for number in dict.fromkeys(label.tolist())]
    return sorted(groups, key=lambda group: -len(group))


def _spot(depths: Depths, start: Floats, least: float) -> tuple[ThickSpot, Floats]:
    """The largest ball that one around `start` grows to, and its middle; any where it does not grow to `least` mm."""
    middle = _grown(depths, start, least)
    diameter, faces, point, normal = depths.touched(middle, 1 + TOUCHING)
    return ThickSpot(diameter, faces, point, normal), middle


def _grown(depths: Depths, middle: Floats, least: float) -> Floats:
    """(3,) the middle of the largest ball that one around `middle` grows to.

    Near to it the surface is taken for the planes that the ball would touch: the largest ball between planes is a
    linear programme, and where it moves farther than they hold it goes less far.
    """
    away, outward = depths.around(middle)
    step = away.min(initial=np.inf)
    while len(away) and step > LAST_STEP * away.min():
        near = away <= away.min() + 2 * np.sqrt(3) * step
        by, promised = _largest_between(away[near], outward[near], step)
        if promised <= max(away.min() * (1 + LAST_STEP), least):
            break
        then, then_outward = depths.around(middle + by)
        if len(then) and then.min() > away.min():
            middle, away, outward = middle + by, then, then_outward
        else:
            step /= 4
    return middle


def _largest_between(away: Floats, outward: Floats, step: float) -> tuple[Floats, float]:
    """((3,) where to move, at most `step` along each axis, mm radius there) of the largest ball between planes."""
    rows = np.column_stack([outward, np.ones(len(away))])
    bounds = [(-step, step)] * 3 + [(None, None)]
    found = linprog([0.0, 0.0, 0.0, -1.0], A_ub=rows, b_ub=away, bounds=bounds)
    return np.asarray(found.x[:3]), float(found.x[3])
