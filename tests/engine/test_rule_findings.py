"""Findings as documents: ids that stay, edges, groups, order, and what is one problem."""

import random
from functools import lru_cache
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.engine.reviewing import Review, findings, reviewed
from tests.parts import block, bracket, drill, pocket, shapes_of
from workers.rules.evaluate import SEVERITIES
from workers.rules.summary import WEIGHTS, summarise


@lru_cache
def as_built() -> Review:
    return reviewed(bracket())


def ids(result: Review) -> list[str]:
    return sorted(f"{finding['rule']}:{finding['id']}" for finding in result["findings"])


@pytest.mark.parametrize("seed", range(3))
def test_ids_stay_when_the_faces_are_renumbered(seed: int) -> None:
    part = bracket()
    order = list(range(len(shapes_of(part.shape, "FACE"))))
    random.Random(seed).shuffle(order)
    assert ids(reviewed(part.renumbered(order))) == ids(as_built())


@pytest.mark.parametrize("unit", ["INCH", "M"])
def test_ids_stay_in_another_unit(unit: str) -> None:
    assert ids(reviewed(bracket(), unit=unit)) == ids(as_built())


def test_ids_tell_findings_apart_and_follow_the_place() -> None:
    assert len(set(ids(as_built()))) == len(as_built()["findings"])
    moved = reviewed(bracket().moved((0.05, 0.0, 0.0)))
    of_places = [f for f in as_built()["findings"] if f["faces"]]
    assert of_places and not {f["id"] for f in of_places} & {f["id"] for f in moved["findings"] if f["faces"]}


def test_every_finding_on_faces_names_edges_around_or_between_them() -> None:
    for finding in as_built()["findings"]:
        assert bool(finding["edges"]) == bool(finding["faces"]), finding["rule"]
        assert finding["edges"] == sorted(set(finding["edges"]))


def test_a_sharp_corner_is_anchored_to_its_edge() -> None:
    sharp = [f for f in findings(as_built(), "corner-radius") if f["measured"]["value"] == 0]
    assert sharp and all(len(f["edges"]) == 1 for f in sharp)


def test_equal_holes_are_single_findings_of_one_group() -> None:
    holes = [drill(3.0, 20.0, (x, 40.0, 30.0), point=False) for x in (20.0, 40.0, 60.0)]
    odd = drill(4.0, 28.0, (90.0, 40.0, 30.0), point=False)
    result = reviewed(block(120.0, 80.0, 30.0).cut(*holes, odd))
    deep = findings(result, "hole-depth")
    assert sorted(f["group"]["size"] if f["group"] else 1 for f in deep) == [1, 3, 3, 3]
    assert len({f["group"]["id"] for f in deep if f["group"]}) == 1
    assert len({f["id"] for f in deep}) == 4


def test_findings_come_by_severity_and_then_by_cost() -> None:
    rows = [(SEVERITIES.index(f["severity"]), -f["extra_minutes"]) for f in as_built()["findings"]]
    assert len(rows) > 5
    assert rows == sorted(rows)


def test_what_is_further_beyond_its_limit_costs_more() -> None:
    holes = [drill(3.0, depth, (x, 40.0, 40.0), point=False) for depth, x in ((14.0, 20.0), (24.0, 60.0))]
    deep = findings(reviewed(block(120.0, 80.0, 40.0).cut(*holes)), "hole-depth")
    assert [round(f["measured"]["value"], 3) for f in deep] == [8.0, 4.667]
    assert deep[0]["extra_minutes"] > deep[1]["extra_minutes"] > 2.0


def test_one_wall_seen_from_two_sides_is_one_finding() -> None:
    pockets = [pocket(40.0, 20.0, 12.0, (60.0, y, 30.0), corner=5.0) for y in (30.0, 50.6)]
    (wall,) = findings(reviewed(block(120.0, 80.0, 30.0).cut(*pockets)), "wall-thin")
    assert wall["measured"]["value"] == pytest.approx(0.6, abs=1e-5)


RULES = st.sampled_from(["a", "b", "c"])
FINDINGS = st.lists(
    st.fixed_dictionaries({"rule": RULES, "severity": st.sampled_from(list(WEIGHTS))}), min_size=0, max_size=30
)


@given(found=FINDINGS, more=FINDINGS)
def test_more_findings_never_raise_the_score(found: list[dict[str, Any]], more: list[dict[str, Any]]) -> None:
    before, after = summarise(found), summarise(found + more)
    assert 0 <= after["score"] <= before["score"] <= 100
    assert summarise(list(reversed(found))) == before


def test_the_score_is_as_published() -> None:
    summary = summarise([{"rule": "a", "severity": "major"}] * 2 + [{"rule": "b", "severity": "minor"}])
    assert summary["score"] == 81.9  # 100 * exp(-(0.10 * (1 + ln 2) + 0.03))
    assert summary["verdict"] == "costly"
    assert summary["counts"] == {"critical": 0, "major": 2, "minor": 1, "info": 0}
    for severity, weight in WEIGHTS.items():
        assert f"{severity} {weight:g}" in summary["score_formula"]


def test_a_part_of_which_little_is_decided_is_not_called_manufacturable() -> None:
    assert summarise([], held=20, undecided=10)["verdict"] == "manufacturable"
    little = summarise([], held=20, undecided=11)
    assert (little["verdict"], little["score"]) == ("undecided", None)
    assert summarise([{"rule": "a", "severity": "critical"}], held=20, undecided=11)["verdict"] == "redesign"
