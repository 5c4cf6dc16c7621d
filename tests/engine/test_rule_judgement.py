"""What an expert would not say of a part, or would say once and plainly."""

import pytest

from tests.engine.reviewing import findings, reviewed
from tests.parts import UP, Solid, block, cylinder, drill, prism, ring, shaft, torus

LIKE_THREAD = 6.647  # the minor diameter of M8


def l_bracket(plate: float, upright: float) -> Solid:
    """A plate of 6 mm that reaches `plate` mm forward from an upright of `upright` mm."""
    return block(plate, 50.0, 6.0).join(block(6.0, 50.0, upright))


def lettered(depth: float, stroke: float) -> Solid:
    """A plate with two strokes that cross, cut into it with sharp corners."""
    return block(60.0, 40.0, 12.0).cut(
        block(30.0, stroke, depth, (15.0, 20.0, 12.0 - depth)), block(stroke, 20.0, depth, (30.0, 10.0, 12.0 - depth))
    )


def test_the_plate_that_a_wall_stands_on_is_no_slender_wall() -> None:
    on_a_plate = block(80.0, 50.0, 5.0).join(block(6.0, 50.0, 20.0, (37.0, 0.0, 0.0)))
    assert not findings(reviewed(on_a_plate), "wall-slender")


def test_the_upright_of_a_bracket_is_slender_and_its_plate_is_not() -> None:
    found = findings(reviewed(l_bracket(60.0, 60.0)), "wall-slender")
    assert [round(f["measured"]["value"], 6) for f in found] == [9.0]


@pytest.mark.parametrize(("depth", "stroke", "found"), [(0.5, 1.0, False), (1.5, 1.0, True), (0.5, 3.5, True)])
def test_sharp_corners_of_lettering_are_the_engravers(depth: float, stroke: float, *, found: bool) -> None:
    assert bool(findings(reviewed(lettered(depth, stroke)), "corner-radius")) == found


def test_lettering_is_no_narrow_pocket() -> None:
    assert not findings(reviewed(lettered(0.5, 1.0)), "pocket-narrow-region")
    assert findings(reviewed(lettered(1.5, 1.0)), "pocket-narrow-region")


def test_an_undercut_that_is_too_wide_is_brought_to_the_widest_cutter() -> None:
    wide = block(120.0, 60.0, 80.0).cut(
        block(120.0, 10.0, 30.0, (0.0, 25.0, 50.0)), block(120.0, 24.0, 45.0, (0.0, 18.0, 10.0))
    )
    (finding,) = findings(reviewed(wide), "undercut")
    assert (finding["change"]["from"], finding["change"]["to"]) == (45.0, 40.0)


def test_a_hole_drawn_as_a_thread_is_not_sent_to_another_drill() -> None:
    tapped = block(40.0, 40.0, 30.0).cut(drill(LIKE_THREAD, 15.0, (20.0, 20.0, 30.0)))
    assert not findings(reviewed(tapped), "hole-nonstandard")
    assert findings(reviewed(tapped, "mtk"), "hole-nonstandard")
    odd = block(40.0, 40.0, 30.0).cut(drill(6.65 + 0.1, 15.0, (20.0, 20.0, 30.0)))
    assert findings(reviewed(odd), "hole-nonstandard")


def test_a_thin_bore_and_a_deep_thread_are_found_on_a_lathe_as_well() -> None:
    thin = shaft((20.0, 6.0)).cut(cylinder(0.8, 20.0, (0.0, 0.0, -5.0)))
    assert [f["severity"] for f in findings(reviewed(thin, process="cnc_turning"), "hole-small")] == ["critical"]
    tapped = shaft((20.0, 60.0)).cut(drill(LIKE_THREAD, 30.0, (0.0, 0.0, 60.0)))
    assert len(findings(reviewed(tapped, process="cnc_turning"), "thread-depth")) == 1


def test_a_ring_of_round_section_has_no_neck() -> None:
    assert not findings(reviewed(torus(60.0, 20.0), process="cnc_turning"), "profile-relief")


def test_a_part_is_as_large_as_it_can_be_laid() -> None:
    bar = block(390.0, 100.0, 40.0)
    assert not findings(reviewed(bar), "part-size")
    assert not findings(reviewed(bar.moved(axis=UP, degrees=45.0)), "part-size")


def test_a_part_too_large_on_every_side_is_told_all_of_them() -> None:
    (finding,) = findings(reviewed(block(800.0, 500.0, 200.0)), "part-size")
    assert finding["smallest_change"].count(" mm to ") == 3


def test_one_set_up_does_not_reach_around_a_shaft() -> None:
    grooved = shaft((30.0, 80.0)).cut(ring(40.0, 22.0, 3.0, 30.0))
    assert reviewed(grooved)["facts"]["setups"]["value"] == 2


@pytest.mark.parametrize(("scale", "found"), [(0.3, ["minor"]), (0.5, [])])
def test_a_neck_at_the_tip_of_a_notch_is_a_thin_wall(scale: float, found: list[str]) -> None:
    notch = prism([(15.0, 10.0), (25.0, 10.0), (20.0, 2.0)], 30.0).moved((0.0, 25.0, 0.0), (1.0, 0.0, 0.0), 90.0)
    review = reviewed(block(40.0, 20.0, 10.0).cut(notch).scaled(scale))
    assert review["facts"]["wall_thickness"]["value"] == pytest.approx(2.0 * scale)
    assert [f["severity"] for f in findings(review, "wall-thin")] == found


def test_a_groove_in_a_bore_is_within_a_lathes_reach() -> None:
    tube = cylinder(50.0, 60.0, (0.0, 0.0, 0.0)).cut(
        cylinder(20.0, 80.0, (0.0, 0.0, -10.0)), ring(26.0, 19.0, 4.0, 30.0)
    )
    assert not findings(reviewed(tube, process="cnc_turning"), "face-unreachable")
