"""Undercuts: what neither half of the mould gets to, and the side action that would free it."""

from dataclasses import dataclass

import numpy as np

from workers.cad.part import Floats, Ints, Part
from workers.facts.frames import own_directions
from workers.facts.rays import RayScene
from workers.moulding.parting import Parting, Side
from workers.moulding.pull import Pull
from workers.moulding.regions import Regions
from workers.moulding.sight import PARALLEL, Sight

# Directions square to the pull that are tried all around, beside the part's own.
ALL_AROUND = 24
MOST_SAMPLES = 200  # of one undercut
# A side action has to free this share of it: samples beside an inner corner may be hidden from everywhere.
FREED_SHARE = 0.9
SAME = 1 - 1e-6
# Engineering judgement: slides that run at more than 45° to the parting are not built.
STEEPEST = np.sqrt(0.5)

SLIDER, TWO_SLIDERS, LIFTER, NONE = "slider", "two sliders", "lifter", "none"
_EASIEST = (SLIDER, TWO_SLIDERS, LIFTER, NONE)


@dataclass(frozen=True)
class SideAction:
    """How an undercut is freed: a slider comes from outside, a lifter moves inside the part as it is ejected."""

    kind: str
    direction: Floats  # (3,) unit, square to the pull or aslant: the way that it leaves the part
    depth: float  # mm that it has to move
    travel: float  # mm that it can move before it meets the part; the part's diagonal where nothing stands in its way
    out: float  # mm from the undercut to where the part ends that way


@dataclass(frozen=True, eq=False)
class MouldUndercut:
    """Hidden regions that hang together."""

    regions: Ints
    area: float  # mm2 that is hidden
    action: SideAction


def find_undercuts(
    part: Part, scene: RayScene, regions: Regions, sight: Sight, pull: Pull, parting: Parting
) -> list[MouldUndercut]:
    """One for each group of hidden regions, with the side action that has the shortest way out."""
    around, leaning = _square_to(part, pull.direction), _leaning(part, pull.direction)
    hidden = ~pull.from_cavity & ~pull.from_core
    found = [
        _undercut(part, scene, regions, sight, group, hidden, around, leaning)
        for group in regions.groups(np.flatnonzero(parting.side == Side.HIDDEN))
    ]
    return _together(regions, found, pull.direction)


def _together(regions: Regions, found: list[MouldUndercut], pull: Floats) -> list[MouldUndercut]:
    """Those that one action frees below one another are one: a ledge, and what of the wall it hides."""
    one: list[MouldUndercut] = []
    for undercut in sorted(found, key=lambda u: -round(u.area, 3)):
        same = next((u for u in one if _are_one(regions, u, undercut, pull)), None)
        if same is None:
            one.append(undercut)
        else:
            both = np.concatenate([same.regions, undercut.regions])
            one[one.index(same)] = MouldUndercut(both, same.area + undercut.area, same.action)
    return one


def _are_one(regions: Regions, one: MouldUndercut, other: MouldUndercut, pull: Floats) -> bool:
    """Whether one side action frees both, and one lies below the other as the mould opens."""
    if one.action.kind != other.action.kind or float(one.action.direction @ other.action.direction) < SAME:
        return False
    across = np.column_stack([one.action.direction, np.cross(pull, one.action.direction)])
    corners = [regions.corners(undercut.regions) @ across for undercut in (one, other)]
    low, high = (np.array([end(of, axis=0) for of in corners]) for end in (np.min, np.max))
    return bool((low.max(axis=0) <= high.min(axis=0)).all())


def _square_to(part: Part, pull: Floats) -> Floats:
    """(k, 3) unit directions square to the pull: the part's own first, each both ways, then all around."""
    own = own_directions(part)
    own = own[np.abs(own @ pull) < PARALLEL]
    first = own[0] if len(own) else np.eye(3)[np.abs(pull).argmin()]
    first = first - (first @ pull) * pull
    first /= np.linalg.norm(first)
    second = np.cross(pull, first)
    turn = np.arange(ALL_AROUND) * 2 * np.pi / ALL_AROUND
    ring = np.cos(turn)[:, None] * first + np.sin(turn)[:, None] * second
    every = np.concatenate([own, -own, ring])
    same = every @ every.T > SAME
    return np.asarray(every[~np.tril(same, -1).any(axis=1)])


def _leaning(part: Part, pull: Floats) -> Floats:
    """(k, 3) the part's own directions that a slide may run along aslant, each both ways."""
    own = own_directions(part)
    leans = np.abs(own @ pull)
    own = own[(leans >= PARALLEL) & (leans <= STEEPEST)]
    return np.concatenate([own, -own])


def _undercut(
    part: Part,
    scene: RayScene,
    regions: Regions,
    sight: Sight,
    group: Ints,
    hidden: np.ndarray,
    around: Floats,
    leaning: Floats,
) -> MouldUndercut:
    """Its side action runs square to the pull; aslant, as out of an oblique hole, only where else there is none."""
    samples = np.flatnonzero(np.isin(sight.samples.face, group) & hidden)
    area = float(sight.weight[samples].sum())
    some = samples[:: max(1, len(samples) // MOST_SAMPLES)]
    corners = regions.corners(group)
    best = _best_action(part, _free_way(part, scene, sight, some, around), corners, around)
    if best.kind == NONE and len(leaning):
        aslant = _best_action(part, _free_way(part, scene, sight, some, leaning), corners, leaning)
        best = aslant if aslant.kind == SLIDER else best
    return MouldUndercut(group, area, best)


def _best_action(part: Part, free: Floats, corners: Floats, around: Floats) -> SideAction:
    reach = corners @ around.T
    depth = np.ptp(reach, axis=0)
    out = (part.mesh.vertices @ around.T).max(axis=0) - reach.max(axis=0)
    actions = [_action(part, free, around, n, float(depth[n]), float(out[n])) for n in range(len(around))]
    # Of two ways as short, as out of a hole in a wall, the one that leads out of the part and not through it.
    return min(
        actions,
        key=lambda a: (_EASIEST.index(a.kind), round(a.depth if a.kind != NONE else -a.travel, 3), round(a.out, 3)),
    )


def _free_way(part: Part, scene: RayScene, sight: Sight, some: Ints, around: Floats) -> Floats:
    """(n, k) mm that a side action may move from each sample before it meets the part; 0 where it cannot at all."""
    sample, along = np.nonzero(sight.samples.normals[some] @ around.T > -PARALLEL)
    triangle, distance = scene.first_hit(sight.start[some[sample]], around[along])
    way = np.zeros((len(some), len(around)))
    way[sample, along] = np.where(triangle < 0, part.diagonal, np.minimum(distance, part.diagonal))
    return way


def _action(part: Part, free: Floats, around: Floats, number: int, depth: float, out: float) -> SideAction:
    """What it takes to free the undercut along one direction."""
    way = free[:, number]
    opposite = int((around @ around[number]).argmin())
    both = np.maximum(way, free[:, opposite])
    travel = float(np.quantile(way, 1 - FREED_SHARE, method="lower"))
    outside = part.diagonal * (1 - 1e-6)
    if np.mean(way >= outside) >= FREED_SHARE:
        return SideAction(SLIDER, around[number], depth, part.diagonal, out)
    if np.mean(both >= outside) >= FREED_SHARE:
        return SideAction(TWO_SLIDERS, around[number], depth / 2, part.diagonal, out)
    kind = LIFTER if travel >= depth > 0 else NONE
    return SideAction(kind, around[number], depth, travel, out)
