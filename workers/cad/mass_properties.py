"""Volume, area, centre of mass and inertia, integrated over the exact faces.

Planes, cylinders and cones between straight edges and circles, which is most of a machined part, by Green's theorem
along their borders; the kernel integrates the others, at a tenth of a millisecond or more each.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from workers.cad.binding import module
from workers.cad.elementary import unit
from workers.cad.part import Curve, Edges, Floats, Ints, Surface
from workers.cad.topology import Bools, FaceGeometry, Written

# What is integrated around a circle has at most its fourth harmonic, and is a polynomial of degree 7 at most besides.
_AROUND = np.polynomial.legendre.leggauss(20)
_ALONG = np.polynomial.legendre.leggauss(4)
_ON_SURFACE = 1e-6  # mm
# The kernel tells moments as a centre: with hardly any volume before it, its faces' moments would be lost.
_LEAST_SHARE = 1e-3


@dataclass(frozen=True)
class Moments:
    """Integrals over faces: of what lies between them and a point `about`, and of the faces themselves."""

    about: Floats  # (3,) mm
    volume: float  # mm3
    first: Floats  # (3,) mm4, of x - about
    second: Floats  # (3, 3) mm5, of (x - about) (x - about)T
    area: float  # mm2

    def __add__(self, other: "Moments") -> "Moments":
        volume, area = self.volume + other.volume, self.area + other.area
        return Moments(self.about, volume, self.first + other.first, self.second + other.second, area)

    def turned(self) -> "Moments":
        """Those of the same faces, looking the other way."""
        return Moments(self.about, -self.volume, -self.first, -self.second, self.area)

    @property
    def centre(self) -> Floats:
        """(3,) of mass, mm."""
        return np.asarray(self.about + self.first / self.volume)

    @property
    def inertia(self) -> Floats:
        """(3, 3) about the centre of mass, mm5 at a density of 1/mm3."""
        second = self.second - np.outer(self.first, self.first) / self.volume
        return np.asarray(np.trace(second) * np.eye(3) - second)


def moments_of_solid(geometry: FaceGeometry, edges: Edges, written: Written) -> Moments:
    """The moments of a solid with these faces and edges; the volume is negative if its faces look inwards."""
    about = written.middle  # as the kernel does; where faces leave gaps, the volume depends on it
    simple = _simple_faces(geometry, edges, written)
    ours = _by_green(geometry, edges, written, simple, about)
    others = [face for face, is_simple in zip(geometry.shapes, simple.tolist(), strict=True) if not is_simple]
    if not others:
        return ours
    theirs = _by_the_kernel(others, about)
    if abs(theirs.volume) < _LEAST_SHARE * abs(ours.volume + theirs.volume):
        return _by_the_kernel(geometry.shapes, about)
    return ours + theirs


def _by_the_kernel(faces: list[Any], about: Floats) -> Moments:
    """The moments of `faces`, each integrated by the kernel."""
    kernel, at = module("BRepGProp"), module("gp").gp_Pnt(*about.tolist())
    inside, skin = module("GProp").GProp_GProps(at), module("GProp").GProp_GProps(at)
    for shape in faces:
        face = kernel.BRepGProp_Face(shape)
        for properties, integrate in ((inside, kernel.BRepGProp_Vinert), (skin, kernel.BRepGProp_Sinert)):
            # A face that fills the whole of its surface is integrated without its border, which is walked once.
            border = [] if face.NaturalRestriction() else [kernel.BRepGProp_Domain(shape)]
            properties.Add(integrate(face, *border, at))
    return _moments(inside, about, skin.Mass())


def _moments(inside: Any, about: Floats, area: float) -> Moments:  # noqa: ANN401
    """From a centre and the inertia about it, as the kernel tells them."""
    centre, matrix, volume = inside.CentreOfMass(), inside.MatrixOfInertia(), inside.Mass()
    arm = np.array([centre.X(), centre.Y(), centre.Z()]) - about
    inertia = np.array([[matrix.Value(i, j) for j in (1, 2, 3)] for i in (1, 2, 3)])
    second = np.trace(inertia) / 2 * np.eye(3) - inertia
    return Moments(about, volume, volume * arm, second + volume * np.outer(arm, arm), area)


def _simple_faces(geometry: FaceGeometry, edges: Edges, written: Written) -> Bools:
    """(n,) whether a face is a plane, cylinder or cone between lines and arcs that lie on it as they are written."""
    simple = written.faces & np.isin(geometry.kind, (Surface.PLANE, Surface.CYLINDER, Surface.CONE))
    simple &= (geometry.kind != Surface.CONE) | (np.abs(geometry.half_angle) > 1e-3)
    for side in (0, 1):
        face = edges.faces[:, side]
        on_plane = geometry.kind[face] == Surface.PLANE
        fits = written.edges & (on_plane | _runs_with(geometry, edges, face))
        simple[face[(face >= 0) & ~fits]] = False
    return np.asarray(simple)


def _runs_with(geometry: FaceGeometry, edges: Edges, face: Ints) -> Bools:
    """(m,) whether an edge is a line in the axial plane, or a circle about the axis, of a cylinder or cone `face`."""
    axis, radius, slope = geometry.axis[face], geometry.radius[face], np.tan(np.radians(geometry.half_angle[face]))
    centre = np.where((edges.kind == Curve.CIRCLE)[:, None], edges.centre, edges.middle) - geometry.origin[face]
    height = np.einsum("ij,ij->i", centre, axis)
    off = np.linalg.norm(centre - height[:, None] * axis, axis=1)
    normal = np.cross(edges.middle - edges.centre, edges.tangent)
    leans = np.linalg.norm(np.cross(normal, axis), axis=1)
    wide = radius + height * slope
    about = (off < _ON_SURFACE) & (np.abs(edges.radius - wide) < _ON_SURFACE) & (leans < _ON_SURFACE)
    ends = [end - geometry.origin[face] for end in (edges.start, edges.end)]
    twist = np.abs(np.einsum("ij,ij->i", np.cross(ends[0], ends[1]), axis))
    straight = twist < _ON_SURFACE * np.maximum(wide, 1.0)
    return np.asarray(np.where(edges.kind == Curve.CIRCLE, about, straight))


def _by_green(geometry: FaceGeometry, edges: Edges, written: Written, simple: Bools, about: Floats) -> Moments:
    """The moments of the `simple` faces."""
    total = Moments(about, 0.0, np.zeros(3), np.zeros((3, 3)), 0.0)
    geometry = replace(geometry, origin=geometry.origin - about)
    moved = {name: getattr(edges, name) - about for name in ("start", "middle", "end", "centre")}
    edges = replace(edges, **moved)
    is_plane, is_circle = geometry.kind == Surface.PLANE, edges.kind == Curve.CIRCLE
    for side, sign in ((0, 1.0), (1, -1.0)):
        face, turn = edges.faces[:, side], sign * written.turn
        of_plane = simple[face] & is_plane[face] & (face >= 0)
        of_round = simple[face] & ~is_plane[face] & (face >= 0)
        for chosen in (of_plane & is_circle, of_plane & ~is_circle):
            numbers = np.flatnonzero(chosen)
            total += _over_planes(about, geometry, edges, numbers, face[numbers], turn[numbers])
        numbers = np.flatnonzero(of_round & is_circle)
        total += _over_revolved(about, geometry, edges, numbers, face[numbers], turn[numbers])
    return total


def _points(edges: Edges, numbers: Ints, turn: Floats) -> tuple[Floats, Floats]:
    """((m, k, 3) points, (m, k, 3) steps: tangent times weight) along lines, or along arcs, in the way of `turn`."""
    middle, tangent, length = edges.middle[numbers], edges.tangent[numbers], edges.length[numbers]
    if len(numbers) and edges.kind[numbers[0]] == Curve.CIRCLE:
        at, weight = _AROUND
        outward = (middle - edges.centre[numbers])[:, None]
        radius = edges.radius[numbers][:, None, None]
        angle = (length / edges.radius[numbers])[:, None, None] / 2 * at[:, None]
        ahead = radius * tangent[:, None]
        points = edges.centre[numbers][:, None] + np.cos(angle) * outward + np.sin(angle) * ahead
        direction = np.cos(angle) * tangent[:, None] - np.sin(angle) * outward / radius
    else:
        at, weight = _ALONG
        half = (edges.end[numbers] - edges.start[numbers])[:, None] / 2
        points = (edges.end[numbers] + edges.start[numbers])[:, None] / 2 + at[:, None] * half
        return points, half * (turn[:, None] * weight)[..., None]
    return points, direction * ((turn * length / 2)[:, None] * weight)[..., None]


def _over_planes(
    about: Floats, geometry: FaceGeometry, edges: Edges, numbers: Ints, face: Ints, turn: Floats
) -> Moments:
    """What edges of planes contribute: the area between each edge and a foot on its plane, drawn together to it."""
    points, step = _points(edges, numbers, turn)
    normal = geometry.axis[face]
    height = np.einsum("ij,ij->i", geometry.origin[face], normal)
    # A triangle from the foot to each step of the edge: its integrals are known from the foot and the point alone.
    foot = (normal * height[:, None])[:, None]
    arm = points - foot
    area = np.einsum("mki,mki->mk", np.cross(arm, step), np.broadcast_to(normal[:, None], arm.shape)) / 2
    enclosed = height[:, None] * area
    first = foot + arm * (2 / 3)
    outer = np.einsum("mk,mki,mkj->ij", enclosed / 2, arm, arm)
    mixed = np.einsum("mk,mki,mkj->ij", enclosed * (2 / 3), np.broadcast_to(foot, arm.shape), arm)
    own = np.einsum("mk,mki,mkj->ij", enclosed, np.broadcast_to(foot, arm.shape), np.broadcast_to(foot, arm.shape))
    return Moments(
        about,
        float(enclosed.sum()) / 3,
        np.einsum("mk,mki->i", enclosed, first) / 4,
        (outer + mixed + mixed.T + own) / 5,
        float(area.sum()),
    )


def _over_revolved(
    about: Floats, geometry: FaceGeometry, edges: Edges, numbers: Ints, face: Ints, turn: Floats
) -> Moments:
    """What circles about the axes of cylinders and cones contribute: the skin from a level of the axis to each.

    Edges in an axial plane have no skin below them.
    """
    points, step = _points(edges, numbers, turn)
    axis, origin = geometry.axis[face], geometry.origin[face]
    slope = np.tan(np.radians(geometry.half_angle[face]))
    is_cone = slope != 0
    # From a cone's apex, where its point has no width.
    level = np.where(is_cone, -geometry.radius[face] / np.where(is_cone, slope, 1.0), 0.0)
    offset = points - origin[:, None]
    height = np.einsum("mki,mi->mk", offset, axis)
    radial = unit((offset - height[..., None] * axis[:, None]).reshape(-1, 3)).reshape(offset.shape)
    around = np.cross(axis[:, None], radial)
    reach = np.linalg.norm(offset - height[..., None] * axis[:, None], axis=2)
    turned = np.einsum("mki,mki->mk", step, around) / reach
    at, weight = _ALONG
    span = (height - level[:, None])[..., None]
    v = level[:, None, None] + span * (1 + at) / 2
    width = geometry.radius[face][:, None, None] + v * slope[:, None, None]
    x = origin[:, None, None] + width[..., None] * radial[:, :, None] + v[..., None] * axis[:, None, None]
    # In (angle, height) the face lies to the left of its border where its normal points away from the axis.
    sign = geometry.sign[face].astype(float)[:, None]
    skin = -sign[..., None] * turned[..., None] * (span / 2 * weight) * width
    normal = sign[..., None] * (radial - slope[:, None, None] * axis[:, None])
    enclosed = skin * np.einsum("mkli,mki->mkl", x, normal)
    return Moments(
        about,
        float(enclosed.sum()) / 3,
        np.einsum("mkl,mkli->i", enclosed, x) / 4,
        np.einsum("mkl,mkli,mklj->ij", enclosed, x, x) / 5,
        float((skin * np.hypot(1.0, slope)[:, None, None]).sum()),
    )
