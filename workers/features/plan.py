"""The outline of a feature seen along a direction: the smallest rectangle around it."""

import numpy as np

from workers.cad.elementary import cross
from workers.cad.part import Floats
from workers.features.graph import FaceGraph

FULL_CIRCLE = 2 * np.pi


def plan_size(graph: FaceGraph, members: list[int], direction: Floats) -> tuple[float, float]:
    """(length, width) in mm of the rectangle of least area around `members`, seen along a unit `direction`.

    Tried along every straight edge of the outline, where the least rectangle of a polygon lies; without
    any, in steps of one degree. Arcs count with their exact extremes.
    """
    frame = square_to(direction)
    edges = sorted({edge for face in members for edge in graph.part.edges_of_face[face]})
    all_edges = graph.edges
    points = np.concatenate(
        [graph.vertices_of_face[face] for face in members]
        + [all_edges.start[edges], all_edges.middle[edges], all_edges.end[edges]]
    )
    plan = points @ frame
    arcs = _arcs(graph, edges, direction, frame)
    angles = np.array(_angles(graph, edges, frame))
    sides = zip(_extents(plan, arcs, angles).tolist(), _extents(plan, arcs, angles + np.pi / 2).tolist(), strict=True)
    length, width = min(sides, key=lambda s: (round(s[0] * s[1], 6), round(max(s), 6)))
    return max(length, width), min(length, width)


def square_to(direction: Floats) -> Floats:
    """(3, 2) two unit vectors square to `direction` and to each other."""
    helper = np.eye(3)[int(np.abs(direction).argmin())]
    across = cross(direction, helper)
    across /= np.linalg.norm(across)
    return np.column_stack([across, cross(direction, across)])


def _angles(graph: FaceGraph, edges: list[int], frame: Floats) -> list[float]:
    """Directions to try, in radians within a quarter turn."""
    straight = [e for e in edges if graph.is_line[e]]
    flat = graph.edges.tangent[straight] @ frame if straight else np.zeros((0, 2))
    flat = flat[np.linalg.norm(flat, axis=1) > 0.5]
    if not len(flat):
        return list(np.radians(np.arange(0.0, 90.0)))
    return sorted(set(np.round(np.arctan2(flat[:, 1], flat[:, 0]) % (np.pi / 2), 9).tolist()))


def _arcs(
    graph: FaceGraph, edges: list[int], direction: Floats, frame: Floats
) -> list[tuple[Floats, float, float, float]]:
    """(centre, radius, first angle, span) of the circular edges that are seen as arcs."""
    found = []
    for edge in edges:
        if not graph.is_circle[edge]:
            continue
        centre, radius = graph.edges.centre[edge], float(graph.edges.radius[edge])
        rim = [p[edge] - centre for p in (graph.edges.start, graph.edges.middle, graph.edges.end)]
        if max(abs(float(r @ direction)) for r in rim) > 1e-6 * radius:
            continue
        start, middle, end = (np.arctan2(*(r @ frame)[::-1]) for r in rim)
        half = (middle - start) % FULL_CIRCLE
        closed = float(np.linalg.norm(rim[0] - rim[2])) < 1e-9 * radius
        if closed:
            found.append((centre @ frame, radius, float(start), FULL_CIRCLE))
        elif half <= (end - start) % FULL_CIRCLE:
            found.append((centre @ frame, radius, float(start), float((end - start) % FULL_CIRCLE)))
        else:
            found.append((centre @ frame, radius, float(end), float((start - end) % FULL_CIRCLE)))
    return found


def _extents(plan: Floats, arcs: list[tuple[Floats, float, float, float]], angles: Floats) -> Floats:
    """(k,) mm between the two lines square to each of the `angles` that enclose everything."""
    along = np.stack([np.cos(angles), np.sin(angles)])
    heights = plan @ along
    low, high = heights.min(axis=0), heights.max(axis=0)
    for centre, radius, first, span in arcs:
        middle = centre @ along
        high = np.where((angles - first) % FULL_CIRCLE <= span, np.maximum(high, middle + radius), high)
        low = np.where((angles + np.pi - first) % FULL_CIRCLE <= span, np.minimum(low, middle - radius), low)
    return np.asarray(high - low)
