"""Moulded parts built by code, sound or with one defect of known size. Lengths in mm, angles in degrees.

The sound part is a box that is open above: outside 80 x 60 x 20 at its bottom, its walls everywhere WALL thick, drafted
by DRAFT inside and out, with the inner corners rounded by INNER and the outer ones by INNER + WALL.
"""

import math
from functools import cache

from tests.parts import DOWN, UP, Solid, block, cone, cylinder, drafted_pocket

LENGTH, WIDTH, HEIGHT = 80.0, 60.0, 20.0
WALL, DRAFT, INNER = 2.0, 2.0, 1.5
TOP = HEIGHT


def frustum(length: float, width: float, height: float, draft: float, at: tuple[float, float, float]) -> Solid:
    """A block on a rectangle around `at`, whose sides lean outwards by `draft` as they rise."""
    grow = (height + 1.0) * math.tan(math.radians(draft))
    solid = drafted_pocket(length, width, height, draft, (at[0], at[1], at[2] + height))
    lid = block(length + 4 * abs(grow) + 9, width + 4 * abs(grow) + 9, 5.0)
    return solid.cut(
        lid.moved((at[0] - length / 2 - 2 * abs(grow) - 4, at[1] - width / 2 - 2 * abs(grow) - 4, at[2] + height))
    )


def box(
    wall: float = WALL,
    draft: float = DRAFT,
    height: float = HEIGHT,
    inner: float = INNER,
    length: float = LENGTH,
    width: float = WIDTH,
) -> Solid:
    """The sound box: the middle of its bottom is the origin, it opens upwards."""
    return _box(wall, draft, height, inner, length, width).moved()  # a copy: the kernel marks what it works on


@cache
def _box(wall: float, draft: float, height: float, inner: float, length: float, width: float) -> Solid:
    outside = frustum(length, width, height, draft, (0.0, 0.0, 0.0))
    # Square to the leaning walls it is `wall` from one to the other: across it is more.
    across = wall / math.cos(math.radians(draft))
    lean = wall * math.tan(math.radians(draft))
    inside = (length - 2 * across + 2 * lean, width - 2 * across + 2 * lean)
    if inner:
        heights = (0.0, height)
        outside = outside.round_edges_off_heights(inner + wall, heights).round_edges_at_height(inner + wall, 0.0)
    return outside.cut(drafted_pocket(*inside, height - wall, draft, (0.0, 0.0, height), corner=inner, floor=inner))


def rib(
    base: float, height: float, length: float = 30.0, draft: float = 1.0, at: tuple[float, float] = (0.0, 0.0)
) -> Solid:
    """A rib along x on the box's floor: `base` thick where it leaves the floor, drafted on all sides."""
    foot = 0.5
    widen = 2 * foot * math.tan(math.radians(draft))
    return frustum(length + widen, base + widen, height + foot, -draft, (*at, WALL - foot))


def boss(outer: float, inner: float, height: float, draft: float = 1.0, at: tuple[float, float] = (0.0, 0.0)) -> Solid:
    """A hollow boss on the box's floor: `outer` and `inner` are its diameters where it leaves the floor."""
    slope = math.tan(math.radians(draft))
    foot = 0.5
    x, y = at
    tube = cone(outer + 2 * foot * slope, outer - 2 * height * slope, height + foot, (x, y, WALL - foot))
    if not inner:
        return tube
    hole = cone(inner, inner + 2 * (height + 1) * slope, height + 1.0, (x, y, WALL))
    return tube.cut(hole)


def ribbed(base: float = 1.2, height: float = 5.0, fillet: float = 0.0) -> Solid:
    """The box with a rib."""
    solid = box().join(rib(base, height))
    return solid.round_edges_at_height(fillet, WALL) if fillet else solid


def bossed(outer: float = 4.8, inner: float = 2.4, height: float = 6.0) -> Solid:
    """The box with a boss, hollow down to the floor."""
    return box().join(boss(outer, inner, height))


def snap_fit(depth: float, at: float = 8.0, thick: float = 1.2) -> Solid:
    """The box with a ledge that sticks `depth` out of the wall at +x, inwards: a lifter along -x frees it."""
    reach = LENGTH / 2 + HEIGHT * math.tan(math.radians(DRAFT)) - 0.5
    inside = LENGTH / 2 - WALL
    return box().join(block(reach - inside + depth, 10.0, thick, (inside - depth, -5.0, at)))


