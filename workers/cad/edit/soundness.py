"""Whether a shape is a solid that one may hand on."""

from typing import Any

from workers.cad.binding import module
from workers.cad.edit.body import Body
from workers.cad.heal import open_edges


def unsound(body: Body) -> str | None:
    """What is wrong with an edited solid, or None: it must be valid, closed, and have a positive volume."""
    if not is_valid(body.shape):
        return "the result is not a valid solid"
    if count := open_edges(body.shape):
        return f"the result is not closed: {count} edges are open"
    return None if body.volume > 0 else "the result has no volume"


def is_valid(shape: Any) -> bool:  # noqa: ANN401
    """What the kernel's own check says of topology, geometry and tolerances."""
    return bool(module("BRepCheck").BRepCheck_Analyzer(shape, True).IsValid())
