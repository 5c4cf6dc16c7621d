"""The pieces of surface that are judged one by one: the faces of a part, or what is smooth of a mesh."""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from workers.cad.connected import connected
from workers.cad.part import Floats, Ints, Mesh, Part

# Triangles that meet at less are one piece of a mesh: its patches go on around fillets, from wall to wall.
SMOOTH_DEGREES = 2.0
ONE_PLACE = 1e-7  # of the largest side: nodes closer than this are one


@dataclass(frozen=True)
class Regions:
    """Pieces of the surface, each wholly on one face of the part."""

    mesh: Mesh  # its `face` says which region each triangle belongs to
    face: Ints  # (n,) the part's face that each region lies on
    touching: Ints  # (k, 2) regions that share an edge

    @cached_property
    def area(self) -> Floats:
        """(n,) mm2."""
        return np.bincount(self.mesh.face, weights=self.mesh.areas, minlength=len(self)).astype(float)

    def __len__(self) -> int:
        return len(self.face)

    def faces_of(self, regions: Ints) -> list[int]:
        """The part's faces that `regions` lie on."""
        return [int(face) for face in np.unique(self.face[regions])]

    def spans(self, direction: Floats) -> tuple[Floats, Floats]:
        """((n,) least, (n,) greatest) coordinate of each region along a unit `direction`, mm."""
        corners = (self.mesh.vertices @ direction)[self.mesh.triangles]
        low, high = np.full(len(self), np.inf), np.full(len(self), -np.inf)
        np.minimum.at(low, self.mesh.face, np.minimum.reduce(corners.T))
        np.maximum.at(high, self.mesh.face, np.maximum.reduce(corners.T))
        return low, high

    def corners(self, chosen: Ints) -> Floats:
        """(k, 3) the corners of the triangles of the `chosen` regions together."""
        is_chosen = np.zeros(len(self), dtype=bool)
        is_chosen[chosen] = True
        return self.mesh.vertices[np.unique(self.mesh.triangles[is_chosen[self.mesh.face]])]

    def groups(self, chosen: Ints, alike: Floats | None = None) -> list[Ints]:
        """The `chosen` regions in groups that hang together; with `alike` (n,), only those with the same number do."""
        is_chosen = np.zeros(len(self), dtype=bool)
        is_chosen[chosen] = True
        pairs = self.touching[is_chosen[self.touching].all(axis=1)]
        if alike is not None:
            pairs = pairs[alike[pairs[:, 0]] == alike[pairs[:, 1]]]
        label = connected(len(self), pairs)[chosen]
        return [chosen[label == number] for number in dict.fromkeys(label.tolist())]


def regions_of(part: Part) -> Regions:
    """The faces of a part with exact surfaces; of a mesh the pieces of its patches without a bend."""
    if part.exact:
        pairs = part.edges.faces
        between = (pairs >= 0).all(axis=1) & (pairs[:, 0] != pairs[:, 1])
        return Regions(part.mesh, np.arange(len(part.faces)), pairs[between])
    mesh = part.mesh
    pairs = shared_edges(mesh).triangles
    bend = np.einsum("ij,ij->i", mesh.normals[pairs[:, 0]], mesh.normals[pairs[:, 1]])
    region = connected(len(mesh.triangles), pairs[bend > np.cos(np.radians(SMOOTH_DEGREES))])
    face = np.zeros(int(region.max()) + 1, dtype=np.int64)
    face[region] = mesh.face
    touching = region[pairs]
    return Regions(replace(mesh, face=region), face, touching[touching[:, 0] != touching[:, 1]])


@dataclass(frozen=True)
class SharedEdges:
    """The edges of a mesh that two triangles share."""

    nodes: Ints  # (k, 2) the node at each end; nodes at one place are one
    ends: Floats  # (k, 2, 3)
    triangles: Ints  # (k, 2)


def shared_edges(mesh: Mesh) -> SharedEdges:
    """All of them; a face of exact geometry has nodes of its own along its border, which are joined here."""
    size = float(np.ptp(mesh.vertices, axis=0).max())
    _, first, node = np.unique(
        np.round(mesh.vertices / (ONE_PLACE * size)), axis=0, return_index=True, return_inverse=True
    )
    corners = node.ravel()[mesh.triangles]
    edges = np.sort(corners[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2), axis=1)
    key = edges[:, 0] * len(first) + edges[:, 1]
    order = np.argsort(key, kind="stable")
    same = np.flatnonzero(np.diff(key[order]) == 0)
    nodes = edges[order[same]]
    places = mesh.vertices[first]
    return SharedEdges(nodes, places[nodes], np.column_stack([order[same], order[same + 1]]) // 3)
