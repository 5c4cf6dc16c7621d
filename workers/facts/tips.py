"""Necks at the tips of what is cut in: between an inner edge, or the point of a drill, and the face beyond.

No ray square to a face starts at a tip, and the samples of the surface lie further apart than a neck is narrow.
"""

from dataclasses import dataclass

import numpy as np
from scipy.spatial import KDTree

from workers.cad.elementary import distances, elementary_normals, unit
from workers.cad.part import Floats, Ints, Part, Surface
from workers.facts.inner_edges import POINTS_ON_AN_EDGE, along_edges, do_meet, inner_edges
from workers.facts.opposite import FACING_DEGREES, first_beyond
from workers.facts.rays import Bools, RayScene
from workers.facts.thickness import Wall

FACING = np.cos(np.radians(FACING_DEGREES))
# As a share of the part's diagonal: what single precision tells apart, with a margin.
SAME_POINT = 1e-5
FAN = 5
AROUND_A_POINT = 6
# Of each tip so many others are looked at, the nearest: most of them are on its own edge.
NEIGHBOURS = 24
# An edge and the face beyond need not be parallel: so many of the narrowest are sought between the points.
CONFIRM_NARROWEST = 4
THIN_MM = 2.0  # walls beyond this are of interest only if they are the thinnest
AS_SQUARE = 1e-6


@dataclass(frozen=True)
class _Looks:
    """Looks from tips into the material; each tip has several."""

    points: Floats  # (n, 3)
    directions: Floats  # (n, 3) unit
    faces: Ints  # (n, 2) that meet at the tip: twice the same at the point of a drill
    spacing: Floats  # (n,) mm to the next tip on the same edge

    def of(self, chosen: Bools) -> "_Looks":
        return _Looks(self.points[chosen], self.directions[chosen], self.faces[chosen], self.spacing[chosen])

    def along(self, directions: Floats) -> "_Looks":
        return _Looks(self.points, directions, self.faces, self.spacing)


def measure_tips(part: Part, scene: RayScene, thinnest: float) -> list[Wall]:
    """The least distance, exact, from the tips on each face to each face beyond; narrowest first.

    With it the least between two tips, where that is less than all others and than `thinnest` mm.
    Between faces of free form there is none.
    """
    if not part.exact:
        return []
    edges, points = _from_inner_edges(part), _from_drill_points(part)
    under = _under_tips(part, scene, edges, points, max(thinnest, THIN_MM))
    below = min([thinnest, *(wall.thickness for wall in under[:1])])
    between = _tip_to_tip(part, scene, edges, points, below)
    return under if between is None else [between, *under]


def _under_tips(part: Part, scene: RayScene, edges: _Looks, points: _Looks, thin: float) -> list[Wall]:
    looks = _Looks(
        np.concatenate([edges.points, points.points]),
        np.concatenate([edges.directions, points.directions]),
        np.concatenate([edges.faces, points.faces]),
        np.concatenate([edges.spacing, points.spacing]),
    )
    looks, beyond, _ = _look(part, scene, looks)
    # Whatever way a look led to the face beyond, the way square to it is the shortest.
    square = elementary_normals(part.faces, beyond, looks.points)
    known = np.linalg.norm(square, axis=1) > 0
    looks, beyond, seen = _look(part, scene, looks.of(known).along(square[known]))
    exact = np.abs(distances(part.faces, beyond, looks.points))
    flat = part.faces.kind[beyond] == Surface.PLANE
    confirmed = np.abs(exact - seen) <= np.where(flat, SAME_POINT * part.diagonal, 2 * part.mesh.deflection)
    return _least(part, looks.of(confirmed), beyond[confirmed], exact[confirmed], thin)


