"""The solids in a shape, and which faces of it are theirs, in the order of `TopExp_Explorer(shape, FACE)`."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from workers.cad.binding import downcast, enum_value, module, new_shape_map
from workers.cad.explore import explore, shape_kind
from workers.cad.part import Ints


@dataclass(frozen=True)
class FoundSolid:
    """A solid where it lies, with the numbers of its faces in the whole shape."""

    shape: Any
    faces: Ints


@dataclass(frozen=True)
class FoundShapes:
    """What a shape is made of."""

    solids: list[FoundSolid]
    loose: Ints  # the numbers of the faces outside of all solids
    faces: int


def find_solids(shape: Any) -> FoundShapes:  # noqa: ANN401
    """The solids of `shape` and its other faces."""
    solids, loose, count = [], [], 0
    for piece in _pieces(shape):
        numbers = np.arange(count, count + len(explore(piece, "Face")))
        count += len(numbers)
        if piece.ShapeType() == shape_kind("SOLID"):
            solids.append(FoundSolid(downcast("Solid")(piece), numbers))
        else:
            loose.append(numbers)
    return FoundShapes(solids, np.concatenate(loose) if loose else np.zeros(0, dtype=np.int64), count)


def distinct(solids: list[FoundSolid]) -> list[int]:
    """For each solid the number of the first that is the same but for its place."""
    known = new_shape_map()
    nowhere, forward = module("TopLoc").TopLoc_Location(), enum_value("TopAbs", "TopAbs_Orientation", "TopAbs_FORWARD")
    firsts: dict[int, int] = {}
    return [
        firsts.setdefault(int(known.Add(solid.shape.Located(nowhere).Oriented(forward))), number)
        for number, solid in enumerate(solids)
    ]


def _pieces(shape: Any) -> Iterator[Any]:  # noqa: ANN401
    """Solids, and what else is not made of them, in the order in which an explorer comes to them."""
    if shape.ShapeType() not in (shape_kind("COMPOUND"), shape_kind("COMPSOLID")):
        yield shape
        return
    children = module("TopoDS").TopoDS_Iterator(shape)
    while children.More():
        yield from _pieces(children.Value())
        children.Next()
