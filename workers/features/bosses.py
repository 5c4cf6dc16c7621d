"""Bosses and ring grooves: what stands in the inner loops of a floor."""

import numpy as np

from workers.cad.part import Surface
from workers.features.feature import Feature
from workers.features.graph import PARALLEL, FaceGraph
from workers.features.plan import plan_size

HALF_TURN_DEGREES = 180.0


def boss_loops(graph: FaceGraph) -> list[tuple[int, list[int]]]:
    """(floor face, edges) of each inner loop from which material rises."""
    found = []
    for face in range(len(graph.faces)):
        if graph.kind[face] != Surface.PLANE:
            continue
        for loop in graph.faces.loops[face][1:]:
            if all(graph.is_concave(edge) for edge in loop):
                found.append((face, loop))
    return found


def find_bosses(
    graph: FaceGraph, loops: list[tuple[int, list[int]]], fillets: set[int], taken: set[int]
) -> list[Feature]:
    """One boss for each loop: its walls, and the top if the walls end in one."""
    found = []
    for floor, loop in loops:
        direction = graph.faces.axis[floor]
        walls = _walls(graph, floor, loop, fillets)
        if not walls or walls & taken or _is_neck(graph, floor, walls):
            continue
        taken = taken | walls
        _, top = graph.extent(walls, direction)
        height = top - float(graph.faces.origin[floor] @ direction)
        length, width = plan_size(graph, sorted(walls), direction)
        found.append(
            Feature(
                type="boss",
                faces=sorted(walls),
                body=int(graph.faces.body[floor]),
                axis=direction,
                direction=direction,
                size={"length": length, "width": width, "height": height},
                point=graph.faces.point[min(walls)],
            )
        )
    return found


def _walls(graph: FaceGraph, floor: int, loop: list[int], fillets: set[int]) -> set[int]:
    """The faces that rise from the loop, over the fillet at their foot where there is one."""
    feet = {graph.other(edge, floor) for edge in loop} - {-1}
    walls = feet - fillets
    for foot in feet & fillets:
        walls |= {other for _, other in graph.neighbours(foot) if other != floor and other not in fillets}
    return walls


def _is_neck(graph: FaceGraph, floor: int, walls: set[int]) -> bool:
    """Whether the walls end at another face that overhangs them: what stands between is no boss."""
    beyond = {other for wall in walls for edge, other in graph.neighbours(wall) if graph.is_concave(edge)} - walls
    return any(
        graph.kind[f] == Surface.PLANE and float(graph.faces.axis[f] @ graph.faces.axis[floor]) < -0.9 for f in beyond
    )


def find_ring_grooves(graph: FaceGraph) -> list[Feature]:
    """Grooves with a flat ring as floor between an outer and an inner wall about one axis.

    Other features may cut into the ring: it is known by its walls, in as many pieces as they may be.
    """
    rings: dict[tuple[float, ...], set[int]] = {}
    for floor in range(len(graph.faces)):
        if graph.kind[floor] != Surface.PLANE:
            continue
        walls = {f for e, f in graph.neighbours(floor) if graph.is_concave(e)}
        outer, inner = ({f for f in walls if graph.sign[f] == side} for side in (-1, 1))
        if not outer or not inner or not all(_turns_about(graph, f, floor) for f in walls):
            continue
        first = min(outer)
        if all(graph.coaxial(first, f) for f in walls) and all(_is_within(graph, f, first) for f in inner):
            rings.setdefault(_ring_key(graph, first, min(inner)), set()).update({floor, *walls})
    found, taken = [], set[int]()
    for faces in rings.values():
        groove = _groove(graph, sorted(faces))
        if groove is not None and taken.isdisjoint(faces):
            taken |= faces
            found.append(groove)
    return found


def _turns_about(graph: FaceGraph, face: int, floor: int) -> bool:
    round_face = graph.kind[face] in (Surface.CYLINDER, Surface.CONE)
    return round_face and abs(float(graph.faces.axis[face] @ graph.faces.axis[floor])) > PARALLEL


def _is_within(graph: FaceGraph, inner: int, outer: int) -> bool:
    return bool(graph.faces.radius[inner] < graph.faces.radius[outer])


def _ring_key(graph: FaceGraph, outer: int, inner: int) -> tuple[float, ...]:
    """The same for all pieces of one ring: its axis, and both radii."""
    faces = graph.faces
    axis = np.round(faces.axis[outer], 4) + 0.0
    axis = axis if tuple(axis) > (0.0, 0.0, 0.0) else -axis
    foot = faces.origin[outer] - (faces.origin[outer] @ faces.axis[outer]) * faces.axis[outer]
    sizes = (faces.radius[outer], faces.radius[inner])
    return (*(axis + 0.0), *np.round(foot, 2) + 0.0, *np.round(sizes, 3))


def _groove(graph: FaceGraph, faces: list[int]) -> Feature | None:
    """The ring, if its walls go at least half around on both sides."""
    floors = [f for f in faces if graph.kind[f] == Surface.PLANE]
    outer, inner = ([f for f in faces if graph.sign[f] == side and f not in floors] for side in (-1, 1))
    if min(float(graph.faces.u_span[side].sum()) for side in (outer, inner)) < HALF_TURN_DEGREES:
        return None
    axis = graph.faces.axis[floors[0]]
    low, high = graph.extent(outer, axis)
    radius, within = float(graph.faces.radius[outer[0]]), float(graph.faces.radius[inner[0]])
    return Feature(
        type="groove",
        faces=faces,
        body=int(graph.faces.body[floors[0]]),
        axis=axis,
        direction=axis,
        size={"width": radius - within, "depth": high - low, "diameter": 2 * radius},
        point=graph.faces.point[floors[0]],
    )
