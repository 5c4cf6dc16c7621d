"""Through pockets of any outline: a ring of walls from the inner loop of one flat face to that of another."""

from dataclasses import dataclass

import numpy as np

from workers.cad.part import Bend, Floats, Surface
from workers.features.feature import Feature
from workers.features.graph import FaceGraph
from workers.features.plan import plan_size


def find_windows(graph: FaceGraph, taken: set[int], concave_fillets: set[int]) -> list[Feature]:
    """All of them; unlike the walk over concave edges, this one follows walls that bulge into the opening too."""
    found: list[Feature] = []
    done = set(taken)
    for face in range(len(graph.faces)):
        if graph.kind[face] != Surface.PLANE:
            continue
        for loop in graph.faces.loops[face][1:]:
            window = _window(graph, face, loop)
            if window is not None and not window.walls & done:
                done |= window.walls
                found.append(_describe(graph, window, concave_fillets))
    return found


@dataclass(frozen=True)
class _Window:
    """Walls from the inner loop of one flat face to that of another."""

    walls: set[int]
    mouths: tuple[int, int]


def _window(graph: FaceGraph, face: int, loop: list[int]) -> _Window | None:
    """The faces behind the loop, if they lead straight to an inner loop of one other flat face."""
    if any(graph.bend[edge] != Bend.CONVEX for edge in loop):
        return None
    walls = {graph.other(edge, face) for edge in loop}
    if -1 in walls or face in walls:
        return None
    rim = {(edge, other) for wall in walls for edge, other in graph.neighbours(wall) if other not in walls | {face}}
    beyond = {other for _, other in rim}
    if len(beyond) != 1:
        return None
    back = beyond.pop()
    inner = {edge for inner_loop in graph.faces.loops[back][1:] for edge in inner_loop}
    through = graph.kind[back] == Surface.PLANE and all(
        edge in inner and graph.bend[edge] == Bend.CONVEX for edge, _ in rim
    )
    return _Window(walls, (face, back)) if through else None


def _describe(graph: FaceGraph, window: _Window, concave_fillets: set[int]) -> Feature:
    walls = sorted(window.walls)
    face, direction = _straightest(graph, window)
    low, high = graph.extent(walls, direction)
    length, width = plan_size(graph, walls, direction)
    core = [wall for wall in walls if wall not in concave_fillets] or walls
    return Feature(
        type="through_pocket",
        faces=core,
        body=int(graph.faces.body[face]),
        axis=direction,
        direction=direction,
        size={"length": length, "width": width, "depth": high - low},
        point=graph.faces.point[core[0]],
        open_directions=[direction, -direction],
    )


def _straightest(graph: FaceGraph, window: _Window) -> tuple[int, Floats]:
    """(mouth, its normal) of the mouth that the walls stand on most squarely; a window may end at a slope."""
    mesh = graph.part.mesh
    triangles = graph.triangles_of(window.walls)

    def lean(normal: Floats) -> float:
        return float(np.abs(mesh.normals[triangles] @ normal) @ mesh.areas[triangles] / mesh.areas[triangles].sum())

    normals = [graph.faces.axis[mouth] for mouth in window.mouths]
    return min(
        zip(window.mouths, normals, strict=True), key=lambda m: (round(lean(m[1]), 4), *np.round(-m[1], 6).tolist())
    )
