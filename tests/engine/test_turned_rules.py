"""Each rule for turning on parts just inside and just outside its limit, wherever the part lies."""

import math
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.engine.reviewing import Review, findings, reviewed, substance
from tests.parts import Solid, block, cylinder, halved, ring, shaft, turned
from workers.rules import rule_book
from workers.rules.rule_file import RuleFileError


def as_turned(solid: Solid, limits: str = "default") -> Review:
    return reviewed(solid, limits, process="cnc_turning")


def shoulder(radius: float) -> Solid:
    return shaft((20.0, 30.0), (40.0, 20.0)).round_edges_at_height(radius, 30.0)


def undercut(width: float) -> Solid:
    """A blind bore of 20 mm with an undercut at its bottom."""
    bore = cylinder(20.0, 40.0, (0.0, 0.0, 30.0))
    return shaft((50.0, 60.0)).cut(bore, ring(24.0, 0.0, width, 30.0)) if width else shaft((50.0, 60.0)).cut(bore)


def neck(left: float, right: float) -> Solid:
    """A shaft of 30 mm with a neck of 20 mm, its flanks at two angles from the axis."""
    runs = [5.0 / math.tan(math.radians(angle)) for angle in (left, right)]
    low, high = 30.0 + runs[0], 70.0 + runs[0]
    return turned(
        [(0.0, 0.0), (0.0, 15.0), (30.0, 15.0), (low, 10.0), (high, 10.0), (high + runs[1], 15.0), (140.0, 15.0),
         (140.0, 0.0)]
    )  # fmt: skip


def grooved(depth: float) -> Solid:
    return shaft((40.0, 60.0)).cut(ring(50.0, 40.0 - 2 * depth, 3.0, 30.0))


def tube(wall: float) -> Solid:
    return ring(50.0, 50.0 - 2 * wall, 40.0)


def cross_drilled(diameter: float) -> Solid:
    return shaft((20.0, 40.0)).cut(cylinder(diameter, 40.0, (0.0, -20.0, 20.0), (0.0, 1.0, 0.0)))


CASES: list[tuple[str, Callable[[], Solid], str | None]] = [
    ("turn-slender", lambda: shaft((10.0, 59.9)), None),
    ("turn-slender", lambda: shaft((10.0, 60.1)), "minor"),
    ("turn-slender", lambda: shaft((20.0, 50.0), (10.0, 50.1)), "major"),
    ("turn-corner-radius", lambda: shoulder(0.41), None),
    ("turn-corner-radius", lambda: shoulder(0.39), "minor"),
    ("turn-corner-radius", lambda: shaft((20.0, 30.0), (40.0, 20.0)), "major"),
    ("bore-relief", lambda: undercut(0.61), None),
    ("bore-relief", lambda: undercut(0.59), "minor"),
    ("bore-relief", lambda: undercut(0.0), "minor"),
    ("bore-relief", lambda: tube(10.0), None),
    ("bore-depth", lambda: ring(60.0, 20.0, 79.9), None),
    ("bore-depth", lambda: ring(60.0, 20.0, 80.1), "minor"),
    ("bore-depth", lambda: ring(60.0, 20.0, 160.1), "major"),
    ("bore-depth", lambda: ring(60.0, 20.0, 120.0).cut(cylinder(40.0, 50.0, (0.0, 0.0, 71.0))), None),
    ("profile-relief", lambda: neck(29.9, 60.0), None),
    ("profile-relief", lambda: neck(60.0, 29.9), None),
    ("profile-relief", lambda: neck(30.1, 60.0), "minor"),
    ("profile-relief", lambda: shaft((20.0, 30.0), (30.0, 30.0), (25.0, 30.0)), None),
    ("profile-relief", lambda: shaft((30.0, 30.0), (20.0, 30.0), (30.0, 30.0)), "minor"),
    ("groove-deep", lambda: grooved(5.9), None),
    ("groove-deep", lambda: grooved(6.1), "minor"),
    ("tube-wall", lambda: tube(0.81), None),
    ("tube-wall", lambda: tube(0.79), "minor"),
    ("tube-wall", lambda: tube(0.49), "critical"),
    ("turn-radial-hole", lambda: cross_drilled(2.05), None),
    ("turn-radial-hole", lambda: cross_drilled(1.95), "minor"),
]


@pytest.mark.parametrize(("rule", "part", "severity"), CASES)
def test_a_rule_speaks_beyond_its_limit_only(rule: str, part: Callable[[], Solid], severity: str | None) -> None:
    found = {finding["severity"] for finding in findings(as_turned(part()), rule)}
    assert found == ({severity} if severity else set())


def test_the_toolkits_corner_radius_is_5_mm() -> None:
    found = {
        radius: findings(
            as_turned(shaft((20.0, 30.0), (60.0, 20.0)).round_edges_at_height(radius, 30.0), "mtk"),
            "turn-corner-radius",
        )
        for radius in (4.9, 5.1)
    }
    assert [finding["measured"]["value"] for finding in found[4.9]] == pytest.approx([4.9])
    assert found[5.1] == []


