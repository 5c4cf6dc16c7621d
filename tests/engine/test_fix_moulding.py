"""Proven fixes on moulded parts, by formula."""

import math

import pytest

from tests import mould_parts as parts
from tests.fix_parts import Tried, change_of, tried
from tests.parts import Solid


def fixed(solid: Solid, rule: str, number: int = 0) -> Tried:
    """The fix of a moulded part."""
    fix = tried(solid, rule, number, process="injection_moulding")
    assert fix.outcome["outcome"] == "cleared", fix.outcome["attempts"] or fix.outcome["reason"]
    return fix


def test_a_sharp_foot_is_rounded_by_half_the_wall() -> None:
    """The hole of the boss is as sharp at its bottom, and is another finding of the same place: it stays."""
    fix = fixed(parts.bossed(outer=4.8), "corner-sharp")
    radius, foot = 1.001, 2.4
    assert fix.outcome["figures"]["radius_to"] == pytest.approx(radius, abs=1e-5)
    # Pappus: the section of a fillet in a corner of 91°, as of 1° of draft, times the way of about its centroid.
    half = math.radians(89 / 2)
    section = radius**2 * (math.tan(half) - half)
    centroid = radius - radius / 6 / (1 - math.pi / 4)
    assert change_of(fix) == pytest.approx(2 * math.pi * section * (foot + centroid), rel=0.02)
    assert len(fix.outcome["still"]) == 1


def test_both_sides_of_a_sharp_corner_are_rounded_where_one_would_make_a_thick_spot() -> None:
    fix = fixed(parts.sharp_tray(2.0), "corner-sharp")
    assert len(fix.outcome["attempts"]) == 2
    assert fix.outcome["figures"]["outer_to"] - fix.outcome["figures"]["radius_to"] == pytest.approx(2.0, abs=0.1)
    assert change_of(fix) < 0


SLOPE = math.tan(math.radians(1.0))


def test_a_thick_rib_is_thinned_on_both_sides() -> None:
    fix = fixed(parts.ribbed(base=1.8), "rib-thickness")
    assert change_of(fix) == pytest.approx(-2 * 0.301 * 5.0 * (30.0 - 5.0 * SLOPE), rel=1e-4)


def test_a_high_rib_is_lowered() -> None:
    fix = fixed(parts.ribbed(height=9.0), "rib-height")
    middle = 2 * (9.0 - 3.001 / 2) * SLOPE
    assert change_of(fix) == pytest.approx(-3.001 * (1.2 - middle) * (30.0 - middle), rel=1e-3)


@pytest.mark.parametrize(("outer", "by"), [(5.6, -0.601), (3.0, 0.501)])
def test_a_boss_gets_the_wall_that_the_part_and_its_bore_ask_for(outer: float, by: float) -> None:
    """Six tenths of the wall at most, half of its bore of 2 mm at least."""
    fix = fixed(parts.bossed(outer, 2.0), "boss-wall")
    radius = outer / 2 - 3.0 * SLOPE
    assert change_of(fix) == pytest.approx(math.pi * ((radius + by) ** 2 - radius**2) * 6.0, rel=1e-4)


def test_half_of_a_wall_that_no_resin_takes_is_no_radius() -> None:
    fix = tried(parts.box(wall=6.0, inner=0.0), "corner-sharp", process="injection_moulding")
    assert fix.outcome["outcome"] == "no_edit"
    assert "thicker than any resin takes" in fix.outcome["reason"]
