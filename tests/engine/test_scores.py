"""The benchmark's agreement with known truth, counted on truths of a few lines."""

import json
from pathlib import Path
from typing import Any

import pytest

from loadtests.scores import Tally, counted, faces_scored, tallied


def features(*rows: tuple[str, list[int]]) -> dict[str, Any]:
    return {"features": [{"type": name, "faces": faces} for name, faces in rows], "findings": []}


def test_counts_are_held_against_the_toolkits_and_a_part_without_a_review_is_missed(tmp_path: Path) -> None:
    rows = [{"name": "Through Hole", "count": 3}, {"name": "Flat Face Milled Face", "count": 9}]
    truth = {"bodies": [{"features": rows, "issues": [{"name": "Deep Hole", "count": 2}]}]}
    for part in ("seen", "unseen"):
        (tmp_path / f"{part}.expected.json").write_text(json.dumps(truth))
    review = features(("through_hole", [1]), ("through_hole", [2]), ("boss", [3]), ("island", [4]))
    review["findings"] = [{"rule": "hole-depth"}] * 3 + [{"rule": "setups"}]
    counts = counted(tmp_path, {"seen": review})
    assert [(c.part, c.kind, c.name, c.expected, c.found) for c in counts] == [
        ("seen", "features", "boss", 0, 1),
        ("seen", "features", "through_hole", 3, 2),
        ("seen", "issues", "hole-depth", 2, 3),
        ("unseen", "features", "through_hole", 3, 0),
        ("unseen", "issues", "hole-depth", 2, 0),
    ]
    assert tallied(counts, "features") == Tally(hit=2, extra=1, missed=4)
    assert tallied(counts, "issues") == Tally(hit=2, extra=1, missed=2)


def test_faces_are_scored_by_coarse_kind_and_features_by_the_faces_in_common(tmp_path: Path) -> None:
    truth = {
        "a.step": {"cls": [12, 12, 14, 14, 24], "inst": [[0, 1], [2, 3]]},
        "b.step": {"cls": [23], "inst": None},
    }
    (tmp_path / "labels.json").write_text(json.dumps(truth))
    scores = faces_scored(tmp_path, {"a": features(("blind_hole", [0, 1]), ("slot", [2, 3]))})
    assert scores.faces == 6
    assert scores.right == 3  # the hole's two and the stock
    assert scores.kinds == {
        "fillet": Tally(0, 0, 1),
        "hole": Tally(2, 0, 0),
        "pocket": Tally(0, 0, 2),
        "stock": Tally(1, 0, 0),
    }
    assert scores.macro_f1 == pytest.approx(2 / 4)
    assert scores.instances == Tally(hit=1, extra=1, missed=1)


@pytest.mark.parametrize(("found", "hit"), [([0, 1], 1), ([0, 1, 2, 3], 1), ([0, 2, 3, 4], 0)])
def test_a_feature_is_found_with_half_of_all_faces_in_common(found: list[int], hit: int, tmp_path: Path) -> None:
    truth = {"a.step": {"cls": [12, 12, 24, 24, 24], "inst": [[0, 1]]}}
    (tmp_path / "labels.json").write_text(json.dumps(truth))
    scores = faces_scored(tmp_path, {"a": features(("blind_hole", found))})
    assert scores.instances == Tally(hit=hit, extra=1 - hit, missed=1 - hit)
