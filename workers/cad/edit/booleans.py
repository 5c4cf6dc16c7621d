"""Joining a tool to a solid, or cutting it from one, without seams where the two are flush."""

from typing import Any

import numpy as np

from workers.cad.binding import IS_OCP, module
from workers.cad.bounding_box import box_of_face
from workers.cad.edit.body import Body, body_of
from workers.cad.edit.errors import EditError
from workers.cad.part import Bend, Floats

# Faces that touch within this are one: sizes written to a micrometre, multiplied out.
FUZZY_MM = 1e-5


def joined(body: Body, *tools: Any) -> Body:  # noqa: ANN401
    """`body` and the tools as one solid. Raises EditError."""
    return _combined("Fuse", body, tools)


def cut(body: Body, *tools: Any) -> Body:  # noqa: ANN401
    """`body` without the tools. Raises EditError."""
    return _combined("Cut", body, tools)


def _combined(how: str, body: Body, tools: tuple[Any, ...]) -> Body:
    shape = body.shape
    for tool in tools:
        shape = combined(how, shape, tool)
    return _seamless(body, shape, *_box_around(tools))


def combined(how: str, first: Any, second: Any) -> Any:  # noqa: ANN401
    """The `Fuse`, `Cut` or `Common` of two shapes, seams and all. Raises EditError."""
    operation = getattr(module("BRepAlgoAPI"), f"BRepAlgoAPI_{how}")()
    arguments, tools = new_shape_list(), new_shape_list()
    arguments.Append(first)
    tools.Append(second)
    operation.SetArguments(arguments)
    operation.SetTools(tools)
    operation.SetFuzzyValue(FUZZY_MM)
    operation.SetRunParallel(False)
    operation.Build()
    if not operation.IsDone():
        raise EditError("the kernel could not combine the solid with the tool")
    return operation.Shape()


def _seamless(before: Body, shape: Any, low: Floats, high: Floats) -> Body:  # noqa: ANN401
    """`shape` with flush faces merged inside a box; elsewhere faces stay as they were divided."""
    unify = module("ShapeUpgrade").ShapeUpgrade_UnifySameDomain(shape, True, True, False)
    rough = body_of(shape)
    edge_low, edge_high = rough.edge_boxes
    outside = np.any((edge_high < low) | (edge_low > high), axis=1)
    # Where faces were divided before, they stay so: only what the edit made flush is merged.
    old = _known(before, rough)
    for number in np.flatnonzero(outside | old).tolist():
        unify.KeepShape(rough.edge_shapes[number])
    unify.Build()
    return body_of(unify.Shape())


def _known(before: Body, after: Body) -> np.ndarray:
    """(m,) whether each edge of `after` divided flush faces of `before`."""
    left, right = before.edges.faces.T
    alike = (before.faces.kind[left] == before.faces.kind[right]) & (
        np.abs(before.faces.radius[left] - before.faces.radius[right]) < FUZZY_MM
    )
    known = {_signature(before, edge) for edge in np.flatnonzero((before.edges.bend == Bend.SMOOTH) & alike).tolist()}
    return np.array([_signature(after, number) in known for number in range(len(after.edges))], dtype=bool)


def _signature(body: Body, number: int) -> tuple[float, ...]:
    edges = body.edges
    ends = sorted([tuple(np.round(edges.start[number], 4)), tuple(np.round(edges.end[number], 4))])
    return (*ends[0], *ends[1], *np.round(edges.middle[number], 4))


def _box_around(shapes: tuple[Any, ...]) -> tuple[Floats, Floats]:
    boxes = [box_of_face(shape) for shape in shapes]
    return np.min([low for low, _ in boxes], axis=0) - 1e-3, np.max([high for _, high in boxes], axis=0) + 1e-3


def new_shape_list() -> Any:  # noqa: ANN401
    """An empty list of shapes."""
    if IS_OCP:
        return module("collections").List_TopoDS_Shape()
    return module("TopTools").TopTools_ListOfShape()
