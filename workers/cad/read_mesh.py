"""From a triangle mesh to a `Part` without exact surfaces.

Its "faces" are patches of triangles between edges sharper than SHARP_DEGREES, numbered by their first
triangle: enough to say where a wall is thin.
"""

from collections.abc import Callable
from time import perf_counter

import numpy as np
import trimesh

from server.part_format import PartFormat
from workers.cad.connected import connected
from workers.cad.mesh_file import load_mesh
from workers.cad.part import Edges, Faces, Floats, Ints, Mesh, Part, Surface
from workers.cad.read_solid import Origin, check_size, face_samples
from workers.cad.reading import Body, Component, Reading, unplaced
from workers.errors import PartError

SHARP_DEGREES = 30.0
ONLY_A_MESH = (
    "This is a mesh: it has no exact surfaces. The rules of additive processes are measured on it; "
    "for other processes no features are recognised, and most rules cannot be decided: export it as STEP for those."
)
# The chords of a mesh depart from the part that it stands for; nobody knows how far. As fine as our own.
RELATIVE_DEFLECTION = 1e-3


def read_mesh(content: bytes, kind: PartFormat, name: str, sha256: str, report_stage: Callable[[str], None]) -> Reading:
    """Read the mesh in `content`. Raises PartError if there is nothing to review."""
    started = perf_counter()
    mesh, units = load_mesh(content, kind)
    read = perf_counter()
    report_stage("tessellate")
    origin = Origin(name, sha256, f"{kind.value.upper()} (mesh)", units)
    diagonal = check_size(tuple(mesh.bounds[0].tolist()), tuple(mesh.bounds[1].tolist()))
    notes = [ONLY_A_MESH]
    if "unknown" in units:
        notes.append("The file has no units: its numbers are taken as mm.")
    closed = bool(mesh.is_watertight and mesh.is_winding_consistent)
    if closed and mesh.volume < 0:
        mesh.invert()
        notes.append("Its triangles looked inwards; they were turned.")
    if not closed:
        notes.append(_how_it_is_open(mesh))
    part = _part(mesh, origin, closed, diagonal)
    return Reading(
        name=name,
        sha256=sha256,
        format=origin.format,
        units_in_file=units,
        faces=len(part.faces),
        parts=[part],
        bodies=[Body(0, unplaced(), np.arange(len(part.faces)), part.low, part.high)],
        components=[Component("", None, unplaced(), [0])],
        notes=notes,
        timings_ms={"read": (read - started) * 1e3, "tessellate": (perf_counter() - read) * 1e3},
    )


def _part(mesh: trimesh.Trimesh, origin: Origin, closed: bool, diagonal: float) -> Part:
    low, high = np.asarray(mesh.bounds[0], dtype=float), np.asarray(mesh.bounds[1], dtype=float)
    own = Mesh(
        np.asarray(mesh.vertices, dtype=float),
        np.asarray(mesh.faces, dtype=np.int64),
        _patches(mesh),
        diagonal * RELATIVE_DEFLECTION,
    )
    room = float(np.prod(high - low))
    if closed and not 0 < mesh.volume <= room * 1.001:
        told = "no volume" if mesh.volume <= 0 else f"{mesh.volume:.6g} mm³, more than its box of {room:.6g} mm³"
        raise PartError("volume_not_sane", f"The mesh encloses {told}.", "Check it for triangles that cross.")
    return Part(
        name=origin.name,
        sha256=origin.sha256,
        format=origin.format,
        units_in_file=origin.units_in_file,
        bodies=_bodies(mesh, closed),
        low=low,
        high=high,
        volume=float(mesh.volume) if closed else 0.0,
        area=float(mesh.area),
        centre_of_mass=np.array(mesh.center_mass if closed else mesh.centroid, dtype=float),
        inertia=np.array(mesh.moment_inertia if closed else np.zeros((3, 3)), dtype=float),
        faces=_faces(own),
        edges=_no_edges(),
        mesh=own,
        wall_probe=NoExactSurfaces(),
        exact=False,
        closed=closed,
    )


