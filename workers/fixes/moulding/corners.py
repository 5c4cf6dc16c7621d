"""Inner corners of moulded parts: rounded by half the wall."""

import math
from collections.abc import Iterator

import numpy as np

from workers.cad.edit.blends import rounded
from workers.cad.edit.body import Body
from workers.cad.part import Bend
from workers.fixes.candidate import EITHER, PAST_THE_LIMIT_MM, Box, Candidate
from workers.fixes.inner_corners import along_edges, larger_fillet
from workers.fixes.milling.depressions import edges_near
from workers.fixes.registry import NoEditError, recipe
from workers.fixes.situation import JsonObject, Situation

OPPOSITE = -0.98  # cosine: the two sides of a wall, drafted or not
WALLS_APART = 3.0  # from an inner edge to the outer one of the same corner, at most


@recipe("corner-sharp")
def rounded_off(situation: Situation, finding: JsonObject) -> Iterator[Candidate]:
    """A fillet along all sharp edges of the finding at once; of a fillet that is too tight, a larger one."""
    wall = situation.review["facts"].get("nominal_wall", {}).get("value") or 0.0
    if wall > _thickest(situation):
        raise NoEditError(
            f"half of a wall of {wall:.1f} mm is no radius: it is thicker than any resin takes, core it out"
        )
    # A sharp corner asks first for any radius at all, but one below half the wall would be found again.
    wanted = finding["change"]["to"] + PAST_THE_LIMIT_MM
    if finding["measured"]["value"] > 0:
        yield larger_fillet(situation, finding, wanted)
        return
    if not finding["edges"]:
        raise NoEditError("the corner has no edge to round")
    yield along_edges(situation, finding, wanted)
    outer = _outer_edges(situation.body, finding["edges"], wall)
    if outer:
        yield _inside_and_out(situation, finding["edges"], outer, wanted, wanted + wall)


def _thickest(situation: Situation) -> float:
    """mm that the material, or else any resin, is moulded thick."""
    levels = situation.rules["wall-range"].limits[situation.review["limits"]] if "wall-range" in situation.rules else []
    return max((level.value or 0.0 for level in levels if level.comparison.startswith(">")), default=math.inf)


def _outer_edges(body: Body, inner: list[int], wall: float) -> list[int]:
    """The sharp outer edges around the corners that `inner` edges are in, where both walls are about as thick."""
    edges, faces = body.edges, body.faces
    found = set()
    for edge in inner:
        one, two = (faces.axis[face] for face in edges.faces[edge])
        for other in np.flatnonzero((edges.bend == Bend.CONVEX) & (edges.faces >= 0).all(axis=1)).tolist():
            normals = faces.axis[edges.faces[other]]
            opposite = {(int(np.argmin(normals @ own))) for own in (one, two) if (normals @ own).min() < OPPOSITE}
            between = edges.middle[other] - edges.middle[edge]
            if len(opposite) == 2 and np.linalg.norm(between) < WALLS_APART * wall:
                found.add(other)
    return sorted(found)


def _inside_and_out(
    situation: Situation, inner: list[int], outer: list[int], radius: float, beyond: float
) -> Candidate:
    """Both sides of the corner rounded about one centre, so that the wall stays as thick."""
    places = [situation.body.edges.middle[edge] for edge in inner]

    def make(start: Body) -> Body:
        outside = rounded(start, outer, beyond)
        return rounded(outside, sorted({edge for place in places for edge in edges_near(outside, place)}), radius)

    return Candidate(
        words=f"round the inner corner with R{radius:.2f} mm, and the outer edges around it with R{beyond:.2f} mm",
        figures={"radius_from": 0.0, "radius_to": radius, "outer_to": beyond, "edges": float(len(inner))},
        make=make,
        region=Box(*situation.body.box_of_edges([*inner, *outer])).grown(2 * beyond),
        sense=EITHER,
    )
