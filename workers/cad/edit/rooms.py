"""The empty space within a solid's reach, as solids."""

from typing import Any

import numpy as np

from workers.cad.edit.body import Body
from workers.cad.edit.booleans import combined
from workers.cad.edit.errors import EditError
from workers.cad.solids import find_solids
from workers.cad.topology import read_topology

SAME_MM = 1e-3


def room_on(body: Body, floor: int, within: Any) -> Any:  # noqa: ANN401
    """What of the solid `within` is free of material and stands on all of a flat face of `body`.

    Raises EditError if nothing does.
    """
    normal, origin, box = body.faces.axis[floor], body.faces.origin[floor], np.array(body.box_of_faces([floor]))
    for solid in find_solids(combined("Cut", within, body.shape)).solids:
        room = Body(solid.shape, *read_topology(solid.shape)[:2])
        if any(np.allclose(room.box_of_faces([face]), box, atol=SAME_MM) for face in room.planes_at(-normal, origin)):
            return room.shape
    raise EditError("there is no room on the floor to fill")
