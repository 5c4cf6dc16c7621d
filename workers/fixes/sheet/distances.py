"""Round holes of a sheet that are too near to an edge, a bend, or each other: moved away."""

from collections.abc import Iterator

import numpy as np

from workers.cad.edit.body import Body
from workers.cad.edit.booleans import cut, joined
from workers.cad.edit.tools import turned
from workers.cad.part import Bend, Curve, Floats, Surface
from workers.fixes.candidate import EITHER, PAST_THE_LIMIT_MM, Box, Candidate
from workers.fixes.milling.holes import Bore, bore_of
from workers.fixes.registry import NoEditError, recipe
from workers.fixes.situation import JsonObject, Situation

CLEAR_MM = 0.05


@recipe("hole-to-edge")
def away_from_edge(situation: Situation, finding: JsonObject) -> Iterator[Candidate]:
    """The hole moved square to the nearest straight edge of its flat."""
    yield from _away_from_lines(situation, finding, Bend.CONVEX, "edge")


@recipe("hole-to-bend")
def away_from_bend(situation: Situation, finding: JsonObject) -> Iterator[Candidate]:
    """The hole moved square to the nearest bend of its flat."""
    yield from _away_from_lines(situation, finding, Bend.SMOOTH, "bend")


@recipe("hole-to-hole")
def apart(situation: Situation, finding: JsonObject) -> Iterator[Candidate]:
    """One of two holes moved straight away from the other, the smaller first."""
    holes = _bores(situation, finding)
    if len(holes) != 2 or len(finding["features"]) != 2:
        raise NoEditError("more than two round holes stand too near to each other in a row")
    one, two = sorted(holes, key=lambda bore: (round(bore.radius, 6), bore.faces))
    for moved, still in ((one, two), (two, one)):
        away = (moved.at - still.at) - ((moved.at - still.at) @ moved.out) * moved.out
        yield _moved(moved, away / np.linalg.norm(away) * _missing(finding), "other hole")


def _bores(situation: Situation, finding: JsonObject) -> list[Bore]:
    """Of the plain round holes that a finding is about. Raises NoEditError if there is none."""
    holes = [n for n in finding["features"] if situation.features[n]["type"] == "through_hole"]
    if not holes:
        raise NoEditError("the opening is no plain round hole")
    return [bore_of(situation, finding | {"features": [number]}) for number in holes]


def _missing(finding: JsonObject) -> float:
    return float(finding["change"]["by"]) + PAST_THE_LIMIT_MM


def _away_from_lines(situation: Situation, finding: JsonObject, bend: Bend, what: str) -> Iterator[Candidate]:
    body, bore = situation.body, _bores(situation, finding)[0]
    skin = next(
        (other for _e, other in body.neighbours(bore.faces[0]) if body.faces.kind[other] == Surface.PLANE), None
    )
    if skin is None:
        raise NoEditError("the hole does not lie in a flat")
    edges = body.edges
    around = [
        edge
        for edge, other in body.neighbours(skin)
        if edges.kind[edge] == Curve.LINE and edges.bend[edge] == bend and other not in bore.faces
    ]
    ways = [_way_from(body, edge, bore) for edge in around]
    if not ways:
        raise NoEditError(f"its flat has no straight {what}")
    nearest = min(ways, key=lambda way: round(float(np.linalg.norm(way)), 6))
    yield _moved(bore, nearest / np.linalg.norm(nearest) * _missing(finding), what)


def _way_from(body: Body, edge: int, bore: Bore) -> Floats:
    """(3,) from a straight edge to the axis of a hole, square to the axis."""
    start, end = body.edges.start[edge], body.edges.end[edge]
    along = end - start
    share = np.clip(float((bore.at - start) @ along) / float(along @ along), 0.0, 1.0)
    way = bore.at - (start + share * along)
    return np.asarray(way - (way @ bore.out) * bore.out)


def _moved(bore: Bore, by: Floats, what: str) -> Candidate:
    """The hole filled and cut again, `by` (3,) mm beside where it was."""
    radius, low, high = bore.radius, bore.low, bore.high
    wide = radius + CLEAR_MM
    plug = turned(bore.at, bore.out, [(low, 0.0), (low, wide), (high, wide), (high, 0.0)])
    first, last = low - CLEAR_MM, high + CLEAR_MM
    drill = turned(bore.at + by, bore.out, [(first, 0.0), (first, radius), (last, radius), (last, 0.0)])
    ends = np.array([bore.place(height) + shift for height in (low, high) for shift in (0 * by, by)])
    distance = float(np.linalg.norm(by))
    return Candidate(
        words=f"move the hole {distance:.2f} mm further away from the {what}",
        figures={"moved_by": distance, "diameter": 2 * radius},
        make=lambda start: cut(joined(start, plug), drill),
        region=Box.of_discs(ends, bore.out, wide).grown(0.01),
        sense=EITHER,
        volume_change=0.0,
    )
