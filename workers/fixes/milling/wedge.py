"""A corner between flat walls and round outer ones filled up to a larger radius, by exact lines and circles."""

import numpy as np

from workers.cad.edit.body import Body
from workers.cad.edit.booleans import combined, joined
from workers.cad.edit.errors import EditError
from workers.cad.edit.tools import polygon_prism, turned
from workers.cad.part import Bend, Floats, Surface
from workers.features.plan import square_to

PARALLEL = 1 - 1e-9
# How far the wedge reaches into the material, of the new radius, and the cylinder past its ends, mm.
INTO = 0.05
PAST_MM = 1.0
WIDEST_DEGREES = 150.0
STEPS = 50
SETTLED_MM = 1e-10


def with_filled_corner(body: Body, fillet: int, radius: float) -> Body:
    """`body` with one upright rounded corner, the face `fillet`, filled up to `radius` mm.

    It is for where the kernel cannot take the fillet off and round the corner anew. Raises EditError unless the
    fillet runs on smoothly into two walls along its axis, each flat or the outside of a cylinder.
    """
    faces, axis = body.faces, body.faces.axis[fillet]
    walls = sorted({other for edge, other in body.neighbours(fillet) if body.edges.bend[edge] == Bend.SMOOTH})
    is_corner = faces.kind[fillet] == Surface.CYLINDER and faces.u_span[fillet] < WIDEST_DEGREES
    if not is_corner or len(walls) != 2 or not all(_is_wall(body, wall, axis) for wall in walls):
        raise EditError("the corner is not between two walls that are flat or round on their outside")
    plane = square_to(axis).T
    old = plane @ faces.origin[fillet]
    middle = circle_between(body, walls, plane, old, radius)
    ends = [touched(body, wall, plane, middle) for wall in walls]
    into = [end + (end - middle) * INTO for end in ends]
    # Past where the walls would meet: as if they were flat, since round ones meet before that.
    half = np.radians(faces.u_span[fillet]) / 2
    deep = old + (old - middle) * (faces.radius[fillet] / np.cos(half) + INTO * radius) / np.linalg.norm(old - middle)
    low, high = body.extent([fillet], axis)
    corners = np.array([ends[0], into[0], deep, into[1], ends[1]]) @ plane + low * axis
    profile = [(0.0, 0.0), (0.0, radius), (high - low + 2 * PAST_MM, radius), (high - low + 2 * PAST_MM, 0.0)]
    cutter = turned(middle @ plane + (low - PAST_MM) * axis, axis, profile)
    return joined(body, combined("Cut", polygon_prism(corners, axis * (high - low)), cutter))


def _is_wall(body: Body, wall: int, axis: Floats) -> bool:
    faces, slope = body.faces, abs(float(body.faces.axis[wall] @ axis))
    is_outside = faces.kind[wall] == Surface.CYLINDER and faces.sign[wall] > 0 and slope > PARALLEL
    return bool(is_outside or (faces.kind[wall] == Surface.PLANE and slope < 1 - PARALLEL))


def _gap(body: Body, wall: int, plane: Floats, at: Floats) -> tuple[float, Floats]:
    """mm from a wall to a place (2,) in front of it, and the way that the wall looks there."""
    faces = body.faces
    origin = plane @ faces.origin[wall]
    if faces.kind[wall] == Surface.PLANE:
        normal = plane @ faces.axis[wall]
        return float((at - origin) @ normal), normal
    far = float(np.linalg.norm(at - origin))
    return far - float(faces.radius[wall]), (at - origin) / far


def circle_between(body: Body, walls: list[int], plane: Floats, start: Floats, radius: float) -> Floats:
    """(2,) the place that is `radius` mm from both walls, nearest to `start`, by Newton's method."""
    at = start
    for _ in range(STEPS):
        gaps = [_gap(body, wall, plane, at) for wall in walls]
        off = np.array([gap - radius for gap, _normal in gaps])
        if np.abs(off).max() < SETTLED_MM:
            return at
        at = at - np.linalg.lstsq(np.array([normal for _gap_, normal in gaps]), off, rcond=None)[0]
    raise EditError(f"no circle of R{radius:.3f} mm touches both walls")


def touched(body: Body, wall: int, plane: Floats, middle: Floats) -> Floats:
    """(2,) where a circle about `middle` touches a wall."""
    gap, normal = _gap(body, wall, plane, middle)
    return middle - gap * normal
