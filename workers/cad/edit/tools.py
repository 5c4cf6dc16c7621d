"""Simple solids to join or to cut."""

import math
from typing import Any

import numpy as np

from workers.cad.binding import module
from workers.cad.edit.errors import EditError
from workers.cad.part import Floats


def prism_of(face: Any, by: Floats) -> Any:  # noqa: ANN401
    """What a face sweeps when it is shifted `by` (3,) mm."""
    return module("BRepPrimAPI").BRepPrimAPI_MakePrism(face, module("gp").gp_Vec(*by.tolist())).Shape()


def polygon_prism(corners: Floats, by: Floats) -> Any:  # noqa: ANN401
    """The flat polygon with (n, 3) corners, swept `by` (3,) mm."""
    return prism_of(face_of_polygon(corners), by)


def face_of_polygon(corners: Floats) -> Any:  # noqa: ANN401
    """A flat face between (n, 3) corners."""
    polygon = module("BRepBuilderAPI").BRepBuilderAPI_MakePolygon()
    for corner in corners.tolist():
        polygon.Add(point(np.array(corner)))
    polygon.Close()
    face = module("BRepBuilderAPI").BRepBuilderAPI_MakeFace(polygon.Wire(), True)
    if not face.IsDone():
        raise EditError("the outline encloses no face")
    return face.Face()


def turned(at: Floats, along: Floats, profile: list[tuple[float, float]]) -> Any:  # noqa: ANN401
    """A body of revolution about the line through `at` along a unit direction: (height, radius) corners, mm.

    The profile begins and ends on the axis.
    """
    across = np.cross(along, np.eye(3)[int(np.abs(along).argmin())])
    across = across / np.linalg.norm(across)
    corners = np.array([at + height * along + radius * across for height, radius in profile])
    axis = module("gp").gp_Ax1(point(at), module("gp").gp_Dir(*along.tolist()))
    return module("BRepPrimAPI").BRepPrimAPI_MakeRevol(face_of_polygon(corners), axis).Shape()


def drill_point_length(radius: float, degrees: float) -> float:
    """mm from the shoulder of a drill to its tip, with a point of so many degrees."""
    return radius / math.tan(math.radians(degrees / 2))


def point(at: Floats) -> Any:  # noqa: ANN401
    """The kernel's point."""
    return module("gp").gp_Pnt(*at.tolist())
