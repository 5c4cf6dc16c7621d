"""Fillets and chamfers: made along edges, and taken off again."""

from collections.abc import Iterable
from typing import Any

from workers.cad.binding import module
from workers.cad.edit.body import Body, body_of
from workers.cad.edit.errors import EditError

NEIGHBOURS_APART = "its neighbours do not meet where it is taken off"


def rounded(body: Body, edges: Iterable[int], radius: float) -> Body:
    """`body` with a fillet of `radius` mm along `edges`. Raises EditError."""
    fillet = module("BRepFilletAPI").BRepFilletAPI_MakeFillet(body.shape)
    for edge in edges:
        fillet.Add(radius, body.edge_shapes[edge])
    return _built(fillet, f"no fillet of R{radius:.3f} mm fits there")


def chamfered(body: Body, edges: Iterable[int], width: float) -> Body:
    """`body` with a chamfer of `width` mm at 45° along `edges`. Raises EditError."""
    chamfer = module("BRepFilletAPI").BRepFilletAPI_MakeChamfer(body.shape)
    for edge in edges:
        chamfer.Add(width, body.edge_shapes[edge])
    return _built(chamfer, f"no chamfer of {width:.3f} mm fits there")


def without_faces(body: Body, faces: Iterable[int]) -> Body:
    """`body` without some faces, their neighbours grown together. Raises EditError if they do not meet."""
    removal = module("BRepAlgoAPI").BRepAlgoAPI_Defeaturing()
    removal.SetShape(body.shape)
    removal.SetRunParallel(False)
    shapes = [body.faces.shapes[face] for face in faces]
    for shape in shapes:
        removal.AddFaceToRemove(shape)
    bare = _built(removal, NEIGHBOURS_APART)
    # The kernel leaves what it cannot take off, and says that it is done.
    if not all(removal.IsDeleted(shape) for shape in shapes):
        raise EditError(NEIGHBOURS_APART)
    return bare


def _built(operation: Any, reason: str) -> Body:  # noqa: ANN401
    """The result of a kernel operation."""
    try:
        operation.Build()
    except Exception as error:
        raise EditError(reason) from error
    if not operation.IsDone():
        raise EditError(reason)
    return body_of(operation.Shape())
