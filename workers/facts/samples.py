"""Points spread over the surface of a part, the same on every run."""

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
    ends = np.cumsum(mesh.areas)
    at = (np.arange(count) + 0.5) / count * ends[-1]
    even = np.minimum(np.searchsorted(ends, at, side="right"), len(ends) - 1)
    every = np.arange(len(ends)) if len(ends) <= 4 * count else np.zeros(0, dtype=np.int64)
    return _on_triangles(mesh, np.concatenate([even, every]))


def spread_by_face(mesh: Mesh, count: int, least: int) -> Samples:
    """About `count` samples shared out by area, but at least `least` on every face."""
    order = np.argsort(mesh.face, kind="stable")
    ends = np.cumsum(mesh.areas[order])
    last = np.flatnonzero(np.append(np.diff(mesh.face[order]) != 0, True))
    area = np.diff(ends[last], prepend=0.0)
    each = np.maximum(least, np.ceil(count * area / ends[-1])).astype(np.int64)
    begin = np.repeat(ends[last] - area, each)
    place = np.arange(each.sum()) - np.repeat(np.cumsum(each) - each, each)
    at = begin + (place + 0.5) / np.repeat(each, each) * np.repeat(area, each)
    chosen = np.minimum(np.searchsorted(ends, at, side="right"), np.repeat(last, each))
    return _on_triangles(mesh, order[chosen])


def _on_triangles(mesh: Mesh, triangle: Ints) -> Samples:
    """One point on each triangle: a Kronecker sequence, folded, is even and free of random numbers."""
    triangle = triangle[mesh.areas[triangle] > 0]
    index = np.arange(1, len(triangle) + 1)
    u, v = (index * 0.7548776662466927) % 1.0, (index * 0.5698402909980532) % 1.0
    outside = u + v > 1
    u, v = np.where(outside, 1 - u, u), np.where(outside, 1 - v, v)
    a, b, c = (mesh.vertices[mesh.triangles[triangle, i]] for i in range(3))
    return Samples(a + u[:, None] * (b - a) + v[:, None] * (c - a), mesh.normals[triangle], mesh.face[triangle])
