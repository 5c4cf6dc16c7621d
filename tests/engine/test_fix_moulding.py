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