def _tip_to_tip(part: Part, scene: RayScene, edges: _Looks, points: _Looks, below: float) -> Wall | None:
    """The least distance, exact, between two tips that look at each other, where that is less than `below` mm."""
    tips = [_ahead(edges, FAN, 2, 0), _ahead(points, 1 + AROUND_A_POINT, 0, 1)]
    places, ahead, faces = (np.concatenate(arrays) for arrays in zip(*(tip[:3] for tip in tips), strict=True))
    widest = np.concatenate([tip[3] for tip in tips])
    if len(places) < 2:
        return None
    distance, other = KDTree(places).query(places, k=min(NEIGHBOURS, len(places)), distance_upper_bound=below)
    one, rank = np.nonzero(np.isfinite(distance) & (distance > SAME_POINT * part.diagonal))
    two, distance = other[one, rank], distance[one, rank]
    way = unit(places[two] - places[one])
    held = np.einsum("ij,ij->i", way, ahead[one]) > widest[one]
    held &= np.einsum("ij,ij->i", -way, ahead[two]) > widest[two]
    one, two, distance, way = one[held], two[held], distance[held], way[held]
    apart = ~do_meet(part, faces[one, 0], faces[two, 0]) & ~do_meet(part, faces[one, 1], faces[two, 1])
    # Nothing but the other tip's own faces may lie between.
    triangle, seen = first_beyond(part, scene, places[one], way, faces[one])
    held = apart & (triangle >= 0) & (seen > distance - 2 * part.mesh.deflection)
    if not held.any():
        return None
    best = np.flatnonzero(held)[np.lexsort((two[held], one[held], np.round(distance[held], 6)))[0]]
    pair = int(faces[one[best], 0]), int(faces[two[best], 0])
    return _between_tips(part, pair, places[one[best]], way[best], float(distance[best]))


def _ahead(looks: _Looks, fan: int, middle: int, side: int) -> tuple[Floats, Floats, Ints, Floats]:
    """((n, 3) each tip, (n, 3) the middle of its fan, (n, 2) its faces, (n,) cosine from there to a side)."""
    count = len(looks.points) // fan
    of = slice(middle * count, (middle + 1) * count)
    ahead, aside = looks.directions[of], looks.directions[side * count : (side + 1) * count]
    return looks.points[of], ahead, looks.faces[of], np.einsum("ij,ij->i", ahead, aside) - AS_SQUARE


def _between_tips(part: Part, pair: tuple[int, int], point: Floats, way: Floats, distance: float) -> Wall | None:
    """The wall, where the faces themselves are as close there: between the points of two edges they may be closer."""
    found = part.wall_probe.least_distance(*pair)
    if found is None or np.linalg.norm(found[1] - point) > distance or found[0] > distance + SAME_POINT * part.diagonal:
        return Wall(pair, distance, True, point, -way, 1)
    return Wall(pair, found[0], True, found[1], -way, 1)


def _from_inner_edges(part: Part) -> _Looks:
    """From points of the inner edges, into the fan that the normals of both faces span."""
    inner = inner_edges(part)
    elementary = (part.faces.kind[part.edges.faces[inner]] != Surface.FREEFORM).all(axis=1)
    inner = inner[elementary]
    points = along_edges(part, inner)
    faces = np.repeat(part.edges.faces[inner], POINTS_ON_AN_EDGE, axis=0)
    one, two = (-elementary_normals(part.faces, side, points) for side in faces.T)
    middle = unit(one + two)
    fan = [one, unit(one + middle), middle, unit(middle + two), two]
    spacing = np.repeat(part.edges.length[inner] / (POINTS_ON_AN_EDGE - 1), POINTS_ON_AN_EDGE)
    many = FAN
    return _Looks(np.tile(points, (many, 1)), np.concatenate(fan), np.tile(faces, (many, 1)), np.tile(spacing, many))


