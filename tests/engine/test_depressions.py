"""Pockets, slots, steps, bosses, fillets and chamfers of known size."""

import pytest

from tests.engine.reviewing import features, only_feature, reviewed
from tests.parts import Solid, block, cylinder, pocket, prism

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


def test_each_face_belongs_to_at_most_one_feature() -> None:
    from tests.parts import bracket

    faces = [face for feature in reviewed(bracket())["features"] for face in feature["faces"]]
    assert len(faces) == len(set(faces))
