"""How much of a solid a tool would meet."""

from typing import Any

from workers.cad.binding import module, static
from workers.cad.edit.body import Body
from workers.cad.edit.booleans import combined


def volume_within(body: Body, tool: Any) -> float:  # noqa: ANN401
    """mm3 of `body` inside of a tool. Raises EditError."""
    properties = module("GProp").GProp_GProps()
    static("BRepGProp", "BRepGProp", "VolumeProperties")(combined("Common", body.shape, tool), properties)
    return float(properties.Mass())