def _from_drill_points(part: Part) -> _Looks:
    """From the apexes of hollow cones, ahead and as far to the sides as their walls are square to."""
    faces, mesh = part.faces, part.mesh
    hollow = np.flatnonzero((faces.kind == Surface.CONE) & (faces.sign < 0))
    slope = np.radians(np.abs(faces.half_angle[hollow]))
    ahead = -faces.axis[hollow] * np.sign(faces.half_angle[hollow])[:, None]
    apex = faces.origin[hollow] + ahead * (faces.radius[hollow] / np.tan(slope))[:, None]
    corners = [mesh.vertices[mesh.triangles[mesh.face == face]] for face in hollow]
    off = [np.linalg.norm(c - a, axis=2).min(initial=np.inf) for c, a in zip(corners, apex, strict=True)]
    pointed = np.array(off) < SAME_POINT * part.diagonal
    hollow, slope, ahead, apex = hollow[pointed], slope[pointed], ahead[pointed], apex[pointed]
    sideways = unit(np.cross(ahead, np.eye(3)[np.abs(ahead).argmin(axis=1)]))
    up, fan = np.cross(ahead, sideways), [ahead]
    for angle in np.arange(AROUND_A_POINT) * (2 * np.pi / AROUND_A_POINT):
        around = np.cos(angle) * sideways + np.sin(angle) * up
        fan.append(ahead * np.sin(slope)[:, None] + around * np.cos(slope)[:, None])
    many = len(fan)
    both = np.column_stack([hollow, hollow])
    return _Looks(np.tile(apex, (many, 1)), np.concatenate(fan), np.tile(both, (many, 1)), np.zeros(many * len(hollow)))


def _look(part: Part, scene: RayScene, looks: _Looks) -> tuple[_Looks, Ints, Floats]:
    """(the looks that end at a face that looks away, (n,) that face, (n,) mm to it)."""
    triangle, distance = first_beyond(part, scene, looks.points, looks.directions, looks.faces)
    away = np.einsum("ij,ij->i", part.mesh.normals[triangle], looks.directions) > FACING
    ends = (triangle >= 0) & away
    return looks.of(ends), part.mesh.face[triangle[ends]], distance[ends]


def _least(part: Part, looks: _Looks, beyond: Ints, distance: Floats, thin: float) -> list[Wall]:
    """The least of each pair of faces: the face at the tip that is the squarer to the way, both where they are even."""
    normals = np.stack([elementary_normals(part.faces, side, looks.points) for side in looks.faces.T], axis=1)
    lean = np.einsum("ijk,ik->ij", normals, looks.directions)
    row, side = np.nonzero(lean < lean.min(axis=1, initial=1.0, keepdims=True) + AS_SQUARE)
    near, far = looks.faces[row, side], beyond[row]
    order = np.lexsort((np.round(distance[row], 6), far, near))
    _, first, count = np.unique(np.column_stack([near, far])[order], axis=0, return_index=True, return_counts=True)
    best = order[first]
    # An edge that stays as far from the face beyond all along is no nearer between its points.
    farthest = distance[row[order[first + count - 1]]]
    even = np.zeros(len(row), dtype=bool)
    even[best] = (count > 2) & (farthest - distance[row[best]] < 1e-6)
    best = best[~do_meet(part, near[best], far[best])]
    best = best[np.lexsort((far[best], near[best], np.round(distance[row[best]], 6)))]
    walls = [
        Wall(
            (int(near[i]), int(far[i])),
            float(distance[row[i]]),
            True,
            looks.points[row[i]],
            normals[row[i], side[i]],
            1,
        )
        for i in best
    ]
    spacing = looks.spacing[row[best]]
    # Halfway to the next point it is less by half the way at most: what stays above `thin` mm then, nobody asks for.
    sought = [
        _between_points(part, wall, way) if wall.thickness - way / 2 < thin and not stays else wall
        for wall, way, stays in zip(walls[:CONFIRM_NARROWEST], spacing.tolist(), even[best].tolist(), strict=False)
    ]
    return sought + walls[CONFIRM_NARROWEST:]


def _between_points(part: Part, wall: Wall, spacing: float) -> Wall:
    """The wall where its faces are closest, if that is nearer to this point of the edge than to the next."""
    found = part.wall_probe.least_distance(*wall.faces) if spacing > 0 else None
    reach = spacing * (1 + 1e-6)  # the next point itself, at the end of the edge, may be it
    if found is None or found[0] > wall.thickness - 1e-6 or np.linalg.norm(found[1] - wall.point) > reach:
        return wall
    return Wall(wall.faces, found[0], True, found[1], wall.normal, wall.rays)
