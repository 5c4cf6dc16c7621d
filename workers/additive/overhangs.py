"""What overhangs as the part is built: ledges that jut out freely, and bridges that are held at both ends."""

from dataclasses import dataclass, replace

import numpy as np

from workers.additive.orientation import on_plate, overhanging
from workers.additive.printing import Building
from workers.additive.rounds import FACETS_DEGREES, Round
from workers.additive.skin import Skin, part_of_mesh
from workers.cad.elementary import unit
from workers.cad.part import Floats, Ints, Part
from workers.facts.rays import Bools
from workers.facts.samples import spread_by_area
from workers.features.plan import square_to

# So many points of a region are asked whether they are held at both ends, along so many directions.
POINTS = 40
DIRECTIONS = 10
# A region is a bridge if so much of it is held at both ends: a point beside a corner may miss its wall.
BRIDGED = 0.95
# Nothing is held by a face that goes on level but for rounding (sine): those that do slope 45 degrees or so.
FALLS = 1e-3
SAME = 1e-9
LIES = 0.1  # sine: a hole that is no more aslant lies level
# A vault goes on smoothly into its walls, and no more of it than this is nearly level (cosine of 15 degrees):
# of a round one a third, of a flat ceiling with rounded corners most.
LEVEL, LEVEL_SHARE = 0.966, 0.6
MOST_AT_ONCE = 1_000_000


@dataclass(frozen=True)
class Overhang:
    """A connected piece of surface that slopes less than the process allows without support."""

    angle: float  # degrees from horizontal, of the flattest of it
    area: float  # mm2
    span: float | None  # mm from end to end, of a bridge; None of a ledge
    vaulted: bool  # a bridge that is the crown of a round vault, rather than a flat ceiling
    reach: float  # mm that a ledge juts out from what holds it; inf of an island that nothing holds
    faces: tuple[int, ...]
    held_by: tuple[int, ...]  # the faces below the edges that hold it
    point: Floats  # (3,) amid the largest triangle
    normal: Floats  # (3,) outward there


@dataclass(frozen=True)
class _Border:
    """The border of a region, as it is seen from above."""

    start: Floats  # (s, 2)
    end: Floats  # (s, 2)
    held: Bools  # (s,) whether the part goes on below there
    smooth: Bools  # (s,) whether it does so without an edge
    beyond: Ints  # (s,) the face there


def overhangs(part: Part, skin: Skin, up: Floats, building: Building, rounds: list[Round]) -> list[Overhang]:
    """All regions that need support or bridge, largest first; what juts out less than the process carries is none.

    The span of the crown of one of the `rounds` is exact; otherwise it is as exact as the mesh.
    """
    over = overhanging(part, skin.mesh, up, building.support_angle)
    if not over.any():
        return []
    both = over[skin.pairs]
    piece = skin.components(np.flatnonzero(both.all(axis=1)))
    rims = np.flatnonzero(both[:, 0] != both[:, 1])
    plate = on_plate(part, skin.mesh, up)
    frame = _frame(up)
    level = [r for r in rounds if r.hollow and abs(float(r.axis @ up)) < LIES]
    found = []
    for number in np.unique(piece[over]):
        triangles = np.flatnonzero(piece == number)
        rim = rims[(piece[skin.pairs[rims]] == number).any(axis=1)]
        found.append(_as_crown(_region(skin, frame, triangles, rim, plate), level, building))
    return sorted(
        (o for o in found if o.span is not None or o.reach > building.least_overhang),
        key=lambda o: (-round(o.area, 6), *np.round(o.point, 3).tolist()),
    )


def _as_crown(found: Overhang, level: list[Round], building: Building) -> Overhang:
    """With its exact span, if it is that of a hole that lies level."""
    hole = next((hole for hole in level if set(found.faces) <= set(hole.faces)), None)
    if hole is None or found.span is None:
        return found
    return replace(found, vaulted=True, span=hole.diameter * float(np.sin(np.radians(building.support_angle))))


def _frame(up: Floats) -> Floats:
    """(3, 3) rows: two level directions, and up."""
    return np.vstack([square_to(up).T, up])


def _region(skin: Skin, frame: Floats, triangles: Ints, rim: Ints, plate: Bools) -> Overhang:
    mesh = skin.mesh
    largest = triangles[int(np.round(mesh.areas[triangles], 6).argmax())]
    down = -(mesh.normals[triangles] @ frame[2])
    areas = mesh.areas[triangles]
    real = areas > 0
    angle = float(np.degrees(np.arccos(np.clip(down[real].max(initial=0.0), 0.0, 1.0))))
    border = _border(skin, frame, triangles, rim, plate)
    span = _span(skin, frame, triangles, border)
    reach = 0.0 if span is not None else _reach(border)
    level = float(areas[down > LEVEL].sum()) <= LEVEL_SHARE * float(areas.sum())
    vaulted = span is not None and level and bool(border.smooth[border.held].all())
    return Overhang(
        round(angle, 6),
        float(areas.sum()),
        span,
        vaulted,
        reach,
        tuple(np.unique(mesh.face[triangles]).tolist()),
        tuple(np.unique(border.beyond[border.held]).tolist()),
        mesh.centroids[largest],
        mesh.normals[largest],
    )


