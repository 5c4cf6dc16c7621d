"""Ring grooves of round section, as for an O-ring's seat: a torus sunk into a face."""

import numpy as np

from workers.cad.part import Bend, Floats, Surface
from workers.features.feature import Feature
from workers.features.graph import FaceGraph

HALF_TURN_DEGREES = 180.0


def find_round_grooves(graph: FaceGraph) -> list[Feature]:
    """Grooves of round section around an axis that open to one side, in as many pieces as the torus is written."""
    rings: dict[tuple[float, ...], list[int]] = {}
    for face in range(len(graph.faces)):
        if graph.kind[face] == Surface.TORUS and graph.sign[face] < 0 and not _is_tangent(graph, face):
            sizes = (graph.faces.radius[face], graph.faces.minor_radius[face])
            rings.setdefault((*np.round(graph.faces.origin[face], 2) + 0.0, *np.round(sizes, 3)), []).append(face)
    grooves = [_round_groove(graph, faces) for faces in rings.values()]
    return [groove for groove in grooves if groove is not None]


def _is_tangent(graph: FaceGraph, face: int) -> bool:
    """A fillet, which runs smoothly into other faces than those of its own torus."""
    return any(
        graph.bend[edge] == Bend.SMOOTH and graph.kind[other] != Surface.TORUS for edge, other in graph.neighbours(face)
    )


def _round_groove(graph: FaceGraph, faces: list[int]) -> Feature | None:
    """The ring, if it goes at least half around and its two rims lie at one height."""
    if float(graph.faces.u_span[faces].sum()) < HALF_TURN_DEGREES:
        return None
    axis, origin = graph.faces.axis[faces[0]], graph.faces.origin[faces[0]]
    rims = {e for f in faces for e, other in graph.neighbours(f) if other not in faces and graph.edges.radius[e] > 0}
    if not rims:
        return None
    ordered = sorted(rims)
    heights, radii = (graph.edges.centre[ordered] - origin) @ axis, graph.edges.radius[ordered]
    width = float(np.ptp(radii))
    if np.ptp(heights) > graph.tolerance or width < graph.tolerance:
        return None
    axis = axis if _opens_along(graph, faces, axis) else -axis
    mouth = float((graph.edges.centre[ordered[0]] - origin) @ axis)
    return Feature(
        type="groove",
        faces=sorted(faces),
        body=int(graph.faces.body[faces[0]]),
        axis=axis,
        direction=axis,
        size={
            "width": width,
            "depth": mouth + float(graph.faces.minor_radius[faces[0]]),
            "diameter": 2 * float(radii.max()),
        },
        point=graph.faces.point[faces[0]],
    )


def _opens_along(graph: FaceGraph, faces: list[int], axis: Floats) -> bool:
    beyond = sorted({other for face in faces for _, other in graph.neighbours(face)} - set(faces))
    return float(graph.faces.normal[beyond].sum(axis=0) @ axis) > 0
