"""Fillets and chamfers: made along edges, and taken off again."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

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


def rounded_along(body: Body, radii: Mapping[int, tuple[float, float]]) -> Body:
    """`body` with fillets whose radius runs evenly from each edge's start to its end, mm. Raises EditError.

    What runs smoothly on from an edge must be among the edges.
    """
    fillet = module("BRepFilletAPI").BRepFilletAPI_MakeFillet(body.shape)
    for edge in radii:
        fillet.Add(body.edge_shapes[edge])
    for contour in range(1, fillet.NbContours() + 1):
        shapes = [fillet.Edge(contour, number) for number in range(1, fillet.NbEdges(contour) + 1)]
        found = [next((edge for edge in radii if body.edge_shapes[edge].IsSame(shape)), None) for shape in shapes]
        chain = [edge for edge in found if edge is not None]
        if len(chain) < len(found):
            raise EditError("the fillet runs on smoothly beyond its edges")
        for number, edge in enumerate(chain, start=1):
            first, last = radii[edge] if _runs_ahead(body, chain, number - 1) else radii[edge][::-1]
            fillet.SetRadius(first, last, contour, number)
    return _built(fillet, "no fillet whose radius changes fits there")


def _runs_ahead(body: Body, chain: list[int], number: int) -> bool:
    """Whether an edge of a chain starts where the one before it ends."""
    ends = np.stack([body.edges.start, body.edges.end], axis=1)
    here = ends[chain[number]]
    if number + 1 < len(chain):
        gaps = np.linalg.norm(here[:, None] - ends[chain[number + 1]], axis=2).min(axis=1)
        return bool(gaps[1] < gaps[0])
    gaps = np.linalg.norm(here[:, None] - ends[chain[number - 1]], axis=2).min(axis=1)
    return bool(gaps[0] <= gaps[1])


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
