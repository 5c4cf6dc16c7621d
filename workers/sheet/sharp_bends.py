"""Bends that are drawn without an inner radius: two flats that meet at an edge, and those behind them as well."""

from dataclasses import dataclass, field

import numpy as np

from workers.cad.part import Bend, Surface
from workers.facts.rays import Bools
from workers.features.graph import FaceGraph

SAME_PLACE = 1e-3  # mm


@dataclass
class SharpBends:
    """`edges` are those that a skin goes on over, inside and outside; `rounds` are outsides that are rounded by t."""

    edges: dict[int, float] = field(default_factory=dict)  # edge -> degrees of the bend
    rounds: dict[int, int] = field(default_factory=dict)  # face -> the sharp edge inside


def find_sharp_bends(graph: FaceGraph, partner: dict[int, list[int]], paired: Bools, thickness: float) -> SharpBends:
    """The bends of a sheet whose inner edge is sharp; `paired` tells which faces have the other skin behind them."""
    found = SharpBends()
    for edge in np.flatnonzero(graph.edges.bend == Bend.CONCAVE).tolist():
        one, two = graph.pairs[edge]
        is_flat = graph.kind[one] == graph.kind[two] == Surface.PLANE and graph.is_line[edge]
        if not is_flat or not paired[one] or not paired[two]:
            continue
        angle = abs(float(graph.edges.angle[edge]))
        for outside, rounded in _outsides(graph, set(partner[one]), set(partner[two]), edge, thickness):
            found.edges[edge] = angle
            if rounded:
                found.rounds[outside] = edge
            else:
                found.edges[outside] = angle
    return found


def _outsides(
    graph: FaceGraph, behind_one: set[int], behind_two: set[int], inside: int, thickness: float
) -> list[tuple[int, bool]]:
    """(the edge, False), or (the rounded face, True), that the flats behind the sharp edge `inside` meet at."""
    found = []
    for face in sorted(behind_one - behind_two):
        for edge, other in graph.neighbours(face):
            if other in behind_two and graph.bend[edge] == Bend.CONVEX and graph.is_line[edge]:
                found.append((edge, False))
            elif _rounds(graph, edge, other, inside, thickness) and behind_two & _smooth(graph, other):
                found.append((other, True))
    return list(dict.fromkeys(found))


def _rounds(graph: FaceGraph, edge: int, face: int, inside: int, thickness: float) -> bool:
    faces = graph.faces
    is_round = graph.bend[edge] == Bend.SMOOTH and graph.kind[face] == Surface.CYLINDER and graph.sign[face] > 0
    if not is_round or abs(float(faces.radius[face]) - thickness) > SAME_PLACE:
        return False
    offset = graph.edges.middle[inside] - faces.origin[face]
    axis = faces.axis[face]
    return float(np.linalg.norm(offset - (offset @ axis) * axis)) < SAME_PLACE


def _smooth(graph: FaceGraph, face: int) -> set[int]:
    return {other for edge, other in graph.neighbours(face) if graph.bend[edge] == Bend.SMOOTH}
