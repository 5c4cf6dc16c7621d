"""What the rules leave alone, and what a finding says; test_parametric_rules.py has every limit."""

from collections.abc import Callable

import pytest

from tests.defects import holed, plate, pocketed, two_floor_radii
from tests.engine.reviewing import findings, reviewed
from tests.parts import Solid, block
from workers.rules.measurement import Measurement, NotDecidedError
from workers.rules.quantities import QUANTITIES, Subject
from workers.rules.rule_book import PROCESSES, load_rules
from workers.rules.rule_file import Rule, RuleFileError

QUIET: list[tuple[str, Callable[[], Solid]]] = [
    ("hole-nonstandard", lambda: holed(8.5, 10.0)),
    ("hole-flat-bottom", lambda: holed(8.0, 40.0)),
    ("edge-external-fillet", lambda: plate().round_edges(5.0, (0.0, 0.0, 1.0))),
    ("part-size", lambda: block(400.0, 250.0, 150.0)),
    ("part-size", lambda: block(150.0, 400.0, 250.0)),
]


@pytest.mark.parametrize(("rule", "build"), QUIET)
def test_a_rule_is_silent_where_there_is_nothing_to_say(rule: str, build: Callable[[], Solid]) -> None:
    assert findings(reviewed(build()), rule) == []


@pytest.mark.parametrize("diameter", [6.35, 15.63])
def test_an_odd_drill_is_named(diameter: float) -> None:
    assert [f["severity"] for f in findings(reviewed(holed(diameter, 10.0)), "hole-nonstandard")] == ["info"]


def test_a_part_that_fits_no_way_round_is_too_large() -> None:
    assert [f["severity"] for f in findings(reviewed(block(251.0, 249.0, 151.0)), "part-size")] == ["minor"]


def test_of_a_box_rounded_all_around_only_the_upper_edges_are_reported() -> None:
    part = plate().round_edges(5.0, (0.0, 0.0, 1.0)).round_edges_at_height(2.0, 30.0)
    found = findings(reviewed(part), "edge-external-fillet")
    assert [finding["measured"]["value"] for finding in found] == pytest.approx([2.0])
    assert len(found[0]["faces"]) == 8, "the four edges and the four corners between them are one rounded edge"


def test_floor_radii_that_differ() -> None:
    result = reviewed(two_floor_radii(3.0))
    odd = findings(result, "floor-fillet-inconsistent")
    assert odd and all(finding["measured"]["value"] == pytest.approx(1.0) for finding in odd)
    assert findings(reviewed(pocketed(40.0, 30.0, 9.0, 5.0, 2.0)), "floor-fillet-inconsistent") == []


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
