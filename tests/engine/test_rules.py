"""Each rule on parts just inside and just outside its limit."""

from collections.abc import Callable

import pytest

from tests.engine.reviewing import findings, reviewed
from tests.parts import Solid, block, cylinder, drill, pocket
from workers.rules.measurement import Measurement, NotDecidedError
from workers.rules.quantities import QUANTITIES, Subject
from workers.rules.rule_book import PROCESSES, load_rules
from workers.rules.rule_file import Rule, RuleFileError

CENTRE = (60.0, 40.0, 30.0)


def plate(height: float = 30.0) -> Solid:
    return block(120.0, 80.0, height)


def holed(diameter: float, depth: float, height: float = 30.0) -> Solid:
    return plate(height).cut(drill(diameter, depth, (60.0, 40.0, height), point=False))


def pocketed(length: float, width: float, depth: float, corner: float, floor: float = 0.0) -> Solid:
    return plate().cut(pocket(length, width, depth, CENTRE, corner=corner, floor=floor))


def walled(thickness: float) -> Solid:
    return plate().cut(pocket(50.0, 20.0, 10.0, (60.0, 70.0 - thickness, 30.0), corner=5.0))


def bossed(width: float, height: float) -> Solid:
    return plate().join(block(width, 2 * width, height, (50.0, 30.0, 30.0)))


Case = tuple[str, Callable[[], Solid], str | None]
CASES: list[Case] = [
    ("hole-depth", lambda: holed(5.0, 19.9), None),
    ("hole-depth", lambda: holed(5.0, 20.1), "minor"),
    ("hole-depth", lambda: holed(5.0, 50.1, 60.0), "major"),
    ("hole-depth", lambda: holed(2.5, 100.1, 120.0), "critical"),
    ("hole-small", lambda: holed(2.5, 5.0), None),
    ("hole-small", lambda: holed(2.4, 5.0), "minor"),
    ("hole-small", lambda: holed(0.9, 3.0), "critical"),
    ("hole-nonstandard", lambda: holed(8.5, 10.0), None),
    ("hole-nonstandard", lambda: holed(8.51, 10.0), None),
    ("hole-nonstandard", lambda: holed(6.35, 10.0), "info"),
    ("hole-nonstandard", lambda: holed(15.63, 10.0), "info"),
    ("hole-flat-bottom", lambda: holed(8.0, 10.0), "minor"),
    ("hole-flat-bottom", lambda: holed(8.0, 40.0), None),
    ("hole-flat-bottom", lambda: holed(20.5, 10.0), None),
    ("hole-partial", lambda: plate().cut(cylinder(10.0, 40.0, (60.0, 4.0, -5.0))), None),
    ("hole-partial", lambda: plate().cut(cylinder(10.0, 40.0, (60.0, 3.0, -5.0))), "minor"),
    ("corner-radius", lambda: pocketed(40.0, 30.0, 14.9, 5.0), None),
    ("corner-radius", lambda: pocketed(40.0, 30.0, 15.1, 5.0), "major"),
    ("corner-radius", lambda: pocketed(40.0, 30.0, 10.0, 0.0), "critical"),
    ("floor-fillet-nonstandard", lambda: pocketed(40.0, 30.0, 10.0, 5.0, 2.0), None),
    ("floor-fillet-nonstandard", lambda: pocketed(40.0, 30.0, 10.0, 5.0, 1.8), "info"),
    ("floor-fillet-over-corner", lambda: pocketed(40.0, 30.0, 10.0, 4.0, 3.0), None),
    ("pocket-deep", lambda: pocketed(40.0, 5.0, 19.9, 2.4), None),
    ("pocket-deep", lambda: pocketed(40.0, 5.0, 20.1, 2.4), "major"),
    ("pocket-deep", lambda: pocketed(40.0, 2.5, 25.1, 1.2), "critical"),
    ("pocket-narrow-region", lambda: pocketed(40.0, 3.1, 5.0, 1.5), None),
    ("pocket-narrow-region", lambda: pocketed(40.0, 2.9, 5.0, 1.4), "minor"),
    ("wall-thin", lambda: walled(0.85), None),
    ("wall-thin", lambda: walled(0.75), "minor"),
    ("wall-thin", lambda: walled(0.45), "critical"),
    ("boss-high", lambda: bossed(5.0, 19.9), None),
    ("boss-high", lambda: bossed(5.0, 20.1), "minor"),
    ("edge-external-fillet", lambda: plate().round_edges(5.0, (0.0, 0.0, 1.0)), None),
    (
        "edge-external-fillet",
        lambda: plate().round_edges(5.0, (0.0, 0.0, 1.0)).round_edges_at_height(2.0, 30.0),
        "info",
    ),
    ("part-size", lambda: block(400.0, 250.0, 150.0), None),
    ("part-size", lambda: block(251.0, 249.0, 151.0), "minor"),
    ("stock-removal", lambda: plate().cut(pocket(114.0, 74.0, 27.0, CENTRE, corner=10.0)), None),
    ("stock-removal", lambda: plate().cut(pocket(118.0, 78.0, 29.0, CENTRE, corner=10.0)), "info"),
]


