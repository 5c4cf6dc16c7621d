"""Round holes and pins that a machine does not form: wider ones."""

from collections.abc import Iterator

import numpy as np

from workers.cad.edit.booleans import joined
from workers.cad.edit.tools import turned
from workers.cad.part import Curve, Surface
from workers.fixes.candidate import ADDS, Box, Candidate
from workers.fixes.milling.holes import other_diameter
from workers.fixes.registry import NoEditError, recipe
from workers.fixes.situation import JsonObject, Situation

SAME_MM = 1e-3


@recipe("am-hole")
def wider_hole(situation: Situation, finding: JsonObject) -> Iterator[Candidate]:
    """The hole drilled as wide as the finding asks for."""
    holes = [number for number in finding["features"] if "diameter" in situation.features[number]["size"]]
    if not holes:
        raise NoEditError("the hole is only a part of a round wall")
    yield from other_diameter(situation, finding | {"features": holes})


@recipe("am-pin")
def thicker_pin(situation: Situation, finding: JsonObject) -> Iterator[Candidate]:
    """A sleeve around the pin, as long as it is."""
    body = situation.body
    wanted = finding["change"]["to"]
    pins = [face for face in finding["faces"] if body.faces.kind[face] == Surface.CYLINDER]
    narrow = [face for face in pins if 2 * body.faces.radius[face] < wanted - SAME_MM]
    if not narrow:
        raise NoEditError("the pin is no cylinder")
    face = narrow[0]
    axis, origin, radius = body.faces.axis[face], body.faces.origin[face], float(body.faces.radius[face])
    alike = [other for other in narrow if np.linalg.norm(np.cross(body.faces.origin[other] - origin, axis)) < SAME_MM]
    round_edges = {edge for other in alike for edge, beside in body.neighbours(other) if beside not in alike}
    if any(body.edges.kind[edge] != Curve.CIRCLE for edge in round_edges):
        raise NoEditError("the pin does not end square on both sides")
    low, high = body.extent(alike, axis)
    at = body.foot_of_axis(face)
    sleeve = turned(at, axis, [(low, 0.0), (low, wanted / 2), (high, wanted / 2), (high, 0.0)])
    ends = np.array([at + low * axis, at + high * axis])
    yield Candidate(
        words=f"make the pin thicker, from Ø{2 * radius:.2f} mm to Ø{wanted:.2f} mm",
        figures={"diameter_from": 2 * radius, "diameter_to": wanted},
        make=lambda start: joined(start, sleeve),
        region=Box.of_discs(ends, axis, wanted / 2).grown(0.01),
        sense=ADDS,
        volume_change=float(np.pi * (wanted**2 / 4 - radius**2) * (high - low)),
    )
