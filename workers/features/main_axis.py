"""The direction that most of a part is machined along."""

from collections.abc import Iterable

import numpy as np

from workers.cad.part import Floats, Ints, Surface
from workers.features.feature import Feature
from workers.features.graph import FaceGraph

SAME = 0.9999  # cosine: about a degree
EQUAL = 1 - 1e-10  # cosine
SAME_AREA = 1e-4  # relative
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
    _, first, inverse = np.unique(np.round(directions, 6), axis=0, return_index=True, return_inverse=True)
    weight, unique = np.bincount(inverse.ravel(), weights=weights), directions[first]
    cosine = np.abs(unique @ unique.T)
    heaviest = _largest((cosine > SAME) @ weight)
    heaviest = heaviest[_largest((cosine[heaviest] > EQUAL) @ weight)]
    # Of several: a cube with one pocket in each of two sides, say.
    thickness = np.ptp(graph.part.mesh.vertices @ unique[heaviest].T, axis=0)
    return np.asarray(unique[heaviest[_largest(-thickness)[0]]])


def _largest(values: Floats) -> Ints:
    """The places of the largest of `values`, and of those that are as large but for the mesh's error."""
    return np.flatnonzero(values >= values.max() - SAME_AREA * np.abs(values).max())
