"""Flanges and hems of a sheet that are too short: their end moved out."""

from collections.abc import Iterator

import numpy as np

from workers.cad.edit.body import Body
from workers.cad.edit.booleans import joined
from workers.cad.edit.tools import prism_of
from workers.cad.part import Floats, Surface
from workers.fixes.candidate import ADDS, PAST_THE_LIMIT_MM, Box, Candidate
from workers.fixes.registry import NoEditError, recipe
from workers.fixes.sheet.bends import thickness_of
from workers.fixes.situation import JsonObject, Situation

SAME_MM = 1e-3
PARALLEL = 1 - 1e-6


@recipe("flange-length", "hem")
def longer(situation: Situation, finding: JsonObject) -> Iterator[Candidate]:
    """What a flat end face of the flange sweeps when it is moved out by what is missing, as it lies."""
    body, now, to = situation.body, finding["change"]["from"], finding["change"]["to"]
    by = to - now + PAST_THE_LIMIT_MM
    out = _outwards(body, finding["faces"])
    ends = _ends(body, finding["faces"], out, thickness_of(situation))
    if not ends:
        raise NoEditError("the flange does not end in a straight edge along its bend")
    yield Candidate(
        words=f"make it {by:.2f} mm longer, to {to:.2f} mm, at its end",
        figures={"length_from": now, "length_to": to, "longer_by": by},
        make=lambda start: joined(start, *(prism_of(start.faces.shapes[face], by * out) for face in ends)),
        region=Box(*body.box_of_faces(ends)).swept(by * out).grown(0.01),
        sense=ADDS,
        volume_change=by * float(body.areas[ends].sum()),
    )


def _outwards(body: Body, faces: list[int]) -> Floats:
    """(3,) the way in the flange's plane from its bend to its end. Raises NoEditError if it has no round bend."""
    for face in faces:
        for edge, other in body.neighbours(face):
            if body.faces.kind[other] == Surface.CYLINDER and body.faces.kind[face] == Surface.PLANE:
                tangent = body.edges.tangent[edge]
                if abs(float(body.faces.axis[other] @ tangent)) > PARALLEL:
                    out = np.cross(body.faces.axis[face], tangent)
                    middle = Box(*body.box_of_faces([face])).middle
                    return np.asarray(out * np.sign(float((middle - body.edges.middle[edge]) @ out)))
    raise NoEditError("the flange hangs on no round bend")


def _ends(body: Body, faces: list[int], out: Floats, thickness: float) -> list[int]:
    """The flat faces beside the flange's two sides, as high as the sheet is thick, that look outwards."""
    beside = {other for face in faces for _edge, other in body.neighbours(face)} - set(faces)
    kinds, axes = body.faces.kind, body.faces.axis
    found = [face for face in beside if kinds[face] == Surface.PLANE and float(axes[face] @ out) > PARALLEL]
    normal = axes[faces[0]]
    return sorted(face for face in found if abs(np.ptp(body.extent([face], normal)) - thickness) < SAME_MM)
