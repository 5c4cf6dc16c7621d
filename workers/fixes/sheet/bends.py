"""The bends of a sheet as an edit sees them: where they begin, and where that line ends."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from workers.cad.edit.body import Body
from workers.cad.edit.tools import polygon_prism
from workers.cad.part import Bend, Curve, Floats, Surface
from workers.fixes.candidate import Box
from workers.fixes.registry import NoEditError
from workers.fixes.situation import Situation

PARALLEL = 1 - 1e-6
SAME_MM = 1e-3


@dataclass(frozen=True)
class Tangent:
    """The line on the outer skin where a bend meets a flat.

    `start` and `end` are its ends, `into` the way from it into the flat, `up` the way that the outer skin looks there.
    """

    start: Floats
    end: Floats
    into: Floats
    up: Floats
    inner: float  # mm, the bend's radii
    outer: float

    @property
    def along(self) -> Floats:
        """(3,) unit, from start to end."""
        return np.asarray((self.end - self.start) / np.linalg.norm(self.end - self.start))

    @property
    def thickness(self) -> float:
        """mm."""
        return self.outer - self.inner


def thickness_of(situation: Situation) -> float:
    """mm of the sheet. Raises NoEditError if the part was not measured as one."""
    value = situation.review["facts"].get("sheet_thickness", {}).get("value")
    if value is None:
        raise NoEditError("the part is no sheet of one thickness")
    return float(value)


def tangents_of(situation: Situation, faces: list[int]) -> list[Tangent]:
    """Where the bends with `faces` begin and end. Raises NoEditError if they are not round and held between flats."""
    body, thickness = situation.body, thickness_of(situation)
    kinds, signs, radii = body.faces.kind, body.faces.sign, body.faces.radius
    outer = [f for f in faces if kinds[f] == Surface.CYLINDER and signs[f] > 0 and radii[f] > thickness - SAME_MM]
    found = [tangent for face in outer for tangent in _of_face(body, face, thickness)]
    if not found:
        raise NoEditError("the bend is not round, or runs out into no flat")
    return found


def _of_face(body: Body, face: int, thickness: float) -> list[Tangent]:
    faces, edges, axis = body.faces, body.edges, body.faces.axis[face]
    middle = edges.middle[body.edges_of_face[face]].mean(axis=0)
    radius = float(faces.radius[face])
    found = []
    for edge, other in body.neighbours(face):
        straight = edges.kind[edge] == Curve.LINE and abs(float(edges.tangent[edge] @ axis)) > PARALLEL
        if not straight or faces.kind[other] != Surface.PLANE or edges.bend[edge] != Bend.SMOOTH:
            continue
        up = faces.axis[other]
        into = np.cross(up, axis)
        into = into * np.sign(float((edges.middle[edge] - middle) @ into))
        found.append(Tangent(edges.start[edge], edges.end[edge], into, up, radius - thickness, radius))
    return found


def box_tool(corner: Floats, *sides: Floats) -> tuple[Any, Box]:
    """(the solid, the box around it) from a corner along three sides (3,), mm."""
    one, two, three = sides
    base = np.array([corner, corner + one, corner + one + two, corner + two])
    ends = np.concatenate([base, base + three])
    return polygon_prism(base, three), Box.of_points(ends)
