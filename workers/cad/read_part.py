"""From a STEP file on disk to a `Part`: the one entrance to the kernel."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from workers.cad.binding import module, static
from workers.cad.bounding_box import exact_box
from workers.cad.part import Faces, Floats, Mesh, Part
from workers.cad.step import read_step
from workers.cad.tessellate import tessellate
from workers.cad.topology import FaceGeometry, read_topology
from workers.cad.wall_probe import KernelWallProbe
from workers.errors import PartError


def read_part(path: Path, name: str, report_stage: Callable[[str], None]) -> Part:
    """Read and tessellate the STEP file at `path`; `name` is what its owner calls it.

    Raises PartError with a plain reason if it is not a reviewable part.
    """
    report_stage("read")
    started = perf_counter()
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    step = read_step(path)
    read = perf_counter()
    report_stage("tessellate")
    geometry, edges = read_topology(step.shape)
    mesh = tessellate(step.shape, geometry.shapes, step.diagonal)
    low, high = exact_box(geometry, mesh)
    volume, area, centre, inertia = _mass_properties(step.shape, float(np.prod(high - low)))
    timings = {"read": (read - started) * 1e3, "tessellate": (perf_counter() - read) * 1e3}
    return Part(
        name=name,
        sha256=sha256,
        format="STEP",
        units_in_file=step.units_in_file,
        bodies=step.solids,
        low=low,
        high=high,
        volume=volume,
        area=area,
        centre_of_mass=centre,
        inertia=inertia,
        faces=_faces(geometry, mesh),
        edges=edges,
        mesh=mesh,
        wall_probe=KernelWallProbe(geometry.shapes, 1e-7),
        timings_ms=timings,
    )


def _mass_properties(shape: Any, box_volume: float) -> tuple[float, float, Floats, Floats]:  # noqa: ANN401
    """(volume mm3, area mm2, centre of mass, inertia about it) by the kernel's exact integration."""
    solid, skin = module("GProp").GProp_GProps(), module("GProp").GProp_GProps()
    static("BRepGProp", "BRepGProp", "VolumeProperties")(shape, solid)
    static("BRepGProp", "BRepGProp", "SurfaceProperties")(shape, skin)
    volume, area = solid.Mass(), skin.Mass()
    if not 0 < volume <= box_volume * 1.001 or not 0 < area < float("inf"):
        raise PartError(
            "volume_not_sane",
            f"The solid's volume comes out as {volume:.3g} mm3 in a box of {box_volume:.3g} mm3: "
            "its faces do not enclose it properly.",
            "Heal the body in the CAD system (check for flipped, missing or crossing faces) and export it again.",
        )
    centre = solid.CentreOfMass()
    matrix = solid.MatrixOfInertia()
    inertia = np.array([[matrix.Value(i, j) for j in (1, 2, 3)] for i in (1, 2, 3)])
    return volume, area, np.array([centre.X(), centre.Y(), centre.Z()]), inertia


def _faces(geometry: FaceGeometry, mesh: Mesh) -> Faces:
    count = len(geometry.kind)
    area = np.bincount(mesh.face, weights=mesh.areas, minlength=count)
    point, normal = np.zeros((count, 3)), np.zeros((count, 3))
    # The largest triangle's centroid lies on or near the face, away from its border.
    order = np.argsort(mesh.areas, kind="stable")
    point[mesh.face[order]] = mesh.centroids[order]
    normal[mesh.face[order]] = mesh.normals[order]
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
        area=np.asarray(area, dtype=float),
        point=point,
        normal=normal,
    )
