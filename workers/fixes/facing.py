"""Flat faces that look at each other across a gap, or away from each other across a wall, and moving them apart."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from workers.cad.edit.body import Body
from workers.cad.edit.booleans import cut, joined
from workers.cad.edit.tools import prism_of
from workers.cad.part import Floats, Surface
from workers.fixes.candidate import ADDS, PAST_THE_LIMIT_MM, REMOVES, Box, Candidate
from workers.fixes.registry import NoEditError

OPPOSITE = -0.9999
SAME_MM = 1e-2


@dataclass(frozen=True)
class Pair:
    """Two flat faces, the smaller first, `width` mm apart: with air between them if `is_gap`, else material."""

    small: int
    large: int
    width: float
    is_gap: bool


def pairs_of(body: Body, faces: list[int], least: float, below: float, *, is_gap: bool) -> list[Pair]:
    """The pairs among faces that are from `least` to `below` mm apart. Raises NoEditError if there is none."""
    flat = [face for face in faces if body.faces.kind[face] == Surface.PLANE]
    found = []
    for place, one in enumerate(flat):
        for two in flat[place + 1 :]:
            between = float((body.faces.origin[two] - body.faces.origin[one]) @ body.faces.axis[one])
            width = between if is_gap else -between
            wanted = least - SAME_MM < width < below
            if wanted and body.faces.axis[one] @ body.faces.axis[two] < OPPOSITE and _overlap(body, one, two):
                small, large = sorted((one, two), key=lambda face: (round(float(body.areas[face]), 6), face))
                found.append(Pair(small, large, width, is_gap))
    if not found:
        raise NoEditError("it has no two flat sides that face each other")
    return found


def _overlap(body: Body, one: int, two: int) -> bool:
    """Whether the boxes of two faces overlap, but for the way from one to the other."""
    (low, high), (other_low, other_high) = body.box_of_faces([one]), body.box_of_faces([two])
    across = np.abs(body.faces.axis[one]) > 1 - 1e-6
    shared = np.minimum(high, other_high) - np.maximum(low, other_low)
    return bool(np.all((shared > -SAME_MM) | across))


def widened(body: Body, pairs: list[Pair], to: float, what: str) -> Iterator[Candidate]:
    """Every pair made `to` mm wide: by its smaller face, by its larger one, by half at both."""
    missing = [to + PAST_THE_LIMIT_MM - pair.width for pair in pairs]
    together = list(zip(pairs, missing, strict=True))
    yield _moved(body, [(pair.small, by) for pair, by in together], pairs, to, what)
    yield _moved(body, [(pair.large, by) for pair, by in together], pairs, to, what)
    both = [(face, by / 2) for pair, by in together for face in (pair.small, pair.large)]
    yield _moved(body, both, pairs, to, what)


def _moved(body: Body, moves: list[tuple[int, float]], pairs: list[Pair], to: float, what: str) -> Candidate:
    """Faces moved outwards, of walls, or into the material, of gaps, by so many mm each."""
    is_gap, combine = pairs[0].is_gap, cut if pairs[0].is_gap else joined
    ways = [(face, body.faces.axis[face] * (-by if is_gap else by)) for face, by in moves]

    def make(start: Body) -> Body:
        return combine(start, *(prism_of(start.faces.shapes[face], way) for face, way in ways))

    now = min(pair.width for pair in pairs)
    sides = "one side" if len(moves) == len(pairs) else "both sides"
    places = "" if len(pairs) == 1 else f" in {len(pairs)} places"
    change = sum(float(body.areas[face]) * by for face, by in moves)
    single = len(moves) == 1
    return Candidate(
        words=f"{what} from {now:.2f} mm to {to:.2f} mm{places}, on {sides}",
        figures={"width_from": now, "width_to": to, "places": float(len(pairs))},
        make=make,
        region=_swept(body, ways),
        sense=REMOVES if is_gap else ADDS,
        volume_change=(-change if is_gap else change) if single else None,
    )


def _swept(body: Body, ways: list[tuple[int, Floats]]) -> Box:
    return Box.around([Box(*body.box_of_faces([face])).swept(way) for face, way in ways]).grown(0.01)
