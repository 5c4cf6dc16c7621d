"""The direction that most of a part is machined along."""

from collections.abc import Iterable

import numpy as np

from workers.cad.part import Floats, Surface
from workers.features.feature import Feature
from workers.features.graph import FaceGraph

SAME = 0.9999  # cosine: about a degree
OPENED = ("closed_pocket", "open_pocket", "through_pocket", "slot")
DEPRESSION_WEIGHT = 2.0  # a pocket fixes how the part is clamped; a flat face may be cut from its side as well


def main_axis(graph: FaceGraph, features: Iterable[Feature]) -> Floats:
    """A unit vector, of either sign: square to most of the flat outside, along most of what is hollowed out.

    Engineering judgement: a part lies on its broad side, and is clamped so that most is cut from above or below.
    """
    faces = graph.faces
    flat = sorted(graph.on_hull) or np.flatnonzero(faces.kind == Surface.PLANE).tolist()
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
