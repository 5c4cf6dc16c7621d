"""Each sheet metal rule against a part with a defect of known size, and none on a sound part."""

import math
from collections.abc import Callable
from typing import Any

import pytest

from tests.engine.reviewing import features, findings, only_feature, reviewed, substance
from tests.parts import Solid, as_splines, block, cone, cylinder, prism, shapes_of
from tests.sheet_parts import (
    Strip,
    Tray,
    angle,
    bridged,
    collared,
    countersink,
    hemmed,
    louvred,
    plate,
    punch,
    shallow_relief,
    square_tube,
    tabbed,
    zed,
)

T = 2.0
MIDDLE = (50.0, 30.0, 1.0)


def sheet(solid: Solid, **options: Any) -> dict[str, Any]:  # noqa: ANN401
    return reviewed(solid, process="sheet_metal", **options)


def punched(*places: tuple[float, float, float]) -> Solid:
    """A plate of 100 × 60 × 2 mm with holes of (diameter, x, y)."""
    return plate().cut(*(punch(diameter, (x, y, 1.0)) for diameter, x, y in places))


def slotted(width: float) -> Solid:
    return plate().cut(block(20.0, width, 4.0, (40.0, 30.0, -1.0)))


def notched(width: float) -> Solid:
    return plate().cut(block(10.0, width, 4.0, (-1.0, 30.0, -1.0)))


def sunk(depth: float, *places: tuple[float, float]) -> Solid:
    """Countersunk holes of 4 mm."""
    tools = [
        tool for x, y in places for tool in (punch(4.0, (x, y, 1.0)), countersink(4 + 2 * depth, depth, (x, y, T)))
    ]
    return plate().cut(*tools)


def counterbored() -> Solid:
    """A hole of 5 mm with a counterbore of 10 mm, as deep as half the sheet."""
    return plate().cut(punch(5.0, MIDDLE), cylinder(10.0, 5.0, (50.0, 30.0, 1.0)))


def deburred() -> Solid:
    """A plate whose upper edges are broken all around, as are those of a hole on both sides."""
    bevels = (countersink(8.6, 0.3, (50.0, 30.0, T)), cone(10.6, 8.0, 1.3, (50.0, 30.0, -1.0)))
    return plate().chamfer_edges_at_height(0.3, T).cut(punch(8.0, MIDDLE), *bevels)


def closed_corners() -> Solid:
    """A tray whose flanges are wider than their bends, so that they meet in the corners."""
    squares = [block(8.0, 8.0, 6.0, (x - 4.0, y - 4.0, -2.5)) for x in (0.0, 100.0) for y in (0.0, 80.0)]
    return Tray(corner=0.0).solid().cut(*squares)


def near_bend(distance: float) -> Solid:
    """An angle with a hole of 6 mm whose rim is so far from where the bend begins."""
    return angle().solid().cut(punch(6.0, (50.0 - 3.0 - distance, 30.0, 1.0)))


def sunk_near_bend(distance: float) -> Solid:
    """An angle with a countersunk hole whose rim, 6 mm wide, is so far from where the bend begins."""
    x = 50.0 - 3.0 - distance
    return angle().solid().cut(punch(4.0, (x, 30.0, 1.0)), countersink(6.0, 1.0, (x, 30.0, T)))


def hole_on_bend() -> Solid:
    """A hole of 6 mm amid a bend of 45° about 8 mm, 6.6 mm wide in the flat, along its bisector."""
    half = math.radians(22.5)
    x, z = 50.0 + 9.0 * math.sin(half), 10.0 - 9.0 * math.cos(half)
    return angle(45.0, 8.0).solid().cut(punch(6.0, (x, 30.0, z), (math.sin(half), 0.0, -math.cos(half))))


def curled(radius: float) -> Solid:
    return Strip(1.0, 40.0, [60.0, (270.0, radius)]).solid()


def two_radii() -> Solid:
    return Strip(2.0, 40.0, [40.0, (90.0, 2.0), 30.0, (90.0, 4.0), 40.0]).solid()


