"""Proven fixes on turned parts, by formula."""

import math

import pytest

from tests.fix_parts import Tried, change_of, tried
from tests.parts import Solid, cylinder, ring, shaft
from workers.cad.part import Surface


def fixed(solid: Solid, rule: str) -> Tried:
    """The fix of a turned part."""
    fix = tried(solid, rule, process="cnc_turning")
    assert fix.outcome["outcome"] == "cleared", fix.outcome["attempts"] or fix.outcome["reason"]
    return fix


def test_a_sharp_corner_gets_the_radius_of_the_nose() -> None:
    fix = fixed(shaft((20.0, 30.0), (40.0, 20.0)), "turn-corner-radius")
    section, centroid = 0.4**2 * (1 - math.pi / 4), 10.0 + 0.4 * (1 - 1 / 6 / (1 - math.pi / 4))
    assert change_of(fix) == pytest.approx(2 * math.pi * section * centroid, rel=1e-4)


def test_a_hole_across_the_axis_is_widened() -> None:
    part = shaft((20.0, 30.0), (40.0, 20.0)).cut(cylinder(1.5, 30.0, (-15.0, 0.0, 15.0), (1.0, 0.0, 0.0)))
    fix = fixed(part, "turn-radial-hole")
    assert fix.after is not None
    faces = fix.after.faces
    assert float(faces.radius[faces.kind == Surface.CYLINDER].min()) == pytest.approx(1.0)


def test_a_deep_groove_is_widened_at_one_flank() -> None:
    fix = fixed(shaft((40.0, 30.0)).cut(ring(50.0, 20.0, 3.0, 10.0)), "groove-deep")
    assert change_of(fix) == pytest.approx(-math.pi * (20.0**2 - 10.0**2) * 2.001, rel=1e-6)
