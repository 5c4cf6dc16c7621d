"""Round holes and pins, found on the mesh alone: the nodes of a mesh lie on the surface that it stands for."""

from dataclasses import dataclass, replace

import numpy as np

from workers.additive.skin import Skin
from workers.cad.part import Floats, Ints, Part
from workers.facts.rays import RayScene

# Facets of one round face meet at less than this: a hole of fewer than ten facets is a polygon.
FACETS_DEGREES = 37.0
FLAT_DEGREES = 1.0
# A facet along the axis leans from it by no more than this sine.
ALONG = 0.01
SAME_AXIS = 0.99995
MOST_AXES = 32
PER_SIDE = 1000  # steps that a direction is rounded to
# What turns by less in all is no whole round.
LEAST_TURN = np.radians(300.0)
WIDEST_OPENING = np.radians(60.0)
# Nodes lie on the circle within this share of its radius.
ROUND = 2e-3
# What rises or sinks no further is a detail, such as lettering: the height that guides give a detail's width for.
DETAIL_MM = 2.0
# A hole is blind if its bottom, or the drill's point below it, is no further beyond its wall, in diameters.
BOTTOM = 0.7
HAIR = 1e-3  # of the length


@dataclass(frozen=True)
class Round:
    """A whole cylinder."""

    diameter: float  # mm
    point: Floats  # (3,) on its axis, in the middle
    axis: Floats  # (3,) unit
    length: float  # mm
    hollow: bool  # a hole, not a pin
    faces: tuple[int, ...]
    way: Floats | None = None  # (3,) the way that a dot rises or opens, which is a detail; None of what is larger

    @property
    def is_pin(self) -> bool:
        """Whether it stands out: a flatter one is a disc."""
        return not self.hollow and self.length >= self.diameter / 2

    @property
    def ends(self) -> tuple[Floats, Floats]:
        """Where the axis leaves it."""
        half = self.axis * (self.length / 2)
        return self.point - half, self.point + half


def round_faces(part: Part, skin: Skin) -> list[Round]:
    """All whole cylinders, narrowest first."""
    bent = np.flatnonzero(
        (np.abs(skin.turn) < np.radians(FACETS_DEGREES)) & (np.abs(skin.turn) > np.radians(FLAT_DEGREES))
    )
    facets = skin.smooth(FACETS_DEGREES)
    found: dict[int, Round] = {}
    for axis in _axes(skin, bent):
        along = np.abs(skin.mesh.normals @ axis) < ALONG
        edges = facets[along[skin.pairs[facets]].all(axis=1)]
        piece = skin.components(edges)
        turned = np.bincount(piece[skin.pairs[edges, 0]], weights=skin.turn[edges], minlength=int(piece.max()) + 1)
        for number in np.flatnonzero(np.abs(turned) > LEAST_TURN):
            triangles = np.flatnonzero(piece == number)
            if int(triangles[0]) not in found:
                fitted = _fitted(part, skin, triangles)
                if fitted is not None:
                    found[int(triangles[0])] = fitted
    return sorted(found.values(), key=lambda r: (round(r.diameter, 6), *np.round(r.point, 3).tolist()))


def with_dots(scene: RayScene, rounds: list[Round]) -> list[Round]:
    """The same, with the way of those that rise from a face, or sink into it, no more than a detail does."""
    if not rounds:
        return []
    middle, axis = np.array([r.point for r in rounds]), np.array([r.axis for r in rounds])
    triangle, distance = scene.first_hit(np.concatenate([middle, middle]), np.concatenate([axis, -axis]))
    ahead, behind = np.where(triangle >= 0, distance, np.inf).reshape(2, -1)
    return [replace(r, way=_way_of_a_dot(r, a, b)) for r, a, b in zip(rounds, ahead, behind, strict=True)]


def _way_of_a_dot(of: Round, ahead: float, behind: float) -> Floats | None:
    """By the mm to what is met along the axis and against it, from its middle."""
    reach = of.length / 2 * (1 + HAIR) + (BOTTOM * of.diameter if of.hollow else 0.0)
    ends = ahead < reach, behind < reach
    if of.length > DETAIL_MM or ends[0] == ends[1] or not (of.hollow or of.is_pin):
        return None
    return of.axis if ends[0] != of.hollow else -of.axis


def _axes(skin: Skin, bent: Ints) -> Floats:
    """(k, 3) the directions that most edges between facets have, by their length."""
    vertices = skin.mesh.vertices
    along = vertices[skin.ends[bent, 1]] - vertices[skin.ends[bent, 0]]
    length = np.linalg.norm(along, axis=1)
    rows = along / np.maximum(length, 1e-12)[:, None]
    rounded = np.round(rows, 3)
    leading = np.argmax(rounded != 0, axis=1)
    sense = np.where(rounded[np.arange(len(rows)), leading] < 0, -1.0, 1.0)[:, None]
    # Three whole numbers in one: numpy sorts rows ten times as slowly.
    steps = np.rint(rounded * sense * PER_SIDE).astype(np.int64) + PER_SIDE
    key = (steps[:, 0] * (2 * PER_SIDE + 1) + steps[:, 1]) * (2 * PER_SIDE + 1) + steps[:, 2]
    keys, first, inverse = np.unique(key, return_index=True, return_inverse=True)
    weight = np.bincount(inverse, weights=length, minlength=len(keys))
    order = np.lexsort((first, -np.round(weight, 6)))[: 8 * MOST_AXES]
    axes = (rows * sense)[first[order]]
    same = np.abs(axes @ axes.T) > SAME_AXIS
    return np.asarray(axes[~np.tril(same, -1).any(axis=1)][:MOST_AXES])


def _fitted(part: Part, skin: Skin, triangles: Ints) -> Round | None:
    """The cylinder through the nodes of `triangles`, if they are one, all around."""
    mesh = skin.mesh
    # The axis of a vote is an edge's: the facets' normals know it better.
    axis = np.linalg.svd(mesh.normals[triangles], full_matrices=False)[2][2]
    helper = np.eye(3)[int(np.abs(axis).argmin())]
    across = np.cross(axis, helper)
    across /= np.linalg.norm(across)
    frame = np.array([across, np.cross(axis, across), axis])
    nodes = mesh.vertices[np.unique(mesh.triangles[triangles])]
    middle = nodes.mean(axis=0)
    x, y, z = frame @ (nodes - middle).T
    # The circle x² + y² = 2·a·x + 2·b·y + c (Kåsa's fit): exact where the nodes lie on one.
    solution, *_ = np.linalg.lstsq(np.column_stack([2 * x, 2 * y, np.ones_like(x)]), x**2 + y**2, rcond=None)
    a, b, c = solution
    radius = float(np.sqrt(max(c + a**2 + b**2, 0.0)))
    off = np.abs(np.hypot(x - a, y - b) - radius).max()
    if radius <= 0 or off > ROUND * radius + 1e-6 * part.diagonal:
        return None
    angles = np.sort(np.arctan2(y - b, x - a))
    if np.diff(angles, append=angles[0] + 2 * np.pi).max() > WIDEST_OPENING:
        return None
    low, high = float(z.min()), float(z.max())
    point = middle + frame.T @ np.array([a, b, (low + high) / 2])
    outward = np.einsum("ij,ij->i", mesh.centroids[triangles] - point, mesh.normals[triangles])
    faces = tuple(np.unique(mesh.face[triangles]).tolist())
    return Round(2 * radius, point, axis, high - low, bool(outward.mean() < 0), faces)
