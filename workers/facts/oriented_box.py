"""The smallest box around a part, whichever way it lies."""

from dataclasses import dataclass

import numpy as np
from scipy.spatial import ConvexHull, QhullError

from workers.cad.elementary import cross, ends_in_planes
from workers.cad.part import Floats, Part, Surface
from workers.facts.frames import own_directions, principal_axes

# Of the part's own directions and of the hull's sides, so many of the largest are tried as a side of the box.
OWN_DIRECTIONS = 20
HULL_SIDES = 12
# A box turned by this sine is off by less than the file's own rounding. The cosine cannot tell: it is 1 long before.
OFF_AXIS = 1e-10


@dataclass(frozen=True)
class OrientedBox:
    """A box: its sides, longest first, with their directions."""

    size: Floats  # (3,) mm
    axes: Floats  # (3, 3) unit rows, right-handed
    centre: Floats  # (3,)
    exact: bool  # to the surfaces, rather than to the mesh

    @property
    def volume(self) -> float:
        """mm3."""
        return float(np.prod(self.size))


def oriented_box(part: Part) -> OrientedBox:
    """The box of least volume with a side along one of the part's own directions or on its convex hull.

    Exact for prismatic parts, whose smallest box has such a side.
    """
    middle = (part.low + part.high) / 2
    points, sides = _hull(part.mesh.vertices - middle)
    candidates = np.concatenate([own_directions(part)[:OWN_DIRECTIONS], sides, principal_axes(part)])
    frames = [_frame(points, direction) for direction in candidates]
    # The first of equals: the larger face's.
    frame = min(frames, key=lambda f: float(f"{np.prod(np.ptp(points @ f.T, axis=0)):.6e}"))
    low, high, exact = _exact_extent(part, frame, middle)
    order = np.argsort(low - high, kind="stable")
    axes = frame[order]
    if np.linalg.det(axes) < 0:
        axes[2] = -axes[2]
    return OrientedBox((high - low)[order], axes, middle + frame.T @ ((low + high) / 2), exact)


def _hull(points: Floats) -> tuple[Floats, Floats]:
    """((n, 3) corners of the convex hull, (k, 3) normals of its largest sides)."""
    try:
        hull = ConvexHull(points)
    except QhullError:  # a part as flat as a sheet of paper has no hull to speak of
        return points, np.zeros((0, 3))
    a, b, c = (points[hull.simplices[:, i]] for i in range(3))
    area = np.linalg.norm(np.cross(b - a, c - a), axis=1)
    largest = np.argsort(-area, kind="stable")[:HULL_SIDES]
    return points[hull.vertices], hull.equations[largest, :3]


def _frame(points: Floats, normal: Floats) -> Floats:
    """(3, 3) rows: `normal`, and two directions across it that make the smallest rectangle around the outline."""
    helper = np.eye(3)[int(np.abs(normal).argmin())]
    across = cross(normal, helper)
    across /= np.linalg.norm(across)
    up = cross(normal, across)
    outline = points @ np.column_stack([across, up])
    corners = outline[ConvexHull(outline).vertices]
    sides = np.roll(corners, -1, axis=0) - corners
    angle = np.arctan2(sides[:, 1], sides[:, 0])
    along = np.column_stack([np.cos(angle), np.sin(angle)])
    square = np.column_stack([-along[:, 1], along[:, 0]])
    areas = np.ptp(corners @ along.T, axis=0) * np.ptp(corners @ square.T, axis=0)
    best = along[int(np.round(areas / areas.min(), 9).argmin())]
    first = across * best[0] + up * best[1]
    return np.array([normal, first, cross(normal, first)])


def _exact_extent(part: Part, frame: Floats, middle: Floats) -> tuple[Floats, Floats, bool]:
    """(low, high, whether exact) along the rows of `frame`, relative to `middle`.

    Only curved faces that come within the mesh's error of the box can reach beyond the mesh.
    """
    columns = np.abs(frame).argmax(axis=1)
    if (np.sort(np.abs(frame), axis=1)[:, 1] < OFF_AXIS).all():
        half = part.size[columns] / 2  # the box that the part was read with
        return -half, half, True
    mesh = part.mesh
    heights = (mesh.vertices - middle) @ frame.T
    low, high, exact = heights.min(axis=0), heights.max(axis=0), True
    corners = heights[mesh.triangles]
    reach = 2 * mesh.deflection
    near = (corners.min(axis=1) < low + reach) | (corners.max(axis=1) > high - reach)
    near &= ~ends_in_planes(part.faces.kind, part.faces.axis @ frame.T)[mesh.face]
    for face in np.unique(mesh.face[near.any(axis=1)]):
        if part.faces.kind[face] == Surface.PLANE:
            continue
        found = part.wall_probe.extent(int(face), frame)
        if found is None:
            exact = False
        else:
            low, high = np.minimum(low, found[0] - frame @ middle), np.maximum(high, found[1] - frame @ middle)
    return low, high, exact
