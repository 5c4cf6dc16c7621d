"""Thin walls and narrow gaps: how they are held, and how high or deep they are."""

from dataclasses import dataclass, replace

import numpy as np

from workers.additive.rounds import Round
from workers.additive.skin import Skin
from workers.cad.elementary import unit
from workers.cad.part import Floats, Part
from workers.facts.gaps import Gap
from workers.facts.opposite import mesh_error
from workers.facts.rays import Bools, RayScene
from workers.facts.thickness import Wall

# What is wider is nobody's concern: the largest limit of any process is 3 mm.
WIDEST_MM = 3.0
MOST_SPANS = 150
WAYS = 16  # looks all around in the plane of the wall
# Enough to go half around a tube whose radius is 400 times its wall.
STEPS = 64
# A wall ends where what a look leaves by is no side of it, and is held where the material there is so much thicker.
SIDE = 0.7
THICKER = 2.0
SQUARE = 0.95
# A look beside a wall starts so far off it, as a share of the part's diagonal.
BESIDE = 1e-4
# A groove is open, and a wall stands free, where nothing is ahead for so many times its depth.
OPEN = 3.0
# A mesh's patches that meet so sharply are the two sides of an edge, not of a wall.
WEDGE_DEGREES = 155.0
SAME_AXIS = 0.9999
# What is no broader than so many times its width is a pin or a hole, round or not.
SLENDER = 1.5


@dataclass(frozen=True)
class Span:
    """The least distance between two faces through material (a wall) or air (a gap)."""

    width: float  # mm
    faces: tuple[int, int]
    point: Floats  # (3,) on the first face
    normal: Floats  # (3,) outward there
    held: bool  # a wall that is held at two ends which face each other
    depth: float  # mm that a wall rises from its foot, or a gap is deep; inf where it has no foot or floor
    way: Floats  # (3,) the way that it rises or opens, 0 where the depth is inf
    breadth: float  # mm across the other way, inf where nobody knows which that is

    @property
    def is_slender(self) -> bool:
        """Whether it is a pin, or a hole, rather than a wall or a gap."""
        return self.breadth <= SLENDER * self.width


def thin_walls(part: Part, skin: Skin, scene: RayScene, walls: list[Wall], rounds: list[Round]) -> list[Span]:
    """The walls below WIDEST_MM, thinnest first, but for those across a round pin."""
    pins = [r for r in rounds if r.is_pin]
    rows = [
        (_wide(part, w, w.thickness, rounds, through_air=False), w.faces, w.point, w.normal, w.rays)
        for w in walls
        if 0 < w.thickness < WIDEST_MM and not any(_is_across(part, w.point, -w.normal * w.thickness, p) for p in pins)
    ]
    rows = _without_wedges(part, skin, _narrowest(rows), sign=1)
    if not rows:
        return []
    width, point, normal = _arrays(rows)
    probe = _Probe(scene, part.mesh.normals)
    middle = point - normal * (width / 2)[:, None]
    held = _are_held(probe, width, _amid(probe, width, middle, normal), normal)
    depth, way = _depths(part, probe, width, point, normal, sign=1)
    breadth = np.where(np.isfinite(depth), _breadths(probe, middle, normal, way), np.inf)
    spans = [
        Span(*r[:4], bool(h), float(d), w, float(b))
        for r, h, d, w, b in zip(rows, held, depth, way, breadth, strict=True)
    ]
    return _one_a_pair(spans, [row[4] for row in rows])


def narrow_gaps(part: Part, skin: Skin, scene: RayScene, gaps: list[Gap], rounds: list[Round]) -> list[Span]:
    """The gaps below WIDEST_MM, narrowest first, but for those across a round hole."""
    holes = [r for r in rounds if r.hollow]
    rows = [
        (_wide(part, g, g.width, rounds, through_air=True), g.faces, g.point, g.normal, g.rays)
        for g in gaps
        if 0 < g.width < WIDEST_MM and not any(_is_across(part, g.point, g.normal * g.width, h) for h in holes)
    ]
    rows = _without_wedges(part, skin, _narrowest(rows), sign=-1)
    if not rows:
        return []
    width, point, normal = _arrays(rows)
    probe = _Probe(scene, part.mesh.normals)
    depth, way = _depths(part, probe, width, point, -normal, sign=-1)
    breadth = _breadths(probe, point + normal * (width / 2)[:, None], normal, way)
    spans = [Span(*r[:4], False, float(d), w, float(b)) for r, d, w, b in zip(rows, depth, way, breadth, strict=True)]
    return _one_a_pair(spans, [row[4] for row in rows])


