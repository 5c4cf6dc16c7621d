"""Proven fixes on sheet metal: by formula, and the flat pattern of the fixed part."""

import math
from typing import Any

import pytest

from tests.fix_parts import Tried, change_of, tried
from tests.parts import Solid, block, cylinder
from tests.sheet_parts import Strip, Tray, angle, countersink, plate, punch, shallow_relief, tabbed
from workers.cad.part import Surface

T = 2.0


def fixed(solid: Solid, rule: str, number: int = 0) -> Tried:
    """The fix of a sheet; what it left is still a sheet that lies flat."""
    fix = tried(solid, rule, number, process="sheet_metal")
    assert fix.outcome["outcome"] == "cleared", fix.outcome["attempts"] or fix.outcome["reason"]
    assert pattern(fix)["complete"]
    return fix


def pattern(fix: Tried) -> dict[str, Any]:
    """The flat pattern of the fixed part."""
    found: dict[str, Any] = fix.outcome["review"]["flat_pattern"]
    assert found["available"]
    return found


@pytest.mark.parametrize(
    ("part", "rule", "taken"),
    [
        # Half a thickness behind the bend; as deep as a relief that is too narrow; over the sheet beside the bend.
        (tabbed(), "relief", 2 * 2.001 * 1.0 * T),
        (tabbed(relief=1.0, depth=4.0), "relief", 2 * 1.001 * 4.0 * T),
        (shallow_relief(1.0), "relief-depth", 2 * (2.001 * 1.0 + 2.0 * 1.0 + 0.001 * 3.0) * T),
    ],
)
def test_a_relief_is_cut_at_both_ends_of_the_bend(part: Solid, rule: str, taken: float) -> None:
    fix = fixed(part, rule)
    assert change_of(fix) == pytest.approx(-taken, rel=1e-6)
    assert len(fix.outcome["attempts"]) == 1


def test_a_square_corner_relief_parts_two_bends() -> None:
    """Bends that end 0.3 mm off the corner then end a thickness apart, less than the bends are wide."""
    fix = fixed(Tray(corner=0.3).solid(), "corner-relief")
    assert fix.outcome["figures"]["side_to"] == pytest.approx(2 * (1.5 / math.sqrt(2) + 1e-3))
    assert len(pattern(fix)["bends"]) == 4


def test_of_bends_that_meet_in_the_corner_nothing_is_left_there() -> None:
    fix = fixed(Tray(corner=0.0).solid(), "corner-relief")
    assert len(fix.outcome["attempts"]) == 2
    assert fix.outcome["figures"]["side_to"] == pytest.approx(2 * 3.501)


OBROUND = block(10.0, 1.2, 4.0, (40.0, 29.4, -1.0)).join(*(cylinder(1.2, 4.0, (x, 30.0, -1.0)) for x in (40.0, 50.0)))


@pytest.mark.parametrize(
    ("tool", "rule", "taken"),
    [
        (punch(1.5, (50.0, 30.0, 1.0)), "hole-size-sheet", math.pi / 4 * (2.0**2 - 1.5**2) * T),
        (block(20.0, 1.2, 4.0, (40.0, 30.0, -1.0)), "slot-width", 20.0 * 0.801 * T),
        (block(10.0, 1.2, 4.0, (-1.0, 30.0, -1.0)), "slot-width", 9.0 * 0.801 * T),
        (OBROUND, "slot-width", (10.0 * 0.802 + math.pi / 4 * (2.002**2 - 1.2**2)) * T),
    ],
)
def test_an_opening_is_widened(tool: Solid, rule: str, taken: float) -> None:
    assert change_of(fixed(plate().cut(tool), rule)) == pytest.approx(-taken, rel=1e-6)


@pytest.mark.parametrize(
    ("turn", "leg", "rule", "longer"),
    [((90.0, 2.0), 1.0, "flange-length", 5.001), ((180.0, 1.0), 3.0, "hem", 5.001)],
)
def test_a_short_flange_is_pulled_out_at_its_end(
    turn: tuple[float, float], leg: float, rule: str, longer: float
) -> None:
    part = Strip(T, 40.0, [50.0, turn, leg])
    fix = fixed(part.solid(), rule)
    assert change_of(fix) == pytest.approx(longer * 40.0 * T, rel=1e-6)
    k_factor = pattern(fix)["bends"][0]["k_factor"]
    assert pattern(fix)["area"] == pytest.approx(part.flat_area(k_factor) + longer * 40.0, rel=1e-6)


def test_a_hole_is_moved_to_where_there_is_room() -> None:
    """Away from the edge that it is 3 mm from, which is more than to its neighbour."""
    fix = fixed(plate().cut(punch(6.0, (6.0, 30.0, 1.0)), punch(5.0, (30.0, 30.0, 1.0))), "hole-to-edge")
    assert fix.after is not None
    bores = fix.after.faces.origin[fix.after.faces.kind == Surface.CYLINDER]
    assert sorted(bores[:, 0].tolist()) == pytest.approx([7.001, 30.0])
    assert change_of(fix) == pytest.approx(0.0, abs=1e-6)


@pytest.mark.parametrize(
    ("part", "rule", "by"),
    [
        (angle().solid().cut(punch(6.0, (42.0, 30.0, 1.0))), "hole-to-bend", 1.001),
        (plate().cut(punch(6.0, (40.0, 30.0, 1.0)), punch(6.0, (49.0, 30.0, 1.0))), "hole-to-hole", 1.001),
    ],
)
def test_a_hole_is_moved_by_what_is_missing(part: Solid, rule: str, by: float) -> None:
    assert fixed(part, rule).outcome["figures"]["moved_by"] == pytest.approx(by, abs=1e-3)


def test_an_opening_that_is_not_round_is_not_moved() -> None:
    fix = tried(plate().cut(block(8.0, 6.0, 4.0, (3.0, 30.0, -1.0))), "hole-to-edge", process="sheet_metal")
    assert (fix.outcome["outcome"], fix.outcome["reason"]) == ("no_edit", "the opening is no plain round hole")


def test_a_deep_countersink_gets_a_smaller_head() -> None:
    """A cone of 90° from Ø7 to Ø4 mm then begins at Ø6.398 mm, over a bore that is so much longer."""
    tools = punch(4.0, (50.0, 30.0, 1.0)), countersink(7.0, 1.5, (50.0, 30.0, T))
    fix = fixed(plate().cut(*tools), "countersink-sheet")
    assert fix.outcome["figures"]["head_to"] == pytest.approx(6.398, abs=1e-5)
    before = math.pi / 3 * (3.5**2 + 3.5 * 2.0 + 2.0**2) * 1.5
    after = math.pi / 3 * (3.199**2 + 3.199 * 2.0 + 2.0**2) * 1.199 + math.pi * 2.0**2 * 0.301
    assert change_of(fix) == pytest.approx(before - after, rel=1e-5)
