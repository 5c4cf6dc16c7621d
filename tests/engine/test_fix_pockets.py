"""Narrow pockets that have no room on all sides: which walls give way, and where a round hole does instead."""

import math
from itertools import islice

import numpy as np
import pytest

from tests.fix_parts import Tried, change_of, tried
from tests.parts import Solid, block, cylinder, drafted_pocket, pocket, prism
from workers.cad.edit.body import Body, body_of
from workers.cad.edit.section import section_lines
from workers.cad.edit.soundness import unsound
from workers.cad.part import Surface
from workers.fixes.candidate import Box
from workers.fixes.milling.depressions import filled_up
from workers.fixes.milling.outline import upright_walls, wider_outline
from workers.fixes.milling.widening import Pocket, least_widenings

UP = np.array([0.0, 0.0, 1.0])
ACROSS, HEIGHT = 20.0, 8.0
STOCK = block(ACROSS, ACROSS, HEIGHT)
RULE = "pocket-narrow-region"


def polygon(sides: int, across: float, at: tuple[float, float], depth: float = HEIGHT, first: float = 90.0) -> Solid:
    """A cutter with so many walls, `across` mm from the middle to its corners, into the stock's top."""
    turns = np.radians(first + np.arange(sides) * 360 / sides)
    corners = [(at[0] + across * math.cos(turn), at[1] + across * math.sin(turn)) for turn in turns]
    return prism(corners, depth, (0.0, 0.0, HEIGHT - depth))


def bores(fix: Tried) -> list[float]:
    """The diameters of the round walls, mm."""
    assert fix.after is not None, fix.outcome["attempts"]
    return [round(2 * float(r), 6) for r in fix.after.faces.radius[fix.after.faces.kind == Surface.CYLINDER]]


@pytest.mark.parametrize("depth", [HEIGHT, 4.0], ids=["through", "blind"])
def test_a_small_triangle_beside_a_thin_wall_becomes_a_round_hole(depth: float) -> None:
    """Its wall to the side is 1.3 mm thick: as a larger triangle it would leave less than 0.8 mm."""
    fix = tried(STOCK.cut(polygon(3, 1.0, (2.3, 10.0), depth, first=180.0)), RULE)
    assert bores(fix) == [3.0]
    assert ("drill point" in fix.outcome["edit"]) == (depth < HEIGHT)
    tip = 0.0 if depth == HEIGHT else math.pi * 1.5**3 / math.tan(math.radians(59)) / 3
    removed = (math.pi * 1.5**2 - 3 * 3**0.5 / 4) * depth + tip
    assert change_of(fix) == pytest.approx(-removed, rel=1e-4)
    assert fix.after is not None
    # It gives way to the side where there is room, as far as it covers the triangle still.
    (axis,) = fix.after.faces.origin[fix.after.faces.kind == Surface.CYLINDER]
    assert 2.3 < axis[0] < 2.8


def hexagon() -> Body:
    """1.2 mm from a side wall."""
    return body_of(STOCK.cut(polygon(6, 1.0, (1.2 + 3**0.5 / 2, 10.0))).shape)


def test_the_walls_give_way_to_where_there_is_room() -> None:
    body = hexagon()
    inside = [f for f in range(len(body.faces.kind)) if 0.5 < body.faces.origin[f, 0] < 5.0]
    pocket = Pocket(body, inside, upright_walls(body, inside, UP), UP)
    first, *_others = found = list(islice(least_widenings(pocket, 3.0, 0.9), 3))
    outline = wider_outline(body, pocket.walls, UP, first)
    assert outline[:, 0].min() >= 0.9 - 1e-3
    areas = [area(wider_outline(body, pocket.walls, UP, shares)) for shares in found]
    assert areas == pytest.approx(sorted(areas))
    assert len({(shares > 1e-6).tobytes() for shares in found}) == 3
    # As wide as was asked for, both from wall to wall and all around.
    normals = body.faces.axis[pocket.walls]
    heights = outline @ normals.T
    assert np.ptp(heights, axis=0).min() >= 3.0 - 1e-6


