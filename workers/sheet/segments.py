"""Lines, arcs and polylines in the plane: what a flat pattern is cut along."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from workers.cad.part import Floats

TOUCHING = 1e-4  # mm: ends that are one point
FULL_TURN = 2 * math.pi
STRAIGHT = 1e-7  # sine between lines that are one
CHORD = 2e-4  # mm by which an arc may bulge over the chords that stand for it in areas of overlap
FINEST = math.radians(0.5)


@dataclass(frozen=True)
class Segment:
    """From `points[0]` to `points[-1]`, with the material on its left.

    With a `centre` an arc, counter-clockwise if `turn` > 0, a circle if its ends are one; else a line, or a polyline.
    `edges` are the part's edges that it comes from; `face` is the skin face whose border it is.
    """

    points: Floats  # (k, 2) mm
    centre: Floats | None = None  # (2,)
    turn: int = 0
    edges: tuple[int, ...] = ()
    face: int = -1

    @property
    def start(self) -> Floats:
        """(2,)."""
        return np.asarray(self.points[0])

    @property
    def end(self) -> Floats:
        """(2,)."""
        return np.asarray(self.points[-1])

    @property
    def is_line(self) -> bool:
        """Whether it is one straight line."""
        return self.centre is None and len(self.points) == 2

    @property
    def is_circle(self) -> bool:
        """Whether it is a whole circle."""
        return self.centre is not None and math.dist(self.points[0], self.points[-1]) < TOUCHING

    @property
    def radius(self) -> float:
        """mm; 0 of what is no arc."""
        return 0.0 if self.centre is None else math.dist(self.points[0], self.centre)

    @property
    def angle(self) -> float:
        """Radians that an arc turns, above 0 counter-clockwise; 0 of what is none."""
        if self.centre is None:
            return 0.0
        if self.is_circle:
            return self.turn * FULL_TURN
        one, two = self.start - self.centre, self.end - self.centre
        swept = math.atan2(one[0] * two[1] - one[1] * two[0], float(one @ two))
        return swept % FULL_TURN if self.turn > 0 else -(-swept % FULL_TURN)

    @property
    def area(self) -> float:
        """mm2 between the segment and the origin: half the integral of x dy - y dx, summed over a loop its area."""
        x, y = (self.points[[0, -1]] if self.centre is not None else self.points).T
        straight = float((x[:-1] * y[1:] - x[1:] * y[:-1]).sum()) / 2
        if self.centre is None:
            return straight
        if self.is_circle:  # its one chord is a point
            return self.turn * math.pi * self.radius**2
        return straight + self.radius**2 * (self.angle - math.sin(self.angle)) / 2

    @property
    def length(self) -> float:
        """mm."""
        if self.centre is not None:
            return self.radius * abs(self.angle)
        return float(np.linalg.norm(np.diff(self.points, axis=0), axis=1).sum())

    def reversed(self) -> "Segment":
        """The same, run through the other way."""
        return Segment(self.points[::-1], self.centre, -self.turn, self.edges, self.face)

    def moved(self, matrix: Floats, shift: Floats) -> "Segment":
        """By a (2, 2) matrix, a rotation for an arc, and a shift."""
        centre = None if self.centre is None else matrix @ self.centre + shift
        return Segment(self.points @ matrix.T + shift, centre, self.turn, self.edges, self.face)

    def as_chords(self) -> Floats:
        """(k, 2) points along it that stand for it to within CHORD."""
        if self.centre is None:
            return self.points
        step = max(FINEST, 2 * math.acos(max(-1.0, 1 - CHORD / max(self.radius, CHORD))))
        count = (
            max(8, math.ceil(abs(self.angle) / step)) if self.is_circle else max(1, math.ceil(abs(self.angle) / step))
        )
        first = math.atan2(*(self.start - self.centre)[::-1])
        angles = first + np.linspace(0.0, self.angle, count + 1)
        along = self.centre + self.radius * np.stack([np.cos(angles), np.sin(angles)], axis=1)
        along[0], along[-1] = self.start, self.end
        return along

    def extremes(self) -> Floats:
        """(k, 2) points whose box is the segment's own."""
        if self.centre is None:
            return self.points
        first = math.atan2(*(self.start - self.centre)[::-1])
        quarters = np.arange(4) * math.pi / 2
        within = (
            (quarters - first) % FULL_TURN <= self.angle
            if self.turn > 0
            else (first - quarters) % FULL_TURN <= -self.angle
        )
        tips = self.centre + self.radius * np.stack([np.cos(quarters[within]), np.sin(quarters[within])], axis=1)
        return np.concatenate([self.points[[0, -1]], tips])

    def as_dict(self) -> dict[str, Any]:
        """As it stands in the review's flat pattern."""
        if self.centre is None:
            kind = "line" if self.is_line else "polyline"
            return {"type": kind, "points": self.points}
        if self.is_circle:
            return {"type": "circle", "centre": self.centre, "radius": self.radius}
        return {
            "type": "arc",
            "centre": self.centre,
            "radius": self.radius,
            "from": self.start,
            "to": self.end,
            "direction": "counter-clockwise" if self.turn > 0 else "clockwise",
        }