def _one_a_pair(spans: list[Span], rays: list[int]) -> list[Span]:
    """Of several places between two faces the narrowest, with foot and ends as most rays saw them."""
    pairs: dict[tuple[int, int], list[int]] = {}
    for number, span in enumerate(spans):  # narrowest first
        pairs.setdefault((min(span.faces), max(span.faces)), []).append(number)
    found = []
    for numbers in pairs.values():
        seen = spans[max(numbers, key=lambda number: rays[number])]
        least = spans[numbers[0]]
        found.append(replace(least, held=seen.held, depth=seen.depth, way=seen.way, breadth=seen.breadth))
    return found


_Row = tuple[float, tuple[int, int], Floats, Floats, int]


@dataclass(frozen=True)
class _Probe:
    """Looks through the part or the air in it."""

    scene: RayScene
    normals: Floats  # (t, 3) of the part's triangles

    def look(self, points: Floats, ways: Floats) -> tuple[Floats, Floats, Floats]:
        """((n,) mm to what is met, inf for nothing, (n,) how squarely: 1 leaving, -1 entering, (n, 3) its normal)."""
        triangle, distance = self.scene.first_hit(points, ways)
        met = triangle >= 0
        normal = np.where(met[:, None], self.normals[np.where(met, triangle, 0)], 0.0)
        return np.where(met, distance, np.inf), np.einsum("ij,ij->i", normal, ways), normal


def _narrowest(rows: list[_Row]) -> list[_Row]:
    return sorted(rows, key=lambda row: (round(row[0], 6), row[1]))[:MOST_SPANS]


def _arrays(rows: list[_Row]) -> tuple[Floats, Floats, Floats]:
    return np.array([r[0] for r in rows]), np.array([r[2] for r in rows]), np.array([r[3] for r in rows])


def _wide(part: Part, of: Wall | Gap, found: float, rounds: list[Round], *, through_air: bool) -> float:
    """mm between a round and one in or around it by the circles through their nodes: their facets come nearer."""
    if of.exact:
        return found
    far = of.point + of.normal * (found if through_air else -found)
    near = [r for r in rounds if _is_on(part, r, of.point) or _is_on(part, r, far)]
    for one in (r for r in near if r.hollow != through_air):
        for other in (r for r in near if r.hollow == through_air):
            offset = one.point - other.point
            beside = float(np.linalg.norm(offset - (offset @ other.axis) * other.axis))
            width = (other.diameter - one.diameter) / 2 - beside
            if abs(float(one.axis @ other.axis)) > SAME_AXIS and abs(width - found) < mesh_error(part):
                return width
    return found


def _is_on(part: Part, of: Round, point: Floats) -> bool:
    """Whether a point of the mesh lies on the wall of the cylinder."""
    slack = 0.04 * of.diameter + 4 * part.mesh.deflection * min(1.0, of.diameter / part.diagonal)
    along = float((point - of.point) @ of.axis)
    off = float(np.linalg.norm(point - of.point - along * of.axis)) - of.diameter / 2
    return abs(along) < of.length / 2 + slack and abs(off) < slack


def _is_across(part: Part, point: Floats, across: Floats, of: Round) -> bool:
    """Whether the span from `point` is the width of the hole or pin itself: both its ends lie on its wall."""
    wide = bool(np.linalg.norm(across) > of.diameter / 2)
    return wide and _is_on(part, of, point) and _is_on(part, of, point + across)


def _without_wedges(part: Part, skin: Skin, rows: list[_Row], sign: int) -> list[_Row]:
    """On an exact part the facts leave such pairs out already."""
    if part.exact:
        return rows
    sharp = sign * skin.turn > np.radians(WEDGE_DEGREES)
    met = {tuple(sorted(pair)) for pair in skin.mesh.face[skin.pairs[sharp]].tolist()}
    return [row for row in rows if tuple(sorted(row[1])) not in met]


def _plane_ways(normal: Floats) -> Floats:
    """(n, WAYS, 3) directions all around, square to each normal; the second half is opposite to the first."""
    helper = np.eye(3)[np.abs(normal).argmin(axis=1)]
    across = np.cross(normal, helper)
    across /= np.linalg.norm(across, axis=1, keepdims=True)
    other = np.cross(normal, across)
    angle = np.arange(WAYS) * (2 * np.pi / WAYS)
    return np.asarray(across[:, None] * np.cos(angle)[:, None] + other[:, None] * np.sin(angle)[:, None])


