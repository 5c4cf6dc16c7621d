"""Which feature or finding of a later version is which of the earlier one: by place, not by number."""

from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np

from server.revisions.alignment import Alignment, Motion
from server.revisions.near import Floats, Places

Row = dict[str, Any]

PARALLEL = 1 - 1e-5
SAME_SIZE = 1e-3  # mm or degrees, and relative
# A finding that nothing else ties to a place may have moved by so much of the part's diagonal.
NEARBY = 0.05
HOLES = {
    *("through_hole", "blind_hole", "flat_bottom_hole", "stepped_hole", "counterbore", "countersink", "partial_hole"),
    "bore",
}


@dataclass(frozen=True)
class Place:
    """A row of a review, where it lies once the earlier version is laid onto the later one."""

    row: Row
    centre: Floats | None
    axis: Floats | None


@dataclass(frozen=True)
class Matched:
    """Rows of both versions that are the same thing, and those that are in one of them only."""

    pairs: list[tuple[Row, Row, float | None]]  # earlier, later, mm that it moved by; None where it is nowhere
    gone: list[Row]
    new: list[Row]


Distance = Callable[[Place, Place], float | None]
"""How far apart two rows are; None if they are not the same thing."""


@dataclass(frozen=True)
class Pass:
    """What makes one thing of two rows."""

    distance: Distance
    within: float | None = None  # mm: of two centres that are not as near it makes none; None where it may
    kind: Callable[[Row], Hashable] | None = None  # of two rows of different kinds it makes none


def match_features(earlier: list[Row], later: list[Row], by: Alignment) -> Matched:
    """By place and type; then by place alone; on the same axis; and last, of the same type and size, moved."""

    def at_one_place(one: Place, other: Place) -> float | None:
        apart = apart_mm(one, other)
        return apart if apart is not None and apart < by.near else None

    # Two that overlap, or lie behind one another, are no further apart; a little more, for it is no limit of theirs.
    long = by.near + sum(max(map(_extent, rows), default=0.0) for rows in (earlier, later))
    return matched(
        earlier,
        later,
        by.motion,
        [
            Pass(lambda one, other: at_one_place(one, other) if _same(one, other, by) else None, by.near),
            Pass(lambda one, other: at_one_place(one, other) if _is_type(one, other) else None, by.near),
            Pass(lambda one, other: _along(one, other, by.near) if _is_type(one, other) else None, long),
            Pass(lambda one, other: _along(one, other, by.near) if _are_holes(one, other) else None, long),
            Pass(lambda one, other: at_one_place(one, other) if _is_like(one, other) else None, by.near),
            Pass(lambda one, other: apart_mm(one, other) if _same(one, other, by) else None, kind=_type),
            Pass(lambda one, other: _overlapping(one, other) if _is_type(one, other) else None, long),
        ],
    )


def match_findings(
    earlier: list[Row], later: list[Row], by: Alignment, diagonal: float, features: dict[str, str] | None
) -> Matched:
    """Of one rule: at one place with the same measure; at one place; on the same features; nearby, or nowhere at all.

    `features` has by the id of an earlier feature that of the later one; None if one of them is a mesh, on which
    findings have other places and those of the same measure are taken for the same.
    """

    def apart(one: Place, other: Place, within: float) -> float | None:
        if one.row["rule"] != other.row["rule"]:
            return None
        if one.centre is None and other.centre is None:
            return 0.0
        distance = apart_mm(one, other)
        return distance if distance is not None and distance < within else None

    def on_same_features(one: Place, other: Place) -> float | None:
        on = {(features or {}).get(name) for name in one.row["features"]}
        return apart(one, other, np.inf) if on and on == set(other.row["features"]) else None

    def of_the_same_measure(one: Place, other: Place) -> float | None:
        if features is not None or one.row["rule"] != other.row["rule"] or not same_measure(one.row, other.row):
            return None
        return apart_mm(one, other) or 0.0

    def nearby(one: Place, other: Place) -> float | None:
        bound = features is not None and one.row["features"] and other.row["features"]
        return None if bound else apart(one, other, NEARBY * diagonal)

    return matched(
        earlier,
        later,
        by.motion,
        [
            Pass(lambda one, other: apart(one, other, by.near) if same_measure(one.row, other.row) else None, by.near),
            Pass(lambda one, other: apart(one, other, by.near), by.near),
            Pass(on_same_features, kind=_rule),
            Pass(of_the_same_measure, kind=_rule),
            Pass(nearby, NEARBY * diagonal),
        ],
    )


def same_measure(one: Row, other: Row) -> bool:
    """Whether two findings measure as much."""
    first, second = ((row.get("measured") or {}).get("value") for row in (one, other))
    if not isinstance(first, int | float) or not isinstance(second, int | float):
        return bool(first == second)
    return is_same(float(first), float(second))


def is_same(one: float, other: float) -> bool:
    """Whether two sizes differ by no more than two exports of one part may."""
    return abs(one - other) <= SAME_SIZE * max(1.0, abs(other))


def changed_sizes(one: Row, other: Row, scale: float = 1.0) -> dict[str, list[float | None]]:
    """By name, the sizes of a feature that differ: [earlier, later]; lengths of the earlier one times `scale`."""
    first, second = one["size"], other["size"]
    changed = {}
    for name in sorted(first | second):
        was, now = first.get(name), second.get(name)
        times = 1.0 if name in ("angle", "material_share") else scale
        if was is None or now is None or not is_same(times * was, now):
            changed[name] = [was, now]
    return changed


