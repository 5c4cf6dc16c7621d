"""The reference parts with known truth: every review ends, and what was recognised stays recognised."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from workers.review import review

PARTS = Path(__file__).resolve().parents[3] / "shared" / "parts"
pytestmark = [
    pytest.mark.corpus,
    pytest.mark.skipif(not PARTS.is_dir(), reason="the reference parts are not here (../shared/parts)"),
]
HOLES = ("Through Hole", "Blind Hole", "Flat Bottom Hole")


def published(part: str) -> dict[str, Any]:
    bodies: list[dict[str, Any]] = json.loads((PARTS / "milled" / f"{part}.expected.json").read_text())["bodies"]
    return {
        "features": Counter({g["name"]: g["count"] for b in bodies for g in b["features"]}),
        "issues": Counter({g["name"]: g["count"] for b in bodies for g in b["issues"]}),
    }


def recognised(part: str) -> tuple[Counter[str], Counter[str]]:
    result = review(PARTS / "milled" / f"{part}.stp", part, "cnc_milling", "mtk")
    return Counter(f["type"] for f in result["features"]), Counter(f["rule"] for f in result["findings"])


@pytest.mark.parametrize(
    ("part", "kind", "name"),
    [
        ("nist_ctc_02", "blind_hole", "Blind Hole"),
        ("power_box_chassis", "through_hole", "Through Hole"),
        ("power_box_chassis", "through_pocket", "Through Pocket"),
        ("part3", "flat_bottom_hole", "Flat Bottom Hole"),
        ("fresamento", "stepped_hole", "Stepped Hole"),
        ("fresamento", "closed_pocket", "Closed Pocket"),
    ],
)
def test_features_agree_with_the_commercial_toolkit(part: str, kind: str, name: str) -> None:
    assert recognised(part)[0][kind] == published(part)["features"][name]


@pytest.mark.parametrize(
    ("part", "rule", "name"),
    [
        ("fresamento", "hole-depth", "Deep Hole"),
        ("fresamento", "corner-radius", "Small Radius Milled Part Internal Corner"),
        ("fresamento", "hole-nonstandard", "Non Standard Diameter Hole"),
        ("part3", "boss-high", "High Boss Issue"),
        ("part3", "corner-radius", "Small Radius Milled Part Internal Corner"),
        ("nist_ctc_02", "hole-depth", "Deep Hole"),
    ],
)
def test_findings_agree_with_the_commercial_toolkit(part: str, rule: str, name: str) -> None:
    assert recognised(part)[1][rule] == published(part)["issues"][name]


def test_every_labelled_part_is_reviewed() -> None:
    labels = json.loads((PARTS / "labelled" / "labels.json").read_text())
    for name, truth in labels.items():
        result = review(PARTS / "labelled" / name, name, "cnc_milling", "default")
        assert result["part"]["faces"] == truth["faces"], name
