"""What became of a part from one version to the next: of its findings, its features and its facts."""

from typing import Any

import numpy as np

from server.revisions.alignment import CONVINCING, SAME_VOLUME, Alignment, Review, align
from server.revisions.components import components_compared, match_bodies
from server.revisions.errors import NotComparableError
from server.revisions.matching import (
    Matched,
    Row,
    changed_sizes,
    match_features,
    match_findings,
    moved_mm,
    same_measure,
)

SCHEMA = "rapiddraft.comparison/1"
SEVERITIES = ("critical", "major", "minor", "info")
SHOWN = ("id", "rule", "severity", "title", "measured", "limit", "faces", "point", "smallest_change")
SHAPE = ("volume", "area", "oriented_bounding_box", "bodies")
INTEGRALS = ("centre_of_mass", "volume", "area", "inertia")
ONE_SHAPE_TOLD = (
    "Volume, area, centre of mass and inertia agree: the shape is the same, and what is told here comes from how the "
    "files divide its faces."
)
SAMPLED = ("wall_thickness", "smallest_gap")  # told where they differ, but no sign that the shape does
SAME_SAMPLED = 0.02  # relative: rays start elsewhere on every mesh
# Relative, and of what is told to six places: however faces were divided, integrals over them agreed to 1e-12. A hole
# of a large part that moves by 0.05 mm changes its inertia by 1e-9.
ONE_SHAPE, ONE_SHAPE_ROUNDED = 1e-10, 2e-6


def compare(earlier: Review, later: Review) -> dict[str, Any]:
    """The comparison of two reviews (`rapiddraft.review/1`), in the later one's coordinates, mm.

    Places are compared, never the numbers of faces: the earlier version is laid onto the later one first. Raises
    NotComparableError unless both were made for one process, set of limits and material.
    """
    _check_alike(earlier, later)
    by = align(earlier, later)
    are_meshes = any("mesh" in review["part"]["format"] for review in (earlier, later))
    # What is recognised on a mesh hangs on where its triangles are.
    before, after = ([] if are_meshes else list(review["features"]) for review in (earlier, later))
    features = match_features(before, after, by)
    ids = None if are_meshes else {one["id"]: other["id"] for one, other, _ in features.pairs}
    diagonal = float(np.linalg.norm(later["facts"]["bounding_box"]["value"]))
    findings = match_findings(earlier["findings"], later["findings"], by, diagonal, ids)
    of_findings, of_features = _findings(findings), _features(features, by)
    bodies = match_bodies(earlier, later, by)
    components = components_compared(bodies, by)
    facts = _facts(earlier, later)
    counts = {name: len(rows) for name, rows in of_findings.items()}
    changed = [name for name in ("cleared", "new", "changed") if counts[name]]
    touched = any(rows[name] for rows in (of_features, components) for name in ("added", "removed", "changed", "moved"))
    is_other_shape = any(row["fact"] in SHAPE for row in facts)
    unchanged = not changed and not touched and not is_other_shape and by.kind in ("identity", "moved")
    notes = _notes(earlier, later, by)
    kept = max(by.share, _kept(features), _kept(findings), _kept(bodies))
    if kept < CONVINCING and any(row["fact"] == "oriented_bounding_box" for row in facts):
        notes.append(f"Only {100 * kept:.0f} % of both versions lies on one another: they may be different parts.")
    if not unchanged and not facts and _is_one_shape(earlier, later, by):
        notes.append(ONE_SHAPE_TOLD)
    return {
        "schema": SCHEMA,
        "earlier": _head(earlier),
        "later": _head(later),
        "process": later["process"],
        "limits": later["limits"],
        "unchanged": unchanged,
        "alignment": by.as_dict(),
        "findings": of_findings,
        "counts": counts,
        "features": of_features,
        "components": components,
        "facts": facts,
        "notes": notes,
    }


def _check_alike(earlier: Review, later: Review) -> None:
    for review in (earlier, later):
        if not {"process", "limits", "facts", "features", "findings", "engine", "part"} <= review.keys():
            raise NotComparableError("One of them is no whole review.", "Review the part again.")
    for what, one, other in (
        ("process", earlier["process"], later["process"]),
        ("set of limits", earlier["limits"], later["limits"]),
        ("material", _material(earlier), _material(later)),
    ):
        if one != other:
            detail = f"They were reviewed for another {what}: {one} and {other}."
            raise NotComparableError(detail, f"Review both for the same {what}, and compare these.")


def _material(review: Review) -> str | None:
    material = review.get("material") or {}
    return material.get("id")


def _head(review: Review) -> dict[str, Any]:
    return {"part": review["part"], "verdict": review["summary"]["verdict"], "score": review["summary"].get("score")}


