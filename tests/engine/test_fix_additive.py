"""Proven fixes on parts for additive processes, by formula."""

import math

import pytest

from tests import additive_parts as parts
from tests.engine.test_additive_build import crossed
from tests.fix_parts import Tried, change_of, tried
from tests.parts import Solid, block, cylinder
from workers.fixes.registry import RECIPES, NoEditError
from workers.fixes.situation import Situation


def fixed(solid: Solid, rule: str, process: str = "fdm") -> Tried:
    """The fix of a part that is printed."""
    fix = tried(solid, rule, process=process)
    assert fix.outcome["outcome"] == "cleared", fix.outcome["attempts"] or fix.outcome["reason"]
    return fix


@pytest.mark.parametrize(
    ("part", "rule", "added"),
    [
        (parts.pin(1.5), "am-pin", math.pi / 4 * (3.0**2 - 1.5**2) * 10.0),
        (parts.hole(1.2), "am-hole", -math.pi / 4 * (2.0**2 - 1.2**2) * 3.0),
        (parts.fin(0.6), "am-wall", 0.201 * 30.0 * 12.0),
        (parts.slit(0.3), "am-gap", -0.201 * 30.0 * 12.0),
        (parts.raised_stroke(0.3), "am-detail", 0.301 * 10.0 * 0.8),
        (parts.engraved_stroke(0.3), "am-detail", -0.301 * 10.0 * 0.8),
    ],
)
def test_what_is_too_fine_is_made_wider(part: Solid, rule: str, added: float) -> None:
    assert change_of(fixed(part, rule)) == pytest.approx(added, rel=1e-6)


def test_a_stroke_that_has_no_flat_sides_is_left_out() -> None:
    ring = cylinder(10.0, 2.8, (20.0, 15.0, 0.0)).cut(cylinder(9.4, 3.0, (20.0, 15.0, 0.0)))
    fix = fixed(block(40.0, 30.0, 2.0).join(ring), "am-detail")
    assert fix.outcome["edit"] == "leave the detail out"
    assert change_of(fix) == pytest.approx(-math.pi / 4 * (10.0**2 - 9.4**2) * 0.8, rel=1e-6)


def test_a_round_wall_is_no_flat_one() -> None:
    fix = tried(parts.tube(0.5), "am-wall", process="fdm")
    assert (fix.outcome["outcome"], "flat" in fix.outcome["reason"]) == ("no_edit", True)


@pytest.mark.parametrize(("process", "diameter", "holes"), [("sls", 5.0, 1), ("sla", 4.0, 2)])
def test_a_closed_hollow_is_drilled_open(process: str, diameter: float, holes: int) -> None:
    """Of resin one hole leaves a cup, whichever wall it is in: it takes another one opposite."""
    fix = fixed(parts.hollow_box(), "am-trapped-volume", process)
    assert fix.outcome["figures"] == {"diameter_to": diameter, "holes": holes, "wall": pytest.approx(3.0)}
    assert change_of(fix) == pytest.approx(-holes * math.pi / 4 * diameter**2 * 3.0, rel=1e-6)


def test_a_narrow_way_out_is_drilled_wider() -> None:
    fix = fixed(parts.hollow_box(2.0), "am-escape-hole", "sls")
    assert change_of(fix) == pytest.approx(-math.pi / 4 * (5.002**2 - 2.0**2) * 3.0, rel=1e-6)


def test_a_slot_is_no_way_out_that_a_drill_widens() -> None:
    fix = tried(parts.slotted_box(1.5), "am-escape-hole", process="sls")
    assert (fix.outcome["outcome"], fix.outcome["reason"]) == ("no_edit", "the way out is no round hole")


def test_a_slope_is_filled_in_beneath_a_ledge() -> None:
    """Built on any side, two of the three ledges on a cube of 40 mm overhang."""
    ledges = block(6.0, 20.0, 10.0, (40.0, 10.0, 20.0)), block(20.0, 6.0, 10.0, (10.0, 40.0, 20.0))
    part = block(40.0, 40.0, 40.0).join(*ledges, block(20.0, 10.0, 6.0, (10.0, 20.0, 40.0)))
    fix = fixed(part, "am-overhang")
    assert change_of(fix) == pytest.approx(6.0**2 / 2 * 10.0, rel=1e-3)
    assert len(fix.outcome["still"]) == 1


def test_a_ceiling_is_vaulted_until_what_stays_flat_is_short() -> None:
    fix = fixed(crossed(12.0), "am-bridge")
    assert fix.outcome["figures"]["chamfer"] == pytest.approx(1.001, abs=1e-6)
    # Two tunnels cross beneath: of each, two walls in two pieces of 10 mm.
    assert change_of(fix) == pytest.approx(8 * 10.0 * 1.001**2 / 2, rel=0.01)


def test_a_hole_that_is_no_feature_has_no_edit() -> None:
    recipe, features = RECIPES["am-hole"], [{"id": "F1", "size": {"depth": 2.0}}]
    with pytest.raises(NoEditError, match="part of a round wall"):
        list(recipe(Situation(None, {"features": features}), {"features": ["F1"]}))  # type: ignore[arg-type]
