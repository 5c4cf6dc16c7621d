"""Pockets, slots, steps, bosses, fillets and chamfers of known size."""

from collections.abc import Callable

import pytest

from tests.engine.reviewing import features, only_feature, reviewed
from tests.parts import Solid, block, bracket, cone, cylinder, drafted_pocket, drill, pocket, prism

MIDDLE = (50.0, 30.0, 25.0)


def plate() -> Solid:
    return block(100.0, 60.0, 25.0)


def test_closed_pocket_with_corner_and_floor_radii() -> None:
    result = reviewed(plate().cut(pocket(40.0, 30.0, 10.0, MIDDLE, corner=5.0, floor=1.0)))
    found = only_feature(result, "closed_pocket")
    assert found["size"] == pytest.approx({"length": 40.0, "width": 30.0, "depth": 10.0}, abs=1e-3)
    assert found["direction"] == pytest.approx([0.0, 0.0, 1.0], abs=1e-6)
    corners = features(result, "concave_fillet")
    assert [corner["size"]["radius"] for corner in corners] == pytest.approx([5.0] * 4)
    assert {corner["parent"] for corner in corners} == {found["id"]}
    assert [f["size"]["radius"] for f in features(result, "floor_fillet")] == pytest.approx([1.0] * 8)


def test_through_pocket() -> None:
    found = only_feature(reviewed(plate().cut(pocket(40.0, 30.0, 30.0, MIDDLE, corner=5.0))), "through_pocket")
    assert found["size"]["depth"] == pytest.approx(25.0)


def test_slot_open_at_both_ends() -> None:
    found = only_feature(reviewed(plate().cut(pocket(120.0, 12.0, 8.0, MIDDLE))), "slot")
    assert found["size"] == pytest.approx({"length": 100.0, "width": 12.0, "depth": 8.0}, abs=1e-3)
    assert found["direction"] == pytest.approx([0.0, 0.0, 1.0], abs=1e-6)


def test_slot_open_at_one_end() -> None:
    found = only_feature(reviewed(plate().cut(pocket(60.0, 12.0, 8.0, (0.0, 30.0, 25.0)))), "slot")
    assert len(found["faces"]) == 4


def test_step() -> None:
    found = only_feature(reviewed(plate().cut(block(20.0, 80.0, 20.0, (85.0, -10.0, 15.0)))), "step")
    assert len(found["faces"]) == 2


def test_corner_step() -> None:
    found = only_feature(reviewed(plate().cut(block(20.0, 20.0, 20.0, (85.0, 45.0, 15.0)))), "step")
    assert len(found["faces"]) == 3


def test_triangular_pocket() -> None:
    tool = prism([(40.0, 20.0), (60.0, 20.0), (50.0, 40.0)], 30.0, (0.0, 0.0, 15.0))
    assert len(only_feature(reviewed(plate().cut(tool)), "closed_pocket")["faces"]) == 4


def test_boss_on_a_plate() -> None:
    found = only_feature(reviewed(plate().join(cylinder(12.0, 30.0, (50.0, 30.0, 25.0)))), "boss")
    assert found["size"]["height"] == pytest.approx(30.0)
    assert found["size"]["width"] == pytest.approx(12.0, abs=1e-4)


def test_an_island_in_a_pocket_is_a_boss_and_no_part_of_the_pocket() -> None:
    part = plate().cut(pocket(60.0, 40.0, 10.0, MIDDLE)).join(block(10.0, 8.0, 10.0, (45.0, 26.0, 15.0)))
    result = reviewed(part)
    island, home = only_feature(result, "boss"), only_feature(result, "closed_pocket")
    assert len(island["faces"]) == 4
    assert len(home["faces"]) == 5


def test_chamfered_edges() -> None:
    chamfers = features(reviewed(plate().chamfer_edges_at_height(2.0, 25.0)), "chamfer")
    assert len(chamfers) == 4
    assert [c["size"]["width"] for c in chamfers] == pytest.approx([2.0 * 2**0.5] * 4, rel=0.05)


def test_rounded_outline() -> None:
    found = features(reviewed(plate().round_edges(8.0, (0.0, 0.0, 1.0))), "convex_fillet")
    assert [f["size"]["radius"] for f in found] == pytest.approx([8.0] * 4)


def test_a_bare_block_has_no_features() -> None:
    assert reviewed(plate())["features"] == []


def t_slot() -> Solid:
    return plate().cut(block(120.0, 8.0, 12.0, (-10.0, 26.0, 13.5)), block(120.0, 16.0, 5.0, (-10.0, 22.0, 9.0)))


