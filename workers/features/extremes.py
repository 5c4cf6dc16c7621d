"""How far a curved face bulges beyond the nodes of its mesh."""

import numpy as np

from workers.cad.part import Faces, Floats, Surface

SQUARE = 1e-6  # cosine


def surface_extremes(faces: Faces, face: int, direction: Floats) -> tuple[float, float] | None:
    """(least, greatest) coordinate along `direction` of the whole surface under `face`; None if it has none."""
    kind, middle = faces.kind[face], float(faces.origin[face] @ direction)
    along = float(faces.axis[face] @ direction)
    if kind == Surface.SPHERE or (kind == Surface.CYLINDER and abs(along) < SQUARE):
        reach = float(faces.radius[face])
    elif kind == Surface.TORUS:
        reach = float(faces.radius[face] * np.sqrt(max(0.0, 1 - along**2)) + faces.minor_radius[face])
    else:
        return None
    return middle - reach, middle + reach
