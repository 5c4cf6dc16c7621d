"""What a sheet consists of, and what it is not taken for."""

import math
from typing import Any

import numpy as np
import pytest

from tests.engine.reviewing import features, findings, only_feature, reviewed
from tests.parts import Solid, block, cone
from tests.sheet_parts import (
    Strip,
    Tray,
    angle,
    bridged,
    collared,
    dimpled,
    half_sheared,
    hemmed,
    lanced,
    notched_and_tabbed,
    obround_relieved,
    plate,
    punch,
    shared_relief,
    square_tube,
    tabbed,
    tube,
    zed,
)  # fmt: skip
from workers.sheet.narrow import narrow_places
from workers.sheet.segments import Segment

K = 0.44


def sheet(solid: Solid) -> dict[str, Any]:
    return reviewed(solid, process="sheet_metal")


def sizes(result: dict[str, Any], kind: str) -> list[tuple[float, float]]:
    return sorted((f["size"]["width"], f["size"]["depth"]) for f in features(result, kind))


def test_notches_and_tabs() -> None:
    result = sheet(notched_and_tabbed())
    assert sizes(result, "notch") == [(5.0, 7.0), (6.0, 9.0), (10.0, 10.0)]
    assert sizes(result, "tab") == [(6.0, 6.0), (8.0, 6.0)]
    assert sorted(len(f["faces"]) for f in features(result, "notch")) == [2, 3, 3]
    assert result["findings"] == []


def test_a_flange_is_no_tab_and_a_tray_has_no_notches() -> None:
    for part in (tabbed(), Tray().solid()):
        assert features(sheet(part), "tab", "notch", "relief") == []


def test_more_than_half_of_an_edge_is_no_notch() -> None:
    part = plate().cut(plate(60.0, 30.0, 6.0).moved((20.0, -1.0, -2.0)))
    assert features(sheet(part), "notch") == []


def test_reliefs_are_square_or_round_and_may_be_shared() -> None:
    # From the outside of the flange, t + R before the edge, and 4 mm behind it.
    square = sheet(tabbed(relief=2.0, depth=4.0))
    assert sizes(square, "relief") == [(2.0, 8.0), (2.0, 8.0)]
    assert all(feature["faces"] for feature in features(square, "relief"))
    round_ = sheet(obround_relieved())
    assert [width for width, _ in sizes(round_, "relief")] == [2.0, 2.0]
    assert len(features(sheet(shared_relief()), "relief")) == 3
    assert features(sheet(shared_relief()), "notch") == []
    assert square["findings"] == round_["findings"] == []


def test_a_torn_relief_is_one_problem() -> None:
    found = sheet(tabbed(relief=0.1, depth=4.0))["findings"]
    assert [(f["rule"], f["measured"]["value"]) for f in found] == [("relief", 0.1)]


@pytest.mark.parametrize(("part", "height", "area"), [(dimpled(), 6.0, 4800.0), (half_sheared(), 1.0, 4800.0)])
def test_what_is_pressed_is_not_cut(part: Solid, height: float, area: float) -> None:
    result = sheet(part)
    assert only_feature(result, "emboss")["size"]["height"] == pytest.approx(height, abs=0.01)
    assert features(result, "through_hole") == []
    pattern = result["flat_pattern"]
    assert pattern["area"] == pytest.approx(area)
    assert (len(pattern["inner"]), len(pattern["formed"]), pattern["complete"]) == (0, 1, False)
    assert [f["rule"] for f in result["findings"]] == ["formed-feature"]


def test_a_collar_rises_above_the_sheet() -> None:
    result = sheet(collared())
    assert findings(result, "formed-feature")[0]["measured"]["value"] == pytest.approx(3.0)
    assert result["flat_pattern"]["area"] == pytest.approx(4800.0 - 9 * math.pi)


def test_a_bridge_is_cut_free_at_its_sides() -> None:
    result = sheet(bridged())
    only_feature(result, "bridge")
    pattern = result["flat_pattern"]
    assert [len(slit) for slit in pattern["slits"]] == [1, 1]
    assert [len(root) for root in pattern["formed"]] == [1, 1]
    assert all(math.dist(*root[0]["points"]) == pytest.approx(10.0) for root in pattern["formed"])


def test_a_lanced_tab_needs_no_distance_to_its_own_window() -> None:
    result = sheet(lanced())
    assert result["findings"] == []
    assert result["flat_pattern"]["area"] == pytest.approx(4800 - 22 * 14 + 10 * (15 + math.pi / 2 * (1 + K)), rel=1e-6)


