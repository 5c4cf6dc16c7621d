"""Walls that are too thin or too slender: material on one of their sides; bosses that are too high: a lower top."""

from collections.abc import Iterator

import numpy as np

from workers.cad.edit.body import Body
from workers.cad.edit.booleans import cut, joined
from workers.cad.edit.errors import EditError
from workers.cad.edit.tools import prism_of
from workers.cad.part import Surface
from workers.fixes.candidate import ADDS, PAST_THE_LIMIT_MM, REMOVES, Box, Candidate
from workers.fixes.registry import NoEditError, recipe
from workers.fixes.situation import JsonObject, Situation


@recipe("wall-thin", "wall-slender")
def thicker(situation: Situation, finding: JsonObject) -> Iterator[Candidate]:
    """Add the missing thickness to one flat side of the wall, the smaller side first."""
    change = finding["change"]
    by = change["to"] - change["from"] + PAST_THE_LIMIT_MM
    body = situation.body
    flat = [face for face in finding["faces"] if body.faces.kind[face] == Surface.PLANE]
    if not flat:
        raise NoEditError("the wall has no flat side to add material to")
    for face in sorted(flat, key=lambda face: (round(float(body.areas[face]), 6), face)):
        yield _grown(body, face, by, change["from"])


def _grown(body: Body, face: int, by: float, now: float) -> Candidate:
    normal = body.faces.axis[face]

    def make(start: Body) -> Body:
        return joined(start, prism_of(start.faces.shapes[face], normal * by))

    return Candidate(
        words=f"thicken the wall by {by:.2f} mm, from {now:.2f} mm to {now + by:.2f} mm, on one side",
        figures={"thickness_from": now, "thickness_to": now + by, "face": float(face)},
        make=make,
        region=Box(*body.box_of_faces([face])).swept(normal * by).grown(0.01),
        sense=ADDS,
    )


@recipe("boss-high")
def lower_boss(situation: Situation, finding: JsonObject) -> Iterator[Candidate]:
    """Cut the boss's top down to what its width allows."""
    boss = situation.features[finding["features"][0]]
    body, height = situation.body, boss["size"]["height"]
    to = situation.mildest("boss-high") * height / finding["measured"]["value"] - PAST_THE_LIMIT_MM
    direction = np.array(boss["direction"])
    tops = [f for f in boss["faces"] if body.faces.kind[f] == Surface.PLANE and body.faces.axis[f] @ direction > 0.9999]
    if not tops:
        raise NoEditError("the boss has no flat top")
    by = height - to

    def make(start: Body) -> Body:
        if len(tops) > 1:
            raise EditError("the boss has several tops")
        return cut(start, prism_of(start.faces.shapes[tops[0]], -direction * by))

    yield Candidate(
        words=f"make the boss {by:.2f} mm lower, from {height:.2f} mm to {to:.2f} mm",
        figures={"height_from": height, "height_to": to},
        make=make,
        region=Box(*body.box_of_faces(boss["faces"])).grown(0.01),
        sense=REMOVES,
    )