Loop = list[Segment]


def loop_area(loop: Loop) -> float:
    """mm2, above 0 if it runs counter-clockwise."""
    return sum(segment.area for segment in loop)


def chords_of(loop: Loop) -> Floats:
    """(k, 2) corners of the polygon that stands for the loop; the first is not repeated."""
    return np.concatenate([segment.as_chords()[:-1] for segment in loop])


def joined(segments: list[Segment]) -> list[Loop]:
    """Directed segments chained end to start into closed loops, and each simplified.

    Where several begin at one point the one that turns furthest to the left goes on: loops that touch in a point stay
    two. What does not close is left out.
    """
    left = sorted(segments, key=lambda s: tuple(np.round(s.start, 4)))
    starts = np.array([segment.start for segment in left]).reshape(-1, 2)
    free = np.ones(len(left), dtype=bool)
    loops = []
    for first in range(len(left)):
        if not free[first]:
            continue
        loop, at = [], first
        while True:
            free[at] = False
            loop.append(left[at])
            if np.linalg.norm(loop[-1].end - loop[0].start) < TOUCHING:
                loops.append(simplified(loop))
                break
            near = np.flatnonzero(free & (np.linalg.norm(starts - loop[-1].end, axis=1) < TOUCHING))
            if not len(near):
                break
            at = int(near[0])
            if len(near) > 1:
                at = int(max(near, key=lambda i: _turn_to_left(loop[-1], left[i])))
    return loops


def _turn_to_left(one: Segment, two: Segment) -> float:
    before, after = _direction(one, at_end=True), _direction(two, at_end=False)
    return math.atan2(before[0] * after[1] - before[1] * after[0], float(before @ after))


def _direction(segment: Segment, *, at_end: bool) -> Floats:
    chords = segment.as_chords()
    step = chords[-1] - chords[-2] if at_end else chords[1] - chords[0]
    return np.asarray(step / max(float(np.linalg.norm(step)), 1e-12))


def simplified(loop: Loop) -> Loop:
    """Lines that go on straight, and arcs about one centre, made one; what has no length left out."""
    kept = [segment for segment in loop if segment.length > TOUCHING / 10]
    at = 0
    while len(kept) > 1 and at < len(kept):
        one, two = kept[at], kept[(at + 1) % len(kept)]
        merged = _merged(one, two)
        if merged is None:
            at += 1
            continue
        kept[at] = merged
        del kept[(at + 1) % len(kept)]
        at = max(0, at - 1)
        if kept and kept[min(at, len(kept) - 1)].length <= TOUCHING / 10:
            del kept[min(at, len(kept) - 1)]
    return kept


def _merged(one: Segment, two: Segment) -> Segment | None:
    edges = (*one.edges, *two.edges)
    if one.is_line and two.is_line:
        first, second = one.end - one.start, two.end - two.start
        off = abs(first[0] * second[1] - first[1] * second[0])
        if off > STRAIGHT * np.linalg.norm(first) * np.linalg.norm(second) + 1e-9:
            return None
        return Segment(np.array([one.start, two.end]), edges=edges, face=one.face)
    if one.centre is None or two.centre is None or one.turn != two.turn or one.is_circle or two.is_circle:
        return None
    if np.linalg.norm(one.centre - two.centre) > TOUCHING or abs(one.radius - two.radius) > TOUCHING:
        return None
    if abs(one.angle) + abs(two.angle) > FULL_TURN + 1e-6:
        return None
    return Segment(np.array([one.start, two.end]), one.centre, one.turn, edges, one.face)
