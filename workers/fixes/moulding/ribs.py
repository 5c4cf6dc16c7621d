"""Ribs of moulded parts that are too thick or too high for the wall that they stand on."""

from collections.abc import Iterator

import numpy as np

from workers.cad.edit.booleans import cut
from workers.cad.edit.tools import polygon_prism, prism_of
from workers.cad.part import Surface
from workers.fixes.candidate import PAST_THE_LIMIT_MM, REMOVES, Box, Candidate
from workers.fixes.registry import NoEditError, recipe
from workers.fixes.situation import JsonObject, Situation, direction_of

LEAST_ACROSS = 0.9
CLEAR_MM = 0.01


@recipe("rib-thickness")
def thinner(situation: Situation, finding: JsonObject) -> Iterator[Candidate]:
    """Cut both sides back by half of what the rib is too thick, each with its draft."""
    body, rib = situation.body, situation.features[finding["features"][0]]
    up = direction_of(situation, rib)
    now, to = finding["change"]["from"], finding["change"]["to"]
    by = (now - to) / 2 + PAST_THE_LIMIT_MM
    sides = [face for face in rib["faces"] if body.faces.kind[face] == Surface.PLANE]
    if len(sides) != 2 or len(rib["faces"]) != 2:
        raise NoEditError("the rib has not two flat sides")
    ways = []
    for face in sides:
        normal = body.faces.axis[face]
        # Square to the pull, so that neither the floor nor the top is cut into.
        level = normal - (normal @ up) * up
        ways.append((face, -level / np.linalg.norm(level) * by))
    removed = sum(float(body.areas[face] * abs(body.faces.axis[face] @ way)) for face, way in ways)
    yield Candidate(
        words=f"thin the rib at its foot from {now:.2f} mm to {to:.2f} mm, by half on either side",
        figures={"thickness_from": now, "thickness_to": to},
        make=lambda start: cut(start, *(prism_of(start.faces.shapes[face], way) for face, way in ways)),
        region=Box(*body.box_of_faces(sides)).grown(CLEAR_MM),
        sense=REMOVES,
        volume_change=-removed,
    )


@recipe("rib-height")
def lower(situation: Situation, finding: JsonObject) -> Iterator[Candidate]:
    """Cut the rib's top off, square to the pull."""
    body, rib = situation.body, situation.features[finding["features"][0]]
    up = direction_of(situation, rib)
    now, to = finding["change"]["from"], finding["change"]["to"]
    by = now - to + PAST_THE_LIMIT_MM
    side = body.faces.axis[rib["faces"][0]]
    across = side - (side @ up) * up
    if np.linalg.norm(across) < LEAST_ACROSS:
        raise NoEditError("the rib's sides do not stand upright")
    across = across / np.linalg.norm(across)
    along = np.cross(up, across)
    spans = [body.extent(rib["faces"], way) for way in (along, across, up)]
    (left, right), (near, far), (_foot, top) = spans
    corners = [
        x * along + y * across + (top - by) * up for x, y in ((left, near), (right, near), (right, far), (left, far))
    ]
    outline = np.array(corners)
    tool = polygon_prism(outline, (by + CLEAR_MM) * up)
    ends = np.concatenate([outline, outline + (by + CLEAR_MM) * up])
    yield Candidate(
        words=f"make the rib {by:.2f} mm lower, from {now:.2f} mm to {to:.2f} mm",
        figures={"height_from": now, "height_to": to},
        make=lambda start: cut(start, tool),
        region=Box.of_points(ends).grown(CLEAR_MM),
        sense=REMOVES,
    )
