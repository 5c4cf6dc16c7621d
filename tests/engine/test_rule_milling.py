"""Every rule for milling and drilling is there and has its say; and the rules on holes, threads and lettering."""

import math
from collections.abc import Callable
from typing import Any

import pytest

from tests.defects import MIDDLE, MINOR_M6, holed, lettered, plate, side_hole, two_holes
from tests.engine.reviewing import findings, reviewed
from tests.parts import Solid, block, bracket, cylinder, drill, pocket
from workers.rules.measurement import Measurement
from workers.rules.quantities import QUANTITIES, Subject
from workers.rules.quantities.registry import Quantity
from workers.rules.rule_book import load_rules
from workers.rules.rule_file import Rule

MILLING = (
    "hole-depth", "hole-small", "hole-nonstandard", "hole-flat-bottom", "hole-partial", "hole-oblique",
    "hole-intersects-cavity", "thread-depth", "corner-radius", "corner-radii-mixed", "floor-fillet-nonstandard",
    "floor-fillet-inconsistent", "floor-fillet-over-corner", "pocket-deep", "pocket-narrow-region", "wall-thin",
    "wall-slender", "boss-high", "edge-external-fillet", "undercut", "face-unreachable", "setups", "shape-oblique",
    "text-small", "part-size", "stock-removal",
)  # fmt: skip


def shaft(*tools: Solid) -> Solid:
    return cylinder(40.0, 100.0, (0.0, 0.0, 0.0)).cut(*tools)


def cross_hole(offset: float) -> Solid:
    """A hole across a shaft of 40 mm, its axis `offset` off the shaft's."""
    return shaft(cylinder(4.0, 60.0, (offset, -30.0, 50.0), (0.0, 1.0, 0.0)))


def ball_with_hole(offset: float) -> Solid:
    ball = Solid(sphere(60.0))
    return ball.cut(cylinder(4.0, 80.0, (offset, -40.0, 0.0), (0.0, 1.0, 0.0)))


def sphere(diameter: float) -> Any:  # noqa: ANN401
    from workers.cad.binding import module

    return module("BRepPrimAPI").BRepPrimAPI_MakeSphere(diameter / 2).Shape()


def hole_in_a_floor() -> Solid:
    opened = plate().cut(pocket(40.0, 40.0, 10.0, MIDDLE, corner=8.0))
    return opened.cut(drill(5.0, 40.0, (60.0, 40.0, 20.0), point=False))


def through_a_slot() -> Solid:
    slot = block(140.0, 10.0, 6.0, (-10.0, -1.0, 12.0))
    return plate().cut(slot, drill(5.0, 40.0, (60.0, 4.0, 30.0), point=False))


Case = tuple[str, Callable[[], Solid], str | None]
CASES: list[Case] = [
    ("hole-oblique", lambda: cross_hole(0.0), None),
    ("hole-oblique", lambda: cross_hole(20.0 * math.sin(math.radians(4.9))), None),
    ("hole-oblique", lambda: cross_hole(20.0 * math.sin(math.radians(5.2))), "minor"),
    ("hole-oblique", lambda: ball_with_hole(30.0 * math.sin(math.radians(4.9))), None),
    ("hole-oblique", lambda: ball_with_hole(30.0 * math.sin(math.radians(5.2))), "minor"),
    ("hole-intersects-cavity", lambda: side_hole(39.0), None),
    ("hole-intersects-cavity", lambda: side_hole(45.0), None),
    ("hole-intersects-cavity", lambda: side_hole(30.0, aslant=10.0), None),
    ("hole-intersects-cavity", lambda: side_hole(60.0, aslant=10.0), "minor"),
    ("hole-intersects-cavity", hole_in_a_floor, None),
    ("hole-intersects-cavity", through_a_slot, "minor"),
    ("thread-depth", lambda: holed(5.5, 40.0, 60.0, point=True), None),
    ("text-small", lambda: lettered(0.48, 1.2), None),
]


@pytest.mark.parametrize(("rule", "build", "severity"), CASES, ids=[f"{c[0]}-{c[2]}-{i}" for i, c in enumerate(CASES)])
def test_a_rule_speaks_only_beyond_its_limit(rule: str, build: Callable[[], Solid], severity: str | None) -> None:
    found = findings(reviewed(build()), rule)
    assert [finding["severity"] for finding in found] == ([severity] if severity else [])


@pytest.mark.parametrize("rule", MILLING)
def test_every_rule_for_milling_is_held_against_the_part(rule: str, monkeypatch: pytest.MonkeyPatch) -> None:
    rules = {r.id: r for r in load_rules("cnc_milling").rules}
    assert rule in rules
    asked: list[str] = []

    def noting(measure: Quantity) -> Quantity:
        def measured(subject: Subject, rule: Rule) -> list[Measurement]:
            asked.append(rule.id)
            return measure(subject, rule)

        return measured

    for name, measure in list(QUANTITIES.items()):
        monkeypatch.setitem(QUANTITIES, name, noting(measure))
    reviewed(bracket())
    assert asked.count(rule) == 1


