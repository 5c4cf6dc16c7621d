"""Flat patterns against K-factor theory, on parts whose area is known exactly."""

import math

import pytest

from tests.engine.unfolding import unfolded
from tests.parts import block
from tests.sheet_parts import Strip, Tray, angle, channel, countersink, hemmed, oval_punch, plate, punch, zed

K = 0.44


@pytest.mark.parametrize("degrees", [30.0, 45.0, 90.0, 120.0, 180.0])
@pytest.mark.parametrize("radius", [0.5, 2.0, 6.0])
def test_an_angle_is_as_long_as_its_legs_and_its_neutral_line(degrees: float, radius: float) -> None:
    strip = angle(degrees, radius)
    flat = unfolded(strip.solid())
    assert flat.area == pytest.approx(strip.flat_area(K), rel=1e-6)
    assert [round(bend.angle, 4) for bend in flat.bends] == [degrees]
    assert flat.bends[0].bend.radius == pytest.approx(radius)
    assert flat.bends[0].length == pytest.approx(60.0)
    assert sorted(flat.size) == pytest.approx(sorted([60.0, strip.flat_length(K)]))


@pytest.mark.parametrize(
    "strip", [channel(), zed(), hemmed(), hemmed(0.2), hemmed(degrees=200.0), hemmed(3.0, degrees=270.0)]
)
def test_strips_of_several_bends(strip: Strip) -> None:
    assert unfolded(strip.solid()).area == pytest.approx(strip.flat_area(K), rel=1e-6)


def test_a_zed_is_bent_once_up_and_once_down() -> None:
    assert sorted(bend.bend.is_up for bend in unfolded(zed().solid()).bends) == [False, True]


def test_a_channel_is_seen_from_inside() -> None:
    assert [bend.bend.is_up for bend in unfolded(channel().solid()).bends] == [True, True]


def test_a_tray_is_a_cross_of_twelve_sides() -> None:
    tray = Tray()
    flat = unfolded(tray.solid())
    assert flat.area == pytest.approx(tray.flat_area(K), rel=1e-6)
    assert len(flat.bends) == 4
    assert flat.overlaps == []
    assert all(segment.is_line for segment in flat.outline)
    assert len(flat.outline) == 12


def test_holes_and_cut_outs_are_as_large_as_they_are() -> None:
    part = plate().cut(punch(8.0, (20.0, 20.0, 1.0)), block(20.0, 10.0, 9.0, (50.0, 30.0, -1.0)))
    flat = unfolded(part)
    assert flat.area == pytest.approx(6000.0 - 16 * math.pi - 200.0, rel=1e-9)
    assert sorted(len(loop) for loop in flat.inner) == [1, 4]
    assert [loop[0].radius for loop in flat.inner if loop[0].is_circle] == pytest.approx([4.0])


@pytest.mark.parametrize("upside_down", [False, True])
def test_a_countersunk_hole_is_cut_at_its_bore(upside_down: bool) -> None:
    part = plate().cut(punch(5.0, (50.0, 30.0, 1.0)), countersink(7.0, 1.0, (50.0, 30.0, 2.0)))
    part = part.moved(axis=(1.0, 0.0, 0.0), degrees=180.0) if upside_down else part
    assert unfolded(part).area == pytest.approx(6000.0 - 6.25 * math.pi, rel=1e-9)


def test_a_hole_broken_on_both_sides_is_cut_at_its_bore() -> None:
    bevels = [countersink(8.0, 0.5, (50.0, 30.0, z)) for z in (2.0, 0.0)]
    part = plate().cut(
        punch(7.0, (50.0, 30.0, 1.0)),
        bevels[0],
        bevels[1].moved(axis=(1.0, 0.0, 0.0), degrees=180.0).moved((0.0, 60.0, 0.0)),
    )
    assert unfolded(part).area == pytest.approx(6000.0 - 12.25 * math.pi, rel=1e-9)


def test_a_hole_through_a_bend_becomes_an_oval() -> None:
    """The hole's axis is the bend's bisector: its borders are curves in space, and the oval's area an integral."""
    strip = angle(90.0, 8.0, 1.0)
    x, z = 50.0 + 8.5 * math.sin(math.pi / 4), 9.0 - 8.5 * math.cos(math.pi / 4)
    lean = (math.sin(math.pi / 4), 0.0, -math.cos(math.pi / 4))
    flat = unfolded(strip.solid().cut(punch(6.0, (x, 30.0, z), lean)))
    # On the inner skin the hole is |y| < sqrt(9 - (8 sin u)²) at an angle u from the bisector.
    steps = 200_000
    widest = math.asin(3.0 / 8.0)
    grid = [widest * (2 * (i + 0.5) / steps - 1) for i in range(steps)]
    oval = sum(2 * math.sqrt(9.0 - (8.0 * math.sin(u)) ** 2) for u in grid) * 2 * widest / steps * (8.0 + K)
    assert flat.area == pytest.approx(strip.flat_area(K) - oval, rel=1e-6)
    assert len(flat.inner) == 1


def test_a_cut_out_along_no_elementary_curve_is_smooth() -> None:
    flat = unfolded(plate().cut(oval_punch(20.0, 8.0, (50.0, 30.0, 0.0))))
    assert flat.area == pytest.approx(100.0 * 60.0 - math.pi * 20.0 * 8.0, rel=2e-5)


@pytest.mark.parametrize("thickness", [0.5, 3.0])
def test_bends_drawn_sharp(thickness: float) -> None:
    """Inside at the very edge, outside rounded by t, or as sharp: the pattern is the same."""
    rounded = Strip(thickness, 40.0, [30.0, (90.0, 0.0), 20.0])
    square = block(30.0 + thickness, 40.0, thickness).join(block(thickness, 40.0, 20.0, (30.0, 0.0, thickness)))
    for part in (rounded.solid(), square, square.moved(axis=(1.0, 0.0, 0.0), degrees=180.0)):
        flat = unfolded(part)
        assert flat.area == pytest.approx(rounded.flat_area(K), rel=1e-6)
        assert [round(bend.angle, 3) for bend in flat.bends] == [90.0]
        assert len(flat.outline) == 4


def test_a_zed_drawn_sharp() -> None:
    """Outside rounded by t, and sharp: then its flats are drawn longer outside than they are."""
    strip = Strip(1.0, 40.0, [30.0, (90.0, 0.0), 20.0, (-90.0, 0.0), 25.0])
    base, web, top = block(31.0, 40.0, 1.0), block(1.0, 40.0, 22.0, (30.0, 0.0, 0.0)), block(26.0, 40.0, 1.0)
    for part in (strip.solid(), base.join(web, top.moved((30.0, 0.0, 21.0)))):
        flat = unfolded(part)
        assert flat.area == pytest.approx(strip.flat_area(K), rel=1e-6)
        assert sorted(bend.bend.is_up for bend in flat.bends) == [False, True]
        assert flat.overlaps == []