def area(corners: np.ndarray) -> float:
    """mm2 within a flat outline."""
    spans = corners - corners[0]
    return float(np.linalg.norm(np.cross(spans[:-1], spans[1:]).sum(axis=0)) / 2)


def test_a_section_runs_around_what_the_plane_cuts() -> None:
    body = body_of(STOCK.cut(cylinder(6.0, 4.0, (10.0, 10.0, 4.0))).shape)
    below = section_lines(body.mesh, [], UP, 2.0)
    above = section_lines(body.mesh, [], UP, 6.0)
    lengths = [float(np.linalg.norm(lines[:, 1] - lines[:, 0], axis=1).sum()) for lines in (below, above)]
    assert lengths[0] == pytest.approx(4 * ACROSS)
    assert lengths[1] == pytest.approx(4 * ACROSS + math.pi * 6.0, rel=5e-3)
    sides = [f for f in range(len(body.faces.kind)) if body.faces.kind[f] == Surface.PLANE]
    assert len(section_lines(body.mesh, sides, UP, 2.0)) == 0
    assert np.abs(above[..., 2] - 6.0).max() < 1e-9


def test_corners_that_end_in_balls_get_what_they_need_below_those() -> None:
    """Such a corner is measured above the ball; a larger one with the same foot runs down past it, and is deeper."""
    balls = pocket(60.0, 44.0, 40.0, (50.0, 40.0, 50.0), corner=6.0, floor=6.0)
    fix = tried(block(100.0, 80.0, 50.0).cut(balls), "corner-radius")
    assert fix.outcome["outcome"] == "cleared", fix.outcome["attempts"]
    assert len(fix.outcome["attempts"]) == 1
    assert fix.outcome["figures"]["radius_to"] == pytest.approx(40.0 / 3, rel=2e-3)


def test_where_there_is_no_room_below_the_balls_the_floor_is_raised_by_as_much() -> None:
    """22.6 mm from wall to wall have room for R11.3, and not for R13.3."""
    balls = pocket(60.0, 22.8, 40.0, (50.0, 40.0, 50.0), corner=6.0, floor=6.0)
    fix = tried(block(100.0, 80.0, 50.0).cut(balls), "corner-radius")
    assert fix.outcome["outcome"] == "cleared", fix.outcome["attempts"]
    assert fix.outcome["figures"]["radius_to"] == pytest.approx(34.0 / 3)
    assert fix.outcome["figures"]["floor_by"] == pytest.approx(40.0 - 0.995 * 34.0)
    assert fix.after is not None
    floors = fix.after.planes_at(UP, np.array([50.0, 40.0, 10.0 + fix.outcome["figures"]["floor_by"]]))
    assert len(floors) == 1


def test_the_floor_of_a_pocket_with_leant_walls_is_raised_up_to_them() -> None:
    solid = body_of(STOCK.cut(drafted_pocket(10.0, 8.0, 6.0, 5.0, (10.0, 10.0, HEIGHT))).shape)
    around = Box(np.array([4.0, 4.0, 0.0]), np.array([16.0, 16.0, HEIGHT]))
    higher = filled_up(solid, [(UP, np.array([10.0, 10.0, HEIGHT - 6.0]))], UP, HEIGHT - 4.0, around)
    assert unsound(higher) is None
    grow = 2 * 2.0 * math.tan(math.radians(5.0))
    ends, middle = (10.0 * 8.0, (10.0 + grow) * (8.0 + grow)), (10.0 + grow / 2) * (8.0 + grow / 2)
    assert higher.volume - solid.volume == pytest.approx(2.0 / 6 * (sum(ends) + 4 * middle), rel=1e-6)
    assert len(higher.faces.kind) == len(solid.faces.kind)
