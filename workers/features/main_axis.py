"""The direction that most of a part is machined along."""

from collections.abc import Iterable

import numpy as np

from workers.cad.part import Floats, Ints, Part, Surface
from workers.features.feature import Feature

SAME = 0.9999  # cosine: about a degree
OPENED = ("closed_pocket", "open_pocket", "through_pocket", "slot")
DEPRESSION_WEIGHT = 2.0  # a pocket fixes how the part is clamped; a flat face may be cut from its side as well
OUTERMOST = 1e-4  # of the diagonal: a plane with no more than that before it is the skin of the stock


def main_axis(part: Part, features: Iterable[Feature]) -> Floats:
    """A unit vector, of either sign: square to most of the flat outside, along most of what is hollowed out.

    Engineering judgement: a part lies on its broad side, and is clamped so that most is cut from above or below.
    """
    faces = part.faces
    flat = _outermost(part)
    opened = [f for f in features if f.type in OPENED and f.direction is not None]
    directions = np.array([*faces.axis[flat], *(f.direction for f in opened)]).reshape(-1, 3)
    weights = np.array([*faces.area[flat], *(DEPRESSION_WEIGHT * faces.area[f.faces].sum() for f in opened)])
    if not len(directions):
        return np.array([0.0, 0.0, 1.0])
    unique, inverse = np.unique(np.round(directions, 6), axis=0, return_inverse=True)
    weight = np.bincount(inverse.ravel(), weights=weights)
    along = np.abs(unique @ unique.T) > SAME
    total = np.round(along @ weight, 6)
    return np.asarray(unique[int(total.argmax())])


def _outermost(part: Part) -> Ints:
    """The planes with the whole part behind them; all planes if there is none."""
    flat = np.flatnonzero(part.faces.kind == Surface.PLANE)
    normals, inverse = np.unique(np.round(part.faces.axis[flat], 6), axis=0, return_inverse=True)
    reach = (part.mesh.vertices @ normals.T).max(axis=0, initial=-np.inf)[inverse.ravel()]
    height = np.einsum("ij,ij->i", part.faces.axis[flat], part.faces.origin[flat])
    outermost = flat[height >= reach - OUTERMOST * part.diagonal]
    return outermost if len(outermost) else flat
