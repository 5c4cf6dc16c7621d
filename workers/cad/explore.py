"""Walking the sub-shapes of a kernel shape."""

from typing import Any

from workers.cad.binding import downcast, enum_value, module


def explore(shape: Any, kind: str) -> list[Any]:  # noqa: ANN401
    """The sub-shapes of one kind (`Face`, `Wire`, …) in `TopExp_Explorer` order, each as often as it is used."""
    explorer = module("TopExp").TopExp_Explorer(shape, shape_kind(kind))
    to_kind, found = downcast(kind), []
    while explorer.More():
        found.append(to_kind(explorer.Current()))
        explorer.Next()
    return found


def shape_kind(name: str) -> Any:  # noqa: ANN401
    """The kernel's word for a kind of shape."""
    return enum_value("TopAbs", "TopAbs_ShapeEnum", f"TopAbs_{name.upper()}")
