"""Proven fixes on parts with one defect of known size: the fixed part is measured, not believed."""

import hashlib
import json
import math
from pathlib import Path

import numpy as np
import pytest

from tests.fix_parts import Tried, change_of, tried
from tests.mould_parts import box
from tests.parts import block, drill, pocket
from workers.cad.part import Surface
from workers.review import review

BLOCK = block(100.0, 80.0, 40.0)
TOP = 40.0


def radii(fix: Tried, kind: Surface) -> list[float]:
    """The radii of all faces of one kind of the fixed part, mm."""
    assert fix.after is not None, fix.outcome
    faces = fix.after.faces
    return sorted(round(float(r), 6) for r in faces.radius[faces.kind == kind])


def cleared(fix: Tried) -> dict[str, object]:
    """The outcome of a fix that was found."""
    assert fix.outcome["outcome"] == "cleared", fix.outcome["attempts"] or fix.outcome["reason"]
    assert fix.outcome["new"] == []
    return fix.outcome


def test_a_sharp_corner_gets_the_radius_that_its_depth_asks_for() -> None:
    fix = tried(BLOCK.cut(pocket(40.0, 30.0, 12.0, (50.0, 40.0, TOP))), "corner-radius")
    cleared(fix)
    assert radii(fix, Surface.CYLINDER) == [4.0]
    assert change_of(fix) == pytest.approx(4.0**2 * (1 - math.pi / 4) * 12.0, rel=1e-6)


def test_all_corners_of_a_pocket_are_rounded_together_where_that_is_asked_for() -> None:
    fix = tried(BLOCK.cut(pocket(40.0, 30.0, 12.0, (50.0, 40.0, TOP))), "corner-radius", together=True)
    assert len(cleared(fix)["cleared"]) == 4  # type: ignore[arg-type]
    assert radii(fix, Surface.CYLINDER) == [4.0] * 4


def test_a_tight_radius_is_raised() -> None:
    fix = tried(BLOCK.cut(pocket(40.0, 30.0, 12.0, (50.0, 40.0, TOP), corner=2.0)), "corner-radius")
    outcome = cleared(fix)
    # One corner alone would leave two radii in the pocket: all four are raised, and nothing else is tried.
    assert len(outcome["attempts"]) == 1  # type: ignore[arg-type]
    assert radii(fix, Surface.CYLINDER) == [4.0] * 4
    assert len(outcome["cleared"]) == 4  # type: ignore[arg-type]
    assert change_of(fix) == pytest.approx(4 * (4.0**2 - 2.0**2) * (1 - math.pi / 4) * 12.0, rel=1e-6)


def test_the_fillet_at_the_foot_moves_along_with_the_corner() -> None:
    fix = tried(BLOCK.cut(pocket(40.0, 30.0, 12.0, (50.0, 40.0, TOP), corner=2.0, floor=1.0)), "corner-radius")
    cleared(fix)
    assert fix.after is not None
    assert radii(fix, Surface.CYLINDER) == [1.0] * 4 + [4.0] * 4
    assert fix.after.faces.minor_radius[fix.after.faces.kind == Surface.TORUS].tolist() == pytest.approx([1.0] * 4)


def test_a_corner_with_no_room_has_its_floor_raised() -> None:
    fix = tried(BLOCK.cut(pocket(40.0, 10.0, 18.0, (50.0, 40.0, TOP))), "corner-radius")
    outcome = cleared(fix)
    figures = outcome["figures"]
    assert figures["radius_to"] == pytest.approx(4.8)  # type: ignore[index]
    assert figures["depth_to"] == pytest.approx(14.4)  # type: ignore[index]
    corners = 4 * 4.8**2 * (1 - math.pi / 4) * 14.4
    assert change_of(fix) == pytest.approx(40.0 * 10.0 * (18.0 - 14.4) + corners, rel=1e-6)


def test_a_corner_that_no_radius_fits_is_refused_with_a_reason() -> None:
    through = block(100.0, 80.0, 60.0).cut(pocket(20.0, 10.0, 70.0, (50.0, 40.0, 60.0)))
    fix = tried(through, "corner-radius")
    assert fix.outcome["outcome"] == "no_edit"
    assert "run through" in fix.outcome["reason"]
    assert fix.outcome["sha256"] is None


def test_a_deep_pocket_is_made_less_deep() -> None:
    fix = tried(block(100.0, 80.0, 60.0).cut(pocket(10.0, 10.0, 50.0, (50.0, 40.0, 60.0), corner=4.0)), "pocket-deep")
    cleared(fix)
    floor = 10.0 * 10.0 - 4 * 4.0**2 * (1 - math.pi / 4)
    assert change_of(fix) == pytest.approx(floor * 10.001, rel=1e-6)