def dovetail() -> Solid:
    tool = prism([(22.0, 15.0), (38.0, 15.0), (34.0, 26.0), (26.0, 26.0)], 120.0)
    return plate().cut(tool.moved(axis=(1.0, 1.0, 1.0), degrees=120.0).moved((-10.0, 0.0, 0.0)))


def crossed_windows() -> Solid:
    return plate().cut(block(120.0, 20.0, 10.0, (-10.0, 20.0, 8.0)), block(20.0, 80.0, 10.0, (40.0, -10.0, 8.0)))


def test_a_t_slot_is_an_undercut_slot_and_no_deep_passage() -> None:
    result = reviewed(t_slot())
    found = only_feature(result, "slot")
    assert found["direction"] == pytest.approx([0.0, 0.0, 1.0], abs=1e-6)
    assert [f for f in result["findings"] if f["severity"] in ("critical", "major")] == []


def test_a_dovetail_gives_no_upright_corners() -> None:
    assert [f for f in reviewed(dovetail())["findings"] if f["severity"] == "critical"] == []


def test_windows_that_cross_at_one_height_are_two() -> None:
    found = features(reviewed(crossed_windows()), "through_pocket")
    assert sorted(f["size"]["depth"] for f in found) == pytest.approx([60.0, 100.0])
    assert {tuple(abs(round(x)) for x in f["direction"]) for f in found} == {(1, 0, 0), (0, 1, 0)}


def test_slots_that_cross_at_one_height_are_two() -> None:
    crossed = plate().cut(pocket(120.0, 20.0, 8.0, MIDDLE).join(pocket(16.0, 80.0, 8.0, MIDDLE)))
    found = features(reviewed(crossed), "slot")
    assert [f["direction"] for f in found] == [pytest.approx([0.0, 0.0, 1.0], abs=1e-6)] * 2
    assert sum(len(f["faces"]) for f in found) == 9  # eight walls and the floor that they share


@pytest.mark.parametrize("at", [30.0, 60.0])
def test_a_channel_stays_a_slot_where_another_cuts_it(at: float) -> None:
    notch = prism([(20.0, 22.0), (20.0, 38.0), (28.0, 30.0)], 140.0).moved(axis=(0.0, 1.0, 0.0), degrees=90.0)
    crossed = plate().cut(notch.moved((-20.0, 0.0, 46.0)), cylinder(20.0, 60.0, (at, 30.0, -10.0)))
    assert len(features(reviewed(crossed), "slot")) == 2


def test_a_groove_that_a_slot_cuts_is_a_groove() -> None:
    ring = cylinder(40.0, 6.0, (50.0, 30.0, 20.0)).cut(cylinder(30.0, 6.0, (50.0, 30.0, 20.0)))
    cut = plate().cut(ring, pocket(60.0, 6.0, 10.0, (80.0, 30.0, 25.0)))
    groove = only_feature(reviewed(cut), "groove")
    assert groove["size"] == pytest.approx({"width": 5.0, "depth": 5.0, "diameter": 40.0}, abs=1e-3)


def test_a_pocket_around_a_round_boss_is_no_groove() -> None:
    boss = plate().cut(pocket(50.0, 40.0, 10.0, MIDDLE, corner=12.0)).join(cylinder(16.0, 10.0, (50.0, 30.0, 15.0)))
    result = reviewed(boss)
    assert features(result, "groove") == []
    assert len(features(result, "closed_pocket")) == len(features(result, "boss")) == 1


def test_the_outline_of_a_part_is_no_through_pocket() -> None:
    ears = plate().join(*(cylinder(20.0, 25.0, (x, y, 0.0)) for x in (0.0, 50.0, 100.0) for y in (0.0, 60.0)))
    assert features(reviewed(ears.round_edges(3.0, (0.0, 0.0, 1.0))), "through_pocket") == []


def test_a_window_may_bulge() -> None:
    keyhole = cylinder(30.0, 40.0, (50.0, 30.0, -5.0)).join(block(60.0, 10.0, 40.0, (20.0, 25.0, -5.0)))
    window = only_feature(reviewed(plate().cut(keyhole)), "through_pocket")
    assert len(window["faces"]) == 8
    assert window["size"] == pytest.approx({"length": 60.0, "width": 30.0, "depth": 25.0}, abs=1e-3)


def test_a_rib_is_thin_high_and_long() -> None:
    floor = block(120.0, 80.0, 10.0)
    rib = only_feature(reviewed(floor.join(block(120.0, 4.0, 25.0, (0.0, 38.0, 10.0)))), "rib")
    assert rib["size"] == pytest.approx({"width": 4.0, "height": 25.0, "length": 120.0})
    assert features(reviewed(floor.join(block(120.0, 14.0, 25.0, (0.0, 38.0, 10.0)))), "rib") == []


