"""The exact, axis-aligned bounding box of a tessellated part."""

from typing import Any

import numpy as np

from workers.cad.binding import module, static
from workers.cad.elementary import ends_in_planes
from workers.cad.part import Floats, Mesh, Surface
from workers.cad.topology import FaceGeometry


def exact_box(geometry: FaceGeometry, mesh: Mesh) -> tuple[Floats, Floats]:
    """(low, high) corners in mm.

    The nodes of the mesh lie on the surfaces, so their box is too small by the mesh's error at most. Only
    curved faces that come that close to it can reach further; the kernel computes the boxes of those.
    """
    low, high = mesh.vertices.min(axis=0), mesh.vertices.max(axis=0)
    reach = 2 * mesh.deflection
    corners = mesh.vertices[mesh.triangles]
    near = (corners.min(axis=1) < low + reach) | (corners.max(axis=1) > high - reach)
    near &= ~ends_in_planes(geometry.kind, geometry.axis)[mesh.face]
    near_faces = np.unique(mesh.face[near.any(axis=1)])
    for face in near_faces[geometry.kind[near_faces] != Surface.PLANE]:
        face_low, face_high = box_of_face(geometry.shapes[face])
        low, high = np.minimum(low, face_low), np.maximum(high, face_high)
    return low, high


def box_of_face(face: Any) -> tuple[Floats, Floats]:  # noqa: ANN401
    """(low, high) corners of one face's axis-aligned box, mm, from its exact surface."""
    box = module("Bnd").Bnd_Box()
    static("BRepBndLib", "BRepBndLib", "AddOptimal")(face, box, False, False)
    low, high = box.CornerMin(), box.CornerMax()
    return np.array([low.X(), low.Y(), low.Z()]), np.array([high.X(), high.Y(), high.Z()])