DEFECTS: list[tuple[str, Solid, float, float | None, str]] = [
    ("sheet-not-constant", plate().cut(block(20.0, 20.0, 1.0, (20.0, 20.0, 1.5))), 25.0, 2.0, "critical"),
    ("sheet-not-constant", plate().join(cylinder(12.0, 3.0, (50.0, 30.0, 2.0))), 150.0, 2.0, "critical"),
    ("sheet-not-constant", plate().cut(block(4.0, 60.0, 2.0, (96.0, 0.0, 1.0))), 50.0, 2.0, "critical"),
    ("sheet-not-constant", plate().cut(block(2.0, 60.0, 2.0, (40.0, 0.0, 1.0))), 50.0, 2.0, "critical"),
    ("sheet-not-constant", counterbored(), 50.0, 2.0, "critical"),
    ("bend-radius", angle(radius=1.0).solid(), 0.5, 1.0, "minor"),
    ("bend-radius-mixed", two_radii(), 2.0, 1.0, "info"),
    ("flange-length", Strip(2.0, 40.0, [50.0, (90.0, 2.0), 5.0]).solid(), 9.0, 10.0, "minor"),
    ("flange-length", Strip(2.0, 40.0, [50.0, (90.0, 2.0), 3.0]).solid(), 7.0, 8.0, "major"),
    ("flange-length", Strip(2.0, 40.0, [50.0, (90.0, 2.0), 1.0]).solid(), 5.0, 6.0, "critical"),
    ("hole-to-bend", near_bend(5.0), 5.0, 6.0, "major"),
    ("hole-to-bend", near_bend(-1.0), 0.0, 6.0, "major"),
    ("hole-to-bend", hole_on_bend(), 0.0, 12.0, "major"),
    ("countersink-to-bend", sunk_near_bend(5.0), 5.0, 6.0, "minor"),
    ("hole-to-edge", punched((6.0, 6.0, 30.0)), 3.0, 4.0, "minor"),
    ("hole-to-hole", punched((6.0, 40.0, 30.0), (6.0, 49.0, 30.0)), 3.0, 4.0, "minor"),
    ("hole-size-sheet", punched((1.5, 50.0, 30.0)), 1.5, 2.0, "major"),
    ("slot-width", slotted(1.2), 1.2, 2.0, "major"),
    ("slot-width", notched(1.2), 1.2, 2.0, "major"),
    ("countersink-sheet", sunk(1.5, (50.0, 30.0)), 1.5, 1.2, "major"),
    ("countersink-spacing", sunk(1.0, (40.0, 30.0), (55.0, 30.0)), 9.0, 16.0, "minor"),
    ("countersink-to-edge", sunk(1.0, (8.0, 30.0)), 5.0, 8.0, "minor"),
    ("hem", hemmed(back=3.0).solid(), 3.0, 4.0, "minor"),
    ("hem-radius", hemmed(radius=0.2).solid(), 0.2, 0.5, "minor"),
    ("curl-radius", curled(0.8), 1.8, 2.0, "minor"),
    ("relief", tabbed(), 0.0, 2.0, "major"),
    ("relief", tabbed(relief=1.0, depth=4.0), 1.0, 2.0, "major"),
    ("relief-depth", shallow_relief(1.0), 3.0, 4.0, "major"),
    ("extruded-hole-to-hole", collared().cut(punch(6.0, (49.0, 30.0, 0.0))), 3.0, 4.0, "minor"),
    ("not-unfolded", square_tube(), 2.0, None, "major"),
    ("corner-relief", Tray(corner=0.0).solid(), 0.0, 1.5, "minor"),
]


@pytest.mark.parametrize(("rule", "part", "value", "limit", "severity"), DEFECTS)
def test_a_defect_is_measured(rule: str, part: Solid, value: float, limit: float | None, severity: str) -> None:
    found = findings(sheet(part), rule)
    assert found, rule
    assert found[0]["measured"]["value"] == pytest.approx(value, abs=1e-3)
    assert found[0]["limit"]["value"] == pytest.approx(limit)
    assert found[0]["severity"] == severity
    assert found[0]["faces"]
    assert len(found) == (4 if rule == "corner-relief" else 1)


