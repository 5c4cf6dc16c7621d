"""Whether faces of two solids lie on one surface."""

import numpy as np
from numpy.typing import NDArray

from workers.cad.edit.body import Body
from workers.cad.part import Surface

SAME_MM = 1e-3
SAME_ANGLE = 1e-6  # 1 - cosine


def same_surface(before: Body, after: Body, face: int) -> NDArray[np.bool_]:
    """(n,) whether each face of `before` lies on the surface of a face of `after`."""
    old, new = before.faces, after.faces
    kind = new.kind[face]
    same = (old.kind == kind) & (old.sign == new.sign[face])
    cosine = old.axis @ new.axis[face]
    offset = old.origin - new.origin[face]
    if kind == Surface.PLANE:
        return np.asarray(same & (cosine > 1 - SAME_ANGLE) & (np.abs(offset @ new.axis[face]) < SAME_MM))
    radii = (np.abs(old.radius - new.radius[face]) < SAME_MM) & (
        np.abs(old.minor_radius - new.minor_radius[face]) < SAME_MM
    )
    if kind == Surface.FREEFORM:
        return np.asarray(same & radii)
    if kind == Surface.SPHERE:
        return np.asarray(same & radii & (np.linalg.norm(offset, axis=1) < SAME_MM))
    off_axis = np.linalg.norm(offset - np.outer(offset @ new.axis[face], new.axis[face]), axis=1) < SAME_MM
    parallel = np.abs(cosine) > 1 - SAME_ANGLE
    if kind == Surface.CONE:
        angles = np.abs(old.half_angle - np.sign(cosine) * new.half_angle[face]) < 1e-3
        return np.asarray(same & off_axis & parallel & angles)
    if kind == Surface.TORUS:
        return np.asarray(same & radii & off_axis & parallel & (np.abs(offset @ new.axis[face]) < SAME_MM))
    return np.asarray(same & radii & off_axis & parallel)