def test_a_hole_of_a_tapping_drill_is_left_undecided_and_says_why() -> None:
    result = reviewed(holed(5.0, 30.0, 60.0, point=True))
    (undecided,) = [u for u in result["undecided"] if u["rule"] == "thread-depth"]
    assert "no thread is declared in the file" in undecided["lacks"]
    assert "M6" in undecided["lacks"]
    assert findings(result, "thread-depth") == []


@pytest.mark.parametrize("diameter", [6.0, 10.1])
def test_a_plain_hole_is_not_taken_for_a_thread(diameter: float) -> None:
    result = reviewed(block(60.0, 40.0, 80.0).cut(drill(diameter, 70.0, (30.0, 20.0, 80.0))))
    assert findings(result, "thread-depth") == []
    assert [u for u in result["undecided"] if u["rule"] == "thread-depth"] == []


def test_a_dog_bone_is_a_pocket_corner_and_no_hole() -> None:
    corners = [cylinder(6.0, 16.0, (30.0 + x, 30.0 + y, 5.0)) for x in (-19.0, 19.0) for y in (-14.0, 14.0)]
    part = block(60.0, 60.0, 20.0).cut(pocket(40.0, 30.0, 15.0, (30.0, 30.0, 20.0)).join(*corners))
    assert findings(reviewed(part), "hole-partial") == []


def test_a_high_boss_is_one_problem_and_no_slender_wall() -> None:
    result = reviewed(block(120.0, 80.0, 20.0).join(block(4.0, 40.0, 30.0, (58.0, 20.0, 20.0))))
    assert len(findings(result, "boss-high")) == 1
    assert findings(result, "wall-slender") == []


def test_what_is_inferred_to_be_tapped_is_judged_though_another_hole_is_undecided() -> None:
    part = plate(60.0).cut(drill(MINOR_M6, 20.0, (40.0, 40.0, 60.0)), drill(5.0, 30.0, (80.0, 40.0, 60.0)))
    result = reviewed(part)
    (deep,) = findings(result, "thread-depth")
    assert deep["measured"]["value"] == pytest.approx(20.0 / 6.0, abs=1e-4)
    assert [u["rule"] for u in result["undecided"] if u["rule"] == "thread-depth"] == ["thread-depth"]


def test_of_two_holes_that_cross_the_narrower_is_reported_once() -> None:
    (crossing,) = findings(reviewed(two_holes(20.0)), "hole-intersects-cavity")
    assert len(crossing["features"]) == 2  # the cavity, and the hole across it
    assert crossing["measured"]["value"] == 1


def test_the_least_angle_at_a_shaft_is_that_on_the_axis() -> None:
    (oblique,) = findings(reviewed(cross_hole(10.0)), "hole-oblique")
    assert oblique["measured"]["value"] == pytest.approx(30.0, abs=1e-4)


def test_plastic_needs_thicker_walls_than_metal() -> None:
    part = plate().cut(pocket(50.0, 20.0, 10.0, (60.0, 68.8, 30.0), corner=5.0))  # leaves 1.2 mm
    assert findings(reviewed(part), "wall-thin") == []
    assert [f["severity"] for f in findings(reviewed(part, material="abs"), "wall-thin")] == ["minor"]
    assert findings(reviewed(part, material="steel-mild"), "wall-thin") == []


def test_the_material_is_said_and_weighed() -> None:
    assert reviewed(plate())["material"] == {"id": None, "family": "metal", "assumed": True}
    material = reviewed(plate(), material="aluminium-6061-t6")["material"]
    assert material["assumed"] is False
    assert material["mass"] == pytest.approx(120 * 80 * 30 * 2.70 / 1000)


SPOKEN = [case for case in CASES if case[2] is not None]


@pytest.mark.parametrize(("rule", "build", "severity"), SPOKEN, ids=[f"{c[0]}-{i}" for i, c in enumerate(SPOKEN)])
def test_where_a_part_lies_changes_nothing(rule: str, build: Callable[[], Solid], severity: str) -> None:
    as_built = findings(reviewed(build()), rule)
    for moved in (build().moved((11.0, -7.0, 3.0), (1.0, 2.0, 3.0), 77.0), build().mirrored()):
        found = findings(reviewed(moved), rule)
        assert [f["severity"] for f in found] == [severity]
        assert [f["measured"]["value"] for f in found] == pytest.approx([f["measured"]["value"] for f in as_built])
        assert [len(f["faces"]) for f in found] == [len(f["faces"]) for f in as_built]
    in_inches = findings(reviewed(build(), unit="INCH"), rule)
    assert [f["id"] for f in in_inches] == [f["id"] for f in as_built]