def test_a_corner_of_half_faces_is_one_corner() -> None:
    assert len(findings(as_turned(halved(shaft((20.0, 30.0), (40.0, 20.0)))), "turn-corner-radius")) == 1


def test_the_wall_of_a_tube_is_found_once() -> None:
    result = as_turned(tube(0.6))
    assert len(findings(result, "tube-wall")) == 1
    assert findings(result, "wall-thin") == []


def test_a_web_that_is_no_tube_is_a_thin_wall() -> None:
    web = shaft((60.0, 40.0)).cut(
        block(70.0, 15.0, 30.0, (-35.0, 0.3, 20.0)), block(70.0, 15.0, 30.0, (-35.0, -15.3, 20.0))
    )
    result = as_turned(web)
    assert len(findings(result, "wall-thin")) == 1
    assert findings(result, "tube-wall") == []


def test_drilling_rules_hold_on_a_lathe_as_well() -> None:
    deep = shaft((60.0, 40.0)).cut(cylinder(5.0, 30.0, (20.0, 0.0, 15.0)))
    assert len(findings(as_turned(deep), "hole-depth")) == 1


def smallest_change(finding: dict[str, Any]) -> str:
    return str(finding["smallest_change"])


def test_the_smallest_change_clears_the_finding() -> None:
    (slender,) = findings(as_turned(shaft((10.0, 80.0))), "turn-slender")
    assert "3.33 mm thicker (to Ø13.33 mm)" in smallest_change(slender)
    assert findings(as_turned(shaft((13.34, 80.0))), "turn-slender") == []
    (relief,) = findings(as_turned(undercut(0.0)), "bore-relief")
    assert "0.60 mm" in smallest_change(relief)
    assert findings(as_turned(undercut(0.6)), "bore-relief") == []


def worked_example() -> Solid:
    """A bush with one of many mistakes each."""
    body = ring(60.0, 12.0, 70.0).cut(ring(80.0, 40.0, 40.0, 30.0), ring(50.0, 34.0, 1.2, 50.0))
    return body.cut(ring(15.0, 10.0, 3.0, 40.0), cylinder(1.5, 80.0, (0.0, -40.0, 15.0), (0.0, 1.0, 0.0)))


@pytest.mark.parametrize(
    "change",
    [lambda s: s.moved((5.0, -9.0, 2.0), (1.0, 2.0, -1.0), 130.0), lambda s: s.mirrored(), halved],
    ids=["moved", "mirrored", "half faces"],
)
def test_where_the_part_lies_does_not_matter(change: Callable[[Solid], Solid]) -> None:
    def grave(result: Review) -> list[tuple[Any, ...]]:
        return sorted(
            key[:4] for key in substance(result).elements() if str(key[0]).startswith(("turn", "bore", "groove"))
        )

    at_home = grave(as_turned(worked_example()))
    assert len(at_home) >= 5
    assert grave(as_turned(change(worked_example()))) == at_home


@pytest.mark.parametrize("unit", ["INCH", "M"])
def test_the_unit_of_the_file_does_not_matter(unit: str) -> None:
    inches = reviewed(worked_example(), unit=unit, process="cnc_turning")
    assert substance(inches) == substance(as_turned(worked_example()))


def test_a_rule_excepted_that_is_not_there_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("cnc_milling", "cnc_turning", *rule_book.TABLES):
        text = (rule_book.DATA / f"{name}.toml").read_text()
        (tmp_path / f"{name}.toml").write_text(text.replace('  "part-size",', '  "part-sise",'))
    monkeypatch.setattr(rule_book, "DATA", tmp_path)
    rule_book.load_rules.cache_clear()
    with pytest.raises(RuleFileError, match=r"cnc_turning\.toml: except:.*part-sise"):
        rule_book.load_rules("cnc_turning")
    rule_book.load_rules.cache_clear()


def test_turning_has_the_rules_of_milling_but_for_those_excepted() -> None:
    turning = tomllib.loads((rule_book.DATA / "cnc_turning.toml").read_text())
    milled = {rule.id for rule in rule_book.load_rules("cnc_milling").rules}
    found = {rule.id for rule in rule_book.load_rules("cnc_turning").rules}
    assert milled - found == set(turning["except"]) - {rule["id"] for rule in turning["rules"]}
    assert {rule["id"] for rule in turning["rules"]} <= found


def test_the_digest_changes_with_the_included_rules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = rule_book.rules_digest("cnc_turning")
    for path in rule_book.DATA.glob("*.toml"):
        (tmp_path / path.name).write_text(path.read_text().replace("value = 3.5", "value = 3.6"))
    monkeypatch.setattr(rule_book, "DATA", tmp_path)
    assert rule_book.rules_digest("cnc_turning") != before
