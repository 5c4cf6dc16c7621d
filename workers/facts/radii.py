"""Radii of round faces, inside and outside."""

from collections import Counter

import numpy as np

from workers.cad.part import Floats, Ints, Part, Surface
from workers.facts.fact import Fact

METHOD = {-1: "concave cylinders, tori and spheres", 1: "convex cylinders, tori and spheres"}
ROUND = (Surface.CYLINDER, Surface.TORUS, Surface.SPHERE)


def _radii(part: Part, sign: int) -> tuple[Ints, Floats]:
    """(faces, radius of each in mm) of the round faces with the material on one side; of a torus, the small radius."""
    faces = part.faces
    chosen = np.flatnonzero((faces.sign == sign) & np.isin(faces.kind, ROUND))
    radius = np.where(faces.kind == Surface.TORUS, faces.minor_radius, faces.radius)
    return chosen, radius[chosen]


def smallest_radius(part: Part, sign: int) -> Fact:
    """The smallest radius in mm: `sign` -1 inside (concave), +1 outside (convex)."""
    faces, radius = _radii(part, sign)
    if not len(faces):
        return Fact(None, "mm", "not_applicable", METHOD[sign], 1.0)
    face = int(faces[radius.argmin()])
    where = {"faces": [face], "point": part.faces.point[face], "normal": part.faces.normal[face]}
    return Fact(float(radius.min()), "mm", "measured", METHOD[sign], 1.0, where)


def radii_inventory(part: Part, sign: int) -> Fact:
    """How many faces there are of each radius, smallest first."""
    faces, radius = _radii(part, sign)
    if not len(faces):
        return Fact(None, "mm", "not_applicable", METHOD[sign], 1.0)
    counts = Counter(np.round(radius, 4).tolist())
    rows = [{"radius": size, "faces": counts[size]} for size in sorted(counts)]
    return Fact(rows, "mm", "measured", METHOD[sign], 1.0)
