"""Fillets and chamfers: the narrow faces that round or break an edge between two others."""

from dataclasses import dataclass

import numpy as np

from workers.cad.part import Bend, Curve, Surface
from workers.features.feature import Feature
from workers.features.graph import FaceGraph

# A fillet between two walls turns at most this far; a half turn is a slot's end.
WIDEST_FILLET_DEGREES = 150.0
STEEPEST_DRAFT_DEGREES = 15.0  # the corner between two walls of more draft is a form, not a fillet
NARROW = 0.5  # a chamfer's width over the width of the faces beside it
CHAMFER_DEGREES = (15.0, 75.0)
NARROWEST_TAPER = 0.5 / (2 * np.pi)  # a cone's width over the length of its rim: half the radius all around
CORNER_DEGREES = (75.0, 105.0)  # between the normals of the two faces that it joins


def find_fillets(graph: FaceGraph, taken: set[int]) -> list[Feature]:
    """Concave and convex rolling-ball faces, one feature a face."""
    found = []
    for face in range(len(graph.faces)):
        if face in taken or not _rolls_between_two(graph, face):
            continue
        found.append(
            Feature(
                type="concave_fillet" if graph.sign[face] < 0 else "convex_fillet",
                faces=[face],
                body=int(graph.faces.body[face]),
                axis=None if graph.kind[face] in (Surface.SPHERE, Surface.FREEFORM) else graph.faces.axis[face],
                size={"radius": _radius(graph, face), "length": _length(graph, face)},
                point=graph.faces.point[face],
            )
        )
    return found


def _radius(graph: FaceGraph, face: int) -> float:
    """Of the ball that rolls along the face, mm; of the corner between drafted walls, which is a cone, the mean."""
    if graph.kind[face] in (Surface.TORUS, Surface.FREEFORM):
        return float(graph.faces.minor_radius[face])
    if graph.kind[face] == Surface.CONE:
        axis = graph.faces.axis[face]
        middle = sum(graph.extent([face], axis)) / 2 - float(graph.faces.origin[face] @ axis)
        return abs(float(graph.faces.radius[face]) + middle * float(np.tan(np.radians(graph.faces.half_angle[face]))))
    return float(graph.faces.radius[face])


def _rolls_between_two(graph: FaceGraph, face: int) -> bool:
    """A tube-like face that is tangent to a face on each of its long sides."""
    kind = graph.kind[face]
    smooth = {other for edge, other in graph.neighbours(face) if graph.bend[edge] == Bend.SMOOTH}
    if kind in (Surface.TORUS, Surface.SPHERE):
        return len(smooth) >= 2
    if kind == Surface.FREEFORM:
        return len(smooth) >= 2 and graph.faces.minor_radius[face] > 0
    drafted = kind == Surface.CONE and abs(graph.faces.half_angle[face]) < STEEPEST_DRAFT_DEGREES
    if not (kind == Surface.CYLINDER or drafted) or graph.faces.u_span[face] > WIDEST_FILLET_DEGREES:
        return False
    long_sides = {
        other
        for edge, other in graph.neighbours(face)
        if graph.bend[edge] == Bend.SMOOTH and _runs_along(graph, edge, face)
    }
    return len(long_sides) >= 2


def _runs_along(graph: FaceGraph, edge: int, face: int) -> bool:
    """Whether `edge` runs along the axis of a cylinder rather than around it."""
    return abs(float(graph.edges.tangent[edge] @ graph.faces.axis[face])) > 0.7


def _length(graph: FaceGraph, face: int) -> float:
    lengths = [float(graph.edges.length[e]) for e, _ in graph.neighbours(face) if graph.bend[e] == Bend.SMOOTH]
    return max(lengths, default=0.0)


def find_chamfers(graph: FaceGraph, taken: set[int]) -> list[Feature]:
    """Plane chamfers between two faces, and conical ones around a shaft's or a hole's rim."""
    planes: dict[int, _PlaneChamfer] = {}
    cones: dict[int, dict[str, float]] = {}
    for face in range(len(graph.faces)):
        if face in taken:
            continue
        if graph.kind[face] == Surface.PLANE and (plane := _plane_chamfer(graph, face)):
            planes[face] = plane
        elif graph.kind[face] == Surface.CONE and (cone := _cone_chamfer(graph, face)):
            cones[face] = cone
    sizes = {face: plane.size for face, plane in planes.items() if _is_smaller_than_beside(graph, face, planes)}
    sizes |= {face: cone for face, cone in cones.items() if _is_narrow(cone) or _goes_on_from(graph, face, sizes)}
    return [
        Feature(
            type="chamfer",
            faces=[face],
            body=int(graph.faces.body[face]),
            axis=graph.faces.axis[face],
            size=size,
            point=graph.faces.point[face],
        )
        for face, size in sorted(sizes.items())
    ]