def moved_mm(one: Row, other: Row, by: Alignment) -> float:
    """How far a feature moved besides growing: 0 where one of its sides may have stayed, as that of a pocket of which a
    wall was cut back, or the mouth of a hole that became deeper.
    """
    before, after = _placed(one, by.motion), _placed(other, None)
    if before.centre is None or after.centre is None:
        return 0.0
    shift = after.centre - before.centre
    if _are_holes(before, after) and after.axis is not None:
        along = shift @ after.axis
        grown = _grown(one, other, by.motion.scale, ("depth",))
        kept = 0.0 if abs(along) <= grown / 2 + by.near else along
        shift = shift + (kept - along) * after.axis
        grown = 0.0
    else:
        grown = _grown(one, other, by.motion.scale, ("length", "width", "depth", "height"))
    moved = float(np.linalg.norm(shift))
    return moved if moved >= grown / 2 + by.near else 0.0


def _grown(one: Row, other: Row, scale: float, sizes: tuple[str, ...]) -> float:
    """mm by which the box of some sizes grew or shrank, across its corners."""
    pairs = [(one["size"].get(name), other["size"].get(name)) for name in sizes]
    return float(np.linalg.norm([now - scale * was for was, now in pairs if was is not None and now is not None]))


def matched(earlier: list[Row], later: list[Row], motion: Motion, passes: list[Pass]) -> Matched:
    """Rows with a `centre`, paired; each pass pairs what is still alone, the closest first."""
    before = [_placed(row, motion) for row in earlier]
    after = [_placed(row, None) for row in later]
    left, right = dict.fromkeys(range(len(before))), dict.fromkeys(range(len(after)))
    pairs: list[tuple[int, int]] = []
    for by in passes:
        found = [
            (round(apart, 6), i, j)
            for i, j in _candidates({i: before[i] for i in left}, {j: after[j] for j in right}, by)
            if (apart := by.distance(before[i], after[j])) is not None
        ]
        for _, i, j in sorted(found):
            if i in left and j in right:
                del left[i], right[j]
                pairs.append((i, j))
    rows = [(before[i].row, after[j].row, apart_mm(before[i], after[j])) for i, j in sorted(pairs, key=lambda p: p[1])]
    return Matched(rows, [earlier[i] for i in left], [later[j] for j in right])


def _candidates(before: dict[int, Place], after: dict[int, Place], by: Pass) -> Iterator[tuple[int, int]]:
    """The pairs that a pass might make one thing of: near one another or both nowhere, or of one kind."""
    if by.within is None:
        of_kind: dict[Hashable, list[int]] = {}
        for j, place in after.items():
            of_kind.setdefault(by.kind and by.kind(place.row), []).append(j)
        yield from ((i, j) for i, place in before.items() for j in of_kind.get(by.kind and by.kind(place.row), []))
        return
    here, there = ([k for k, place in of.items() if place.centre is not None] for of in (before, after))
    places = Places(np.array([after[j].centre for j in there]))
    ones, others = places.near(np.array([before[i].centre for i in here]), by.within)
    yield from ((here[one], there[other]) for one, other in zip(ones, others, strict=True))
    nowhere = [[k for k, place in of.items() if place.centre is None] for of in (before, after)]
    yield from product(*nowhere)


def _placed(row: Row, motion: Motion | None) -> Place:
    centre, axis = row.get("centre"), row.get("axis") or row.get("direction")
    points = None if centre is None else np.array([centre], dtype=float)
    along = None if axis is None else np.array(axis, dtype=float)
    if motion is not None:
        points = None if points is None else motion.points(points)
        along = None if along is None else motion.turn @ along
    return Place(row, None if points is None else points[0], along)


def apart_mm(one: Place, other: Place) -> float | None:
    """How far their centres are from each other; None where one is nowhere."""
    if one.centre is None or other.centre is None:
        return None
    return float(np.linalg.norm(one.centre - other.centre))


def _type(row: Row) -> Hashable:
    return str(row["type"])


def _rule(row: Row) -> Hashable:
    return str(row["rule"])


def _is_type(one: Place, other: Place) -> bool:
    return bool(one.row["type"] == other.row["type"])


def _same(one: Place, other: Place, by: Alignment) -> bool:
    """Of the same type and the same sizes."""
    return _is_type(one, other) and not changed_sizes(one.row, other.row, by.motion.scale)


def _are_holes(one: Place, other: Place) -> bool:
    return one.row["type"] in HOLES and other.row["type"] in HOLES


def _is_like(one: Place, other: Place) -> bool:
    """Whether one may have become the other: a pocket a slot, but not a fillet a pocket."""
    kinds = ({"closed_pocket", "open_pocket", "through_pocket", "slot", "step", "cutout"}, HOLES)
    return any(one.row["type"] in kind and other.row["type"] in kind for kind in kinds)


def _along(one: Place, other: Place, near: float) -> float | None:
    """mm between two rows on one axis."""
    apart = apart_mm(one, other)
    if apart is None or one.axis is None or other.axis is None or one.centre is None or other.centre is None:
        return None
    offset = other.centre - one.centre
    aside = float(np.linalg.norm(offset - (offset @ other.axis) * other.axis))
    parallel = abs(float(one.axis @ other.axis)) > PARALLEL
    # On one axis there may be another at the other end of the part: not further apart than both are long.
    return apart if parallel and aside < near and apart <= _extent(one.row) + _extent(other.row) else None


def _overlapping(one: Place, other: Place) -> float | None:
    apart = apart_mm(one, other)
    return apart if apart is not None and apart <= (_extent(one.row) + _extent(other.row)) / 2 else None


def _extent(row: Row) -> float:
    """mm: the longest size of a feature."""
    lengths = [value for name, value in row["size"].items() if name not in ("angle", "material_share")]
    return max(map(float, lengths), default=0.0)
