"""Tessellation of a kernel shape into one mesh that knows the face of each triangle."""

from typing import Any

import numpy as np

from workers.cad.binding import enum_value, module, static
from workers.cad.part import Mesh

RELATIVE_DEFLECTION = 1e-3  # of the bounding box's diagonal
ANGULAR_DEFLECTION_RAD = 0.5


def tessellate(shape: Any, faces: list[Any], diagonal: float) -> Mesh:  # noqa: ANN401
    """Mesh `shape` (mm) to 0.1 % of its `diagonal`; serial, since a forked child's parallel mesh can hang."""
    deflection = diagonal * RELATIVE_DEFLECTION
    module("BRepMesh").BRepMesh_IncrementalMesh(shape, deflection, False, ANGULAR_DEFLECTION_RAD, False)
    vertices, triangles, owner, offset = [], [], [], 0
    for index, face in enumerate(faces):
        nodes, corners = _triangulation(face)
        vertices.append(nodes)
        triangles.append(corners + offset)
        owner.append(np.full(len(corners), index, dtype=np.int64))
        offset += len(nodes)
    return Mesh(np.concatenate(vertices), np.concatenate(triangles), np.concatenate(owner), deflection)


def _triangulation(face: Any) -> tuple[Any, Any]:  # noqa: ANN401
    """((v, 3) nodes in mm, (t, 3) corners turned so that their normal points out of the material)."""
    location = module("TopLoc").TopLoc_Location()
    found = static("BRep", "BRep_Tool", "Triangulation")(face, location)
    if found is None:
        return np.zeros((0, 3)), np.zeros((0, 3), dtype=np.int64)
    points = [found.Node(i) for i in range(1, found.NbNodes() + 1)]
    nodes = np.array([(p.X(), p.Y(), p.Z()) for p in points])
    if not location.IsIdentity():
        move = location.Transformation()
        matrix = np.array([[move.Value(i, j) for j in range(1, 5)] for i in range(1, 4)])
        nodes = nodes @ matrix[:, :3].T + matrix[:, 3]
    each = [found.Triangle(i) for i in range(1, found.NbTriangles() + 1)]
    corners = np.array([(t.Value(1), t.Value(2), t.Value(3)) for t in each], dtype=np.int64) - 1
    if face.Orientation() == enum_value("TopAbs", "TopAbs_Orientation", "TopAbs_REVERSED"):
        corners = corners[:, ::-1]
    return nodes, corners
