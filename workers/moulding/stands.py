"""Where what rises from a floor has its foot."""

import numpy as np

from workers.cad.part import Bend, Floats, Surface
from workers.features.graph import FaceGraph

LEVEL = 0.7  # cosine: a floor looks so much the way that things rise from it
FLAT = 0.999


def foot_level(graph: FaceGraph, wall: int, up: Floats) -> float | None:
    """mm along `up` of the highest floor that `wall` stands on, over a fillet or not; None if it stands on none."""
    levels = []
    for edge, beyond in graph.neighbours(wall):
        if not graph.is_concave(edge):
            continue
        smooth = graph.bend[edge] == Bend.SMOOTH
        floors = [beyond] if not smooth else [f for _, f in graph.neighbours(beyond) if f != wall]
        levels += [level for floor in floors if (level := _level(graph, floor, edge, up)) is not None]
    below = [level for level in levels if level < graph.extent([wall], up)[1] - graph.tolerance]
    return max(below, default=None)


def _level(graph: FaceGraph, floor: int, edge: int, up: Floats) -> float | None:
    if graph.kind[floor] != Surface.PLANE or float(graph.faces.axis[floor] @ up) < LEVEL:
        return None
    if float(graph.faces.axis[floor] @ up) > FLAT:
        return float(graph.faces.origin[floor] @ up)
    return float(graph.edges.middle[edge] @ up)


def ends_free(graph: FaceGraph, wall: int, up: Floats) -> bool:
    """Whether nothing overhangs the wall at its upper end."""
    top = graph.extent([wall], up)[1] - graph.tolerance
    at_top = [e for e in graph.part.edges_of_face[wall] if float(graph.edges.middle[e] @ up) > top]
    return bool(at_top) and not any(graph.is_concave(edge) for edge in at_top)


def square_part(vector: Floats, up: Floats) -> Floats:
    """(3,) what `vector` has across `up`."""
    return np.asarray(vector - (vector @ up) * up)
