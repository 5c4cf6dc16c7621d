"""The axis that a part turns about: fully, or in equal steps."""

from dataclasses import dataclass

import numpy as np
from scipy.spatial import KDTree

from workers.cad.elementary import cross
from workers.cad.part import Faces, Floats, Part, Surface
from workers.facts.frames import own_directions, principal_axes

# Steps of a turn that are tried, largest first.
ORDERS = (12, 10, 9, 8, 7, 6, 5, 4, 3, 2)
AXES = 12
SAME_INERTIA = 1e-4  # of the sum of the moments
PARALLEL = 1 - 1e-9
# How much a face's side, the root of its area, counts against the place of its centre: the mesh is less sure of it.
SAME_SIZE = 0.2


@dataclass(frozen=True)
class SymmetryAxis:
    """A line that the part can be turned about and be the same."""

    direction: Floats  # (3,)
    point: Floats  # (3,) the centre of mass, which lies on it
    order: int  # equal steps in a turn; 0 for a solid of revolution


def symmetry_axis(part: Part) -> SymmetryAxis | None:
    """The axis of the highest symmetry; it leads through the centre of mass, so only its direction is sought."""
    axes = np.concatenate([own_directions(part)[:AXES], principal_axes(part)])
    near = 1e-6 * part.diagonal
    for axis in axes:
        if _is_of_revolution(part.faces, axis, part.centre_of_mass, near):
            return SymmetryAxis(axis, part.centre_of_mass, 0)
    axes = np.array([axis for axis in axes if _is_principal(part.inertia, axis)]).reshape(-1, 3)
    centres = _face_centres(part)
    for order in ORDERS:
        for axis in axes:
            if (order == 2 or _is_even_around(part.inertia, axis)) and _repeats(part, centres, axis, order):
                return SymmetryAxis(axis, part.centre_of_mass, order)
    return None


def _is_principal(inertia: Floats, axis: Floats) -> bool:
    """Whether the part would turn about the axis without wobbling, as it does about any axis of symmetry."""
    along = float(axis @ inertia @ axis)
    return float(np.linalg.norm(inertia @ axis - along * axis)) < SAME_INERTIA * float(np.trace(inertia))


def _is_even_around(inertia: Floats, axis: Floats) -> bool:
    """Whether the moments across the axis are the same all around, as they are from three equal steps on."""
    helper = np.eye(3)[int(np.abs(axis).argmin())]
    across = cross(axis, helper)
    across /= np.linalg.norm(across)
    other = cross(axis, across)
    apart = float(across @ inertia @ across - other @ inertia @ other)
    return abs(apart) < SAME_INERTIA * float(np.trace(inertia))


def _is_of_revolution(faces: Faces, axis: Floats, centre: Floats, near: float) -> bool:
    """Whether every face turns about the line: then its borders, where two of them meet, are full circles too."""
    along = np.abs(faces.axis @ axis) > PARALLEL
    offset = faces.origin - centre
    off_line = np.linalg.norm(offset - (offset @ axis)[:, None] * axis, axis=1)
    on_line = off_line < near
    turned = np.isin(faces.kind, (Surface.CYLINDER, Surface.CONE, Surface.TORUS)) & along & on_line
    return bool(
        (turned | ((faces.kind == Surface.PLANE) & along) | ((faces.kind == Surface.SPHERE) & on_line)).all()
        and turned.any()
    )


def _face_centres(part: Part) -> Floats:
    """(n, 3) of each face, relative to the centre of mass; from the mesh."""
    mesh, count = part.mesh, len(part.faces)
    weighted = (mesh.centroids - part.centre_of_mass) * mesh.areas[:, None]
    total = np.maximum(part.faces.area, 1e-12)
    return np.column_stack([np.bincount(mesh.face, weights=w, minlength=count) / total for w in weighted.T])


def _repeats(part: Part, centres: Floats, axis: Floats, order: int) -> bool:
    """Whether every face comes to lie on one of the same kind and area when the part is turned by one step."""
    angle = 2 * np.pi / order
    along = (centres @ axis)[:, None] * axis
    turned = along + (centres - along) * np.cos(angle) + np.cross(axis, centres) * np.sin(angle)
    # Two faces may have one centre: kind and size tell them apart.
    size = SAME_SIZE * np.sqrt(part.faces.area)
    nature = np.column_stack([part.faces.kind * part.diagonal, size])
    distance, _ = KDTree(np.column_stack([centres, nature])).query(np.column_stack([turned, nature]))
    return bool((distance < part.mesh.deflection).all())
