"""Pockets and slots that are too narrow: one of their flat walls, or both, moved apart."""

from collections.abc import Iterator

import numpy as np

from workers.cad.edit.body import Body
from workers.cad.edit.booleans import cut
from workers.cad.edit.tools import polygon_prism, prism_of
from workers.cad.part import Floats, Surface
from workers.fixes.candidate import REMOVES, Box, Candidate
from workers.fixes.details import without_small
from workers.fixes.outline import upright_walls, wider_outline
from workers.fixes.registry import NoEditError, one_after_the_other, recipe
from workers.fixes.situation import JsonObject, Situation, direction_of

PAST_THE_LIMIT_MM = 1e-3
OPPOSITE = -0.9999


@recipe("pocket-narrow-region")
def wider(situation: Situation, finding: JsonObject) -> Iterator[Candidate]:
    """Cut one wall back by what is missing, the smaller first; both by half of it; leave a small detail out."""
    small = without_small(situation, situation.home_of(finding))
    yield from one_after_the_other(_apart(situation, finding), small)


def _apart(situation: Situation, finding: JsonObject) -> Iterator[Candidate]:
    """Its walls moved apart: two that face each other, where it is wide enough the other way; else all around."""
    change, home = finding["change"], situation.home_of(finding)
    by = change["to"] - change["from"] + PAST_THE_LIMIT_MM
    if len(finding["faces"]) == 2 or home is None or home["size"].get("length", 0.0) >= change["to"]:
        for pair in _opposite(situation, finding):
            yield _cut_back(situation.body, pair, by, change["from"])
    else:
        direction = direction_of(situation, home)
        walls = upright_walls(situation.body, home["faces"], direction)
        for shares in _shares(len(walls), by):
            yield _all_around(situation, home, walls, shares, change["from"])


def _shares(walls: int, by: float) -> Iterator[Floats]:
    """How far each wall is cut back, mm: all alike, or of four, two that meet, where there is no room at the others."""
    # Between walls at an angle, it grows by less than they are moved.
    yield np.full(walls, by / 2)
    if walls != 4:
        yield np.full(walls, by)
        return
    for first in range(walls):
        yield np.where(np.isin(np.arange(walls), (first, (first + 1) % walls)), by, 0.0)


def _all_around(situation: Situation, home: JsonObject, walls: list[int], shares: Floats, now: float) -> Candidate:
    """Walls of a pocket with flat upright walls cut back by so many mm each."""
    body, direction = situation.body, direction_of(situation, home)
    outline = wider_outline(body, walls, direction, shares)
    low, high = body.extent(home["faces"], direction)
    corners = outline + np.outer(low - outline @ direction, direction)
    along = direction * (high - low)
    ends = np.concatenate([corners, corners + along])
    by, count = float(shares.max()), int(np.count_nonzero(shares))
    return Candidate(
        words=f"make it wider than {now:.2f} mm: cut {count} of its {len(walls)} walls back by {by:.2f} mm",
        figures={"width_from": now, "walls_by": by, "walls": float(count)},
        make=lambda start: cut(start, polygon_prism(corners, along)),
        region=Box(ends.min(axis=0), ends.max(axis=0)).grown(0.01),
        sense=REMOVES,
    )


def _opposite(situation: Situation, finding: JsonObject) -> list[tuple[int, ...]]:
    """Each wall alone, then both, of the two largest flat walls that face each other across the narrow place."""
    body, home = situation.body, situation.home_of(finding)
    faces = finding["faces"] if len(finding["faces"]) == 2 or home is None else home["faces"]
    flat = [face for face in faces if body.faces.kind[face] == Surface.PLANE]
    width = finding["change"]["from"]
    facing = [
        (one, two)
        for place, one in enumerate(flat)
        for two in flat[place + 1 :]
        if body.faces.axis[one] @ body.faces.axis[two] < OPPOSITE and abs(_between(body, one, two) - width) < 1e-2
    ]
    if not facing:
        raise NoEditError("the narrow place has no two flat walls to move apart")
    pair = max(facing, key=lambda pair: (round(float(body.areas[list(pair)].sum()), 6), [-face for face in pair]))
    small, large = sorted(pair, key=lambda face: (round(float(body.areas[face]), 6), face))
    return [(small,), (large,), (small, large)]


def _between(body: Body, one: int, two: int) -> float:
    """mm from one of two walls to the other, along the way that the first looks."""
    return float((body.faces.origin[two] - body.faces.origin[one]) @ body.faces.axis[one])


def _cut_back(body: Body, walls: tuple[int, ...], by: float, now: float) -> Candidate:
    shares = [(face, -body.faces.axis[face] * by / len(walls)) for face in walls]

    def make(start: Body) -> Body:
        return cut(start, *(prism_of(start.faces.shapes[face], into) for face, into in shares))

    boxes = [body.box_of_faces([face]) for face in walls]
    ends = [corner + into for box, (_face, into) in zip(boxes, shares, strict=True) for corner in box]
    corners = np.array([*ends, *(corner for box in boxes for corner in box)])
    how = "one of its walls" if len(walls) == 1 else "both of its walls, by half each"
    return Candidate(
        words=f"make it {by:.2f} mm wider, from {now:.2f} mm to {now + by:.2f} mm, by cutting back {how}",
        figures={"width_from": now, "width_to": now + by, "walls": float(len(walls))},
        make=make,
        region=Box(corners.min(axis=0), corners.max(axis=0)).grown(0.01),
        sense=REMOVES,
    )
