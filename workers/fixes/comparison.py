"""The findings of two reviews held against each other, by rule and place on the part."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workers.cad.edit.body import Body
from workers.cad.part import Floats, Surface
from workers.fixes.elsewhere import face_boxes
from workers.fixes.surfaces import SAME_ANGLE, SAME_MM, same_surface

JsonObject = dict[str, Any]
SEVERITIES = ("critical", "major", "minor", "info")
MOST = 0.5


@dataclass(frozen=True)
class Compared:
    """Of two reviews: ids of earlier findings that are cleared, and later findings that are new or graver."""

    cleared: list[str]
    new: list[JsonObject]
    same: dict[str, str]  # by the id of an earlier finding, that of the later one


def compare(before: Body, earlier: list[JsonObject], after: Body, later: list[JsonObject]) -> Compared:
    """Which findings are the same: of one rule, and with the same id or on mostly the same faces.

    One that is graver than it was counts as new.
    """
    old_of = _old_faces(before, after)
    same: dict[str, str] = {}
    new = []
    for finding in later:
        match = _match(finding, earlier, old_of, before)
        if match is None or _is_graver(finding, match):
            new.append(finding)
        if match is not None:
            same[match["id"]] = finding["id"]
    return Compared([finding["id"] for finding in earlier if finding["id"] not in same], new, same)


def _is_graver(finding: JsonObject, than: JsonObject) -> bool:
    return SEVERITIES.index(finding["severity"]) < SEVERITIES.index(than["severity"])


def _match(finding: JsonObject, earlier: list[JsonObject], old_of: list[set[int]], before: Body) -> JsonObject | None:
    alike = [other for other in earlier if other["rule"] == finding["rule"]]
    # Those that would have one id are numbered: which of them is meant, their faces tell.
    by_id = [other for other in alike if _unnumbered(other) == _unnumbered(finding)]
    if len(by_id) == 1:
        return by_id[0]
    if not finding["faces"]:
        return next((other for other in alike if not other["faces"]), None)
    known = set().union(*(old_of[face] for face in finding["faces"]))
    place = np.array(finding["point"])
    scored = [(_overlap(finding, other, old_of, known), _gap(place, other), other) for other in alike]
    close = [row for row in scored if row[0] > MOST or (not known and _is_within(place, before, row[2]))]
    return min(close, key=lambda row: (-round(row[0], 6), row[1]), default=(0, 0, None))[2]


def _unnumbered(finding: JsonObject) -> str:
    return str(finding["id"]).split("-")[0]


def _overlap(finding: JsonObject, other: JsonObject, old_of: list[set[int]], known: set[int]) -> float:
    """The share of the faces of both that they have in common."""
    theirs = set(other["faces"])
    kept = sum(bool(old_of[face] & theirs) for face in finding["faces"])
    total = len(finding["faces"]) + len(theirs - known)
    return kept / total if total else 0.0


def _gap(place: Floats, other: JsonObject) -> float:
    return float(np.linalg.norm(place - np.array(other["point"])))


def _is_within(place: Floats, before: Body, other: JsonObject) -> bool:
    """Whether a place on faces that are all new lies where an earlier finding was."""
    if not other["faces"]:
        return False
    low, high = before.box_of_edges(other["edges"]) if other["edges"] else before.box_of_faces(other["faces"])
    slack = 0.5 * float(np.linalg.norm(high - low))
    return bool(np.all(place > low - slack) and np.all(place < high + slack))


def _old_faces(before: Body, after: Body) -> list[set[int]]:
    """Per face of `after`, the faces of `before` that it was: on the same surface, or else where the edit moved it."""
    old_low, old_high = face_boxes(before)
    new_low, new_high = face_boxes(after)
    found = []
    for face in range(len(after.areas)):
        same = same_surface(before, after, face)
        overlap = np.all((old_low <= new_high[face] + SAME_MM) & (old_high >= new_low[face] - SAME_MM), axis=1)
        found.append(set(np.flatnonzero(same & overlap).tolist()))
    left = np.array(sorted(set(range(len(before.areas))) - set().union(*found)), dtype=int)
    for face in [face for face, old in enumerate(found) if not old]:
        found[face] = _moved(before, after, face, left)
    return found


def _moved(before: Body, after: Body, face: int, left: NDArray[np.int64]) -> set[int]:
    """The plane among the faces that are `left` that was moved along its normal to where `face` is now, if one was."""
    old, new = before.faces, after.faces
    if new.kind[face] != Surface.PLANE or not len(left):
        return set()
    normal = new.axis[face]
    parallel = (old.kind[left] == Surface.PLANE) & (old.axis[left] @ normal > 1 - SAME_ANGLE)
    shift = (new.origin[face] - old.origin[left]) @ normal
    low, high = after.box_of_faces([face])
    boxes = [before.box_of_faces([int(other)]) for other in left]
    slack = np.abs(shift)[:, None] * np.abs(normal) + SAME_MM
    overlap = np.all(
        (np.array([b[0] for b in boxes]) <= high + slack) & (np.array([b[1] for b in boxes]) >= low - slack), 1
    )
    near = np.flatnonzero(parallel & overlap)
    return {int(left[min(near, key=lambda n: abs(shift[n]))])} if len(near) else set()
