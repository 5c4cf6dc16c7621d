"""Through pockets of any outline: a ring of walls from the inner loop of one flat face to that of another."""

from workers.cad.part import Bend, Surface
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
            walls = _walls(graph, face, loop)
            if walls is not None and not walls & done:
                done |= walls
                found.append(_describe(graph, face, sorted(walls), concave_fillets))
    return found


def _walls(graph: FaceGraph, face: int, loop: list[int]) -> set[int] | None:
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
    return walls if through else None


def _describe(graph: FaceGraph, face: int, walls: list[int], concave_fillets: set[int]) -> Feature:
    direction = graph.faces.axis[face]
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
