"""What is to be seen of a file: the triangles of every body where it lies, in the numbers of the review."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from workers.cad.part import Floats, Ints, Mesh
from workers.cad.placement import placed
from workers.cad.reading import Body, Reading
from workers.facts.rays import RayScene


@dataclass(frozen=True)
class Scene:
    """A file as it lies."""

    mesh: Mesh  # `face` is the number in the file
    edge_faces: Ints  # (m, 2) the two faces of each edge, in the review's numbers; -1 where there is none
    edge_points: Floats  # (m, 3, 3) start, middle and end of each

    @cached_property
    def rays(self) -> RayScene:
        """To look at it."""
        return RayScene(self.mesh)

    @cached_property
    def corner_normals(self) -> Floats:
        """(t, 3, 3) outward normals at the corners of each triangle, smooth within a face and broken at its border."""
        corner = self.mesh.triangles.ravel()
        face = np.repeat(self.mesh.face, 3)
        # A mesh file shares its vertices among faces; the kernel does not.
        _, own = np.unique(corner * (int(face.max()) + 2) + face, return_inverse=True)
        weighted = np.repeat(self.mesh.normals * self.mesh.areas[:, None], 3, axis=0)
        summed = np.stack([np.bincount(own, weighted[:, i]) for i in range(3)], axis=1)
        length = np.linalg.norm(summed, axis=1, keepdims=True)
        smooth = summed / np.where(length > 0, length, 1.0)
        return np.asarray(smooth[own].reshape(-1, 3, 3))

    @cached_property
    def slopes(self) -> Floats:
        """(t, 2, 3) how fast, per mm, one comes nearer to the second and to the third corner of each triangle."""
        first, second, third = (self.mesh.vertices[self.mesh.triangles[:, i]] for i in range(3))
        square = self.mesh.normals / np.maximum(2 * self.mesh.areas, 1e-30)[:, None]
        return np.stack([np.cross(third - first, square), np.cross(square, second - first)], axis=1)

    @cached_property
    def low(self) -> Floats:
        """(3,) of the box around it, mm."""
        return np.asarray(self.mesh.vertices.min(axis=0))

    @cached_property
    def high(self) -> Floats:
        """(3,)."""
        return np.asarray(self.mesh.vertices.max(axis=0))

    @property
    def diagonal(self) -> float:
        """Of that box, mm."""
        return float(np.linalg.norm(self.high - self.low))

    def only(self, faces: list[int]) -> "Scene":
        """The same without all other faces."""
        keep = np.isin(self.mesh.face, faces)
        mesh = Mesh(self.mesh.vertices, self.mesh.triangles[keep], self.mesh.face[keep], self.mesh.deflection)
        return Scene(mesh, self.edge_faces, self.edge_points)

    def of_body(self, faces: list[int]) -> "Scene":
        """One body alone, in its own numbers; `faces` are the file's numbers in the body's order."""
        own = np.full(max(int(self.mesh.face.max()), int(self.edge_faces.max(initial=0)), *faces) + 2, -1)
        own[faces] = np.arange(len(faces))
        keep = own[self.mesh.face] >= 0
        used, triangles = np.unique(self.mesh.triangles[keep], return_inverse=True)
        edges = own[self.edge_faces]
        is_own = (edges >= 0).any(axis=1)
        mesh = Mesh(self.mesh.vertices[used], triangles.reshape(-1, 3), own[self.mesh.face[keep]], self.mesh.deflection)
        return Scene(mesh, edges[is_own], self.edge_points[is_own])


def scene_of(reading: Reading) -> Scene:
    """All bodies of a file."""
    meshes = [_placed_mesh(body, reading.parts[body.part].mesh) for body in reading.bodies]
    first = np.cumsum([0, *(len(mesh.vertices) for mesh in meshes[:-1])])
    mesh = Mesh(
        np.concatenate([mesh.vertices for mesh in meshes]),
        np.concatenate([mesh.triangles + start for mesh, start in zip(meshes, first, strict=True)]),
        np.concatenate([mesh.face for mesh in meshes]),
        max(mesh.deflection for mesh in meshes),
    )
    edge_faces = [_file_numbers(body, reading.parts[body.part].edges.faces) for body in reading.bodies]
    edge_points = [_edge_points(body, reading) for body in reading.bodies]
    return Scene(mesh, np.concatenate(edge_faces), np.concatenate(edge_points))


def _placed_mesh(body: Body, mesh: Mesh) -> Mesh:
    mirrored = np.linalg.det(body.placement[:, :3]) < 0
    triangles = mesh.triangles[:, ::-1] if mirrored else mesh.triangles
    return Mesh(placed(body.placement, mesh.vertices), triangles, body.faces[mesh.face], mesh.deflection)


def _file_numbers(body: Body, faces: Ints) -> Ints:
    return np.where(faces >= 0, body.faces[faces], -1)


def _edge_points(body: Body, reading: Reading) -> Floats:
    edges = reading.parts[body.part].edges
    points = np.stack([edges.start, edges.middle, edges.end], axis=1)
    return placed(body.placement, points.reshape(-1, 3)).reshape(-1, 3, 3)
