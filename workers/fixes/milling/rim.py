"""A corner between flat walls that ends in a rounded rim, filled up to a larger radius, rim and all."""

from typing import Any

import numpy as np

from workers.cad.edit.blends import rounded
from workers.cad.edit.body import Body, body_of
from workers.cad.edit.booleans import combined, joined
from workers.cad.edit.errors import EditError
from workers.cad.edit.tools import polygon_prism, turned
from workers.cad.part import Bend, Floats, Surface
from workers.cad.solids import find_solids
from workers.features.plan import square_to
from workers.fixes.milling.wedge import circle_between, touched

PARALLEL = 1 - 1e-9
SAME_MM = 1e-3
PAST_MM = 1.0
# How far the block reaches along the walls beyond the new corner, of the rim's radius, and past the rim into them.
ALONG = 0.3
BEHIND = 1.1
NOT_SUCH = "the corner is not between two flat walls, with a rounded rim at one end and a flat face at the other"


def with_filled_corner_and_rim(body: Body, fillet: int, radius: float) -> Body:
    """`body` with one corner, the face `fillet`, filled up to `radius` mm, and its rim rounded as before.

    A block with the new corner and rim is joined: it lies in the material but for what is filled up. It is for where
    the kernel cannot take the fillets off, as a free-form one rounds the rim. Raises EditError.
    """
    faces, axis = body.faces, body.faces.axis[fillet]
    walls, floor, top, rim = _around(body, fillet)
    plane = square_to(axis).T
    middle = circle_between(body, walls, plane, plane @ faces.origin[fillet], radius)
    ends = np.array([touched(body, wall, plane, middle) for wall in walls])
    outward = np.array([plane @ faces.axis[wall] for wall in walls])
    apex = np.linalg.solve(outward, np.einsum("ij,ij->i", outward, ends))
    behind = BEHIND * rim * max(_share_of_rim(body, wall, floor) for wall in walls)
    deep = np.linalg.solve(outward, np.einsum("ij,ij->i", outward, ends) - behind)
    far = ends + ALONG * rim * (ends - apex) / np.linalg.norm(ends - apex, axis=1)[:, None]
    into = far - behind * outward
    outline = np.array([far[0], ends[0], ends[1], far[1], into[1], deep, into[0]])
    block = _between(body, floor, top, outline @ plane, axis)
    low, high = body.extent([fillet], axis)
    reach = high - low + 4 * radius
    round_tool = [(0.0, 0.0), (0.0, radius), (reach, radius), (reach, 0.0)]
    cutter = turned(middle @ plane + ((low + high - reach) / 2) * axis, axis, round_tool)
    filling = _with_rim(body_of(combined("Cut", block, cutter)), body, floor, radius, rim)
    if len(find_solids(combined("Cut", filling, body.shape)).solids) != 1:
        raise EditError("there is too little material behind the corner's walls")
    return joined(body, filling)


def ends_in_rim(body: Body, fillet: int) -> bool:
    """Whether a corner is of the kind that `with_filled_corner_and_rim` fills up."""
    try:
        _around(body, fillet)
    except EditError:
        return False
    return True


def _around(body: Body, fillet: int) -> tuple[list[int], int, int, float]:
    """(two walls, the flat face beyond the rim, the one at the other end, the rim's radius in mm)."""
    faces, axis = body.faces, body.faces.axis[fillet]
    beside = body.neighbours(fillet)
    smooth = [other for edge, other in beside if body.edges.bend[edge] == Bend.SMOOTH]
    walls = sorted({f for f in smooth if faces.kind[f] == Surface.PLANE and abs(float(faces.axis[f] @ axis)) < SAME_MM})
    bends = sorted(set(smooth) - set(walls))
    tops = sorted({other for _edge, other in beside} - set(smooth))
    if len(walls) != 2 or len(bends) != 1 or len(tops) != 1 or faces.kind[tops[0]] != Surface.PLANE:
        raise EditError(NOT_SUCH)
    rims = [
        other
        for _edge, other in body.neighbours(bends[0])
        if faces.kind[other] == Surface.CYLINDER and faces.sign[other] > 0
    ]
    floors = [o for _e, o in body.neighbours(bends[0]) if faces.kind[o] == Surface.PLANE and o not in walls]
    if not rims or len(set(floors)) != 1 or np.ptp(faces.radius[rims]) > SAME_MM:
        raise EditError(NOT_SUCH)
    return walls, floors[0], tops[0], float(faces.radius[rims[0]])


def _share_of_rim(body: Body, wall: int, floor: int) -> float:
    """How far from a wall a rim of 1 mm between it and its floor reaches: tan of half of what they are turned by."""
    axes = body.faces.axis
    return float(np.tan(np.arccos(np.clip(axes[wall] @ axes[floor], -1, 1)) / 2))


def _between(body: Body, floor: int, top: int, outline: Floats, along: Floats) -> Any:  # noqa: ANN401
    """The (n, 3) outline swept `along` from one flat face to the other."""
    on = [_on_plane(body, face, outline, along) for face in (floor, top)]
    by = on[1] - on[0]
    way = along * np.sign(float(np.median(by @ along)))
    length = float(np.abs(by @ along).max()) + PAST_MM
    block = polygon_prism(on[0], way * length)
    wide = 4 * float(np.linalg.norm(np.ptp(outline, axis=0)) + length)
    across = square_to(body.faces.axis[top]).T
    corners = on[1].mean(axis=0) + wide * np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) @ across
    return combined("Cut", block, polygon_prism(corners, body.faces.axis[top] * wide))


def _on_plane(body: Body, face: int, points: Floats, along: Floats) -> Floats:
    """(n, 3) points shifted `along` until they lie in the plane of a face."""
    normal, origin = body.faces.axis[face], body.faces.origin[face]
    return np.asarray(points + np.outer((origin - points) @ normal / float(along @ normal), along))


def _with_rim(block: Body, body: Body, floor: int, radius: float, rim: float) -> Any:  # noqa: ANN401
    """The block with the edge between its round corner and its floor rounded, and what runs smoothly on from it."""
    faces, edges = block.faces, block.edges
    corners = np.flatnonzero((faces.kind == Surface.CYLINDER) & (np.abs(faces.radius - radius) < SAME_MM))
    level = np.abs((edges.middle - body.faces.origin[floor]) @ body.faces.axis[floor]) < SAME_MM
    found = [edge for edge in np.flatnonzero(level).tolist() if set(edges.faces[edge].tolist()) & set(corners.tolist())]
    if len(found) != 1:
        raise EditError("the new corner does not reach its rim")
    return rounded(block, found, rim).shape