@pytest.mark.parametrize("draft", [0.0, 2.0, 7.0])
def test_a_drafted_pocket_is_one_with_its_corners_and_floor_fillets(draft: float) -> None:
    result = reviewed(plate().cut(drafted_pocket(40.0, 30.0, 12.0, draft, MIDDLE, corner=5.0, floor=2.0)))
    assert len(only_feature(result, "closed_pocket")["faces"]) == 5
    corners = features(result, "concave_fillet")
    assert [f["size"]["radius"] for f in corners if f["size"]["radius"] > 4.0] == pytest.approx([5.0] * 4, abs=1e-6)
    edges = [f for f in features(result, "floor_fillet") if f["size"]["length"] > 15.0]
    assert [f["size"]["radius"] for f in edges] == pytest.approx([2.0] * 4, abs=1e-4)


def test_a_neck_between_two_shoulders_is_no_boss() -> None:
    neck = cylinder(30.0, 20.0, (0.0, 0.0, 0.0)).join(
        cylinder(6.0, 40.0, (0.0, 0.0, 20.0)), cylinder(30.0, 20.0, (0.0, 0.0, 60.0))
    )
    result = reviewed(neck)
    assert features(result, "boss") == []
    assert [f for f in result["findings"] if f["rule"] == "boss-high"] == []


def test_no_corner_is_asked_to_be_rounder_than_its_pocket_is_wide() -> None:
    result = reviewed(plate().cut(pocket(40.0, 4.0, 20.0, MIDDLE)))
    changes = {f["smallest_change"] for f in result["findings"] if f["rule"] == "corner-radius"}
    assert changes == {"round it to R2.00 mm, as the width allows, and make it 6.00 mm deep at most"}


PARTS: list[Callable[[], Solid]] = [
    bracket,
    t_slot,
    dovetail,
    crossed_windows,
    lambda: plate().cut(cone(26.0, 20.0, 12.0, MIDDLE, (0.0, 0.0, -1.0))),
    lambda: plate().cut(drill(8.0, 40.0, MIDDLE, point=False)).round_edges_at_height(1.0, 25.0),
    lambda: plate().join(cylinder(12.0, 30.0, (50.0, 30.0, 25.0)), block(10.0, 10.0, 20.0, (20.0, 20.0, 25.0))),
    lambda: cylinder(40.0, 60.0, (0.0, 0.0, 0.0)).cut(cylinder(6.0, 60.0, (-30.0, 10.0, 30.0), (1.0, 0.0, 0.0))),
    lambda: plate().cut(pocket(60.0, 40.0, 10.0, MIDDLE, corner=8.0)).round_edges_at_height(1.0, 25.0),
]


@pytest.mark.parametrize("build", PARTS, ids=range(len(PARTS)))
def test_each_face_belongs_to_at_most_one_feature(build: Callable[[], Solid]) -> None:
    faces = [face for feature in reviewed(build())["features"] for face in feature["faces"]]
    assert len(faces) == len(set(faces))


def test_a_rounded_mouth_leaves_the_pocket_its_size() -> None:
    part = plate().cut(pocket(50.0, 30.0, 10.0, MIDDLE, corner=6.0))
    mouth = part.round_edges_at_height(1.0, 25.0)
    found = only_feature(reviewed(mouth), "closed_pocket")
    assert (found["size"]["length"], found["size"]["width"]) == pytest.approx((50.0, 30.0), abs=1e-3)


def test_an_arm_on_a_disc_is_no_pocket() -> None:
    arm = cylinder(30.0, 20.0, (0.0, 0.0, 0.0)).join(block(50.0, 10.0, 8.0, (0.0, -5.0, 20.0)))
    for part in (arm, arm.join(cylinder(12.0, 20.0, (40.0, 0.0, 28.0)))):
        assert features(reviewed(part), "closed_pocket", "open_pocket", "slot", "step") == []


def test_a_v_groove_leads_out_between_its_flanks() -> None:
    notch = prism([(20.0, 22.0), (20.0, 38.0), (28.0, 30.0)], 140.0).moved(axis=(0.0, 1.0, 0.0), degrees=90.0)
    groove = only_feature(reviewed(plate().cut(notch.moved((-20.0, 0.0, 46.0)))), "slot")
    assert groove["direction"] == pytest.approx([0.0, 0.0, 1.0], abs=1e-6)