@pytest.mark.parametrize(("diameter", "to"), [(6.33, 6.3), (6.37, 6.4)])
def test_an_odd_hole_goes_to_the_next_standard_drill(diameter: float, to: float) -> None:
    fix = tried(BLOCK.cut(drill(diameter, 45.0, (50.0, 40.0, TOP), point=False)), "hole-nonstandard")
    cleared(fix)
    assert radii(fix, Surface.CYLINDER) == [pytest.approx(to / 2)]
    assert change_of(fix) == pytest.approx(math.pi / 4 * (diameter**2 - to**2) * 40.0, rel=1e-5)


def test_a_small_hole_is_widened() -> None:
    fix = tried(block(40.0, 40.0, 5.0).cut(drill(2.0, 8.0, (20.0, 20.0, 5.0), point=False)), "hole-small")
    cleared(fix)
    assert radii(fix, Surface.CYLINDER) == [1.25]


def test_a_deep_blind_hole_keeps_its_point_when_it_is_made_shallower() -> None:
    fix = tried(BLOCK.cut(drill(5.0, 20.0, (50.0, 40.0, TOP))), "hole-depth")
    cleared(fix)
    assert fix.after is not None
    tip = 2.5 / math.tan(math.radians(59))
    assert fix.outcome["figures"]["depth_to"] == pytest.approx(19.999)
    assert change_of(fix) == pytest.approx(math.pi * 2.5**2 * (20.0 + tip - 19.999), rel=1e-5)
    assert fix.after.faces.half_angle[fix.after.faces.kind == Surface.CONE].tolist() == pytest.approx([59.0])


def test_a_flat_bottom_becomes_a_drill_point() -> None:
    fix = tried(BLOCK.cut(drill(8.0, 20.0, (50.0, 40.0, TOP), point=False)), "hole-flat-bottom")
    cleared(fix)
    tip = 4.0 / math.tan(math.radians(59))
    assert change_of(fix) == pytest.approx(-math.pi * 4.0**2 * tip / 3, rel=1e-6)


def test_a_thin_wall_is_thickened() -> None:
    walled = block(60.0, 40.0, 12.0).cut(pocket(40.0, 20.0, 10.0, (30.0, 10.6, 12.0), corner=4.0))
    fix = tried(walled, "wall-thin")
    cleared(fix)
    assert fix.outcome["figures"]["thickness_to"] == pytest.approx(0.801)


def test_a_slot_that_is_too_narrow_is_cut_wider_on_one_side() -> None:
    fix = tried(block(60.0, 40.0, 20.0).cut(block(70.0, 2.5, 4.0, (-5.0, 18.0, 16.0))), "pocket-narrow-region")
    cleared(fix)
    assert change_of(fix) == pytest.approx(-0.501 * 60.0 * 4.0, rel=1e-6)


def test_a_small_square_pocket_is_cut_wider_all_around() -> None:
    fix = tried(block(20.0, 20.0, 20.0).cut(pocket(2.6, 2.6, 2.5, (10.0, 10.0, 20.0))), "pocket-narrow-region")
    cleared(fix)
    assert change_of(fix) == pytest.approx(-(3.001**2 - 2.6**2) * 2.5, rel=1e-6)


def test_a_small_square_pocket_beside_a_thin_wall_is_cut_wider_away_from_it() -> None:
    """The wall is 0.9 mm thick: 0.2 mm less, and it would be too thin."""
    fix = tried(block(20.0, 20.0, 20.0).cut(pocket(2.6, 2.6, 2.5, (2.2, 10.0, 20.0))), "pocket-narrow-region")
    cleared(fix)
    assert change_of(fix) == pytest.approx(-(3.001**2 - 2.6**2) * 2.5, rel=1e-6)
    assert fix.outcome["figures"]["walls"] == 2
    assert fix.after is not None
    assert sorted(fix.after.faces.origin[fix.after.faces.axis[:, 0] > 0.9][:, 0].round(4)) == [0.9, 20.0]


def test_lettering_that_is_too_small_is_left_out() -> None:
    strokes = [block(0.25, 6.0, 0.3, (x, 20.0, TOP - 0.3)) for x in (30.0, 33.0, 36.0)]
    fix = tried(BLOCK.cut(*strokes), "text-small")
    cleared(fix)
    assert change_of(fix) == pytest.approx(3 * 0.25 * 6.0 * 0.3, rel=1e-4)
    assert fix.after is not None
    assert len(fix.after.faces.kind) == 6


def test_a_letter_with_an_island_is_left_out_as_well() -> None:
    letter = block(4.5, 4.5, 0.3, (46.0, 36.0, TOP - 0.3)).cut(block(4.0, 4.0, 0.3, (46.25, 36.25, TOP - 0.3)))
    fix = tried(BLOCK.cut(letter), "text-small")
    cleared(fix)
    assert change_of(fix) == pytest.approx((4.5**2 - 4.0**2) * 0.3, rel=1e-4)


