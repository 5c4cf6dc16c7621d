"""Walls leant by an angle."""

import math

from workers.cad.binding import module
from workers.cad.edit.body import Body, body_of
from workers.cad.edit.errors import EditError
from workers.cad.edit.tools import point
from workers.cad.part import Floats, Surface


def drafted(body: Body, faces: list[int], direction: Floats, height: float, degrees: float) -> Body:
    """`body` with walls leant so that they face along the unit `direction` by `degrees`.

    What lies `height` mm along `direction` stays where it is. Raises EditError if the kernel does not manage it.
    """
    kernel = module("gp")
    towards = kernel.gp_Dir(*direction.tolist())
    plane = kernel.gp_Pln(point(direction * height), towards)
    operation = module("BRepOffsetAPI").BRepOffsetAPI_DraftAngle(body.shape)
    for face in faces:
        if body.faces.kind[face] not in (Surface.PLANE, Surface.CYLINDER, Surface.CONE):
            raise EditError("only flat, cylindrical and conical walls can be leant")
        operation.Add(body.faces.shapes[face], towards, math.radians(degrees), plane)
        if not operation.AddDone():
            raise EditError("the kernel cannot lean one of the walls")
    try:
        operation.Build()
    except Exception as error:
        raise EditError("the leant walls do not meet their neighbours") from error
    if not operation.IsDone():
        raise EditError("the leant walls do not meet their neighbours")
    return body_of(operation.Shape())