@pytest.mark.parametrize(("rule", "build", "severity"), CASES, ids=[f"{c[0]}-{c[2]}-{i}" for i, c in enumerate(CASES)])
def test_a_rule_speaks_only_beyond_its_limit(rule: str, build: Callable[[], Solid], severity: str | None) -> None:
    found = findings(reviewed(build()), rule)
    assert {finding["severity"] for finding in found} == ({severity} if severity else set())


def test_of_a_box_rounded_all_around_only_the_upper_edges_are_reported() -> None:
    part = plate().round_edges(5.0, (0.0, 0.0, 1.0)).round_edges_at_height(2.0, 30.0)
    found = findings(reviewed(part), "edge-external-fillet")
    assert [finding["measured"]["value"] for finding in found] == pytest.approx([2.0])
    assert len(found[0]["faces"]) == 8, "the four edges and the four corners between them are one rounded edge"


def test_mixed_corner_and_floor_radii_in_one_pocket() -> None:
    two = plate().cut(pocket(40.0, 30.0, 9.0, CENTRE, corner=5.0), pocket(20.0, 40.0, 9.0, CENTRE, corner=4.0))
    mixed = findings(reviewed(two), "corner-radii-mixed")
    assert [finding["measured"]["value"] for finding in mixed] == [2]
    assert findings(reviewed(pocketed(40.0, 30.0, 10.0, 5.0)), "corner-radii-mixed") == []


def test_floor_radii_that_differ_or_exceed_the_corner() -> None:
    part = plate().cut(
        pocket(40.0, 30.0, 9.0, (35.0, 40.0, 30.0), corner=5.0, floor=2.0),
        pocket(40.0, 30.0, 9.0, (60.0, 40.0, 30.0), corner=5.0, floor=3.0),
    )
    result = reviewed(part)
    odd = findings(result, "floor-fillet-inconsistent")
    assert odd and all(finding["measured"]["value"] == pytest.approx(1.0) for finding in odd)
    assert findings(reviewed(pocketed(40.0, 30.0, 9.0, 5.0, 2.0)), "floor-fillet-inconsistent") == []
    ball = plate().cut(pocket(40.0, 30.0, 9.0, CENTRE, corner=3.0, floor=3.0))
    assert [f["severity"] for f in findings(reviewed(ball), "floor-fillet-over-corner")] == ["minor"]


def test_a_finding_says_all_that_an_engineer_needs() -> None:
    part = holed(5.0, 25.0)
    result = reviewed(part)
    finding = findings(result, "hole-depth")[0]
    hole = next(f for f in result["features"] if f["type"] == "flat_bottom_hole")
    assert finding["measured"] == {"quantity": "hole_depth_to_diameter", "value": 5.0, "unit": "ratio"}
    assert finding["limit"] == {"comparison": ">", "value": 4.0, "unit": "ratio"}
    assert finding["features"] == [hole["id"]]
    assert finding["faces"] == hole["faces"]
    assert finding["normal"] == pytest.approx([0.0, 0.0, 1.0], abs=1e-6)
    assert finding["point"][:2] == pytest.approx([60.0, 40.0], abs=1e-6)
    assert "5.00 mm shallower" in finding["smallest_change"]
    assert finding["source"]["url"].startswith("https://")


def test_the_smallest_change_clears_the_finding() -> None:
    assert findings(reviewed(holed(5.0, 20.0)), "hole-depth") == []
    assert findings(reviewed(holed(6.25, 25.0)), "hole-depth") == []


def test_the_toolkits_limits_are_a_configuration_of_their_own() -> None:
    part = holed(5.0, 18.0)
    assert findings(reviewed(part), "hole-depth") == []
    assert len(findings(reviewed(part, "mtk"), "hole-depth")) == 1


def test_the_rule_file_is_complete() -> None:
    assert len(load_rules("cnc_milling").rules) >= 10
    used = {rule.quantity for process in PROCESSES for rule in load_rules(process).rules}
    assert used <= set(QUANTITIES)
    assert used == set(QUANTITIES), "a quantity that no rule uses"


def test_an_unknown_process_is_named() -> None:
    with pytest.raises(RuleFileError, match=r"forging.*cnc_milling"):
        load_rules("forging")


def test_a_rule_that_cannot_be_decided_says_what_it_lacks(monkeypatch: pytest.MonkeyPatch) -> None:
    def without_a_drawing(_subject: Subject, _rule: Rule) -> list[Measurement]:
        raise NotDecidedError("no drawing")

    monkeypatch.setitem(QUANTITIES, "hole_diameter", without_a_drawing)
    result = reviewed(holed(0.9, 3.0))
    assert {"rule": "hole-small", "lacks": "no drawing"} in result["undecided"]
    assert findings(result, "hole-small") == []
