"""How far material surrounds a feature, seen square to the direction that a tool leaves it by."""

import numpy as np

from workers.cad.part import Floats, Ints
from workers.features.graph import FaceGraph
from workers.features.plan import square_to

DIRECTIONS = 32  # about the axis
SAMPLES = 64  # of the feature's walls
LIFT = 1e-3  # of the part's diagonal: how far from the wall the looks around start, at most
LEVEL = 0.9  # cosine: a floor, which looks up and says nothing either
PARALLEL = 0.9999  # cosine: normals of one flat wall, or of its opposite
GRAZING = 0.1  # cosine: a look along the wall itself says nothing


def openness(graph: FaceGraph, members: list[int], direction: Floats) -> float:
    """The share of looks from the walls of `members`, square to `direction`, that meet no material: 0 to 1.

    0 in a closed pocket, 1 around a free-standing boss. Without walls along `direction` it is 1.
    """
    triangles = _walls(graph, members, direction)
    if not len(triangles):
        return 1.0
    mesh = graph.part.mesh
    start = mesh.centroids[triangles] + mesh.normals[triangles] * _lift(graph, triangles)[:, None]
    around = _directions_around(direction, mesh.normals[triangles], mesh.areas[triangles])
    facing = mesh.normals[triangles] @ around.T > GRAZING
    which, along = np.nonzero(facing)
    hit, _ = graph.rays.first_hit(start[which], around[along])
    weight = mesh.areas[triangles][which]
    return float(weight[hit < 0].sum() / weight.sum())


def _walls(graph: FaceGraph, members: list[int], direction: Floats) -> Ints:
    """The largest triangles of `members` that are not level, seen along `direction`."""
    mesh = graph.part.mesh
    of_members = graph.triangles_of(members)
    triangles = of_members[np.abs(mesh.normals[of_members] @ direction) < LEVEL]
    order = np.lexsort((triangles, -np.round(mesh.areas[triangles], 6)))
    return np.asarray(triangles[order[:SAMPLES]])


def _lift(graph: FaceGraph, triangles: Ints) -> Floats:
    """mm to start above each triangle: clear of the mesh's error, but well within a narrow slot."""
    mesh = graph.part.mesh
    corners = mesh.vertices[mesh.triangles[triangles]]
    shortest = np.linalg.norm(corners - np.roll(corners, 1, axis=1), axis=2).min(axis=1)
    return np.asarray(np.minimum(LIFT * graph.part.diagonal, 0.1 * shortest))


def _directions_around(axis: Floats, normals: Floats, areas: Floats) -> Floats:
    """(DIRECTIONS, 3) unit vectors, evenly around `axis` from the normal of most of the walls' area on."""
    frame = square_to(axis)
    flat = normals @ frame
    facing = flat[int(np.round((np.abs(normals @ normals.T) > PARALLEL) @ areas / areas.sum(), 6).argmax())]
    angle = np.arctan2(facing[1], facing[0]) + 2 * np.pi * np.arange(DIRECTIONS) / DIRECTIONS
    return np.column_stack([np.cos(angle), np.sin(angle)]) @ frame.T
