"""How much of a solid a tool would meet."""

from typing import Any

from workers.cad.edit.body import Body, volume_of
from workers.cad.edit.booleans import combined


def volume_within(body: Body, tool: Any) -> float:  # noqa: ANN401
    """mm3 of `body` inside of a tool. Raises EditError."""
    return volume_of(combined("Common", body.shape, tool))
