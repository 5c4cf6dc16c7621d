"""Walls along the pull without enough draft: leant about one of their ends."""

import math
from collections.abc import Iterator

import numpy as np

from workers.cad.edit.body import Body
from workers.cad.edit.drafts import drafted
from workers.cad.part import Floats
from workers.fixes.candidate import ADDS, REMOVES, Box, Candidate
from workers.fixes.registry import NoEditError, recipe
from workers.fixes.situation import JsonObject, Situation

PAST_THE_LIMIT_DEGREES = 1e-3


@recipe("draft")
def leant(situation: Situation, finding: JsonObject) -> Iterator[Candidate]:
    """Lean the walls of the finding so that they come off along the pull.

    The review does not say which half forms them, so both are tried: what is leant the wrong way is not proven.
    First about the end where that takes material off, then about the other, where it adds some.
    """
    pull = situation.review["facts"].get("pull_direction", {}).get("value")
    if pull is None or finding.get("change") is None:
        raise NoEditError("the part has no pull direction")
    angle = finding["change"]["to"] + PAST_THE_LIMIT_DEGREES
    for direction in (np.array(pull), -np.array(pull)):
        low, high = situation.body.extent(finding["faces"], direction)
        for height, sense in ((low, REMOVES), (high, ADDS)):
            yield _about(situation, finding, direction, height, sense, angle, high - low)


def _about(
    situation: Situation,
    finding: JsonObject,
    direction: Floats,
    height: float,
    sense: int,
    angle: float,
    depth: float,
) -> Candidate:
    faces, now = finding["faces"], finding["change"]["from"]

    def make(start: Body) -> Body:
        return drafted(start, faces, direction, height, angle)

    reach = depth * math.tan(math.radians(angle - min(now, 0.0)))
    how = "taking material off" if sense == REMOVES else "adding material"
    return Candidate(
        words=f"lean {len(faces)} walls from {now:.2f}° to {angle:.2f}°, {how}",
        figures={"draft_from": now, "draft_to": angle, "walls": float(len(faces))},
        make=make,
        region=Box(*situation.body.box_of_faces(faces)).grown(2 * reach + 0.01),
        sense=sense,
    )
