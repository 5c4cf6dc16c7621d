"""What is turned on a part, each face in one feature, with its size."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.engine.reviewing import Review, features, only_feature, reviewed
from tests.parts import (
    Solid,
    around_z,
    block,
    cylinder,
    drill,
    egg,
    halved,
    hexagon,
    ring,
    shaft,
    shapes_of,
    torus,
    turned,
)

TURNED_SKIN = ("turned_diameter", "turned_face", "turned_form")


def as_turned(solid: Solid) -> Review:
    result = reviewed(solid, process="cnc_turning")
    faces = [face for feature in result["features"] for face in feature["faces"]]
    assert len(faces) == len(set(faces)), "a face in two features"
    return result


def kinds(result: Review) -> list[str]:
    return sorted(feature["type"] for feature in result["features"])


def sizes(result: Review, kind: str, size: str) -> list[float]:
    return sorted(round(feature["size"][size], 3) for feature in features(result, kind))


def the_groove(result: Review, form: str) -> dict[str, Any]:
    groove = only_feature(result, "groove")
    assert [step["form"] for step in groove["steps"]] == [form]
    return groove


@pytest.mark.parametrize("as_written", [lambda s: s, halved])
def test_the_steps_of_a_shaft_are_diameters_and_faces(as_written: Callable[[Solid], Solid]) -> None:
    result = as_turned(as_written(shaft((20.0, 30.0), (30.0, 40.0), (20.0, 25.0))))
    assert kinds(result) == ["turned_diameter"] * 3 + ["turned_face"] * 4
    assert sizes(result, "turned_diameter", "diameter") == [20.0, 20.0, 30.0]
    assert sizes(result, "turned_diameter", "length") == [25.0, 30.0, 40.0]
    assert sizes(result, "turned_face", "width") == [5.0, 5.0, 10.0, 10.0]


def test_a_shaft_written_in_quarters_has_no_fillets() -> None:
    quarters = halved(halved(shaft((20.0, 30.0))).moved(degrees=90.0))
    result = as_turned(quarters)
    assert kinds(result) == ["turned_diameter", "turned_face", "turned_face"]
    assert len(only_feature(result, "turned_diameter")["faces"]) == 4


def test_a_taper_is_a_form_and_a_narrow_cone_at_an_edge_a_chamfer() -> None:
    result = as_turned(
        turned([(0.0, 0.0), (0.0, 10.0), (30.0, 10.0), (60.0, 20.0), (79.0, 20.0), (80.0, 19.0), (80.0, 0.0)])
    )
    assert only_feature(result, "turned_form")["size"]["angle"] == pytest.approx(18.4349, abs=1e-3)
    assert only_feature(result, "chamfer")["size"]["width"] == pytest.approx(2**0.5)


def test_the_roundings_of_a_shoulder_are_one_fillet_each() -> None:
    result = as_turned(halved(shaft((20.0, 30.0), (40.0, 20.0)).round_edges_at_height(2.0, 30.0)))
    for kind in ("concave_fillet", "convex_fillet"):
        fillet = only_feature(result, kind)
        assert (fillet["size"]["radius"], len(fillet["faces"])) == (2.0, 2)


def test_a_free_form_of_revolution_is_a_form() -> None:
    result = as_turned(egg(40.0, 80.0).join(cylinder(12.0, 40.0, (0.0, 0.0, 70.0))))
    assert kinds(result) == ["turned_diameter", "turned_face", "turned_form"]


@pytest.mark.parametrize("as_written", [lambda s: s, halved])
def test_an_outer_groove(as_written: Callable[[Solid], Solid]) -> None:
    result = as_turned(as_written(shaft((30.0, 100.0)).cut(ring(40.0, 26.0, 3.0, 50.0))))
    groove = the_groove(result, "outer_diameter")
    assert groove["size"] == pytest.approx({"width": 3.0, "depth": 2.0, "diameter": 26.0})
    assert abs(sum(a * d for a, d in zip(groove["axis"], groove["direction"], strict=True))) < 1e-6
    assert sizes(result, "turned_diameter", "length") == [47.0, 50.0]


@pytest.mark.parametrize("as_written", [lambda s: s, halved])
def test_an_inner_groove_leaves_one_bore(as_written: Callable[[Solid], Solid]) -> None:
    result = as_turned(as_written(ring(50.0, 30.0, 60.0).cut(ring(34.0, 20.0, 3.0, 30.0))))
    assert the_groove(result, "inner_diameter")["size"] == pytest.approx({"width": 3.0, "depth": 2.0, "diameter": 34.0})
    bore = only_feature(result, "bore")
    assert (bore["size"]["diameter"], bore["size"]["depth"]) == pytest.approx((30.0, 60.0))
    assert len(bore["steps"]) == 1


@pytest.mark.parametrize("as_written", [lambda s: s, halved])
def test_a_groove_in_an_end_face(as_written: Callable[[Solid], Solid]) -> None:
    result = as_turned(as_written(shaft((60.0, 20.0)).cut(ring(40.0, 34.0, 5.0, 16.0))))
    groove = the_groove(result, "end_face")
    assert groove["size"] == pytest.approx({"width": 3.0, "depth": 4.0, "diameter": 40.0})
    assert groove["direction"] == pytest.approx([0.0, 0.0, 1.0])
    assert features(result, "bore") == []


def test_the_fillets_of_a_groove_belong_to_it() -> None:
    cutter = ring(40.0, 26.0, 4.0, 50.0)
    rounded = cutter.round_edges_at_height(0.5, 50.0).round_edges_at_height(0.5, 54.0)
    result = as_turned(shaft((30.0, 100.0)).cut(rounded))
    assert len(the_groove(result, "outer_diameter")["faces"]) == 5
    assert features(result, "concave_fillet") == []


def test_a_round_groove_and_a_v_groove() -> None:
    result = as_turned(shaft((30.0, 60.0)).cut(torus(30.0, 4.0, 30.0)))
    assert the_groove(result, "outer_diameter")["size"] == pytest.approx({"width": 4.0, "depth": 2.0, "diameter": 26.0})
    pulley = turned([(0.0, 0.0), (0.0, 50.0), (5.0, 50.0), (11.0, 40.0), (17.0, 50.0), (22.0, 50.0), (22.0, 0.0)])
    assert the_groove(as_turned(pulley), "outer_diameter")["size"]["depth"] == pytest.approx(10.0)


def test_a_relief_groove_before_a_shoulder_leaves_the_shoulder() -> None:
    """DIN 509 type E: 0.3 mm deep, 2.5 mm wide, running out at 15°; type F goes into the shoulder as well."""
    before = [(0.0, 0.0), (0.0, 10.0), (27.5, 10.0), (28.62, 9.7)]
    type_e = turned([*before, (30.0, 9.7), (30.0, 20.0), (50.0, 20.0), (50.0, 0.0)])
    type_f = turned([*before, (30.2, 9.7), (30.2, 11.0), (30.0, 11.5), (30.0, 20.0), (50.0, 20.0), (50.0, 0.0)])
    for part, width in ((type_e, 2.5), (type_f, 2.5)):
        result = as_turned(part)
        size = the_groove(result, "outer_diameter")["size"]
        assert (size["width"], size["depth"]) == pytest.approx((width, 0.3))
        assert len(features(result, "turned_face")) == 3
        assert features(result, "bore") == []


def test_a_wide_neck_is_no_groove() -> None:
    assert features(as_turned(shaft((40.0, 20.0), (30.0, 40.0), (40.0, 20.0))), "groove") == []


def test_a_stepped_bore_is_one_bore_and_counts_from_its_mouth() -> None:
    result = as_turned(ring(60.0, 20.0, 60.0).cut(cylinder(40.0, 20.0, (0.0, 0.0, 41.0))))
    bore = only_feature(result, "bore")
    assert len(bore["faces"]) == 3
    assert [(s["diameter"], s["start"], s["depth"]) for s in bore["steps"]] == [(40.0, 0.0, 19.0), (20.0, 19.0, 41.0)]
    assert bore["direction"] == pytest.approx([0.0, 0.0, 1.0])


def test_two_blind_bores_are_two() -> None:
    part = shaft((50.0, 80.0)).cut(
        drill(20.0, 30.0, (0.0, 0.0, 80.0)), drill(16.0, 20.0, (0.0, 0.0, 0.0), (0.0, 0.0, 1.0), point=False)
    )
    assert sizes(as_turned(part), "bore", "diameter") == [16.0, 20.0]


def test_milled_features_stay_with_the_others() -> None:
    part = (
        shaft((20.0, 60.0))
        .join(hexagon(30.0, 10.0, 60.0))
        .cut(cylinder(6.0, 40.0, (0.0, -20.0, 45.0), (0.0, 1.0, 0.0)), block(6.0, 10.0, 20.0, (-3.0, 6.5, 10.0)))
    )
    result = as_turned(part)
    assert only_feature(result, "through_hole")["size"]["diameter"] == pytest.approx(6.0)
    assert len(features(result, "closed_pocket", "slot")) == 1
    assert sizes(result, "turned_diameter", "diameter") == [20.0]


def test_a_bolt_circle_is_no_bore() -> None:
    part = shaft((100.0, 10.0), (40.0, 30.0)).cut(
        cylinder(20.0, 50.0, (0.0, 0.0, -5.0)), *around_z(cylinder(9.0, 20.0, (35.0, 0.0, -5.0)), 6)
    )
    result = as_turned(part)
    assert (len(features(result, "bore")), len(features(result, "through_hole"))) == (1, 6)


def test_curved_slots_about_the_axis_are_milled() -> None:
    sector = ring(70.0, 60.0, 20.0, -5.0).cut(block(100.0, 100.0, 40.0, (-50.0, -100.0, -10.0)))
    sector = sector.cut(
        block(100.0, 100.0, 40.0, (10.0, -50.0, -10.0)), block(100.0, 100.0, 40.0, (-110.0, -50.0, -10.0))
    )
    result = as_turned(shaft((100.0, 10.0)).cut(*around_z(sector, 2)))
    assert features(result, "bore", "groove") == []
    assert sizes(result, "turned_diameter", "diameter") == [100.0]


def test_an_eccentric_pin_is_not_turned() -> None:
    result = as_turned(shaft((80.0, 20.0)).join(cylinder(20.0, 20.0, (20.0, 0.0, 20.0))))
    assert sizes(result, "turned_diameter", "diameter") == [80.0]


@pytest.mark.parametrize(
    "change",
    [
        lambda s: s.moved((5.0, -9.0, 2.0), (1.0, 2.0, -1.0), 130.0),
        lambda s: s.mirrored(),
        lambda s: s.renumbered(list(reversed(range(len(shapes_of(s.shape, "FACE")))))),
    ],
)
def test_where_the_part_lies_does_not_matter(change: Callable[[Solid], Solid]) -> None:
    part = (
        ring(50.0, 30.0, 60.0)
        .cut(ring(60.0, 44.0, 4.0, 20.0), ring(34.0, 20.0, 3.0, 30.0))
        .chamfer_edges_at_height(1.0, 60.0)
    )
    at_home, moved = as_turned(part), as_turned(change(part))
    assert kinds(moved) == kinds(at_home)
    assert kinds(at_home).count("groove") == 2
    for kind in set(kinds(at_home)):
        for name in features(at_home, kind)[0]["size"]:
            assert sizes(moved, kind, name) == pytest.approx(sizes(at_home, kind, name), abs=2e-3)
