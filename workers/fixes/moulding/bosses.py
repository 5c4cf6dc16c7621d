"""Hollow bosses of moulded parts whose wall is too thick or too thin."""

from collections.abc import Iterator

import numpy as np

from workers.cad.edit.body import Body
from workers.cad.edit.booleans import combined, cut, joined
from workers.cad.edit.tools import turned
from workers.cad.part import Bend, Floats, Surface
from workers.fixes.candidate import ADDS, PAST_THE_LIMIT_MM, REMOVES, Box, Candidate
from workers.fixes.registry import NoEditError, recipe
from workers.fixes.situation import JsonObject, Situation, direction_of

ROUND = (Surface.CYLINDER, Surface.CONE)
SAME_MM = 1e-3
Ends = list[tuple[float, float]]  # (height, radius) of a round face, from its lower end


@recipe("boss-wall")
def other_wall(situation: Situation, finding: JsonObject) -> Iterator[Candidate]:
    """A boss with too thick a wall is made slimmer, or bored wider; one with too thin a wall gets a sleeve.

    All keep their draft.
    """
    body, boss = situation.body, situation.features[finding["features"][0]]
    up = direction_of(situation, boss)
    now, to = finding["change"]["from"], finding["change"]["to"]
    outer, inner = (_round_face(body, boss["faces"], sign) for sign in (1, -1))
    at = body.faces.origin[outer] - (body.faces.origin[outer] @ up) * up
    if to < now:
        yield _slimmer(body, outer, at, up, now, to)
        yield _bored(body, inner, at, up, now, to)
    else:
        yield _sleeved(body, outer, inner, at, up, now, to)


def _round_face(body: Body, faces: list[int], sign: int) -> int:
    found = [face for face in faces if body.faces.kind[face] in ROUND and body.faces.sign[face] * sign > 0]
    if len(found) != 1:
        raise NoEditError("the boss is not one round face outside and one inside")
    return found[0]


def _ends(body: Body, face: int, at: Floats, up: Floats, by: float) -> Ends:
    """Of a round face about the line through `at` along `up`, `by` mm wider. Raises NoEditError if not square to it."""
    edges = sorted({edge for edge, _other in body.neighbours(face)})
    if any(body.edges.bend[edge] == Bend.SMOOTH for edge in edges):
        raise NoEditError("the boss has a fillet at one of its ends")
    rims: dict[float, float] = {}
    for edge in edges:
        heights = [float(p[edge] @ up) for p in (body.edges.start, body.edges.middle, body.edges.end)]
        if max(heights) - min(heights) > SAME_MM:
            raise NoEditError("the boss does not end square to its axis")
        place = body.edges.start[edge] - at
        rims[round(heights[0], 6)] = float(np.linalg.norm(place - (place @ up) * up)) + by
    if len(rims) != 2:
        raise NoEditError("the boss does not end square to its axis")
    return sorted(rims.items())


def _solid(at: Floats, up: Floats, ends: Ends) -> object:
    (low, _), (high, _) = ends
    return turned(at, up, [(low, 0.0), *ends, (high, 0.0)])


def _volume(ends: Ends) -> float:
    (low, one), (high, two) = ends
    return float(np.pi / 3 * (high - low) * (one**2 + one * two + two**2))


def _bored(body: Body, inner: int, at: Floats, up: Floats, now: float, to: float) -> Candidate:
    by = now - to + PAST_THE_LIMIT_MM
    wider = _ends(body, inner, at, up, by)
    return Candidate(
        words=f"bore the boss {by:.2f} mm wider in radius: its wall from {now:.2f} mm to {to:.2f} mm",
        figures={"wall_from": now, "wall_to": to, "inner_to": 2 * wider[0][1]},
        make=lambda start: cut(start, _solid(at, up, wider)),
        region=Box(*body.box_of_faces([inner])).grown(by + SAME_MM),
        sense=REMOVES,
        volume_change=_volume(_ends(body, inner, at, up, 0.0)) - _volume(wider),
    )


def _slimmer(body: Body, outer: int, at: Floats, up: Floats, now: float, to: float) -> Candidate:
    by = now - to + PAST_THE_LIMIT_MM
    around, slim = _ends(body, outer, at, up, by), _ends(body, outer, at, up, -by)
    return Candidate(
        words=f"make the boss {by:.2f} mm slimmer in radius: its wall from {now:.2f} mm to {to:.2f} mm",
        figures={"wall_from": now, "wall_to": to, "outer_to": 2 * slim[0][1]},
        make=lambda start: cut(start, combined("Cut", _solid(at, up, around), _solid(at, up, slim))),
        region=Box(*body.box_of_faces([outer])).grown(by + SAME_MM),
        sense=REMOVES,
        volume_change=_volume(slim) - _volume(_ends(body, outer, at, up, 0.0)),
    )


def _sleeved(body: Body, outer: int, inner: int, at: Floats, up: Floats, now: float, to: float) -> Candidate:
    """The bore is cut again through what the sleeve's tool fills."""
    by = to - now + PAST_THE_LIMIT_MM
    wider, bore = _ends(body, outer, at, up, by), _ends(body, inner, at, up, 0.0)
    return Candidate(
        words=f"make the boss {by:.2f} mm wider in radius: its wall from {now:.2f} mm to {to:.2f} mm",
        figures={"wall_from": now, "wall_to": to, "outer_to": 2 * wider[0][1]},
        make=lambda start: cut(joined(start, _solid(at, up, wider)), _solid(at, up, bore)),
        region=Box(*body.box_of_faces([outer])).grown(by + SAME_MM),
        sense=ADDS,
        volume_change=_volume(wider) - _volume(_ends(body, outer, at, up, 0.0)),
    )