SOUND: list[Solid] = [
    angle().solid(),
    Tray(corner=6.0).solid(),
    zed().solid(),
    hemmed().solid(),
    punched((6.0, 20.0, 30.0), (6.0, 40.0, 30.0)),
    near_bend(6.0),
    tabbed(relief=2.0, depth=4.0),
    shallow_relief(0.0),
    slotted(4.0),
    deburred(),
    closed_corners(),
]


@pytest.mark.parametrize("part", SOUND)
def test_a_sound_part_has_no_findings(part: Solid) -> None:
    result = sheet(part)
    assert result["findings"] == []
    assert result["undecided"] == []


def test_an_opening_across_a_bend_interrupts_it() -> None:
    """A window right across the bend needs no distance to it, nor do its ends need reliefs; it stays one bend."""
    result = sheet(angle().solid().cut(block(30.0, 20.0, 30.0, (40.0, 20.0, -5.0))))
    assert findings(result, "hole-to-bend") == findings(result, "relief") == []
    assert only_feature(result, "bend")["size"]["length"] == pytest.approx(40.0)
    assert len(result["flat_pattern"]["bends"][0]["lines"]) == 2


def test_limits_depend_on_the_alloy() -> None:
    part = angle(radius=4.0).solid()
    assert not findings(sheet(part), "bend-radius")
    found = findings(sheet(part, material="aluminium-6061-t6"), "bend-radius")
    assert [(f["severity"], f["limit"]["value"]) for f in found] == [("minor", 3.0)]
    sharp = angle(radius=1.0).solid()
    assert not findings(sheet(sharp, material="steel-mild"), "bend-radius")


def test_the_pattern_is_that_of_the_material() -> None:
    strip = angle(radius=4.0)
    known, unknown = sheet(strip.solid(), material="steel-mild"), sheet(strip.solid())
    assert known["flat_pattern"]["area"] == pytest.approx(strip.flat_area(0.40), rel=1e-6)
    assert known["flat_pattern"]["bends"][0]["k_factor"] == 0.40
    assert unknown["flat_pattern"]["area"] == pytest.approx(strip.flat_area(0.44), rel=1e-6)
    assert unknown["flat_pattern"]["k_factor"]["source"]["url"].startswith("https://")


def test_features_of_a_sheet() -> None:
    part = angle().solid().cut(punch(6.0, (20.0, 20.0, 1.0)), block(8.0, 12.0, 5.0, (20.0, 40.0, -1.0)))
    result = sheet(part)
    assert only_feature(result, "bend")["size"] == {"angle": 90.0, "radius": 2.0, "length": 60.0}
    assert only_feature(result, "flange")["size"]["height"] == pytest.approx(34.0)
    assert only_feature(result, "through_hole")["size"] == {"diameter": 6.0, "depth": 2.0}
    assert only_feature(result, "cutout")["size"]["width"] == pytest.approx(8.0)
    assert features(sheet(hemmed().solid()), "hem")[0]["size"]["length"] == pytest.approx(8.0)


def test_a_bridge_is_formed_and_not_unfolded() -> None:
    result = sheet(bridged())
    assert len(findings(result, "formed-feature")) == 1
    assert result["flat_pattern"]["bends"] == []
    assert not result["flat_pattern"]["complete"]
    assert "bridge" in result["flat_pattern"]["not_unfolded"][0]["reason"]
    assert findings(result, "unfold-conflict") == []


def test_a_louvre_drawn_sharp_is_formed() -> None:
    result = sheet(louvred())
    assert [f["rule"] for f in result["findings"]] == ["formed-feature"]
    assert only_feature(result, "louvre")["size"]["length"] == pytest.approx(32.0)
    assert result["flat_pattern"]["bends"] == []
    assert result["flat_pattern"]["area"] == pytest.approx(6000.0)


