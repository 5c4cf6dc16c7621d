"""Reviewing a part in the test's own process, and asking about the result."""

from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tests.parts import Solid
from workers.review import review

Review = dict[str, Any]


def reviewed(
    solid: Solid,
    limits: str = "default",
    unit: str = "MM",
    *,
    process: str = "cnc_milling",
    material: str | None = None,
    own: Path | None = None,
) -> Review:
    """The review of a solid, by way of a STEP file; `own` is a shop's file or folder of rules."""
    with TemporaryDirectory() as folder:
        path = solid.write_step(Path(folder) / "part.step", unit)
        return review(path, "part.step", process, limits, material=material, own=own)


def features(result: Review, *types: str) -> list[dict[str, Any]]:
    """The features of the given types."""
    return [feature for feature in result["features"] if feature["type"] in types]


def only_feature(result: Review, kind: str) -> dict[str, Any]:
    """The one feature of a type."""
    found = features(result, kind)
    assert len(found) == 1, f"{len(found)} of {kind}; there are {Counter(f['type'] for f in result['features'])}"
    return found[0]


def findings(result: Review, rule: str) -> list[dict[str, Any]]:
    """The findings of one rule."""
    return [finding for finding in result["findings"] if finding["rule"] == rule]


def substance(result: Review) -> Counter[tuple[Any, ...]]:
    """What was found, apart from where the part lies and how its faces are numbered."""
    return Counter(
        (
            finding["rule"],
            finding["severity"],
            round(finding["measured"]["value"], 3),
            None if finding["limit"]["value"] is None else round(finding["limit"]["value"], 3),
            len(finding["faces"]),
        )
        for finding in result["findings"]
    )


def feature_sizes(result: Review) -> Counter[tuple[Any, ...]]:
    """Types, face counts and sizes of the features."""
    return Counter(
        (f["type"], len(f["faces"]), tuple(sorted((name, round(v, 2)) for name, v in f["size"].items())))
        for f in result["features"]
    )


def without_size_rules(result: Review) -> Review:
    """The machine's travel and the stock block stand square to the axes: only they may see a turned part."""
    kept = [f for f in result["findings"] if f["rule"] not in ("part-size", "stock-removal")]
    return {**result, "findings": kept}
