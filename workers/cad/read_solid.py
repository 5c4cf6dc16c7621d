"""From one solid of the kernel to a `Part`, mended where that is safe."""

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from workers.cad import heal
from workers.cad.binding import downcast, module, static
from workers.cad.bounding_box import exact_box
from workers.cad.mass_properties import Moments, moments_of_solid
from workers.cad.part import Edges, Faces, Floats, Ints, Mesh, Part
from workers.cad.shape_file import RE_EXPORT
from workers.cad.tessellate import tessellate
from workers.cad.topology import FaceGeometry, Written, read_topology
from workers.cad.wall_probe import KernelWallProbe
from workers.errors import PartError

LARGEST_PART_MM = 1e6
SMALLEST_PART_MM = 1e-3


@dataclass(frozen=True)
class Origin:
    """What is known of the file that a solid comes from."""

    name: str
    sha256: str
    format: str
    units_in_file: str


@dataclass(frozen=True)
class ReadSolid:
    """A part, with the kernel's faces behind it and what was mended."""

    part: Part
    geometry: FaceGeometry
    notes: list[str]


def read_solid(solid: Any, origin: Origin) -> ReadSolid:  # noqa: ANN401
    """Read and tessellate one solid, in mm, where it lies.

    Raises PartError if it encloses no volume or has a size that no part has.
    """
    diagonal = sane_diagonal(solid)
    geometry, edges, written = read_topology(solid)
    solid, geometry, edges, written, notes = _mended(solid, geometry, edges, written)
    mesh = tessellate(solid, geometry.shapes, diagonal)
    low, high = exact_box(geometry, mesh)
    moments = moments_of_solid(geometry, edges, written)
    if moments.volume < 0:
        solid = downcast("Solid")(solid.Reversed())
        geometry, edges, _ = read_topology(solid)
        mesh = tessellate(solid, geometry.shapes, diagonal)
        moments = moments.turned()
        notes.append("Its faces looked inwards; they were turned.")
    _check_sane(moments, float(np.prod(high - low)))
    part = Part(
        name=origin.name,
        sha256=origin.sha256,
        format=origin.format,
        units_in_file=origin.units_in_file,
        bodies=1,
        low=low,
        high=high,
        volume=moments.volume,
        area=moments.area,
        centre_of_mass=moments.centre,
        inertia=moments.inertia,
        faces=_faces(geometry, mesh),
        edges=edges,
        mesh=mesh,
        wall_probe=KernelWallProbe(geometry.shapes, 1e-7),
    )
    return ReadSolid(part, geometry, notes)


def sane_diagonal(shape: Any) -> float:  # noqa: ANN401
    """The diagonal of the box around `shape`, mm. Raises PartError if no part has such a size."""
    box = module("Bnd").Bnd_Box()
    static("BRepBndLib", "BRepBndLib", "Add")(shape, box)
    if box.IsVoid():
        raise PartError("no_shape", "The part has no extent.", RE_EXPORT)
    low, high = ((p.X(), p.Y(), p.Z()) for p in (box.CornerMin(), box.CornerMax()))
    return check_size(low, high)


def check_size(low: tuple[float, float, float], high: tuple[float, float, float]) -> float:
    """The diagonal of a box, mm. Raises PartError if no part has such a size."""
    extent = [b - a for a, b in zip(low, high, strict=True)]
    finite = all(map(math.isfinite, (*low, *high)))
    if not finite or max(map(abs, (*low, *high))) > LARGEST_PART_MM or max(extent) < SMALLEST_PART_MM:
        raise PartError(
            "size_not_sane",
            f"The part measures {' × '.join(f'{e:.3g}' for e in extent)} mm, which no machined part does.",
            "Check the units and the geometry in the CAD system, then export it again.",
        )
    return math.hypot(*extent)


def _mended(
    solid: Any,  # noqa: ANN401
    geometry: FaceGeometry,
    edges: Edges,
    written: Written,
) -> tuple[Any, FaceGeometry, Edges, Written, list[str]]:
    """The solid with the gaps between its faces sewn and tiny edges passed over, and what was done, or could not be."""
    notes = []
    if len(gaps := heal.unclosed(edges)):
        count = f"{_count(gaps, edges)} with a face on one side only"
        mended = heal.closed_again(solid)
        if mended is None:
            notes.append(
                f"It has {count}: faces are missing or lie too far apart. What is measured near them is uncertain."
            )
        else:
            solid = mended
            geometry, edges, written = read_topology(solid)
            notes.append(f"It had {count}; its faces were sewn within {heal.SEWING_MM} mm.")
    if len(tiny := heal.tiny(edges)):
        geometry = replace(geometry, loops=heal.without(geometry.loops, tiny))
        notes.append(f"It has {_count(tiny, edges)} shorter than {heal.TINY_EDGE_MM} mm; they were passed over.")
    return solid, geometry, edges, written, notes


def _count(numbers: Ints, edges: Edges) -> str:
    """How many edges, and where to look for the first."""
    near = f"near {heal.middle_of(edges, int(numbers[0])).tolist()}"
    return f"an edge {near}" if len(numbers) == 1 else f"{len(numbers)} edges (the first {near})"


def _check_sane(moments: Moments, box_volume: float) -> None:
    if not 0 < moments.volume <= box_volume * 1.001 or not 0 < moments.area < float("inf"):
        raise PartError(
            "volume_not_sane",
            f"The solid's volume comes out as {moments.volume:.3g} mm3 in a box of {box_volume:.3g} mm3: "
            "its faces do not enclose it properly.",
            "Heal the body in the CAD system (check for flipped, missing or crossing faces) and export it again.",
        )


def face_samples(mesh: Mesh, count: int) -> tuple[Floats, Floats, Floats]:
    """((n,) area, (n, 3) point, (n, 3) outward normal) of each of `count` faces."""
    area = np.bincount(mesh.face, weights=mesh.areas, minlength=count)
    point, normal = np.zeros((count, 3)), np.zeros((count, 3))
    # The largest triangle's centroid lies on or near the face, away from its border.
    order = np.argsort(mesh.areas, kind="stable")
    point[mesh.face[order]] = mesh.centroids[order]
    normal[mesh.face[order]] = mesh.normals[order]
    return np.asarray(area, dtype=float), point, normal


def _faces(geometry: FaceGeometry, mesh: Mesh) -> Faces:
    area, point, normal = face_samples(mesh, len(geometry.kind))
    return Faces(
        kind=geometry.kind,
        origin=geometry.origin,
        axis=geometry.axis,
        radius=geometry.radius,
        minor_radius=geometry.minor_radius,
        half_angle=geometry.half_angle,
        sign=geometry.sign,
        u_span=geometry.u_span,
        body=geometry.body,
        loops=geometry.loops,
        area=area,
        point=point,
        normal=normal,
    )
