"""What became of the bodies of an assembly: told by their shape and place, and by the names of their components."""

from typing import Any

from server.revisions.alignment import SAME_VOLUME, Alignment, Review, bodies_of
from server.revisions.matching import Matched, Pass, Place, Row, apart_mm, matched


def match_bodies(earlier: Review, later: Review, by: Alignment) -> Matched:
    """Of the same shape at one place; of one name and shape; of one name; and last, of one shape anywhere.

    Nothing if neither version has several bodies.
    """

    def here(one: Place, other: Place) -> float | None:
        apart = apart_mm(one, other)
        return apart if apart is not None and apart < by.near else None

    def same_shape(one: Place, other: Place) -> bool:
        return _is_shape(one.row, other.row, by)

    def same_name(one: Place, other: Place) -> bool:
        return bool(one.row["name"] == other.row["name"])

    before, after = bodies_of(earlier), bodies_of(later)
    if max(len(before), len(after)) < 2:
        return Matched([], [], [])
    return matched(
        before,
        after,
        by.motion,
        [
            Pass(
                lambda one, other: here(one, other) if same_shape(one, other) and same_name(one, other) else None,
                by.near,
            ),
            Pass(lambda one, other: here(one, other) if same_shape(one, other) else None, by.near),
            Pass(lambda one, other: apart_mm(one, other) if same_shape(one, other) else None, kind=_name),
            Pass(apart_mm, kind=_name),
            Pass(lambda one, other: apart_mm(one, other) if same_shape(one, other) else None),
        ],
    )


def components_compared(bodies: Matched, by: Alignment) -> dict[str, Any]:
    """Names of the `added` and `removed`; `changed` with their volumes; `moved` by mm; `renamed`; how many are `same`.

    A name is that of the component that a body is in.
    """
    changed, moved, renamed, same = [], [], [], 0
    for one, other, apart in bodies.pairs:
        if one["name"] != other["name"]:
            renamed.append({"earlier": one["name"], "later": other["name"]})
        if not _is_shape(one, other, by):
            changed.append({"name": other["name"], "volume": [one["volume"], other["volume"]]})
        elif apart is not None and apart >= by.near:
            moved.append({"name": other["name"], "by": round(apart, 4)})
        else:
            same += 1
    return {
        "added": [row["name"] for row in bodies.new],
        "removed": [row["name"] for row in bodies.gone],
        "changed": changed,
        "moved": moved,
        "renamed": renamed,
        "same": same,
    }


def _name(row: Row) -> str:
    return str(row["name"])


def _is_shape(one: Row, other: Row, by: Alignment) -> bool:
    """Whether volume and area agree, as far as two exports of one body do."""
    grown = by.motion.scale
    pairs = ((grown**3 * one["volume"], other["volume"]), (grown**2 * one["area"], other["area"]))
    return all(abs(was - now) <= SAME_VOLUME * abs(now) for was, now in pairs)
