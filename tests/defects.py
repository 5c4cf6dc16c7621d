"""Parts with one defect each, whose size is the builder's first argument: what each rule has to find. Lengths in mm."""

import math

from tests.parts import Solid, Vector, block, cylinder, drafted_pocket, drill, pocket, prism, ring, shaft, turned

MIDDLE = (60.0, 40.0, 30.0)
MINOR_M6 = 6.0 - 1.082532
SIDES: list[tuple[Vector, Vector]] = [
    ((40.0, 30.0, 40.0), (0.0, 0.0, -1.0)),
    ((0.0, 30.0, 20.0), (1.0, 0.0, 0.0)),
    ((40.0, 0.0, 20.0), (0.0, 1.0, 0.0)),
    ((80.0, 30.0, 20.0), (-1.0, 0.0, 0.0)),
    ((40.0, 60.0, 20.0), (0.0, -1.0, 0.0)),
]


def plate(height: float = 30.0) -> Solid:
    return block(120.0, 80.0, height)


# Holes


def holed(diameter: float, depth: float, height: float = 30.0, *, point: bool = False) -> Solid:
    return plate(height).cut(drill(diameter, depth, (60.0, 40.0, height), point=point))


def broken_out(offset: float) -> Solid:
    """A hole of 10 mm right through, its axis `offset` from the plate's side."""
    return plate().cut(cylinder(10.0, 40.0, (60.0, offset, -5.0)))


def leaning(degrees: float) -> Solid:
    """A hole right through that leans."""
    lean = math.radians(degrees)
    along = (math.sin(lean), 0.0, -math.cos(lean))
    return plate().cut(cylinder(6.0, 80.0, (60.0 - 20.0 * along[0], 40.0, 30.0 + 20.0 * math.cos(lean)), along))


def side_hole(reach: float, aslant: float = 0.0) -> Solid:
    """A pocket of 40 mm in the plate's middle, and a hole from the side that is `reach` mm deep, turned by `aslant`."""
    opened = plate().cut(pocket(40.0, 40.0, 20.0, MIDDLE, corner=8.0))
    along = (math.cos(math.radians(aslant)), math.sin(math.radians(aslant)), 0.0)
    return opened.cut(drill(5.0, reach, (0.0, 40.0, 20.0), along, point=False))


def two_holes(height: float) -> Solid:
    """A hole down to the plate's middle, and a narrower one across at `height`."""
    down = drill(10.0, 15.0, MIDDLE, point=False)
    return plate().cut(down, cylinder(5.0, 100.0, (60.0, -10.0, height), (0.0, 1.0, 0.0)))


def tapped(depth: float) -> Solid:
    """A hole of the minor diameter of M6."""
    return plate(60.0).cut(drill(MINOR_M6, depth, (60.0, 40.0, 60.0)))


# Pockets


def pocketed(length: float, width: float, depth: float, corner: float, floor: float = 0.0) -> Solid:
    return plate().cut(pocket(length, width, depth, MIDDLE, corner=corner, floor=floor))


def two_corner_radii(corner: float) -> Solid:
    """Two crossed pockets of one floor, one with corners of 5 mm."""
    return plate().cut(pocket(40.0, 30.0, 9.0, MIDDLE, corner=5.0), pocket(20.0, 40.0, 9.0, MIDDLE, corner=corner))


def two_floor_radii(floor: float) -> Solid:
    """Two pockets that run into each other, one with floor fillets of 2 mm."""
    return plate().cut(
        pocket(40.0, 30.0, 9.0, (35.0, 40.0, 30.0), corner=5.0, floor=2.0),
        pocket(40.0, 30.0, 9.0, (60.0, 40.0, 30.0), corner=5.0, floor=floor),
    )


def drafted(degrees: float) -> Solid:
    return plate().cut(drafted_pocket(40.0, 30.0, 10.0, degrees, MIDDLE))


def island(gap: float, diameter: float = 20.0) -> Solid:
    """A round island in a pocket of 80 × 50 mm, `gap` mm from its long wall."""
    hollowed = block(120.0, 90.0, 30.0).cut(pocket(80.0, 50.0, 12.0, (60.0, 45.0, 30.0), corner=10.0))
    return hollowed.join(cylinder(diameter, 12.0, (60.0, 70.0 - gap - diameter / 2, 18.0)))


def lettered(stroke: float, depth: float = 0.3) -> Solid:
    """Three strokes of a letter H, engraved."""
    bars = [pocket(stroke, 8.0, depth, (x, 40.0, 30.0)) for x in (50.0, 56.0)]
    return plate().cut(*bars, pocket(8.0, stroke, depth, (70.0, 40.0, 30.0)))


def t_slot(width: float, depth: float = 6.0) -> Solid:
    """A T-slot right through: its head is `width` mm high and reaches `depth` behind the lips of a 12 mm mouth."""
    mouth = block(100.0, 12.0, 60.0, (-10.0, 34.0, 70.0))
    head = block(100.0, 12.0 + 2 * depth, width, (-10.0, 34.0 - depth, 70.0 - width))
    return block(80.0, 80.0, 80.0).cut(mouth, head)


