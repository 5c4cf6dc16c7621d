"""What the rules for turning leave alone, count once and advise; test_parametric_rules.py has their limits."""

import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests import defects
from tests.engine.reviewing import Review, findings, reviewed, substance
from tests.parts import Solid, cylinder, halved, ring, shaft
from workers.rules import rule_book
from workers.rules.rule_file import RuleFileError


def as_turned(solid: Solid, limits: str = "default") -> Review:
    return reviewed(solid, limits, process="cnc_turning")


QUIET: list[tuple[str, Callable[[], Solid]]] = [
    ("bore-relief", lambda: defects.tube(10.0)),
    ("bore-depth", lambda: ring(60.0, 20.0, 120.0).cut(cylinder(40.0, 50.0, (0.0, 0.0, 71.0)))),
    ("profile-relief", lambda: defects.neck(60.0, 29.9)),
    ("profile-relief", lambda: shaft((20.0, 30.0), (30.0, 30.0), (25.0, 30.0))),
]


@pytest.mark.parametrize(("rule", "part"), QUIET)
def test_a_rule_is_silent_where_there_is_nothing_to_say(rule: str, part: Callable[[], Solid]) -> None:
    assert findings(as_turned(part()), rule) == []


def test_a_neck_between_two_shoulders_is_followed_by_no_tool() -> None:
    (found,) = findings(as_turned(shaft((30.0, 30.0), (20.0, 30.0), (30.0, 30.0))), "profile-relief")
    assert found["measured"]["value"] == pytest.approx(90.0)


def test_a_bore_without_any_relief_is_reported() -> None:
    assert len(findings(as_turned(defects.undercut_bore(0.0)), "bore-relief")) == 1


def test_a_corner_of_half_faces_is_one_corner() -> None:
    assert len(findings(as_turned(halved(shaft((20.0, 30.0), (40.0, 20.0)))), "turn-corner-radius")) == 1


def test_corners_in_a_groove_are_what_the_grooving_insert_leaves() -> None:
    grooved = shaft((30.0, 80.0)).cut(ring(40.0, 25.0, 4.0, 30.0))
    assert findings(as_turned(grooved), "turn-corner-radius") == []
    assert len(findings(as_turned(grooved, "mtk"), "turn-corner-radius")) == 2


def test_the_wall_of_a_tube_is_found_once() -> None:
    result = as_turned(defects.tube(0.6))
    assert len(findings(result, "tube-wall")) == 1
    assert findings(result, "wall-thin") == []


def test_a_web_that_is_no_tube_is_a_thin_wall() -> None:
    result = as_turned(defects.web(0.6))
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
    (relief,) = findings(as_turned(defects.undercut_bore(0.0)), "bore-relief")
    assert "0.60 mm" in smallest_change(relief)
    assert findings(as_turned(defects.undercut_bore(0.6)), "bore-relief") == []


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
    assert len(at_home) >= 4
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
