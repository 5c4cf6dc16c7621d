"""What overhangs: a slope of 45° beneath a ledge, and slopes beside a ceiling that is bridged."""

import math
from collections.abc import Iterator
from itertools import combinations

import numpy as np

from workers.cad.edit.blends import chamfered
from workers.cad.edit.body import Body
from workers.cad.edit.booleans import joined
from workers.cad.edit.tools import polygon_prism
from workers.cad.part import Bend, Curve, Floats, Surface
from workers.fixes.candidate import ADDS, PAST_THE_LIMIT_MM, Box, Candidate
from workers.fixes.registry import NoEditError, recipe
from workers.fixes.situation import JsonObject, Situation

# Degrees steeper than the limit, so that rounding in a file does not bring it back.
PAST_THE_LIMIT_DEGREES = 0.01
SQUARE = 1e-6
PARALLEL = 1 - 1e-6
SAME_MM = 1e-2


@recipe("am-overhang")
def sloped(situation: Situation, finding: JsonObject) -> Iterator[Candidate]:
    """Fill the corner under each flat ledge of the finding, from the wall that it juts out of to its edge."""
    body = situation.body
    angle = finding["change"]["to"] + PAST_THE_LIMIT_DEGREES
    corners = [_under(body, face, angle) for face in finding["faces"]]
    reach = max(depth for _corners, _along, depth in corners)
    tools = [polygon_prism(triangle, along) for triangle, along, _depth in corners]
    points = np.concatenate([triangle + shift for triangle, along, _ in corners for shift in (0 * along, along)])
    fall = math.tan(math.radians(angle))
    added = sum(float(np.linalg.norm(along)) * depth**2 * fall / 2 for _, along, depth in corners)
    yield Candidate(
        words=f"fill in a slope of {angle:.2f}° beneath the ledge, which juts out by {reach:.2f} mm",
        figures={"angle_to": angle, "reach": reach, "places": float(len(tools))},
        make=lambda start: joined(start, *tools),
        region=Box.of_points(points).grown(0.01),
        sense=ADDS,
        volume_change=added,
    )


def _under(body: Body, face: int, degrees: float) -> tuple[Floats, Floats, float]:
    """((3, 3) triangle, (3,) way along the ledge, mm that it juts out). Raises NoEditError if it is no such ledge."""
    if body.faces.kind[face] != Surface.PLANE:
        raise NoEditError("what overhangs is not flat")
    held = _concave_lines(body, face)
    if len(held) != 1:
        raise NoEditError("the ledge is not held along one straight edge")
    edge = held[0]
    start, end, down = body.edges.start[edge], body.edges.end[edge], body.faces.axis[face]
    out = np.cross(down, end - start) / np.linalg.norm(end - start)
    out = out * np.sign(float((Box(*body.box_of_faces([face])).middle - start) @ out))
    depth = body.extent([face], out)[1] - float(start @ out)
    fall = depth * math.tan(math.radians(degrees))
    return np.array([start, start + depth * out, start + fall * down]), end - start, depth


def _concave_lines(body: Body, face: int) -> list[int]:
    """The straight edges at which a flat face meets an upright wall below it."""
    axes = body.faces.axis
    return [
        edge
        for edge, other in body.neighbours(face)
        if body.edges.bend[edge] == Bend.CONCAVE
        and body.edges.kind[edge] == Curve.LINE
        and body.faces.kind[other] == Surface.PLANE
        and abs(float(axes[other] @ axes[face])) < SQUARE
    ]


@recipe("am-bridge")
def vaulted(situation: Situation, finding: JsonObject) -> Iterator[Candidate]:
    """Chamfers of 45° along the two walls that hold a flat ceiling, so that what stays flat is short enough."""
    body = situation.body
    span, to = finding["change"]["from"], finding["change"]["to"]
    width = (span - to) / 2 + PAST_THE_LIMIT_MM
    flat = [face for face in finding["faces"] if body.faces.kind[face] == Surface.PLANE]
    if len(flat) < len(finding["faces"]):
        raise NoEditError("the ceiling is not flat")
    edges = sorted({edge for face in flat for edge in _ends(body, _concave_lines(body, face), span)})
    if not edges:
        raise NoEditError("the ceiling does not end at two upright flat walls that face each other")
    yield Candidate(
        words=f"vault the ceiling with chamfers of {width:.2f} mm at 45° along the walls: {to:.2f} mm stay flat",
        figures={"span_from": span, "span_to": to, "chamfer": width},
        make=lambda start: chamfered(start, edges, width),
        region=Box(*body.box_of_edges(edges)).grown(width + SAME_MM),
        sense=ADDS,
    )


def _ends(body: Body, lines: list[int], span: float) -> set[int]:
    """The edges among lines that run parallel, `span` mm apart."""
    edges = body.edges
    found: set[int] = set()
    for one, two in combinations(lines, 2):
        between = edges.middle[two] - edges.middle[one]
        along = edges.tangent[one]
        apart = float(np.linalg.norm(between - (between @ along) * along))
        if abs(float(along @ edges.tangent[two])) > PARALLEL and abs(apart - span) < SAME_MM:
            found |= {one, two}
    return found
