"""The surface of a part as one mesh: its triangles with their neighbours, however its faces were meshed."""

from dataclasses import dataclass

import numpy as np
from scipy.spatial import KDTree

from workers.cad.connected import connected
from workers.cad.part import Floats, Ints, Mesh, Part

# Nodes of neighbouring faces closer than this, as a share of the diagonal, are one: their common edge's.
SAME_NODE = 1e-6


@dataclass(frozen=True)
class Skin:
    """The triangles of a part, and the edges that two of them share."""

    mesh: Mesh  # with each node once
    pairs: Ints  # (e, 2) triangles on both sides of each edge
    ends: Ints  # (e, 2) nodes of each edge
    turn: Floats  # (e,) radians between both normals: positive where the edge is convex
    boundary: int  # edges with a triangle on one side only

    def components(self, edges: Ints) -> Ints:
        """(t,) the connected piece of each triangle, over the given edges alone; numbered by its first triangle."""
        count = len(self.mesh.triangles)
        return connected(count, self.pairs[edges])

    def smooth(self, most_degrees: float) -> Ints:
        """The edges that turn by less than that."""
        return np.flatnonzero(np.abs(self.turn) < np.radians(most_degrees))


def skin_of(part: Part) -> Skin:
    """The surface of `part`; the nodes of a mesh that was read are one already."""
    mesh = _welded(part) if part.exact else part.mesh
    half = mesh.triangles[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2)
    owner = np.repeat(np.arange(len(mesh.triangles)), 3)
    key = half.min(axis=1) * len(mesh.vertices) + half.max(axis=1)
    order = np.argsort(key, kind="stable")
    ordered = key[order]
    begin = np.flatnonzero(np.diff(ordered, prepend=-1))
    count = np.diff(begin, append=len(ordered))
    two = begin[count == 2]
    first, second = order[two], order[two + 1]
    pairs = np.column_stack([owner[first], owner[second]])
    return Skin(mesh, pairs, half[first], _turns(mesh, pairs, half[first]), int((count == 1).sum()))


def _turns(mesh: Mesh, pairs: Ints, ends: Ints) -> Floats:
    """The first triangle runs along the edge with its inside on the left: what turns left there is concave."""
    one, two = (mesh.normals[side] for side in pairs.T)
    along = mesh.vertices[ends[:, 1]] - mesh.vertices[ends[:, 0]]
    along /= np.maximum(np.linalg.norm(along, axis=1, keepdims=True), 1e-12)
    sine = np.einsum("ij,ij->i", np.cross(one, two), along)
    return np.asarray(np.arctan2(sine, np.einsum("ij,ij->i", one, two)))


def _welded(part: Part) -> Mesh:
    mesh = part.mesh
    close = KDTree(mesh.vertices).query_pairs(SAME_NODE * part.diagonal, output_type="ndarray")
    node = connected(len(mesh.vertices), close)
    triangles = node[mesh.triangles]
    a, b, c = triangles.T
    real = (a != b) & (b != c) & (c != a)
    first = np.zeros(int(node.max()) + 1, dtype=np.int64)
    first[node[::-1]] = np.arange(len(node))[::-1]
    return Mesh(mesh.vertices[first], triangles[real], mesh.face[real], mesh.deflection)


def part_of_mesh(mesh: Mesh, triangles: Ints) -> Mesh:
    """Some of the triangles, as a mesh on the same nodes."""
    return Mesh(mesh.vertices, mesh.triangles[triangles], mesh.face[triangles], mesh.deflection)
