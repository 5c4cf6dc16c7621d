"""Reliefs beside the ends of bends, and in the corners where two bends meet."""

import math
from collections.abc import Iterator
from itertools import combinations
from typing import Any

import numpy as np

from workers.cad.edit.booleans import cut
from workers.cad.edit.within import volume_within
from workers.cad.part import Bend, Curve, Floats
from workers.fixes.candidate import PAST_THE_LIMIT_MM, REMOVES, Box, Candidate
from workers.fixes.registry import NoEditError, recipe
from workers.fixes.sheet.bends import PARALLEL, Tangent, box_tool, tangents_of
from workers.fixes.situation import JsonObject, Situation

# In thicknesses. Engineering judgement: how far behind the bend a relief ends.
BEHIND = 0.5
CLEAR = 0.1  # that a tool goes beyond the skins
LEAST_MM3 = 1e-6
NEAR_MM = 1e-3
Tool = tuple[Any, Box]


@recipe("relief", "relief-depth")
def relieved(situation: Situation, finding: JsonObject) -> Iterator[Candidate]:
    """Cut a slot, one thickness wide, beside each end of the bend where the sheet goes on.

    It reaches from the flange's outside to half a thickness behind where the bend begins.
    """
    tangents = tangents_of(situation, finding["faces"])
    tools = [tool for tangent in tangents for tool in _beside(situation, tangent)]
    if not tools:
        raise NoEditError("at no end of the bend does the sheet go on straight beside it")
    width = tangents[0].thickness
    yield _slots(situation, tools, width)
    if len(tools) > 1:
        yield from (_slots(situation, [tool], width) for tool in tools)


def _beside(situation: Situation, tangent: Tangent) -> list[Tool]:
    """The slots at the ends of one tangent that meet material in the flat, but not where another bend begins."""
    found = []
    width = tangent.thickness + PAST_THE_LIMIT_MM
    for end, beside in ((tangent.start, -tangent.along), (tangent.end, tangent.along)):
        if _another_begins(situation, tangent, end):
            continue
        behind = max(BEHIND * tangent.thickness, _now_behind(situation, tangent, end))
        mouth = _slot(tangent, end, beside * width, behind, 0.0)
        if volume_within(situation.body, mouth[0]) > LEAST_MM3:
            found.append(_slot(tangent, end, beside * width, behind, tangent.outer))
    return found


def _now_behind(situation: Situation, tangent: Tangent, end: Floats) -> float:
    """mm that a relief at the end of a tangent, if there is one, goes on behind it."""
    reliefs = [feature["faces"] for feature in situation.features.values() if feature["type"] == "relief"]
    boxes = [Box(*situation.body.box_of_faces(faces)) for faces in reliefs]
    here = [box for box in boxes if np.all((end > box.low - NEAR_MM) & (end < box.high + NEAR_MM))]
    corners = [corner for box in here for corner in (box.low, box.high)]
    return max((float((corner - end) @ tangent.into) for corner in corners), default=0.0)


def _slot(tangent: Tangent, end: Floats, across: Floats, behind: float, beyond: float) -> Tool:
    """A slot through the sheet, from `behind` where the bend begins to `beyond` that, mm."""
    clear = CLEAR * tangent.thickness
    corner = end + behind * tangent.into + clear * tangent.up
    return box_tool(corner, across, -(behind + beyond) * tangent.into, -(tangent.thickness + 2 * clear) * tangent.up)


def _another_begins(situation: Situation, tangent: Tangent, end: Floats) -> bool:
    """Whether another bend begins within a thickness of a tangent's end: that takes a corner relief."""
    edges = situation.body.edges
    ends = np.minimum(np.linalg.norm(edges.start - end, axis=1), np.linalg.norm(edges.end - end, axis=1))
    near = (edges.kind == Curve.LINE) & (edges.bend == Bend.SMOOTH) & (ends < tangent.thickness)
    return bool(np.any(near & (np.abs(edges.tangent @ tangent.along) < PARALLEL)))


def _slots(situation: Situation, tools: list[Tool], width: float) -> Candidate:
    removed = sum(volume_within(situation.body, tool) for tool, _ in tools)
    places = "beside one end of the bend" if len(tools) == 1 else f"beside {len(tools)} ends of the bend"
    return Candidate(
        words=f"cut a relief {width:.2f} mm wide {places}, to where it begins",
        figures={"width_to": width, "reliefs": float(len(tools))},
        make=lambda start: cut(start, *(tool for tool, _ in tools)),
        region=Box.around([box for _, box in tools]).grown(0.01),
        sense=REMOVES,
        volume_change=-removed,
    )


@recipe("corner-relief")
def corner_relieved(situation: Situation, finding: JsonObject) -> Iterator[Candidate]:
    """Cut a square into the corner, by which both bends end so early that they are the wanted distance apart.

    Or one as wide as the bends and a little higher, so that nothing of them is left in the corner.
    """
    wanted = finding["change"]["to"]
    half = wanted / math.sqrt(2) + PAST_THE_LIMIT_MM
    corners = [
        (one, two, place)
        for one, two in combinations(tangents_of(situation, finding["faces"]), 2)
        if (place := _meet(one, two, wanted)) is not None
    ]
    if not corners:
        raise NoEditError("the two bends do not begin in a corner of one flat")
    for one, two, place in corners:
        yield _square(one, place, half, max(one.outer, two.outer))
    for one, two, place in corners:
        outer = max(one.outer, two.outer)
        yield _square(one, place, max(half, outer) + PAST_THE_LIMIT_MM, outer + BEHIND * one.thickness)


def _meet(one: Tangent, two: Tangent, within: float) -> Floats | None:
    """(3,) where the lines of two tangents on one skin cross, if both end near to there; else None."""
    if float(one.up @ two.up) < PARALLEL or abs(float((one.start - two.start) @ one.up)) > PAST_THE_LIMIT_MM:
        return None
    if abs(float(one.along @ two.along)) > 0.99:
        return None
    (a, _b), *_rest = np.linalg.lstsq(np.column_stack([one.along, -two.along]), two.start - one.start, rcond=None)
    place = one.start + a * one.along
    gaps = [min(np.linalg.norm(end - place) for end in (each.start, each.end)) for each in (one, two)]
    return np.asarray(place) if max(gaps) < within else None


def _square(tangent: Tangent, place: Floats, half: float, height: float) -> Candidate:
    """A square with its middle in the corner, through the flat and up to `height`, mm."""
    clear = CLEAR * tangent.thickness
    along, across = 2 * half * tangent.along, 2 * half * np.cross(tangent.up, tangent.along)
    corner = place - (along + across) / 2 + clear * tangent.up
    tool, box = box_tool(corner, along, across, -(height + clear) * tangent.up)
    return Candidate(
        words=f"cut a square relief of {2 * half:.2f} mm into the corner where the bends meet",
        figures={"side_to": 2 * half},
        make=lambda start: cut(start, tool),
        region=box.grown(0.01),
        sense=REMOVES,
    )
