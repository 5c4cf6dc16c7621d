"""Moulded bosses: round, they rise from a floor along the pull, hollow or not."""

import numpy as np

from workers.cad.part import Floats
from workers.features.feature import Feature
from workers.features.graph import FaceGraph
from workers.moulding.round_walls import RoundWall, are_coaxial, round_walls
from workers.moulding.stands import ends_free, foot_level

# What takes more than this of the part across the pull is its body, not a boss on it.
OF_THE_PART = 0.5
# Engineering judgement: screws into plastic go up to M8 or M10. What stands around a wider hole is a wall: a spigot.
WIDEST_SCREW_MM = 10.0


def find_bosses(graph: FaceGraph, pull: Floats) -> list[Feature]:
    """One for each round wall that stands on a floor and ends free, around a hole that a screw fits in or none.

    `diameter` is the outer one at the foot; a hollow one has its `inner_diameter` and the `wall` there, or as far
    down as the hole goes.
    """
    holes = round_walls(graph, pull, -1)
    across = graph.part.mesh.vertices - np.outer(graph.part.mesh.vertices @ pull, pull)
    widest = OF_THE_PART * float(np.ptp(across, axis=0).max())
    found = []
    for shaft in round_walls(graph, pull, 1):
        if 2 * max(shaft.radii) > widest:
            continue
        for up in (pull, -pull):
            levels = [level for face in shaft.faces if (level := foot_level(graph, face, up)) is not None]
            if levels and all(ends_free(graph, face, up) for face in shaft.faces):
                boss = _boss(graph, shaft, holes, pull, up, max(levels))
                if boss.size.get("inner_diameter", 0.0) <= WIDEST_SCREW_MM:
                    found.append(boss)
                break
    return found


def _boss(
    graph: FaceGraph, shaft: RoundWall, holes: list[RoundWall], pull: Floats, up: Floats, level: float
) -> Feature:
    sense = float(up @ pull)
    top = shaft.high if sense > 0 else -shaft.low
    outer = 2 * shaft.radius_at(sense * level)
    size = {"diameter": outer, "height": top - level}
    inside = [hole for hole in holes if _is_within(graph, hole, shaft)]
    if inside:
        widest = max(inside, key=lambda hole: round(max(hole.radii), 6))
        foot = max(level, widest.low if sense > 0 else -widest.high)
        inner = 2 * widest.radius_at(sense * foot)
        size |= {"inner_diameter": inner, "wall": shaft.radius_at(sense * foot) - inner / 2}
    return Feature(
        type="boss",
        faces=sorted({*shaft.faces, *(face for hole in inside for face in hole.faces)}),
        body=int(graph.faces.body[shaft.faces[0]]),
        axis=up,
        direction=up,
        size=size,
        point=shaft.point + sense * level * pull,
    )


def _is_within(graph: FaceGraph, hole: RoundWall, shaft: RoundWall) -> bool:
    overlap = min(hole.high, shaft.high) - max(hole.low, shaft.low)
    return are_coaxial(graph, hole, shaft) and max(hole.radii) < max(shaft.radii) and overlap > graph.tolerance
