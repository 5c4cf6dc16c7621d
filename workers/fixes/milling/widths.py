"""Pockets and slots that are too narrow: one of their flat walls, or both, moved apart."""

from collections.abc import Iterator
from itertools import islice

import numpy as np

from workers.cad.edit.body import Body
from workers.cad.edit.booleans import cut
from workers.cad.edit.tools import polygon_prism, prism_of
from workers.cad.part import Floats, Surface
from workers.fixes.candidate import PAST_THE_LIMIT_MM, REMOVES, Box, Candidate
from workers.fixes.milling.details import without_small
from workers.fixes.milling.outline import upright_walls, wider_outline
from workers.fixes.milling.round_instead import round_instead
from workers.fixes.milling.widening import Pocket, least_widenings, room_left
from workers.fixes.registry import NoEditError, one_after_the_other, recipe
from workers.fixes.situation import JsonObject, Situation, direction_of

OPPOSITE = -0.9999
MOST_WAYS = 4


@recipe("pocket-narrow-region")
def wider(situation: Situation, finding: JsonObject) -> Iterator[Candidate]:
    """Cut one wall back by what is missing, the smaller first; both by half of it; leave a small detail out."""
    small = without_small(situation, situation.home_of(finding))
    yield from one_after_the_other(_apart(situation, finding), small)


def _apart(situation: Situation, finding: JsonObject) -> Iterator[Candidate]:
    """Its walls moved apart: two that face each other, where it is wide enough the other way; else all around."""
    home, to = situation.home_of(finding), finding["change"]["to"]
    if len(finding["faces"]) == 2 or home is None:
        return _pair_apart(situation, finding)
    if home["size"].get("length", 0.0) < to:
        return _ring_apart(situation, finding, home)
    return one_after_the_other(_pair_apart(situation, finding), _ring_apart(situation, finding, home))


def _pair_apart(situation: Situation, finding: JsonObject) -> Iterator[Candidate]:
    change = finding["change"]
    by = change["to"] - change["from"] + PAST_THE_LIMIT_MM
    for pair in _opposite(situation, finding):
        yield _cut_back(situation.body, pair, by, change["from"])


def _ring_apart(situation: Situation, finding: JsonObject, home: JsonObject) -> Iterator[Candidate]:
    """All walls alike, if there is room; a round hole; the least volume with room; at last, opened to its neighbour."""
    now, width = finding["change"]["from"], finding["change"]["to"] + PAST_THE_LIMIT_MM
    direction = direction_of(situation, home)
    pocket = Pocket(situation.body, home["faces"], upright_walls(situation.body, home["faces"], direction), direction)
    alike = [np.full(len(pocket.walls), share * (width - now)) for share in (0.5, 1.0)]
    thicknesses = _thicknesses(situation, home)
    tried = [shares for shares in alike[:1] if room_left(pocket, shares) >= thicknesses[-1]]
    yield from (_all_around(pocket, shares, now) for shares in tried)
    yield from round_instead(situation, home, finding["change"]["to"])
    for shares in [*_with_room(pocket, width, thicknesses), *alike, *_away_from_two(len(pocket.walls), width - now)]:
        if not any(np.allclose(shares, other, atol=PAST_THE_LIMIT_MM) for other in tried):
            tried.append(shares)
            yield _all_around(pocket, shares, now)


def _with_room(pocket: Pocket, width: float, thicknesses: list[float]) -> Iterator[Floats]:
    for left in thicknesses:
        yield from islice(least_widenings(pocket, width, left), MOST_WAYS)


def _away_from_two(walls: int, by: float) -> Iterator[Floats]:
    """Of four walls, two that meet."""
    for first in range(walls if walls == 4 else 0):
        yield np.where(np.isin(np.arange(walls), (first, (first + 1) % walls)), by, 0.0)


def _thicknesses(situation: Situation, home: JsonObject) -> list[float]:
    """mm that have to be left behind a wall: not to be slender; not to be thin."""
    thin = situation.mildest("wall-thin") + PAST_THE_LIMIT_MM
    slender = home["size"].get("depth", 0.0) / situation.mildest("wall-slender") + PAST_THE_LIMIT_MM
    return [slender, thin] if slender > thin else [thin]


def _all_around(pocket: Pocket, shares: Floats, now: float) -> Candidate:
    """The pocket's walls cut back by so many mm each."""
    body, direction = pocket.body, pocket.direction
    outline = wider_outline(body, pocket.walls, direction, shares)
    low, high = body.extent(pocket.faces, direction)
    corners = outline + np.outer(low - outline @ direction, direction)
    along = direction * (high - low)
    ends = np.concatenate([corners, corners + along])
    by, moved = shares.max(), shares[shares > 0]
    how = f"{len(moved)} of its {len(shares)} walls back by {'up to ' if np.ptp(moved) > 1e-6 else ''}{by:.2f} mm"
    opened = "" if room_left(pocket, shares) > 0 else ", which opens it into what is beside it"
    return Candidate(
        words=f"make it wider than {now:.2f} mm: cut {how}{opened}",
        figures={"width_from": now, "walls_by": float(by), "walls": float(len(moved))},
        make=lambda start: cut(start, polygon_prism(corners, along)),
        region=Box.of_points(ends).grown(0.01),
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

    swept = [Box(*body.box_of_faces([face])).swept(into) for face, into in shares]
    how = "one of its walls" if len(walls) == 1 else "both of its walls, by half each"
    return Candidate(
        words=f"make it {by:.2f} mm wider, from {now:.2f} mm to {now + by:.2f} mm, by cutting back {how}",
        figures={"width_from": now, "width_to": now + by, "walls": float(len(walls))},
        make=make,
        region=Box.around(swept).grown(0.01),
        sense=REMOVES,
    )
