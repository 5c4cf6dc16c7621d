"""Tessellation of a kernel shape into one mesh that knows the face of each triangle."""

from typing import Any

import numpy as np

from workers.cad.binding import enum_value, module
from workers.cad.part import Floats, Ints, Mesh
from workers.cad.triangulations import triangulations

RELATIVE_DEFLECTION = 1e-3  # of the bounding box's diagonal
ANGULAR_DEFLECTION_RAD = 0.5


def tessellate(shape: Any, faces: list[Any], diagonal: float) -> Mesh:  # noqa: ANN401
    """Mesh `shape` (mm) to 0.1 % of its `diagonal`; serial, since a forked child's parallel mesh can hang."""
    deflection = diagonal * RELATIVE_DEFLECTION
    module("BRepMesh").BRepMesh_IncrementalMesh(shape, deflection, False, ANGULAR_DEFLECTION_RAD, False)
    vertices, triangles, owner, offset = [], [], [], 0
    for index, (face, triangulation) in enumerate(zip(faces, triangulations(faces), strict=True)):
        nodes, corners = _placed(face, *triangulation)
        vertices.append(nodes)
        triangles.append(corners + offset)
        owner.append(np.full(len(corners), index, dtype=np.int64))
        offset += len(nodes)
    return Mesh(np.concatenate(vertices), np.concatenate(triangles), np.concatenate(owner), deflection)


def _placed(face: Any, nodes: Floats, corners: Ints) -> tuple[Floats, Ints]:  # noqa: ANN401
    """The nodes where `face` lies, in mm, and the corners turned so that their normal points out of the material."""
    location = face.Location()
    if not location.IsIdentity():
        move = location.Transformation()
        matrix = np.array([[move.Value(i, j) for j in range(1, 5)] for i in range(1, 4)])
        nodes = nodes @ matrix[:, :3].T + matrix[:, 3]
    if face.Orientation() == enum_value("TopAbs", "TopAbs_Orientation", "TopAbs_REVERSED"):
        corners = corners[:, ::-1]
    return nodes, corners
