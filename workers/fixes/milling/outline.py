"""The outline of a pocket with flat upright walls, seen along its direction."""

import numpy as np

from workers.cad.edit.body import Body
from workers.cad.part import Curve, Floats, Surface
from workers.fixes.registry import NoEditError

UPRIGHT = 1e-6
PARALLEL = 1 - 1e-6
LEAST_TURN = 1e-3


def upright_walls(body: Body, faces: list[int], direction: Floats) -> list[int]:
    """The flat faces along `direction`, in order around the pocket, however they are numbered.

    Raises NoEditError if they do not close a ring.
    """
    kinds, axes = body.faces.kind, body.faces.axis
    walls = [f for f in faces if kinds[f] == Surface.PLANE and abs(float(axes[f] @ direction)) < UPRIGHT]
    floors = [f for f in faces if kinds[f] == Surface.PLANE and abs(float(axes[f] @ direction)) > PARALLEL]
    if len(walls) < 3 or len(walls) + len(floors) < len(faces):
        raise NoEditError("its walls are not all flat and upright")
    ring = [min(walls, key=lambda wall: _corners(body, wall))]
    while len(ring) < len(walls):
        beside = set(_next_walls(body, ring[-1], direction)) & set(walls) - set(ring)
        if not beside:
            break
        ring.append(max(beside, key=lambda wall: float(np.cross(axes[ring[-1]], axes[wall]) @ direction)))
    if len(ring) < len(walls) or ring[0] not in _next_walls(body, ring[-1], direction):
        raise NoEditError("its walls do not go all around")
    return ring


def _corners(body: Body, wall: int) -> list[float]:
    """By which a wall is known however it is numbered: the corners of its box."""
    return [float(number) for number in np.round(np.concatenate(body.box_of_faces([wall])), 4)]


def _next_walls(body: Body, wall: int, direction: Floats) -> list[int]:
    """The faces across the upright edges of a wall."""
    edges = body.edges
    return [
        other
        for edge, other in body.neighbours(wall)
        if edges.kind[edge] == Curve.LINE and abs(float(edges.tangent[edge] @ direction)) > PARALLEL
    ]


def wider_outline(body: Body, walls: list[int], direction: Floats, by: Floats) -> Floats:
    """(n, 3) corners, in a plane square to `direction`, of the outline, each wall moved (n,) mm into the material."""
    normals = body.faces.axis[walls]
    levels = np.einsum("ij,ij->i", body.faces.origin[walls], normals) - by
    corners = []
    for one, two in zip(range(len(walls)), [*range(1, len(walls)), 0], strict=True):
        across = np.array([normals[one], normals[two], direction])
        if abs(float(np.linalg.det(across))) < LEAST_TURN:
            raise NoEditError("two of its walls run on from each other")
        corners.append(np.linalg.solve(across, np.array([levels[one], levels[two], 0.0])))
    return np.array(corners)