@pytest.mark.parametrize("number", [0, 1], ids=["outside", "inside"])
def test_walls_without_draft_are_leant(number: int) -> None:
    fix = tried(box(draft=0.0, inner=0.0), "draft", number, process="injection_moulding")
    cleared(fix)
    assert fix.outcome["figures"]["draft_to"] == pytest.approx(1.001)
    assert change_of(fix) < 0
    assert fix.after is not None
    upright = fix.after.faces.axis[np.abs(fix.after.faces.axis[:, 2]) < 0.1]
    assert np.sum(np.isclose(np.abs(upright[:, 2]), math.sin(math.radians(1.001)), atol=1e-6)) == 4


def test_the_foot_of_a_pocket_is_changed_all_around_where_a_part_of_it_would_differ() -> None:
    fix = tried(BLOCK.cut(pocket(40.0, 30.0, 12.0, (50.0, 40.0, TOP), floor=1.3)), "floor-fillet-nonstandard")
    assert len(cleared(fix)["attempts"]) == 1  # type: ignore[arg-type]
    assert radii(fix, Surface.CYLINDER) == [1.5] * 4


def test_the_foot_of_an_island_is_changed_around_its_mitred_corners() -> None:
    """The fillets around what stands on an open floor belong to no pocket."""
    island = block(30.0, 20.0, 10.0, (35.0, 30.0, TOP))
    fix = tried(BLOCK.join(island).round_edges_at_height(1.3, TOP), "floor-fillet-nonstandard")
    cleared(fix)
    assert radii(fix, Surface.CYLINDER) == [1.3] * 4 + [1.5] * 4


def test_a_floor_as_round_as_the_corners_gets_a_smaller_radius_patches_and_all() -> None:
    """Where the radii are the same, the corners end in spheres."""
    fix = tried(
        BLOCK.cut(pocket(40.0, 30.0, 12.0, (50.0, 40.0, TOP), corner=4.0, floor=4.0)), "floor-fillet-over-corner"
    )
    cleared(fix)
    assert fix.after is not None
    assert Surface.SPHERE not in fix.after.faces.kind
    assert radii(fix, Surface.CYLINDER) == [3.0] * 4 + [4.0] * 4


def test_a_rounded_outer_edge_becomes_a_chamfer() -> None:
    fix = tried(BLOCK.round_edges(3.0, (1.0, 0.0, 0.0)), "edge-external-fillet")
    cleared(fix)
    assert change_of(fix) == pytest.approx(-(9.0 / 2 - 9.0 * (1 - math.pi / 4)) * 100.0, rel=1e-6)


def test_roundings_that_meet_at_mitred_corners_are_replaced_together() -> None:
    fix = tried(BLOCK.round_edges_at_height(2.0, TOP), "edge-external-fillet")
    cleared(fix)
    assert fix.after is not None
    assert not radii(fix, Surface.CYLINDER)
    assert len(fix.after.faces.kind) == 6 + 4


def test_an_odd_floor_radius_goes_to_a_standard_one_all_around() -> None:
    fix = tried(
        BLOCK.cut(pocket(40.0, 30.0, 12.0, (50.0, 40.0, TOP), corner=5.0, floor=1.3)), "floor-fillet-nonstandard"
    )
    cleared(fix)
    assert fix.after is not None
    assert set(fix.after.faces.minor_radius[fix.after.faces.kind == Surface.TORUS].round(6).tolist()) == {1.5}


def test_a_rule_without_a_bounded_edit_says_so() -> None:
    fix = tried(block(500.0, 300.0, 200.0), "part-size")
    assert fix.outcome["outcome"] == "no_edit"
    assert "part-size" in fix.outcome["reason"]


def test_the_written_file_is_reviewed_to_the_same_findings(tmp_path: Path) -> None:
    fix = tried(BLOCK.cut(pocket(40.0, 30.0, 12.0, (50.0, 40.0, TOP))), "corner-radius")
    assert fix.written is not None
    written = tmp_path / "again.step"
    written.write_bytes(fix.written)
    again = review(written, "part.step", "cnc_milling", "default")
    assert json.dumps(again["findings"]) == json.dumps(fix.outcome["review"]["findings"])
    assert hashlib.sha256(fix.written).hexdigest() == fix.outcome["sha256"] == again["part"]["sha256"]


def test_the_same_edit_writes_the_same_bytes() -> None:
    solid = BLOCK.cut(pocket(40.0, 30.0, 12.0, (50.0, 40.0, TOP)))
    assert tried(solid, "corner-radius").written == tried(solid, "corner-radius").written
