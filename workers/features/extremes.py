"""How far a curved face bulges beyond the nodes of its mesh."""

import numpy as np

from workers.cad.elementary import cross
from workers.cad.part import Faces, Floats, Surface

SQUARE = 1e-6  # cosine
# Looking up a member of an enumeration takes as long as the rest.
_SPHERE, _CYLINDER, _TORUS = int(Surface.SPHERE), int(Surface.CYLINDER), int(Surface.TORUS)


def surface_extremes(faces: Faces, face: int, direction: Floats) -> tuple[float, float] | None:
    """(least, greatest) coordinate along `direction` of the whole surface under `face`; None if it has none."""
    kind = int(faces.kind[face])
    if kind not in (_SPHERE, _CYLINDER, _TORUS):
        return None
    middle, along = float(faces.origin[face] @ direction), float(faces.axis[face] @ direction)
    if kind == _SPHERE or (kind == _CYLINDER and abs(along) < SQUARE):
        reach = float(faces.radius[face])
    elif kind == _TORUS:
        # A cosine near 1 cannot tell how far the axis is off.
        tilt = float(np.linalg.norm(cross(faces.axis[face], direction)))
        reach = float(faces.radius[face]) * tilt + float(faces.minor_radius[face])
    else:
        return None
    return middle - reach, middle + reach
