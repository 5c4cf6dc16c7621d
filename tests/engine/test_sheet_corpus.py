"""The reference parts as sheet metal: one is, the others are not."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from workers.cad.read_file import read_file
from workers.facts.measure import measure_facts
from workers.features.graph import FaceGraph
from workers.review import review
from workers.sheet.suitability import suitability
from workers.suitability import Suitability

PARTS = Path(__file__).resolve().parents[3] / "shared" / "parts"
pytestmark = [
    pytest.mark.corpus,
    pytest.mark.skipif(not PARTS.is_dir(), reason="the reference parts are not here (../shared/parts)"),
]


def suits(path: Path) -> Suitability:
    part = read_file(path, path.name, lambda _stage: None).parts[0]
    facts = measure_facts(part)
    return suitability(part, facts, FaceGraph(part, facts.scene))


@pytest.fixture(scope="module")
def chassis() -> dict[str, Any]:
    return review(PARTS / "milled" / "power_box_chassis.stp", "power_box_chassis.stp", "sheet_metal", "default")


def test_the_power_box_is_sheet(chassis: dict[str, Any]) -> None:
    assert suits(PARTS / "milled" / "power_box_chassis.stp").score > 0.9
    assert chassis["facts"]["sheet_thickness"]["value"] == pytest.approx(0.6)
    assert chassis["facts"]["bends"]["value"] == 9
    assert {round(bend["radius"], 3) for bend in chassis["flat_pattern"]["bends"]} == {0.737}
    assert Counter(bend["angle"] for bend in chassis["flat_pattern"]["bends"]) == {90.0: 9}


def test_its_flat_area_is_that_of_its_volume(chassis: dict[str, Any]) -> None:
    """Bent about the middle of the sheet (K = 0.5) the area is volume over thickness, but for what is stretched."""
    pattern, facts = chassis["flat_pattern"], chassis["facts"]
    by_volume = facts["volume"]["value"] / 0.6
    assert pattern["area"] == pytest.approx(by_volume, rel=0.025)
    assert pattern["area"] < facts["area"]["value"] / 2
    assert pattern["conflicts"] == []
    assert len(pattern["not_unfolded"]) == 5  # four bridges, and the ring of the fan


def test_what_a_shop_would_say_of_it(chassis: dict[str, Any]) -> None:
    found = Counter((finding["rule"], finding["severity"]) for finding in chassis["findings"])
    assert found == {("relief", "major"): 2, ("corner-relief", "minor"): 4, ("formed-feature", "info"): 8}


@pytest.mark.parametrize("name", ["fresamento.stp", "part3.stp", "nist_ctc_02.stp"])
def test_milled_parts_are_no_sheet(name: str) -> None:
    assert suits(PARTS / "milled" / name).ruled_out


def test_labelled_parts_are_no_sheet() -> None:
    names = sorted(json.loads((PARTS / "labelled" / "labels.json").read_text()))
    scores = {name: suits(PARTS / "labelled" / name) for name in names}
    assert {name: found.score for name, found in scores.items() if not found.ruled_out} == {}