@dataclass(frozen=True)
class _PlaneChamfer:
    """A plane that may be a chamfer, and the two faces whose corner it cuts."""

    size: dict[str, float]
    between: tuple[int, int]


def _is_smaller_than_beside(graph: FaceGraph, face: int, planes: dict[int, _PlaneChamfer]) -> bool:
    """Of neighbours that could each be the other's chamfer, as on a prism of eight sides, only the smaller is one."""
    rivals = [other for other in planes[face].between if other in planes]
    return all(graph.faces.area[face] < 0.99 * graph.faces.area[other] for other in rivals)


def _plane_chamfer(graph: FaceGraph, face: int) -> _PlaneChamfer | None:
    """What `face` measures if it cuts the square corner between two faces, with convex edges on both long sides."""
    if any(graph.bend[edge] == Bend.CONCAVE for edge, _ in graph.neighbours(face)):
        return None
    sides = _long_sides(graph, face)
    if sides is None:
        return None
    (edge1, one), (edge2, two) = sides
    length = max(float(graph.edges.length[edge1]), float(graph.edges.length[edge2]))
    width = _width_across(graph, face, edge1)
    turn1, turn2 = float(graph.edges.angle[edge1]), float(graph.edges.angle[edge2])
    least, most = CORNER_DEGREES
    if not (least <= turn1 + turn2 <= most and CHAMFER_DEGREES[0] <= min(turn1, turn2)):
        return None
    beside = min(_width_across(graph, one, edge1), _width_across(graph, two, edge2))
    if width > NARROW * length and width > NARROW * beside:
        return None
    return _PlaneChamfer({"width": width, "length": length, "angle": min(turn1, turn2)}, (one, two))


def _long_sides(graph: FaceGraph, face: int) -> tuple[tuple[int, int], tuple[int, int]] | None:
    """The two longest parallel straight edges of `face`, with the faces across them."""
    lines = [(e, o) for e, o in graph.neighbours(face) if int(graph.edges.kind[e]) == Curve.LINE]
    lines.sort(key=lambda item: -graph.edges.length[item[0]])
    for i, first in enumerate(lines):
        for second in lines[i + 1 :]:
            parallel = abs(float(graph.edges.tangent[first[0]] @ graph.edges.tangent[second[0]])) > 1 - 1e-6
            if parallel and first[1] != second[1]:
                return first, second
    return None


def _width_across(graph: FaceGraph, face: int, edge: int) -> float:
    """Extent of a face at right angles to one of its straight edges, mm."""
    points = graph.vertices_of_face[face]
    tangent = graph.edges.tangent[edge]
    offset = points - graph.edges.middle[edge]
    across = offset - np.outer(offset @ tangent, tangent)
    return float(np.linalg.norm(across, axis=1).max())


def _cone_chamfer(graph: FaceGraph, face: int) -> dict[str, float] | None:
    """Width and angle of a short cone whose rims are convex: a broken edge of a shaft, boss or hole."""
    rims = [e for e, _ in graph.neighbours(face) if graph.bend[e] == Bend.CONVEX]
    if len(rims) < 2 or any(graph.bend[e] == Bend.CONCAVE for e, _ in graph.neighbours(face)):
        return None
    low, high = graph.extent([face], graph.faces.axis[face])
    slope = np.radians(abs(float(graph.faces.half_angle[face])))
    if not CHAMFER_DEGREES[0] <= np.degrees(slope) <= CHAMFER_DEGREES[1]:
        return None
    width = (high - low) / max(1e-9, float(np.cos(slope)))
    radius = max(float(np.linalg.norm(graph.edges.centre[e] - graph.edges.middle[e])) for e in rims)
    length = float(np.radians(graph.faces.u_span[face])) * radius
    return {"width": width, "length": length, "angle": float(np.degrees(slope))}


def _is_narrow(cone: dict[str, float]) -> bool:
    """Narrow enough, against the length of its rim, to be a broken edge rather than a taper."""
    return cone["width"] < NARROWEST_TAPER * cone["length"]


def _goes_on_from(graph: FaceGraph, face: int, chamfers: dict[int, dict[str, float]]) -> bool:
    """Whether the cone turns a plane chamfer around a corner."""
    return any(graph.bend[edge] == Bend.SMOOTH and other in chamfers for edge, other in graph.neighbours(face))