def _breadths(probe: _Probe, middle: Floats, normal: Floats, way: Floats) -> Floats:
    """(n,) mm from the middle to both sides, square to the way that it rises or opens; of a passage, which has none,
    the least all around."""
    opens = way.any(axis=1)
    around = _plane_ways(normal)
    around[opens] = np.stack([np.cross(normal[opens], way[opens])] * WAYS, axis=1)
    around[opens, WAYS // 2 :] *= -1
    distance = probe.look(np.repeat(middle, WAYS, axis=0), around.reshape(-1, 3))[0].reshape(-1, WAYS)
    return np.asarray((distance[:, : WAYS // 2] + distance[:, WAYS // 2 :]).min(axis=1))


def _amid(probe: _Probe, width: Floats, middle: Floats, normal: Floats) -> Floats:
    """(n, 3) half-way between the nearer two of the wall's ends, from where looks tell best how it is held."""
    ways = _plane_ways(normal)
    distance = probe.look(np.repeat(middle, WAYS, axis=0), ways.reshape(-1, 3))[0].reshape(-1, WAYS)
    ahead, behind = distance[:, : WAYS // 2], distance[:, WAYS // 2 :]
    rows, least = np.arange(len(middle)), (ahead + behind).argmin(axis=1)
    shift = (ahead[rows, least] - behind[rows, least]) / 2
    moved = middle + ways[rows, least] * np.where(np.isfinite(shift), shift, 0.0)[:, None]
    above, below = probe.look(moved, normal)[0], probe.look(moved, -normal)[0]
    return np.where((above + below < THICKER * width)[:, None], moved, middle)


def _are_held(probe: _Probe, width: Floats, middle: Floats, normal: Floats) -> Bools:
    """(n,) whether the wall goes on into thicker material, or around into itself, on two opposite sides."""
    ways = _plane_ways(normal).reshape(-1, 3)
    held = _walk(probe, np.repeat(width, WAYS), np.repeat(middle, WAYS, axis=0), np.repeat(normal, WAYS, axis=0), ways)
    each = held.reshape(len(width), WAYS)
    half = WAYS // 2
    return np.asarray((each[:, :half] & each[:, half:]).any(axis=1))


def _walk(probe: _Probe, width: Floats, at: Floats, normal: Floats, way: Floats) -> Bools:
    """(n,) whether each walk along the middle of a wall ends in thicker material, or never, rather than at a rim."""
    at, normal, way = at.copy(), normal.copy(), way.copy()
    held = np.ones(len(width), dtype=bool)
    going = np.arange(len(width))
    for _ in range(STEPS):
        if not len(going):
            break
        a, d, n, t = at[going], way[going], normal[going], width[going]
        distance, _, met = probe.look(a, d)
        ahead = np.where(np.isfinite(distance), distance, 0.0)
        place = a + d * (ahead - np.minimum(t / 2, ahead / 2))[:, None]
        above, _, turned = probe.look(place, n)
        below, _, _ = probe.look(place, -n)
        thick = above + below > THICKER * t
        rim = ~thick & (np.abs(np.einsum("ij,ij->i", met, n)) < SIDE)
        held[going[rim]] = False
        on = ~thick & ~rim
        going = going[on]
        # Along a curved wall: back to its middle, and on as it turns.
        at[going] = place[on] + n[on] * ((above[on] - below[on]) / 2)[:, None]
        normal[going] = np.where(np.einsum("ij,ij->i", turned[on], n[on])[:, None] > 0, turned[on], n[on])
        way[going] = unit(d[on] - np.einsum("ij,ij->i", d[on], normal[going])[:, None] * normal[going])
    return held


def _depths(part: Part, probe: _Probe, width: Floats, side: Floats, out: Floats, sign: int) -> tuple[Floats, Floats]:
    """((n,) mm that each thin thing rises or is deep, inf if it has no foot, (n, 3) the way that it rises or opens).

    It lies behind `side`, against `out`. A raised wall (`sign` 1) is followed to its top, the air beside it to its
    foot; a groove (-1) to its floor, the material beside it to its mouth.
    """
    ways = _plane_ways(out)
    flat = ways.reshape(-1, 3)
    inner = np.repeat(side - out * (width / 2)[:, None], WAYS, axis=0)
    outer = np.repeat(side + out * (BESIDE * part.diagonal), WAYS, axis=0)
    to_end, end, _ = probe.look(inner, -flat)
    to_foot, foot, _ = probe.look(outer, flat)
    back, _, _ = probe.look(outer, -flat) if sign > 0 else probe.look(inner, flat)
    depth = to_end + to_foot
    ends = (sign * end > SQUARE) & (-sign * foot > SQUARE) & (back > OPEN * depth)
    depth = np.where(ends, depth, np.inf).reshape(-1, WAYS)
    rows, best = np.arange(len(depth)), depth.argmin(axis=1)
    least = depth[rows, best]
    return least, np.where(np.isfinite(least)[:, None], -sign * ways[rows, best], 0.0)