def _findings(matched: Matched) -> dict[str, list[dict[str, Any]]]:
    same, changed = [], []
    for one, other, _ in matched.pairs:
        if one["severity"] == other["severity"] and same_measure(one, other):
            same.append({"earlier": one["id"], **_shown(other)})
        else:
            changed.append({"how": _how(one, other), "earlier": _shown(one), "later": _shown(other)})
    return {
        "cleared": [_shown(row) for row in matched.gone],
        "new": [_shown(row) for row in matched.new],
        "changed": changed,
        "same": same,
    }


def _shown(row: Row) -> Row:
    return {name: row.get(name) for name in SHOWN}


def _how(one: Row, other: Row) -> str:
    """`graver` or `milder` by severity, else by the measure: nearer to the limit, or further beyond it."""
    was, now = (SEVERITIES.index(row["severity"]) for row in (one, other))
    if was != now:
        return "graver" if now < was else "milder"
    comparison = (other.get("limit") or {}).get("comparison", "")
    grew = other["measured"]["value"] > one["measured"]["value"]
    if comparison not in ("<", "<=", ">", ">="):
        return "changed"
    return "graver" if grew == comparison.startswith(">") else "milder"


def _features(matched: Matched, by: Alignment) -> dict[str, Any]:
    changed, moved, same = [], [], 0
    for one, other, apart in matched.pairs:
        sizes = changed_sizes(one, other, by.motion.scale)
        is_other = one["type"] != other["type"]
        if sizes or is_other:
            row = {"earlier": one["id"], "later": other["id"], "type": [one["type"], other["type"]], "size": sizes}
            changed.append(row | {"moved_by": round(moved_mm(one, other, by), 4)})
        elif apart is not None and apart >= by.near:
            moved.append({"earlier": one["id"], "later": other["id"], "type": other["type"], "by": round(apart, 4)})
        else:
            same += 1
    return {
        "added": [_feature(row) for row in matched.new],
        "removed": [_feature(row) for row in matched.gone],
        "changed": changed,
        "moved": moved,
        "same": same,
    }


def _feature(row: Row) -> Row:
    return {name: row.get(name) for name in ("id", "type", "faces", "size", "centre", "axis")}


def _kept(matched: Matched) -> float:
    """The share of the rows of both versions that are in both."""
    pairs = 2 * len(matched.pairs)
    return pairs / max(pairs + len(matched.gone) + len(matched.new), 1)


def _is_one_shape(earlier: Review, later: Review, by: Alignment) -> bool:
    """Whether volume, area, moments of inertia and centre of mass agree as only those of one shape do."""
    if by.kind not in ("identity", "moved"):
        return False
    values = [[(review["facts"].get(name) or {}).get("value") for name in INTEGRALS] for review in (earlier, later)]
    if any(value is None for of in values for value in of):
        return False
    was, now = (np.concatenate([np.atleast_1d(np.array(value, dtype=float)) for value in of]) for of in values)
    away = np.linalg.norm(by.motion.points(was[None, :3])[0] - now[:3])
    is_one = np.abs(was - now)[3:] <= ONE_SHAPE * np.abs(now)[3:] + ONE_SHAPE_ROUNDED
    return bool(is_one.all() and away < by.near)


def _facts(earlier: Review, later: Review) -> list[dict[str, Any]]:
    """Those that differ; how many faces there are is no matter of shape."""
    rows = []
    for name in (*SHAPE, *SAMPLED):
        one, other = (review["facts"].get(name) or {} for review in (earlier, later))
        was, now = one.get("value"), other.get("value")
        if not _is_same_fact(was, now, SAME_VOLUME if name in SHAPE else SAME_SAMPLED):
            rows.append({"fact": name, "earlier": was, "later": now, "unit": other.get("unit") or one.get("unit")})
    return rows


def _is_same_fact(was: Any, now: Any, within: float) -> bool:  # noqa: ANN401 - JSON
    if was is None or now is None:
        return was is now
    one, other = np.sort(np.atleast_1d(was)), np.sort(np.atleast_1d(now))
    return one.shape == other.shape and bool((np.abs(one - other) <= within * np.abs(other).max() + 1e-9).all())


def _notes(earlier: Review, later: Review, by: Alignment) -> list[str]:
    notes = []
    if by.kind == "mirrored":
        notes.append(
            "The later version is a mirror image of the earlier one: another part, as a left hand is of a right."
        )
    if by.kind == "scaled":
        inches = abs(by.motion.scale - 25.4) < 0.03 or abs(by.motion.scale * 25.4 - 1) < 1e-3
        why = ": one of them was read in the wrong unit, mm for inches" if inches else ""
        notes.append(f"The later version is {by.motion.scale:.4g} times as large{why}.")
    if by.kind == "moved":
        notes.append("The part lies elsewhere in the later file; places are given as there.")
    if earlier["engine"].get("rules_digest") != later["engine"].get("rules_digest"):
        notes.append("They were reviewed by different rules, so that findings may differ on the same shape.")
    if not all("centre" in row for review in (earlier, later) for row in review["findings"]):
        notes.append("One of them was reviewed before places were kept: review it again to compare it well.")
    return notes
