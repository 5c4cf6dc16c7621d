"""Round walls along the pull: cylinders and cones about one axis, whole or in pieces."""

from dataclasses import dataclass

import numpy as np

from workers.cad.part import Floats, Surface
from workers.features.graph import PARALLEL, FaceGraph

HALF_TURN_DEGREES = 180.0
STEEPEST_DRAFT_DEGREES = 15.0


@dataclass(frozen=True)
class RoundWall:
    """The faces of one cylinder or cone."""

    faces: list[int]
    low: float  # mm along the pull
    high: float
    point: Floats  # (3,) on the axis, at coordinate 0 along the pull
    radii: tuple[float, float]  # mm at `low` and `high`

    def radius_at(self, level: float) -> float:
        """mm at a height along the pull."""
        share = (level - self.low) / max(self.high - self.low, 1e-9)
        return self.radii[0] + share * (self.radii[1] - self.radii[0])


def round_walls(graph: FaceGraph, pull: Floats, sign: int) -> list[RoundWall]:
    """Those that turn more than half around: shafts by `sign` +1, holes by -1."""
    groups: dict[tuple[float, ...], list[int]] = {}
    for face in range(len(graph.faces)):
        if graph.sign[face] == sign and _is_along(graph, face, pull):
            groups.setdefault(_key(graph, face, pull), []).append(face)
    return [
        _wall(graph, faces, pull)
        for faces in groups.values()
        if float(graph.faces.u_span[faces].sum()) > HALF_TURN_DEGREES + 1.0
    ]


def _is_along(graph: FaceGraph, face: int, pull: Floats) -> bool:
    if abs(float(graph.faces.axis[face] @ pull)) < PARALLEL:
        return False
    is_cone = graph.kind[face] == Surface.CONE and abs(graph.faces.half_angle[face]) < STEEPEST_DRAFT_DEGREES
    return graph.kind[face] == Surface.CYLINDER or bool(is_cone)


def _radius(graph: FaceGraph, face: int, level: float, pull: Floats) -> float:
    faces = graph.faces
    up = float(faces.axis[face] @ pull)
    height = (level - float(faces.origin[face] @ pull)) * np.sign(up)
    return float(faces.radius[face] + height * np.tan(np.radians(faces.half_angle[face])))


def _axis_point(graph: FaceGraph, face: int, pull: Floats) -> Floats:
    origin = graph.faces.origin[face]
    return np.asarray(origin - (origin @ pull) * pull)


def _key(graph: FaceGraph, face: int, pull: Floats) -> tuple[float, ...]:
    """The same for pieces of one wall: axis, radius and taper, and where it begins and ends."""
    low, high = graph.extent([face], pull)
    ends = [low, high, *(_radius(graph, face, level, pull) for level in (low, high))]
    scale = 10 * graph.tolerance
    return tuple(round(float(v) / scale) + 0.0 for v in (*_axis_point(graph, face, pull), *ends))


def _wall(graph: FaceGraph, faces: list[int], pull: Floats) -> RoundWall:
    low, high = graph.extent(faces, pull)
    radii = _radius(graph, faces[0], low, pull), _radius(graph, faces[0], high, pull)
    return RoundWall(faces, low, high, _axis_point(graph, faces[0], pull), radii)


def are_coaxial(graph: FaceGraph, one: RoundWall, two: RoundWall) -> bool:
    """Whether two walls along the pull turn about one line."""
    return float(np.linalg.norm(one.point - two.point)) < 10 * graph.tolerance
