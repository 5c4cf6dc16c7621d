"""Points spread over the surface of a part, the same on every run."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from workers.cad.part import Floats, Ints, Mesh


@dataclass(frozen=True)
class Samples:
    """Points on the mesh, each with what it lies on."""

    points: Floats  # (n, 3)
    normals: Floats  # (n, 3) outward
    face: Ints  # (n,)

    def __len__(self) -> int:
        return len(self.points)


def spread_by_area(mesh: Mesh, count: int) -> Samples:
    """About `count` samples, each for an equal share of the area, and one more on every triangle.

    Without the latter a thin rib's top, say, would be too small for the even spread.
    """
    outwards = _outwards(mesh)
    every = outwards if len(outwards) <= 4 * count else outwards[:0]
    even = _evenly(mesh, outwards, lambda share: _whole(count * share))
    triangle = np.concatenate([even, every])
    return _on_triangles(mesh, triangle, number_on_its_face(mesh.face[triangle]))


def spread_by_face(mesh: Mesh, count: int, least: int) -> Samples:
    """About `count` samples shared out by area, but at least `least` on every face."""
    each = lambda share: np.maximum(least, np.ceil(count * share))  # noqa: E731
    triangle = _evenly(mesh, np.argsort(mesh.face, kind="stable"), each)
    return _on_triangles(mesh, triangle, np.arange(len(triangle)))


def _whole(shares: Floats) -> Floats:
    """Each rounded, those below a half by turns: so they say the same of a face whatever its number."""
    small = shares < 0.5
    rounded = np.rint(shares)
    rounded[small] = np.diff(np.rint(np.cumsum(shares[small])), prepend=0.0)
    return rounded


def _outwards(mesh: Mesh) -> Ints:
    """The triangles of each face in turn, from the middle of the part outwards: who wrote the file has no say in it."""
    return np.lexsort((_from_the_middle(mesh, mesh.centroids), mesh.face))


def _from_the_middle(mesh: Mesh, points: Floats) -> Floats:
    """mm from the middle of the mesh's surface."""
    return np.asarray(np.linalg.norm(points - np.average(mesh.centroids, axis=0, weights=mesh.areas), axis=-1))


def _evenly(mesh: Mesh, order: Ints, each_of: Callable[[Floats], Floats]) -> Ints:
    """Triangles of each face in turn, so many as `each_of` makes of the faces' shares of the area, evenly over it."""
    ends = np.cumsum(mesh.areas[order])
    last = np.flatnonzero(np.append(np.diff(mesh.face[order]) != 0, True))
    area = np.diff(ends[last], prepend=0.0)
    each = each_of(area / ends[-1]).astype(np.int64)
    begin = np.repeat(ends[last] - area, each)
    place = np.arange(each.sum()) - np.repeat(np.cumsum(each) - each, each)
    at = begin + (place + 0.5) / np.repeat(each, each) * np.repeat(area, each)
    chosen = np.minimum(np.searchsorted(ends, at, side="right"), np.repeat(last, each))
    return np.asarray(order[chosen])


def _on_triangles(mesh: Mesh, triangle: Ints, number: Ints) -> Samples:
    """One point on each triangle: a Kronecker sequence, folded, is even and free of random numbers."""
    real = mesh.areas[triangle] > 0
    triangle, index = triangle[real], 1 + number[real]
    u, v = (index * 0.7548776662466927) % 1.0, (index * 0.5698402909980532) % 1.0
    outside = u + v > 1
    u, v = np.where(outside, 1 - u, u), np.where(outside, 1 - v, v)
    corners = mesh.triangles[triangle]
    outwards = np.argsort(_from_the_middle(mesh, mesh.vertices)[corners], axis=1, kind="stable")
    a, b, c = mesh.vertices[np.take_along_axis(corners, outwards, axis=1).T]
    return Samples(a + u[:, None] * (b - a) + v[:, None] * (c - a), mesh.normals[triangle], mesh.face[triangle])


def number_on_its_face(face: Ints) -> Ints:
    """(n,) how many before each are on the same face."""
    order = np.argsort(face, kind="stable")
    first = np.flatnonzero(np.diff(face[order], prepend=-1))
    number = np.empty(len(face), dtype=np.int64)
    number[order] = np.arange(len(face)) - np.repeat(first, np.diff(first, append=len(face)))
    return number