def windowed(height: float = 4.0, width: float = 8.0, *, through: bool = False) -> Solid:
    """The box with a window in the wall at +x, which a slider along +x frees, and one opposite if `through`."""
    start = -LENGTH / 2 - 10.0 if through else LENGTH / 2 - 10.0
    return box().cut(block(LENGTH / 2 + 10.0 - start, width, height, (start, -width / 2, 8.0)))


def sharp_tray(draft: float = 0.0) -> Solid:
    """A tray whose walls and floor are WALL thick and meet at sharp edges, inside and out."""
    outside = frustum(60.0, 40.0, 20.0, draft, (0.0, 0.0, 0.0))
    inside = frustum(60.0 - 2 * WALL, 40.0 - 2 * WALL, 20.0, draft, (0.0, 0.0, WALL))
    return outside.cut(inside)


def hooked_outside() -> Solid:
    """The box with a block that sticks out of its wall at +x: the wall above stands on it, and is no rib."""
    return box().join(block(4.0, 8.0, 2.0, (LENGTH / 2, -4.0, 14.0)))


def threaded(inside: bool = False) -> Solid:
    """A cap with three ridges around its wall, or three grooves around its inside."""
    heights = (4.0, 7.0, 10.0)
    if inside:
        cap = cone(30.0, 30.6, 12.0, (0.0, 0.0, 0.0)).cut(cone(26.0, 26.6, 10.1, (0.0, 0.0, 2.0)))
        return cap.cut(*(cylinder(28.0, 1.0, (0.0, 0.0, z)) for z in heights))
    cap = cylinder(24.0, 14.0, (0.0, 0.0, 0.0)).cut(cylinder(20.0, 12.1, (0.0, 0.0, 2.0)))
    return cap.join(*(cylinder(26.0, 1.0, (0.0, 0.0, z)).cut(cylinder(22.0, 1.0, (0.0, 0.0, z))) for z in heights))


def pegged(height: float, far: float) -> Solid:
    """The box with two undrafted pegs on its floor, `height` and `far` high."""
    return box().join(cylinder(1.0, height, (-20.0, 0.0, WALL)), cylinder(1.0, far, (20.0, 0.0, WALL)))


def lettered(depth: float) -> Solid:
    """The box with a sharp-edged recess in its bottom, `depth` deep."""
    return box().cut(block(20.0, 10.0, depth, (-10.0, -5.0, 0.0)))


def angle() -> Solid:
    """An angle of 60 x 40 and 60 x 25, 1.5 thick, its outer edge broken at 45°: a way of its own to open along."""
    broken = block(62.0, 1.0, 1.0).moved((-1.0, 0.0, -math.sqrt(0.5)), (1.0, 0.0, 0.0), 45.0)
    return block(60.0, 40.0, 1.5).join(block(60.0, 1.5, 25.0)).cut(broken)


def heaped(size: float) -> Solid:
    """The box with a solid lump on its floor, `size` square and as high above the outside: a ball of `size` fits in."""
    return box().join(block(size, size, size, (-size / 2, -size / 2, 0.0)).round_edges(0.3, UP))


def grooved_cup() -> Solid:
    """A cup with a groove around its outside: two sliders."""
    cup = cone(40.0, 44.0, 30.0, (0.0, 0.0, 0.0)).cut(cone(35.0, 39.0, 28.1, (0.0, 0.0, 2.0)))
    return cup.cut(cylinder(80.0, 3.0, (0.0, 0.0, 15.0)).cut(cylinder(41.0, 3.0, (0.0, 0.0, 15.0))))


def inner_groove() -> Solid:
    """A cup with a groove around its inside: no side action gets out of it."""
    cup = cone(40.0, 44.0, 30.0, (0.0, 0.0, 0.0)).cut(cone(33.0, 37.0, 28.1, (0.0, 0.0, 2.0)))
    return cup.cut(cylinder(37.0, 3.0, (0.0, 0.0, 15.0)))


def plate_with_hole(diameter: float, depth: float, thickness: float, *, through: bool) -> Solid:
    """A plate with a drafted hole from above."""
    plate = block(40.0, 40.0, thickness, (-20.0, -20.0, 0.0))
    slope = math.tan(math.radians(0.6))
    reach = thickness + 1.0 if through else depth
    return plate.cut(
        cone(diameter + 2 * slope, diameter - 2 * reach * slope, reach + 1.0, (0.0, 0.0, thickness + 1.0), DOWN)
    )