def _border(skin: Skin, frame: Floats, triangles: Ints, rim: Ints, plate: Bools) -> _Border:
    """Beyond an edge that holds, the surface goes down, square to the edge, or lies on the plate."""
    mesh, pairs = skin.mesh, skin.pairs[rim]
    inside = np.isin(pairs[:, 0], triangles)
    beyond = np.where(inside, pairs[:, 1], pairs[:, 0])
    ends = skin.ends[rim]
    third = mesh.triangles[beyond].sum(axis=1) - ends.sum(axis=1)
    along = unit(mesh.vertices[ends[:, 1]] - mesh.vertices[ends[:, 0]])
    away = mesh.vertices[third] - mesh.vertices[ends[:, 0]]
    away = unit(away - np.einsum("ij,ij->i", away, along)[:, None] * along)
    level = mesh.vertices @ frame[:2].T
    held = (away @ frame[2] < -FALLS) | plate[beyond]
    smooth = np.abs(skin.turn[rim]) < np.radians(FACETS_DEGREES)
    return _Border(level[ends[:, 0]], level[ends[:, 1]], held, smooth, mesh.face[beyond])


def _span(skin: Skin, frame: Floats, triangles: Ints, border: _Border) -> float | None:
    """mm across the region the shortest way on which both ends are held, where it is widest; None if it is a ledge."""
    ways = _ways(border)
    if not len(ways):
        return None
    samples = spread_by_area(part_of_mesh(skin.mesh, triangles), POINTS).points[: 2 * POINTS] @ frame[:2].T
    each = max(1, MOST_AT_ONCE // max(1, len(samples) * len(border.start)))
    widths = np.full(len(samples), np.inf)
    for begin in range(0, len(ways), each):
        widths = np.minimum(widths, _across(samples, ways[begin : begin + each], border).min(axis=0))
    held = np.isfinite(widths)
    return float(widths[held].max()) if held.mean() >= BRIDGED else None


def _ways(border: _Border) -> Floats:
    """(k, 2) square to the edges that hold, longest first."""
    along = (border.end - border.start)[border.held]
    length = np.linalg.norm(along, axis=1)
    along, length = along[length > SAME], length[length > SAME]
    square = np.column_stack([-along[:, 1], along[:, 0]]) / length[:, None]
    rounded = np.round(square, 3)
    sense = np.where((rounded[:, 0] < 0) | ((rounded[:, 0] == 0) & (rounded[:, 1] < 0)), -1.0, 1.0)[:, None]
    _, first, inverse = np.unique(rounded * sense + 0.0, axis=0, return_index=True, return_inverse=True)
    weight = np.bincount(inverse.ravel(), weights=length, minlength=len(first))
    order = np.lexsort((first, -np.round(weight, 6)))[:DIRECTIONS]
    return np.asarray(square[first[order]])


def _across(points: Floats, ways: Floats, border: _Border) -> Floats:
    """(k, m) mm from border to border through each point along each way, inf where an end is not held."""
    edge = border.end - border.start
    offset = border.start - points[:, None]
    turn = ways[:, :1] * edge[:, 1] - ways[:, 1:] * edge[:, 0]
    crosses = np.abs(turn) > SAME
    safe = np.where(crosses, turn, 1.0)[:, None]
    at = (offset[..., 0] * edge[:, 1] - offset[..., 1] * edge[:, 0]) / safe
    along_edge = (offset[..., 0] * ways[:, None, 1:] - offset[..., 1] * ways[:, None, :1]) / safe
    met = crosses[:, None] & (along_edge > -1e-6) & (along_edge < 1 + 1e-6)
    ahead = np.where(met & (at >= 0), at, np.inf)
    behind = np.where(met & (at < 0), -at, np.inf)
    held = border.held[ahead.argmin(axis=2)] & border.held[behind.argmin(axis=2)]
    return np.asarray(np.where(held, ahead.min(axis=2) + behind.min(axis=2), np.inf))


def _reach(border: _Border) -> float:
    """mm from the edges that hold to the farthest free one."""
    start, end = border.start[border.held], border.end[border.held]
    free = np.concatenate([border.start[~border.held], border.end[~border.held]])
    if not len(start) or not len(free):
        return np.inf
    edge = end - start
    share = np.einsum("ijk,jk->ij", free[:, None] - start[None], edge) / np.maximum((edge**2).sum(axis=1), 1e-18)
    nearest = start[None] + np.clip(share, 0.0, 1.0)[..., None] * edge[None]
    return float(np.linalg.norm(free[:, None] - nearest, axis=2).min(axis=1).max())