class NoExactSurfaces:
    """The wall probe of a mesh: it knows nothing that the mesh does not."""

    def thickness(self, first: int, second: int, point: Floats, inward: Floats, reach: float) -> float | None:  # noqa: ARG002
        """None."""
        return None

    def least_distance(self, first: int, second: int) -> tuple[float, Floats, Floats] | None:  # noqa: ARG002
        """None."""
        return None

    def extent(self, face: int, frame: Floats) -> tuple[Floats, Floats] | None:  # noqa: ARG002
        """None."""
        return None


def _patches(mesh: trimesh.Trimesh) -> Ints:
    """(t,) the patch of each triangle."""
    smooth = mesh.face_adjacency[mesh.face_adjacency_angles < np.radians(SHARP_DEGREES)]
    return _components(len(mesh.faces), smooth)


def _bodies(mesh: trimesh.Trimesh, closed: bool) -> int:
    """How many shells there are, those that bound a hollow left out."""
    shell = _components(len(mesh.faces), mesh.face_adjacency)
    if not closed:
        return int(shell.max()) + 1
    a, b, c = (mesh.triangles[:, i] for i in range(3))
    volumes = np.bincount(shell, weights=np.einsum("ij,ij->i", a, np.cross(b, c)))
    return max(1, int((volumes > 0).sum()))


def _components(count: int, pairs: Ints) -> Ints:
    """(count,) the connected component of each node, numbered by its first node."""
    label = connected(count, pairs)
    _, first, inverse = np.unique(label, return_index=True, return_inverse=True)
    rank = np.empty(len(first), dtype=np.int64)
    rank[np.argsort(first)] = np.arange(len(first))
    return np.asarray(rank[inverse])


def _faces(mesh: Mesh) -> Faces:
    count = int(mesh.face.max()) + 1
    zero, none = np.zeros(count), np.zeros(count, dtype=np.int64)
    area, point, normal = face_samples(mesh, count)
    return Faces(
        kind=np.full(count, int(Surface.FREEFORM), dtype=np.int64),
        origin=np.zeros((count, 3)),
        axis=np.zeros((count, 3)),
        radius=zero,
        minor_radius=zero,
        half_angle=zero,
        sign=none,
        u_span=zero,
        body=none,
        loops=[[] for _ in range(count)],
        area=area,
        point=point,
        normal=normal,
    )


def _no_edges() -> Edges:
    none, points = np.zeros(0), np.zeros((0, 3))
    numbers = np.zeros(0, dtype=np.int64)
    return Edges(
        faces=np.zeros((0, 2), dtype=np.int64),
        bend=numbers,
        angle=none,
        curvature=none,
        kind=numbers,
        length=none,
        start=points,
        middle=points,
        end=points,
        tangent=points,
        centre=points,
        radius=none,
    )


def _how_it_is_open(mesh: trimesh.Trimesh) -> str:
    edges = np.sort(mesh.edges, axis=1)
    unique, counts = np.unique(edges, axis=0, return_counts=True)
    alone, crowded = unique[counts == 1], unique[counts > 2]
    if not len(alone) and len(crowded):
        near = mesh.vertices[crowded[0]].mean(axis=0).round(2) + 0.0
        return (
            f"The mesh is not watertight ({len(crowded)} edges have more than two triangles, the first near "
            f"{near.tolist()}): it has no volume."
        )
    if not len(alone):
        return "The mesh is not watertight (its triangles do not agree on the outside): it has no volume."
    near = mesh.vertices[alone[0]].mean(axis=0).round(2) + 0.0
    return (
        f"The mesh is not watertight ({len(alone)} open edges, the first near {near.tolist()}): it has no volume, "
        "and walls are measured where it has two sides."
    )
