"""Openings of a flat pattern: holes, slots and cut-outs."""

from dataclasses import dataclass

import numpy as np
from shapely import Polygon

from workers.sheet.flat_pattern import FlatPattern
from workers.sheet.segments import Loop, chords_of, loop_area
from workers.sheet.sheet import Countersink, Sheet

HALF_TURN_OFF = 1e-3  # radians
SAME = 1e-3  # mm


@dataclass(frozen=True)
class Opening:
    """An inner loop of the pattern. `kind` is hole, extruded_hole, slot or cutout.

    `width` is the least it is wide: the diameter of a hole, between the long sides of a slot, of a cut-out the shorter
    side of the smallest rectangle around it; `length` is the longer one.
    """

    kind: str
    loop: Loop
    shape: Polygon
    width: float
    length: float
    faces: list[int]
    countersink: Countersink | None = None

    @property
    def is_round(self) -> bool:
        """Whether it is a round hole, with or without a collar."""
        return self.kind in ("hole", "extruded_hole")


def openings_of(sheet: Sheet, pattern: FlatPattern) -> list[Opening]:
    """One for each inner loop, in their order."""
    return [_opening(sheet, loop) for loop in pattern.inner]


def _opening(sheet: Sheet, loop: Loop) -> Opening:
    shape = Polygon(chords_of(loop))
    beyond = {face for segment in loop for edge in segment.edges for face in sheet.sides[edge]} - set(sheet.charts)
    faces = sorted({member for face in beyond for member in sheet.runs.get(face, [face])})
    sink = next((sheet.countersinks[face] for face in faces if face in sheet.countersinks), None)
    if len(loop) == 1 and loop[0].is_circle:
        kind = "hole" if sheet.raised.isdisjoint(faces) else "extruded_hole"
        return Opening(kind, loop, shape, 2 * loop[0].radius, 2 * loop[0].radius, faces, sink)
    width = _slot_width(loop)
    if width is not None:
        return Opening("slot", loop, shape, width, (-loop_area(loop) - np.pi * width**2 / 4) / width + width, faces)
    return Opening("cutout", loop, shape, *_sides(shape), faces)


def _slot_width(loop: Loop) -> float | None:
    """mm between two parallel sides that two half circles join; None if it is no such slot."""
    arcs = [segment for segment in loop if segment.centre is not None]
    if len(loop) != 4 or len(arcs) != 2 or abs(arcs[0].radius - arcs[1].radius) > SAME:
        return None
    if any(abs(abs(arc.angle) - np.pi) > HALF_TURN_OFF for arc in arcs):
        return None
    return 2 * arcs[0].radius


def _sides(shape: Polygon) -> tuple[float, float]:
    """(shorter, longer) side of the smallest rectangle around a shape, mm."""
    around = shape.minimum_rotated_rectangle
    if not isinstance(around, Polygon):
        return 0.0, float(shape.length / 2)
    corners = np.asarray(around.exterior.coords)
    sides = sorted(np.linalg.norm(np.diff(corners[:3], axis=0), axis=1).tolist())
    return sides[0], sides[1]
