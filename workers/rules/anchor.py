"""Where on the part a finding is: from what a re-export keeps, not from face numbers or the mesh."""

import hashlib
import math

import numpy as np

from workers.cad.part import Curve, Floats, Part
from workers.rules.measurement import Measurement

CELL_MM = 0.01
# No size that a designer writes, in mm or in inches, lies on the border of a cell that is shifted by this.
SHIFT = (3 - math.sqrt(5)) / 2


def edges_between(part: Part, measurement: Measurement) -> list[int]:
    """The measurement's own edges, else those between its faces, else those around them."""
    if measurement.edges:
        return sorted(measurement.edges)
    inside = set(measurement.faces)
    around = _edges_around(part, measurement.faces)
    pairs = part.edges.faces[around]
    both = [edge for edge, (a, b) in zip(around, pairs.tolist(), strict=True) if a in inside and b in inside]
    return both or around


def _edges_around(part: Part, faces: list[int]) -> list[int]:
    """Distinct edges of `faces`, seams and degenerated ones left out."""
    edges = sorted({edge for face in faces for edge in part.edges_of_face[face]})
    first, second = part.edges.faces[edges].reshape(-1, 2).T
    real = (first != second) & (part.edges.length[edges] > 0)
    return [edge for edge, keep in zip(edges, real.tolist(), strict=True) if keep]


def place_of(part: Part, measurement: Measurement) -> Floats:
    """(3,) the middle of the box around the ends of the edges involved, and the centres of whole circles; mm."""
    edges = sorted(measurement.edges) or _edges_around(part, measurement.faces)
    if not edges:
        known = bool(measurement.faces) and part.exact
        return part.faces.origin[measurement.faces].mean(axis=0) if known else measurement.point
    ends = np.stack([part.edges.start[edges], part.edges.end[edges]])
    whole = (part.edges.kind[edges] == Curve.CIRCLE) & np.all(np.abs(ends[0] - ends[1]) < CELL_MM, axis=1)
    ends = np.where(whole[:, None], part.edges.centre[edges], ends)
    return np.asarray((ends.min(axis=(0, 1)) + ends.max(axis=(0, 1))) / 2)


def identity(rule: str, place: Floats) -> str:
    """The id of a finding of `rule` at `place`: the same however the faces are numbered and the file is written."""
    cell = np.floor(place / CELL_MM + SHIFT).astype(int).tolist()
    return hashlib.sha256(f"{rule}|{cell}".encode()).hexdigest()[:12]
