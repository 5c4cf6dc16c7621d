"""The directions that a part has of its own: what it is machined along, whichever way it lies."""

import numpy as np

from workers.cad.part import Floats, Part, Surface

# Directions closer than this are one: normals of mating faces differ by the modeller's rounding.
DECIMALS = 6
SAME = 1 - 1e-8
ACROSS = 1e-6


def own_directions(part: Part) -> Floats:
    """(k, 3) unit normals of planes and axes of round faces, one of each opposite pair, largest area first."""
    faces = part.faces
    axial = np.isin(faces.kind, (Surface.PLANE, Surface.CYLINDER, Surface.CONE, Surface.TORUS))
    axes, weights = faces.axis[axial], faces.area[axial]
    if not len(axes):
        return np.zeros((0, 3))
    axes = np.round(axes * _sense(axes)[:, None], DECIMALS) + 0.0
    _, first, inverse = np.unique(axes, axis=0, return_index=True, return_inverse=True)
    area = np.bincount(inverse.ravel(), weights=weights)
    # Areas come from the mesh: the same but for rounding is the same.
    order = np.lexsort((first, -np.round(area / area.max(), 6)))
    exact = faces.axis[axial][first[order]]
    return np.asarray(_distinct(exact / np.linalg.norm(exact, axis=1, keepdims=True)))


def _sense(axes: Floats) -> Floats:
    """(n,) +1 or -1, so that opposite directions become one: the first coordinate that is not 0 is positive."""
    rounded = np.round(axes, DECIMALS)
    leading = np.argmax(rounded != 0, axis=1)
    return np.where(rounded[np.arange(len(axes)), leading] < 0, -1.0, 1.0)


def _distinct(axes: Floats) -> Floats:
    """Without those that another before them equals but for rounding, or is opposite to."""
    same = np.abs(axes @ axes.T) > SAME
    return np.asarray(axes[~np.tril(same, -1).any(axis=1)])


def main_frame(part: Part) -> Floats:
    """(3, 3) right-handed rows: how the part lies on the machine.

    Along its largest area of faces, the largest across that, and square to both; where it has none across,
    along its principal axes of inertia.
    """
    own = own_directions(part)
    candidates = np.concatenate([own, principal_axes(part)])
    first = candidates[0]
    across = candidates[np.abs(candidates @ first) < ACROSS]
    if not len(across):
        principal = candidates[-3:]
        across = principal[np.abs(principal @ first).argmin()][None]
    second = across[0] - (across[0] @ first) * first
    second /= np.linalg.norm(second)
    return np.array([first, second, np.cross(first, second)])


def principal_axes(part: Part) -> Floats:
    """(3, 3) rows: the principal axes of inertia, least moment first."""
    _, vectors = np.linalg.eigh(part.inertia)
    return np.asarray(vectors.T)
