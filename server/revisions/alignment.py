"""How an earlier version of a part is laid onto a later one: moved rigidly, mirrored or scaled."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import islice, permutations, product
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from server.revisions.near import Floats, Ints, Places

Review = dict[str, Any]
BODY = "body"
Kind = Literal["identity", "moved", "mirrored", "scaled"]

NEAR_MM = 0.02  # what two exports of one part may differ by, and …
NEAR_SHARE = 2e-5  # … of the part's diagonal: reviews give directions to six digits
SAME_SIZE = 1e-3  # relative, of sizes of features
# Relative: of a body written in splines the kernel's volume was seen to be off by 4e-4.
SAME_VOLUME = 5e-4
SAME_SIDES = 1e-3  # relative, of the sides of boxes and of moments that may be exchanged
SCALED = 1e-3  # relative: a box that is larger by less is the same size
# A symmetric part may lie a little better turned over, which nobody did: unless all then lies as it was, so much more
# has to.
WORTH_MOVING = 0.15
# A motion that lays less than this on one another is no reason to move a part whose box is about where it was.
CONVINCING = 0.5
ABOUT_THE_BOX = 0.8  # of both boxes together, that they have in common
ANCHORS = 4  # rarest features that are laid onto each other, where boxes and inertia leave the part free to turn
PARTNERS = 2  # of each, that are off its axis
MOST_ALIKE = 12  # of one anchor in the later version, that are tried


@dataclass(frozen=True)
class Mark:
    """A place on a part that a version of it can be told by: of a feature, or of a finding."""

    kind: str
    size: tuple[float, ...]
    centre: Floats
    axis: Floats | None


@dataclass(frozen=True)
class Motion:
    """later = scale * turn @ earlier + shift; `turn` is orthogonal."""

    turn: Floats
    shift: Floats
    scale: float = 1.0

    @property
    def is_mirror(self) -> bool:
        """Whether it makes a left hand of a right one."""
        return float(np.linalg.det(self.turn)) < 0

    def points(self, points: Floats) -> Floats:
        """(n, 3) mm."""
        return np.asarray(self.scale * points @ self.turn.T + self.shift)

    @cached_property
    def is_identity(self) -> bool:
        """Whether it leaves everything where it is."""
        still = bool(np.allclose(self.turn, np.eye(3), atol=1e-6) and np.allclose(self.shift, 0.0, atol=NEAR_MM))
        return still and self.scale == 1.0


@dataclass(frozen=True)
class Alignment:
    """The motion that lays most of the earlier version onto the later one."""

    kind: Kind
    motion: Motion
    share: float  # of the marks of both that lie on one another
    near: float  # mm within which two places are one

    def as_dict(self) -> dict[str, Any]:
        """As it stands in a comparison."""
        rows = [[round(float(x), 6) + 0.0 for x in row] for row in self.motion.turn]
        shift = [round(float(x), 6) + 0.0 for x in self.motion.shift]
        scale = round(self.motion.scale, 6)
        return {
            "kind": self.kind,
            "rotation": rows,
            "translation": shift,
            "scale": scale,
            "matched": round(self.share, 4),
        }


def marks_of(review: Review) -> list[Mark]:
    """The features with their sizes, the findings with their rules, and the bodies of an assembly."""
    marks = []
    for row in review["features"]:
        if row.get("centre") is not None:
            sizes = tuple(float(row["size"][name]) for name in sorted(row["size"]))
            marks.append(Mark(row["type"], sizes, _vector(row["centre"]), _axis(row)))
    for row in review["findings"]:
        if row.get("centre") is not None:
            marks.append(Mark(row["rule"], (), _vector(row["centre"]), None))
    bodies = bodies_of(review)
    for row in bodies if len(bodies) > 1 else []:
        marks.append(Mark(BODY, (math.cbrt(row["volume"]), math.sqrt(row["area"])), _vector(row["centre"]), None))
    return marks


def bodies_of(review: Review) -> list[dict[str, Any]]:
    """A row for each body: name of its component, volume, area and centre of mass where it lies."""
    tree = [*_components(review.get("components") or [])]
    facts = {body["body"]: body["facts"] for component in tree for body in component["bodies"] if "facts" in body}
    rows = []
    for component in tree:
        for body in component["bodies"]:
            whole = "placement" not in body  # the only body of its file, whose facts are those of the review
            of = review["facts"] if whole else facts[body["body"] if body["same_as"] is None else body["same_as"]]
            volume, area, centre = ((of.get(name) or {}).get("value") for name in ("volume", "area", "centre_of_mass"))
            if volume is None or area is None or centre is None:
                continue
            placement = np.eye(3, 4) if whole else np.array(body["placement"], dtype=float)
            at = placement[:, :3] @ _vector(centre) + placement[:, 3]
            rows.append({"name": component["name"], "volume": volume, "area": area, "centre": at.tolist()})
    return rows


def _components(of: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for component in of:
        yield component
        yield from _components(component["components"])


def align(earlier: Review, later: Review) -> Alignment:
    """The best of: as it is; by boxes; by inertia; by the rarest features; mirrored only where that is better.

    A part that was only edited keeps its coordinates, so that these come first; of several that are as good, as on a
    symmetric part, the first is taken.
    """
    before, after = marks_of(earlier), marks_of(later)
    frame = _Frame(earlier, later)
    diagonal = float(np.linalg.norm(_sides(later)))
    scorer = _Scorer(before, after, NEAR_MM + NEAR_SHARE * diagonal, frame)
    as_it_is = best = scorer.scored(Motion(np.eye(3), np.zeros(3)))
    for motion in frame.motions(before, after):
        if scorer.is_whole(best):
            break
        best = max(best, scorer.scored(motion), key=lambda scored: (round(scored[0], 6), not scored[1].is_mirror))
    if not scorer.is_whole(best) and (best[0] < as_it_is[0] + WORTH_MOVING or _stays(best, scorer, frame)):
        best = as_it_is
    share, motion = best
    return Alignment(_kind(motion), motion, share, scorer.near)


def _stays(best: tuple[float, Motion], scorer: "_Scorer", frame: "_Frame") -> bool:
    """Whether, of bodies, as many lie where they lay as would by the best motion; or it lays little on another.

    Of two components that lie apart in another way, the one with the most features would take the other with it.
    """
    there = scorer.bodies(best[1])
    if there > 0:
        return scorer.bodies(Motion(np.eye(3), np.zeros(3))) >= there
    return best[0] < CONVINCING and frame.common_box() > ABOUT_THE_BOX


def _kind(motion: Motion) -> Kind:
    if motion.is_identity:
        return "identity"
    if motion.scale != 1.0:
        return "scaled"
    return "mirrored" if motion.is_mirror else "moved"


class _Frame:
    """Boxes and inertia of both versions."""

    def __init__(self, earlier: Review, later: Review) -> None:
        self.earlier, self.later = earlier, later
        ratio = np.sort(_sides(later)) / np.maximum(np.sort(_sides(earlier)), 1e-12)
        grown = float(ratio.mean())
        is_scaled = float(np.ptp(ratio)) < SCALED * grown and abs(grown - 1) > SCALED
        self.scale = grown if is_scaled else 1.0

    def common_box(self) -> float:
        """The share of both boxes together that is in both, as they are."""
        lows, highs = (
            np.array([review["facts"]["bounding_box"]["where"][end] for review in (self.earlier, self.later)])
            for end in ("low", "high")
        )
        common = float(np.prod(np.maximum(highs.min(axis=0) - lows.max(axis=0), 0.0)))
        both = float(np.prod(highs - lows, axis=1).sum()) - common
        return common / both if both > 0 else 0.0

    def motions(self, before: list[Mark], after: list[Mark]) -> Iterator[Motion]:
        """All that are worth a try: rigid ones first, then mirrored ones."""
        for mirrored in (False, True):
            for turn in (*self._turns_of_boxes(mirrored=mirrored), *self._turns_of_inertia(mirrored=mirrored)):
                yield from self._shifts(turn)
            yield from self._by_anchors(before, after, mirrored=mirrored)

    def _shifts(self, turn: Floats) -> Iterator[Motion]:
        """Centre of box onto centre of box, and centre of mass onto centre of mass."""
        for name in ("oriented_bounding_box", "bounding_box", "centre_of_mass"):
            one, other = _centre(self.earlier, name), _centre(self.later, name)
            if one is not None and other is not None:
                yield Motion(turn, other - self.scale * turn @ one, self.scale)

    def _turns_of_boxes(self, *, mirrored: bool) -> Iterator[Floats]:
        """Side onto side of the same length, either way round."""
        one, other = _box_axes(self.earlier), _box_axes(self.later)
        first, second = self.scale * _box_sides(self.earlier), _box_sides(self.later)
        yield from _turns(one, other, first, second, mirrored=mirrored)

    def _turns_of_inertia(self, *, mirrored: bool) -> Iterator[Floats]:
        one, other = (review["facts"].get("inertia", {}) for review in (self.earlier, self.later))
        if one.get("value") is None or other.get("value") is None:
            return
        axes = [np.array(fact["where"]["axes"], dtype=float) for fact in (one, other)]
        moments = [np.array(fact["value"], dtype=float) for fact in (one, other)]
        # The moments of an edited part are not quite what they were: each axis onto the one of the same rank.
        if np.ptp(moments[1]) > SAME_SIDES * moments[1].sum():
            yield from _turns(axes[0], axes[1], np.arange(3.0), np.arange(3.0), mirrored=mirrored)

    def _by_anchors(self, before: list[Mark], after: list[Mark], *, mirrored: bool) -> Iterator[Motion]:
        """Two places and the axis at one of them onto the same of the later version."""
        for one, two in _anchors(before, after, self.scale):
            for first in _alike(one, after, self.scale)[:MOST_ALIKE]:
                for second in _alike(two, after, self.scale)[:MOST_ALIKE]:
                    yield from self._onto(one, two, first, second, mirrored=mirrored)

    def _onto(self, one: Mark, two: Mark, first: Mark, second: Mark, *, mirrored: bool) -> Iterator[Motion]:
        if one.axis is None or first.axis is None or first is second:
            return
        before, after = two.centre - one.centre, second.centre - first.centre
        apart = float(np.linalg.norm(after))
        if abs(self.scale * float(np.linalg.norm(before)) - apart) > NEAR_MM + NEAR_SHARE * apart:
            return
        here = _triad(one.axis, before)
        if here is None:
            return
        for way in (1.0, -1.0):
            there = _triad(way * first.axis, after)
            if there is None:
                return
            turn = there.T @ np.diag([1.0, 1.0, -1.0 if mirrored else 1.0]) @ here
            yield Motion(turn, first.centre - self.scale * turn @ one.centre, self.scale)


class _Scorer:
    """How much of both versions lies on one another."""

    def __init__(self, before: list[Mark], after: list[Mark], near: float, frame: _Frame) -> None:
        self.near = near
        self._frame = frame
        self._total = len(before) + len(after)
        kinds = sorted({mark.kind for mark in before} & {mark.kind for mark in after})
        self._pairs = [
            _Pair([m for m in before if m.kind == kind], [m for m in after if m.kind == kind], frame.scale, near)
            for kind in kinds
        ]
        self._bodies = [pair for kind, pair in zip(kinds, self._pairs, strict=True) if kind == BODY]

    def scored(self, motion: Motion) -> tuple[float, Motion]:
        """(share, motion): of the marks of both, and of what the whole part is known by: box and centre of mass."""
        met, total = self._of_the_whole(motion)
        for pair in self._pairs:
            met += sum(map(len, pair.met(motion)))
        return met / (total + self._total), motion

    def bodies(self, motion: Motion) -> int:
        """How many bodies of the later version one of the earlier one lies on."""
        return sum(len(pair.met(motion)[1]) for pair in self._bodies)

    def is_whole(self, scored: tuple[float, Motion]) -> bool:
        """Whether nothing can be better."""
        return scored[0] > 1 - 1e-9

    def _of_the_whole(self, motion: Motion) -> tuple[float, int]:
        met, total = 0.0, 0
        for name in ("centre_of_mass", "oriented_bounding_box", "bounding_box"):
            one, other = _centre(self._frame.earlier, name), _centre(self._frame.later, name)
            if one is None or other is None or (name == "bounding_box" and total == 2):
                continue
            total += 1
            met += float(np.linalg.norm(motion.points(one[None])[0] - other)) < self.near
        return met, total


class _Pair:
    """The marks of one kind in both versions."""

    def __init__(self, before: list[Mark], after: list[Mark], scale: float, near: float) -> None:
        self._before, self._near, self._scale = np.array([mark.centre for mark in before]), near, scale
        self._after = Places(np.array([mark.centre for mark in after]))
        self._sizes = _Sizes(before), _Sizes(after)

    def met(self, motion: Motion) -> tuple[Ints, Ints]:
        """Of either version, which ones lie on one of their size once the earlier ones are moved."""
        one, other = self._after.near(motion.points(self._before), self._near)
        alike = self._sizes[0].are(one, self._sizes[1], other, self._scale)
        return np.unique(one[alike]), np.unique(other[alike])


class _Sizes:
    """Of many marks, each with as many as it has."""

    def __init__(self, marks: list[Mark]) -> None:
        self._count = np.array([len(mark.size) for mark in marks], dtype=np.int64)
        self._values = np.zeros((len(marks), int(self._count.max(initial=0))))
        for row, mark in zip(self._values, marks, strict=True):
            row[: len(mark.size)] = mark.size

    def are(self, which: Ints, others: "_Sizes", of_others: Ints, scale: float) -> NDArray[np.bool_]:
        """(k,) whether marks are of the same size as others, the k-th of `which` as the k-th of `of_others`."""
        common = min(self._values.shape[1], others._values.shape[1])
        one, other = self._values[which, :common], others._values[of_others, :common]
        within = SAME_SIZE * np.maximum(1.0, np.abs(other))
        # An angle or a share is not scaled with the part: either will do.
        same = (np.abs(scale * one - other) <= within) | (np.abs(one - other) <= within * (scale != 1))
        return np.asarray(same.all(axis=1) & (self._count[which] == others._count[of_others]))


def _anchors(before: list[Mark], after: list[Mark], scale: float) -> Iterator[tuple[Mark, Mark]]:
    """The rarest marks, each with the rarest that are off its axis: both together leave no freedom to turn."""
    rarest = _rarest(before, after, scale)
    for one in rarest[:ANCHORS]:
        aside = (m for m in rarest if one.axis is not None and _triad(one.axis, m.centre - one.centre) is not None)
        yield from ((one, two) for two in islice(aside, PARTNERS))


def _rarest(before: list[Mark], after: list[Mark], scale: float) -> list[Mark]:
    """Marks with an axis, those first that have the fewest like them in the later version."""
    with_axis = [mark for mark in before if mark.axis is not None]
    first_of = {(mark.kind, mark.size): mark for mark in reversed(with_axis)}
    count = {key: len(_alike(mark, after, scale)) for key, mark in first_of.items()}
    counted = [(count[mark.kind, mark.size], number) for number, mark in enumerate(with_axis)]
    return [with_axis[number] for likes, number in sorted(counted) if likes]


def _alike(mark: Mark, after: list[Mark], scale: float) -> list[Mark]:
    of_kind = [other for other in after if other.kind == mark.kind and other.axis is not None]
    every = np.arange(len(of_kind))
    alike = _Sizes([mark]).are(np.zeros_like(every), _Sizes(of_kind), every, scale)
    return [other for other, is_alike in zip(of_kind, alike, strict=True) if is_alike]


def _triad(axis: Floats, toward: Floats) -> Floats | None:
    """(3, 3) rows: the axis, the way toward a point square to it, and what is square to both; None along the axis."""
    aside = toward - (toward @ axis) * axis
    length = float(np.linalg.norm(aside))
    if length < NEAR_MM:
        return None
    return np.stack([axis, aside / length, np.cross(axis, aside / length)])


def _turns(one: Floats, other: Floats, first: Floats, second: Floats, *, mirrored: bool) -> Iterator[Floats]:
    """Rotations, or reflections, that lay rows of `one` onto rows of `other` that measure as much, either way round."""
    for order in permutations(range(3)):
        if (np.abs(first[list(order)] - second) > SAME_SIDES * np.abs(second).max()).any():
            continue
        for signs in product((1.0, -1.0), repeat=3):
            turn = (np.array(signs)[:, None] * other).T @ one[list(order)]
            if (float(np.linalg.det(turn)) < 0) == mirrored:
                yield turn


def _sides(review: Review) -> Floats:
    """(3,) mm of the smallest box that is known."""
    return _box_sides(review)


def _box(review: Review) -> dict[str, Any]:
    fact: dict[str, Any] = review["facts"].get("oriented_bounding_box") or {}
    return fact if fact.get("value") is not None else {}


def _box_sides(review: Review) -> Floats:
    return _vector(_box(review).get("value") or review["facts"]["bounding_box"]["value"])


def _box_axes(review: Review) -> Floats:
    return np.array(_box(review).get("where", {}).get("axes", np.eye(3)), dtype=float)


def _centre(review: Review, name: str) -> Floats | None:
    fact = review["facts"].get(name) or {}
    if fact.get("value") is None:
        return None
    if name == "centre_of_mass":
        return _vector(fact["value"])
    where = fact["where"]
    return _vector(where["centre"]) if "centre" in where else (_vector(where["low"]) + _vector(where["high"])) / 2


def _vector(values: Any) -> Floats:  # noqa: ANN401 - JSON
    return np.array(values, dtype=float)


def _axis(row: Review) -> Floats | None:
    axis = row.get("axis") or row.get("direction")
    return None if axis is None else _vector(axis)
