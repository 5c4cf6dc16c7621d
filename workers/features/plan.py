"""The outline of a feature seen along a direction: the smallest rectangle around it."""

from dataclasses import dataclass

import numpy as np

from workers.cad.elementary import cross
from workers.cad.part import Floats
from workers.features.graph import FaceGraph

FULL_CIRCLE = 2 * np.pi
SAME_AREA = 1e-6  # relative
STEPS = 90  # of a quarter turn
FINER = 16  # of what is left of it each time that one looks closer
CLOSER = 6  # times: then an angle is off by less than a hundred thousandth of a degree


def plan_size(graph: FaceGraph, members: list[int], direction: Floats) -> tuple[float, float]:
    """(length, width) in mm of the rectangle of least area around `members`, seen along a unit `direction`.

    Tried along every straight edge of the outline, where the least rectangle of a polygon lies; without any,
    all around. Arcs count with their exact extremes.
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
    angles = _angles(graph, edges, frame)
    sides = _sides(plan, arcs, angles) if len(angles) else _least_all_around(plan, arcs)
    area = sides.prod(axis=1)
    # Of equals the one that is least long: a square.
    length, width = min(np.sort(sides[area <= area.min() * (1 + SAME_AREA)])[:, ::-1].tolist())
    return length, width


def square_to(direction: Floats) -> Floats:
    """(3, 2) two unit vectors square to `direction` and to each other."""
    helper = np.eye(3)[int(np.abs(direction).argmin())]
    across = cross(direction, helper)
    across /= np.linalg.norm(across)
    return np.column_stack([across, cross(direction, across)])


@dataclass(frozen=True)
class _Arcs:
    """Circular edges that are seen as arcs."""

    centre: Floats  # (k, 2) mm, in the plan
    radius: Floats  # (k,) mm
    first: Floats  # (k,) the angle that each starts at
    span: Floats  # (k,)


def _sides(plan: Floats, arcs: _Arcs, angles: Floats) -> Floats:
    """(k, 2) mm of the rectangle at each of the `angles`."""
    return np.column_stack([_extents(plan, arcs, angles), _extents(plan, arcs, angles + np.pi / 2)])


def _least_all_around(plan: Floats, arcs: _Arcs) -> Floats:
    """(k, 2) mm of the rectangles whose area any turn makes larger."""
    step = np.pi / 2 / STEPS
    middles: Floats = step * np.arange(STEPS, dtype=np.float64)
    sides = _sides(plan, arcs, middles)
    area = sides.prod(axis=1)
    if area.max() <= area.min() * (1 + SAME_AREA):  # round
        return sides
    middles = middles[(area <= np.roll(area, 1)) & (area <= np.roll(area, -1))]
    for _ in range(CLOSER):
        around = middles[:, None] + step * np.linspace(-1, 1, FINER + 1)
        area = _sides(plan, arcs, around.ravel()).prod(axis=1).reshape(around.shape)
        middles, step = around[np.arange(len(around)), area.argmin(axis=1)], step * 2 / FINER
    return _sides(plan, arcs, middles)


def _angles(graph: FaceGraph, edges: list[int], frame: Floats) -> Floats:
    """(k,) directions of the straight edges, in radians within a quarter turn."""
    straight = [e for e in edges if graph.is_line[e]]
    flat = graph.edges.tangent[straight] @ frame if straight else np.zeros((0, 2))
    flat = flat[np.linalg.norm(flat, axis=1) > 0.5]
    return np.unique(np.round(np.arctan2(flat[:, 1], flat[:, 0]) % (np.pi / 2), 9))


def _arcs(graph: FaceGraph, edges: list[int], direction: Floats, frame: Floats) -> _Arcs:
    circles = np.array([edge for edge in edges if graph.is_circle[edge]], dtype=np.int64)
    of = graph.edges
    rims = np.stack([of.start[circles], of.middle[circles], of.end[circles]]) - of.centre[circles]
    level = (np.abs(rims @ direction) <= 1e-6 * of.radius[circles]).all(axis=0)
    circles, rims = circles[level], rims[:, level]
    radius, seen = of.radius[circles], rims @ frame
    start, middle, end = np.arctan2(seen[..., 1], seen[..., 0])
    ahead = (end - start) % FULL_CIRCLE
    closed = np.linalg.norm(rims[0] - rims[2], axis=1) < 1e-9 * radius
    forward = closed | ((middle - start) % FULL_CIRCLE <= ahead)
    span = np.where(closed, FULL_CIRCLE, np.where(forward, ahead, (start - end) % FULL_CIRCLE))
    return _Arcs(of.centre[circles] @ frame, radius, np.where(forward, start, end), span)


def _extents(plan: Floats, arcs: _Arcs, angles: Floats) -> Floats:
    """(k,) mm between the two lines square to each of the `angles` that enclose everything."""
    along = np.stack([np.cos(angles), np.sin(angles)])
    heights = plan @ along
    low, high = heights.min(axis=0), heights.max(axis=0)
    middle, radius = arcs.centre @ along, arcs.radius[:, None]
    first, span = arcs.first[:, None], arcs.span[:, None]
    tops = np.where((angles - first) % FULL_CIRCLE <= span, middle + radius, -np.inf)
    bottoms = np.where((angles + np.pi - first) % FULL_CIRCLE <= span, middle - radius, np.inf)
    high, low = np.vstack([high, tops]).max(axis=0), np.vstack([low, bottoms]).min(axis=0)
    return np.asarray(high - low)
