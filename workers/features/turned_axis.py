"""The axis that a part is turned about, if it is a turned part."""

from dataclasses import dataclass

import numpy as np

from workers.cad.part import Bend, Curve, Floats, Part, Surface
from workers.features.graph import COAXIAL_MM, PARALLEL

# A part is turned where more than this share of its outer surface turns about one axis: clearly more than half,
# which two cylinders side by side have each.
LEAST_SHARE = 0.55
# Outward directions of a full turn cancel out; those of a half turn leave 2 / pi of their sum.
MOST_ONE_SIDED = 0.4
# Axes tried in full, of those that the most curved surface turns about.
CANDIDATES = 3
SEEDS = 12
# Share of a plane's outline that runs around the axis for it to be faced on a lathe.
FACED_OUTLINE = 0.5
# Sine of the angle by which a free-form face may wind: a thread's flank rises a few degrees a turn.
WINDING = 0.15
# Sine of 10 degrees: a face leaning less than that from square to the axis faces neither in nor out.
SQUARE_SINE = 0.17
ROUND = (Surface.CYLINDER, Surface.CONE, Surface.TORUS)


@dataclass(frozen=True)
class TurningAxis:
    """The axis of a turned part."""

    origin: Floats  # (3,) mm
    direction: Floats  # (3,) unit, its largest component positive
    share: float  # of the outer surface that turns about it


def turned_axis(part: Part) -> TurningAxis | None:
    """The axis that most of the outer surface turns about, or None if the part is not turned."""
    best = max((_weighed(part, *line) for line in _candidates(part)), key=lambda axis: axis.share, default=None)
    return best if best is not None and best.share > LEAST_SHARE else None


def tolerance(part: Part) -> float:
    """mm within which two measured places are one."""
    return max(COAXIAL_MM, 1e-6 * part.diagonal)


def coaxial(part: Part, origin: Floats, direction: Floats) -> np.ndarray:
    """(n,) whether a cylinder, cone, torus or sphere turns about the line."""
    faces = part.faces
    offset = faces.origin - origin
    away = np.linalg.norm(offset - np.outer(offset @ direction, direction), axis=1)
    along = (np.abs(faces.axis @ direction) > PARALLEL) & np.isin(faces.kind, ROUND)
    return np.asarray((along | (faces.kind == Surface.SPHERE)) & (away < tolerance(part)))


def square_planes(part: Part, direction: Floats) -> np.ndarray:
    """(n,) whether a face is a plane square to `direction`."""
    return np.asarray((part.faces.kind == Surface.PLANE) & (np.abs(part.faces.axis @ direction) > PARALLEL))


def edges_around(part: Part, origin: Floats, direction: Floats) -> np.ndarray:
    """(m,) whether an edge runs around the line, at one height and one distance; whatever its curve is stored as."""
    edges, near = part.edges, tolerance(part)
    heights, radii = [], []
    for points in (edges.start, edges.middle, edges.end):
        offset = points - origin
        height = offset @ direction
        heights.append(height)
        radii.append(np.linalg.norm(offset - np.outer(height, direction), axis=1))
    level = (np.ptp(heights, axis=0) < near) & (np.ptp(radii, axis=0) < near)
    return np.asarray(level & (radii[1] > near) & (edges.kind != Curve.LINE) & (edges.length > 0))


def is_faced(part: Part, face: int, around: np.ndarray) -> bool:
    """Whether a plane square to the axis has a round outline, or stands around something round."""
    loops = part.faces.loops[face]
    if not loops:
        return False
    # Where a plane is split, the edge between its pieces is no outline.
    outer = np.array(loops[0])
    outline = outer[around[outer] | (part.edges.bend[outer] != Bend.SMOOTH)]
    lengths = part.edges.length[outline]
    if len(outline) and float(lengths[around[outline]].sum()) >= FACED_OUTLINE * float(lengths.sum()):
        return True
    inner = [edge for loop in loops[1:] for edge in loop]
    return any(around[edge] and part.edges.bend[edge] == Bend.CONCAVE for edge in inner)


@dataclass(frozen=True)
class Normals:
    """Outward normals of the triangles in the frame of an axis, and their means by face, weighted by area."""

    radial: Floats  # (t, 3) unit, away from the axis
    outward: Floats  # (t,) component along `radial`
    face_along: Floats  # (n,) mean component along the axis
    face_outward: Floats  # (n,)
    face_winding: Floats  # (n,) mean size of the component around the axis


