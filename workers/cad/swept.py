"""Cylinders, cones, planes, spheres and tori that were written as a line or an arc swept along or around an axis."""

from typing import Any

from workers.cad.binding import module, static
from workers.cad.explore import explore


def elementary_of_swept(face: Any) -> Any:  # noqa: ANN401
    """A surface adaptor of what the swept face is; still of a swept surface where that is nothing simpler."""
    converted = explore(static("ShapeCustom", "ShapeCustom", "SweptToElementary")(face), "Face")
    return module("BRepAdaptor").BRepAdaptor_Surface(converted[0], False)