def test_edges_broken_on_both_sides_are_said_to_be_missing_in_the_pattern() -> None:
    framed = plate().cut(block(40.0, 20.0, 6.0, (30.0, 20.0, -1.0)))
    result = sheet(framed.chamfer_edges_at_height(0.4, T).chamfer_edges_at_height(0.4, 0.0))
    pattern = result["flat_pattern"]
    assert result["findings"] == []
    assert [len(left["faces"]) for left in pattern["not_unfolded"]] == [8]
    assert "0.40 mm short" in pattern["not_unfolded"][0]["reason"]
    assert [loop["kind"] for loop in pattern["inner"]] == ["cutout"]
    assert sheet(deburred())["flat_pattern"]["complete"]


def test_flanges_that_would_lie_on_one_another() -> None:
    """Two legs that turn into a window cross in the flat; a spiral does not, though it is as crowded when bent."""
    spiral = Strip(1.0, 20.0, [30.0, (90.0, 1.0), 20.0, (90.0, 1.0), 25.0])
    assert findings(sheet(spiral.solid()), "unfold-conflict") == []
    crossed = plate(60.0, 60.0, 1.0).cut(block(50.0, 50.0, 3.0, (10.0, 10.0, -1.0)))
    inwards = Strip(1.0, 10.0, [0.001, (90.0, 1.0), 45.0]).solid()
    part = crossed.join(
        inwards.moved((10.0 - 0.001, 30.0, 0.0)), inwards.moved((40.0, 10.0 - 0.001, 0.0), degrees=90.0)
    )
    found = findings(sheet(part), "unfold-conflict")
    assert [f["severity"] for f in found] == ["critical"]
    assert found[0]["measured"]["value"] == pytest.approx(100.0, rel=1e-6)


def test_a_block_is_no_sheet() -> None:
    result = sheet(block(60.0, 50.0, 40.0))
    assert not result["flat_pattern"]["available"]
    assert "40 mm thick" in result["flat_pattern"]["reason"]
    assert result["undecided"]


def test_a_wedge_is_no_sheet() -> None:
    wedge = prism([(0.0, 0.0), (100.0, 0.0), (100.0, 3.2), (0.0, 3.0)], 60.0)
    assert not sheet(wedge)["flat_pattern"]["available"]


VARIANTS: dict[str, Callable[[Solid], Solid]] = {
    "turned": lambda part: part.moved((300.0, -200.0, 50.0), (1.0, 2.0, 3.0), 37.0),
    "mirrored": lambda part: part.mirrored(),
    "as splines": as_splines,
    "renumbered": lambda part: part.renumbered([*range(7, len_of(part)), *range(7)]),
}


def len_of(part: Solid) -> int:
    return len(shapes_of(part.shape, "FACE"))


def busy() -> Solid:
    """A tray with holes, a countersink and a slot, some too near."""
    return Tray().solid().cut(
        punch(5.0, (20.0, 20.0, 0.0)), punch(5.0, (27.0, 20.0, 0.0)), punch(1.0, (60.0, 50.0, 0.0)),
        countersink(6.0, 1.2, (50.0, 40.0, 1.5)), punch(3.6, (50.0, 40.0, 0.0)),
        block(20.0, 1.0, 5.0, (30.0, 60.0, -2.0)),
        punch(6.0, (110.0, 40.0, 15.0), (1.0, 0.0, 0.0)),
    )  # fmt: skip


@pytest.mark.parametrize("variant", VARIANTS)
def test_findings_and_pattern_stay_however_the_part_lies_and_is_written(variant: str) -> None:
    here, there = sheet(busy()), sheet(VARIANTS[variant](busy()))
    assert substance(there) == substance(here)
    assert there["flat_pattern"]["area"] == pytest.approx(here["flat_pattern"]["area"], rel=1e-5)
    sizes = [[r["flat_pattern"]["blank"][side] for side in ("length", "width")] for r in (here, there)]
    assert sizes[1] == pytest.approx(sizes[0], abs=1e-3)


def test_a_part_in_inches_is_the_same() -> None:
    here, there = sheet(busy()), sheet(busy(), unit="INCH")
    assert substance(there) == substance(here)
    assert math.isclose(there["flat_pattern"]["area"], here["flat_pattern"]["area"], rel_tol=1e-6)