def normals_about(part: Part, origin: Floats, direction: Floats) -> Normals:
    """How the surface of `part` looks at the line."""
    mesh, count = part.mesh, len(part.faces)
    offset = mesh.centroids - origin
    offset = offset - np.outer(offset @ direction, direction)
    distance = np.linalg.norm(offset, axis=1, keepdims=True)
    radial = offset / np.where(distance > 0, distance, 1.0)
    outward = np.einsum("ij,ij->i", mesh.normals, radial)
    winding = np.abs(np.einsum("ij,ij->i", mesh.normals, np.cross(direction, radial)))
    areas = np.bincount(mesh.face, mesh.areas, count)
    areas = np.where(areas > 0, areas, 1.0)
    along, out, wound = (
        np.bincount(mesh.face, mesh.areas * values, count) / areas
        for values in (mesh.normals @ direction, outward, winding)
    )
    return Normals(radial, outward, along, out, wound)


def _candidates(part: Part) -> list[tuple[Floats, Floats]]:
    """(origin, direction) of the lines that the most outer round surface turns about."""
    faces = part.faces
    freeform = float(faces.area[faces.kind == Surface.FREEFORM].sum())
    found = _axes_of_faces(part)
    if freeform > 0:
        found += _axis_of_widest_circle(part)
    likely = []
    for round_area, origin, direction in found:
        square = float(faces.area[square_planes(part, direction)].sum())
        if round_area + square + freeform > LEAST_SHARE / 2 * float(faces.area.sum()):
            likely.append((round_area, origin, direction))
    likely.sort(key=lambda item: -item[0])
    return [(origin, direction) for _area, origin, direction in likely[:CANDIDATES]]


def _axes_of_faces(part: Part) -> list[tuple[float, Floats, Floats]]:
    """(outer area in mm2, origin, direction) of the axes of the largest round faces."""
    faces = part.faces
    round_outside = (faces.sign > 0) & np.isin(faces.kind, (*ROUND, Surface.SPHERE))
    left = np.where(round_outside, faces.area, 0.0)
    found = []
    for _ in range(SEEDS if len(left) else 0):
        seed = int(left.argmax())
        if left[seed] <= 0:
            break
        origin, direction = faces.origin[seed], _pointing_up(faces.axis[seed])
        turning = coaxial(part, origin, direction)
        found.append((float(faces.area[turning & round_outside].sum()), origin, direction))
        left[turning] = 0.0
        left[seed] = 0.0
    return found


def _axis_of_widest_circle(part: Part) -> list[tuple[float, Floats, Floats]]:
    """The axis of the widest circle among the edges, of a free-form body that has no other round face.

    A closed edge is a circle, whatever its curve is stored as, if it is as long as one through its start and middle.
    """
    edges = part.edges
    if not len(edges):
        return []
    across = np.linalg.norm(edges.middle - edges.start, axis=1)
    closed = np.linalg.norm(edges.end - edges.start, axis=1) < tolerance(part)
    round_and_closed = closed & (np.abs(edges.length - np.pi * across) < 1e-3 * edges.length)
    radius = np.where(round_and_closed, across / 2, edges.radius)
    widest = int(radius.argmax())
    if radius[widest] <= 0:
        return []
    middle = edges.middle[widest]
    centre = (edges.start[widest] + middle) / 2 if round_and_closed[widest] else edges.centre[widest]
    normal = np.cross(middle - centre, edges.tangent[widest])
    return [(0.0, centre, _pointing_up(normal / np.linalg.norm(normal)))]


def _pointing_up(direction: Floats) -> Floats:
    largest = direction[int(np.abs(np.round(direction, 9)).argmax())]
    return np.asarray(direction if largest > 0 else -direction)


def _weighed(part: Part, origin: Floats, direction: Floats) -> TurningAxis:
    """The line with the share of the outer surface that turns about it; 0 if that is on one side of it only.

    The walls of bores and of holes elsewhere are not outer surface.
    """
    faces, around = part.faces, edges_around(part, origin, direction)
    normals = normals_about(part, origin, direction)
    turning = coaxial(part, origin, direction)
    turning |= (faces.kind == Surface.FREEFORM) & (normals.face_winding < WINDING)
    for face in np.flatnonzero(square_planes(part, direction)):
        turning[face] = is_faced(part, int(face), around)
    inside = np.where(turning, normals.face_outward < -SQUARE_SINE, faces.sign < 0)
    outer = turning & ~inside
    share = float(faces.area[outer].sum()) / max(1e-12, float(faces.area[~inside].sum()))
    looking_out = outer[part.mesh.face] & (normals.outward > 0.5)
    weights = part.mesh.areas[looking_out]
    one_sided = np.linalg.norm(weights @ normals.radial[looking_out]) / max(1e-12, float(weights.sum()))
    return TurningAxis(origin, direction, share if one_sided < MOST_ONE_SIDED else 0.0)
