"""Bosses and ring grooves: what stands in the inner loops of a floor."""

from workers.cad.part import Surface
from workers.features.feature import Feature
from workers.features.graph import FaceGraph
from workers.features.plan import plan_size


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
    """Grooves with a flat ring as floor between an outer and an inner wall about one axis."""
    found = []
    for face in range(len(graph.faces)):
        if graph.kind[face] != Surface.PLANE or len(graph.faces.loops[face]) != 2:
            continue
        outer_loop, inner_loop = graph.faces.loops[face]
        outer = {graph.other(e, face) for e in outer_loop if graph.is_concave(e)}
        inner = {graph.other(e, face) for e in inner_loop if graph.is_concave(e)}
        if not outer or not inner or -1 in outer | inner:
            continue
        seed = min(outer)
        walls = outer | inner
        round_walls = all(graph.kind[f] in (Surface.CYLINDER, Surface.CONE) and graph.coaxial(seed, f) for f in walls)
        if not round_walls or any(graph.sign[f] >= 0 for f in outer) or any(graph.sign[f] <= 0 for f in inner):
            continue
        axis = graph.faces.axis[face]
        low, high = graph.extent([seed], axis)
        width = float(graph.faces.radius[seed] - graph.faces.radius[min(inner)])
        found.append(
            Feature(
                type="groove",
                faces=sorted(walls | {face}),
                body=int(graph.faces.body[face]),
                axis=axis,
                direction=axis,
                size={"width": width, "depth": high - low, "diameter": 2 * float(graph.faces.radius[seed])},
                point=graph.faces.point[face],
            )
        )
    return found