def dovetail() -> Solid:
    profile = [(34.0, 60.0), (46.0, 60.0), (52.0, 45.0), (28.0, 45.0)]
    # A third of a turn about the space diagonal takes x, y, z to y, z, x.
    channel = prism(profile, 100.0).moved(axis=(1.0, 1.0, 1.0), degrees=120.0)
    return block(80.0, 80.0, 60.0).cut(channel.moved((-10.0, 0.0, 0.0)))


def closed_undercut(mouth: float) -> Solid:
    """A pocket whose walls are cut back by 5 mm below its mouth, on both long sides, 8 mm high."""
    low = (100.0 - mouth) / 2
    opening = block(40.0, mouth, 60.0, (40.0, low, 60.0))
    head = block(40.0, mouth + 10.0, 8.0, (40.0, low - 5.0, 52.0))
    return block(120.0, 100.0, 80.0).cut(opening, head)


# Walls, bosses, edges


def walled(thickness: float) -> Solid:
    """A pocket so far from the plate's side."""
    return plate().cut(pocket(50.0, 20.0, 10.0, (60.0, 70.0 - thickness, 30.0), corner=5.0))


def fin(height: float, thickness: float = 5.0) -> Solid:
    """A wall right across a plate."""
    return block(80.0, 60.0, 20.0).join(block(80.0, thickness, height, (0.0, 27.0, 20.0)))


def wall_beside_a_pocket(depth: float) -> Solid:
    """A pocket 4 mm from the outside: the wall stands on the pocket's floor."""
    return block(80.0, 60.0, 40.0).cut(pocket(60.0, 30.0, depth, (40.0, 41.0, 40.0), corner=8.0))


def bossed(height: float) -> Solid:
    """A boss of 5 × 10 mm."""
    return plate().join(block(5.0, 10.0, height, (50.0, 30.0, 30.0)))


def rounded_above(radius: float) -> Solid:
    """A plate with round upright corners, and with round upper edges if `radius` is not 0."""
    upright = plate().round_edges(5.0, (0.0, 0.0, 1.0))
    return upright.round_edges_at_height(radius, 30.0) if radius else upright


# The whole part


def hollowed(depth: float) -> Solid:
    """All but a rim of 1 mm cut away, `depth` deep."""
    return plate().cut(pocket(118.0, 78.0, depth, MIDDLE, corner=10.0))


def hollowed_share(depth: float) -> float:
    """Percent of the block that `hollowed` cuts away."""
    return 100.0 * (118.0 * 78.0 - (4 - math.pi) * 10.0**2) * depth / (120.0 * 80.0 * 30.0)


def drilled_from(sides: int) -> Solid:
    return block(80.0, 60.0, 40.0).cut(*(drill(6.0, 8.0, at, along, point=False) for at, along in SIDES[:sides]))


def oblique_hole(degrees: float) -> Solid:
    tool = cylinder(8.0, 60.0, (0.0, 0.0, -15.0)).moved(axis=(0.0, 1.0, 0.0), degrees=degrees)
    return block(80.0, 60.0, 40.0).cut(tool.moved((40.0, 30.0, 38.0)))


def cavity(lid: float) -> Solid:
    """A round room of 10 mm in the middle of a block, and how thick the block is above it: 0 opens it."""
    top = 41.0 if lid == 0 else 40.0 - lid
    return block(40.0, 40.0, 40.0).cut(cylinder(10.0, top - 20.0, (20.0, 20.0, 20.0)))


# Turned parts


def shoulder(radius: float, wide: float = 40.0) -> Solid:
    stepped = shaft((20.0, 30.0), (wide, 20.0))
    return stepped.round_edges_at_height(radius, 30.0) if radius else stepped


def undercut_bore(width: float) -> Solid:
    """A blind bore of 20 mm with an undercut at its bottom."""
    bore = cylinder(20.0, 40.0, (0.0, 0.0, 30.0))
    return shaft((50.0, 60.0)).cut(bore, ring(24.0, 0.0, width, 30.0)) if width else shaft((50.0, 60.0)).cut(bore)


def neck(left: float, right: float) -> Solid:
    """A shaft of 30 mm with a neck of 20 mm, its flanks at two angles from the axis."""
    runs = [5.0 / math.tan(math.radians(angle)) for angle in (left, right)]
    low, high = 30.0 + runs[0], 70.0 + runs[0]
    return turned(
        [(0.0, 0.0), (0.0, 15.0), (30.0, 15.0), (low, 10.0), (high, 10.0), (high + runs[1], 15.0), (140.0, 15.0),
         (140.0, 0.0)]
    )  # fmt: skip


def grooved(depth: float) -> Solid:
    """A shaft of 40 mm with a groove 3 mm wide."""
    return shaft((40.0, 60.0)).cut(ring(50.0, 40.0 - 2 * depth, 3.0, 30.0))


def tube(wall: float) -> Solid:
    return ring(50.0, 50.0 - 2 * wall, 40.0)


def web(thickness: float) -> Solid:
    """A shaft with two flats, a wall between them."""
    half = thickness / 2
    sides = [block(70.0, 15.0, 30.0, (-35.0, y, 20.0)) for y in (half, -half - 15.0)]
    return shaft((60.0, 40.0)).cut(*sides)


def cross_drilled(diameter: float) -> Solid:
    return shaft((12.0, 40.0)).cut(cylinder(diameter, 40.0, (0.0, -20.0, 20.0), (0.0, 1.0, 0.0)))