def test_a_tapered_hole_is_no_countersink() -> None:
    result = sheet(plate().cut(cone(8.0, 8.3, 2.0, (50.0, 30.0, 0.0))))
    assert only_feature(result, "through_hole")["size"]["diameter"] == pytest.approx(8.0)
    assert result["findings"] == []


@pytest.mark.parametrize("gap", [1.0, 8.0, 38.0 * math.sin(math.pi / 41)])
def test_a_rolled_tube_is_unrolled(gap: float) -> None:
    """However wide its seam is: the last is as wide as one of the 40 steps of the mesh around the inside."""
    # Turned, as arithmetic would have it at 0° that the right one of equal gaps is taken by chance.
    result = sheet(tube(gap).cut(punch(6.0, (0.0, -20.0, 30.0), (0.0, 1.0, 0.0))).moved(degrees=15.0))
    turned = 2 * math.pi - 2 * math.asin(gap / 2 / 19.0)
    pattern = result["flat_pattern"]
    assert pattern["blank"]["length"] == pytest.approx(turned * (19.0 + K), rel=1e-6)
    assert [(bend["kind"], bend["direction"]) for bend in pattern["bends"]] == [("bend", "up")]
    assert result["findings"] == []  # that a hole is near to where it is rolled does not matter


def test_a_closed_tube_is_no_sheet() -> None:
    result = sheet(tube(0.0))
    assert not result["flat_pattern"]["available"]


def test_a_closed_square_tube_is_laid_open_at_an_edge() -> None:
    result = sheet(square_tube())
    pattern = result["flat_pattern"]
    length = 2 * 37.0 + 2 * 27.0 + 3 * math.pi / 2 * K * 1.5
    assert pattern["area"] == pytest.approx(100.0 * length, rel=1e-6)
    assert "ring" in pattern["not_unfolded"][0]["reason"]
    assert {f["rule"] for f in result["findings"]} == {"not-unfolded", "bend-radius"}
    assert features(result, "bridge", "curl", "emboss") == []


def test_bends_drawn_sharp_do_not_overlap() -> None:
    """Outside, the flats of a sharp bend are drawn longer than they are."""
    sharp = Strip(1.0, 40.0, [30.0, (90.0, 0.0), 20.0, (-90.0, 0.0), 25.0])
    legs = [block(30.0, 40.0, 1.0), block(1.0, 40.0, 20.0, (29.0, 0.0, 0.0)), block(25.0, 40.0, 1.0, (29.0, 0.0, 20.0))]
    for part in (sharp.solid(), legs[0].join(*legs[1:])):
        result = sheet(part)
        assert findings(result, "unfold-conflict") == []
        assert result["flat_pattern"]["bends"][0]["angle"] == pytest.approx(90.0)


def test_what_is_rolled_needs_no_punch_of_its_own() -> None:
    rolled = Strip(1.0, 60.0, [20.0, (90.0, 2.0), 8.0, (-180.0, 20.0), 8.0, (90.0, 2.0), 20.0])
    assert sheet(rolled.solid())["findings"] == []
    assert features(sheet(zed().solid()), "bend")
    assert features(sheet(angle().solid()), "flange")


@pytest.mark.parametrize(
    ("part", "kind"),
    [(hemmed(0.1), "closed hem"), (hemmed(1.0), "open hem"), (hemmed(degrees=200.0), "teardrop hem")],
)
def test_hems_are_closed_open_or_drops(part: Strip, kind: str) -> None:
    assert [bend["kind"] for bend in sheet(part.solid())["flat_pattern"]["bends"]] == [kind]


@pytest.mark.parametrize("degrees", [30.0, 90.0, 120.0])
def test_a_flange_is_measured_over_its_outside(degrees: float) -> None:
    flange = only_feature(sheet(angle(degrees).solid()), "flange")
    corner = 4.0 * math.tan(math.radians(min(degrees, 90.0)) / 2)
    assert flange["size"]["height"] == pytest.approx(30.0 + corner)


@pytest.mark.parametrize(("end", "count"), [(9.5, 0), (8.0, 1)])
def test_edges_face_each_other_along_half_of_their_distance(end: float, count: int) -> None:
    """Two lines, 2 mm of air between them, that overlap by 0.5 and by 2 mm."""
    lines = [Segment(np.array(points)) for points in ([(0.0, 0.0), (10.0, 0.0)], [(20.0, -2.0), (end, -2.0)])]
    found = narrow_places(lines, 3.0)
    assert [(place.width, place.depth) for place in found] == [(2.0, 2.0)] * count
