"""Reading triangle meshes by trimesh: STL, OBJ, 3MF, PLY and GLB, in mm."""

import io
import zipfile
from typing import IO
from xml.parsers import expat

import numpy as np
import trimesh

from server.part_format import PartFormat
from workers.cad.shape_file import UNITS_UNKNOWN
from workers.errors import PartError

# More would not fit into a sandbox child, and no machined part needs as many.
MOST_TRIANGLES = 500_000
MOST_BYTES_UNPACKED = 128 * 1024 * 1024
MOST_ENTRIES = 1000

_MM_IN_3MF_UNIT = {"micron": 1e-3, "millimeter": 1.0, "centimeter": 10.0, "inch": 25.4, "foot": 304.8, "meter": 1e3}
_MM_IN_GLB_UNIT = 1e3
_EXPORT_AGAIN = "Export the mesh again, or better the part itself as STEP."


def load_mesh(content: bytes, kind: PartFormat) -> tuple[trimesh.Trimesh, str]:
    """(mesh in mm with vertices merged, the units in the file).

    Nothing outside of `content` is read or written, whatever it refers to. Raises PartError.
    """
    name = kind.value.upper()
    if kind is PartFormat.THREEMF:
        _check_archive(content)
    if kind is PartFormat.STL:
        _check_count(content)
    try:
        scene = trimesh.load_scene(io.BytesIO(content), file_type=kind.value, process=False, skip_materials=True)
        mesh = scene.to_mesh() if scene.geometry else trimesh.Trimesh()
    except MemoryError:
        raise
    except Exception as error:  # its loaders raise whatever a broken file leads them to
        why = f"{type(error).__name__}: {error}".rstrip(".")
        raise PartError("unreadable", f"The {name} file cannot be read: {why}.", _EXPORT_AGAIN) from error
    if not len(mesh.faces):
        raise PartError("no_triangles", f"The {name} file holds no triangles.", _EXPORT_AGAIN)
    if len(mesh.faces) > MOST_TRIANGLES:
        raise _too_many(len(mesh.faces))
    if not np.isfinite(mesh.vertices[mesh.faces]).all():
        raise PartError("not_finite", "Some coordinates of the mesh are no finite numbers.", _EXPORT_AGAIN)
    scale, units = _units(scene, kind)
    return _tidy(mesh.vertices * scale, mesh.faces), units


def _tidy(vertices: np.ndarray, triangles: np.ndarray) -> trimesh.Trimesh:
    """One vertex for each place, and no triangle that has a place twice."""
    mesh = trimesh.Trimesh(vertices, triangles, process=False)
    mesh.merge_vertices()
    corners = mesh.faces
    mesh.update_faces((corners != np.roll(corners, 1, axis=1)).all(axis=1))
    mesh.remove_unreferenced_vertices()
    if not len(mesh.faces):
        raise PartError("no_triangles", "Every triangle of the mesh is degenerate.", _EXPORT_AGAIN)
    return mesh


def _units(scene: trimesh.Scene, kind: PartFormat) -> tuple[float, str]:
    """(mm in a unit of the file, what it is called)."""
    if kind is PartFormat.GLB:
        return _MM_IN_GLB_UNIT, "metre"
    if kind is not PartFormat.THREEMF:
        return 1.0, UNITS_UNKNOWN
    named = {str(mesh.metadata.get("units", "millimeter")).lower() for mesh in scene.geometry.values()}
    unit = named.pop().removesuffix("s")
    if named or unit not in _MM_IN_3MF_UNIT:
        raise PartError("unknown_unit", f"3MF knows no unit {unit!r}.", _EXPORT_AGAIN)
    return _MM_IN_3MF_UNIT[unit], unit


def _check_count(content: bytes) -> None:
    """Refuse a binary STL with too many triangles, or not as many as it says, before it is read."""
    count = int.from_bytes(content[80:84], "little")
    is_whole = len(content) == 84 + 50 * count
    if is_whole and count > MOST_TRIANGLES:
        raise _too_many(count)
    if not is_whole and content.lstrip()[:5].lower() != b"solid":
        held = max(0, len(content) - 84) // 50
        reason = f"The STL file is incomplete: it says that it has {count:,} triangles, and has {held:,}."
        raise PartError("unreadable", reason, _EXPORT_AGAIN)


def _check_archive(content: bytes) -> None:
    """Refuse a 3MF that unpacks to too much, or whose XML can refer to anything. Raises PartError."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            entries = archive.infolist()
            unpacked = sum(entry.file_size for entry in entries)
            if unpacked > MOST_BYTES_UNPACKED or len(entries) > MOST_ENTRIES:
                raise PartError(
                    "too_much_inside",
                    f"The 3MF archive would unpack to {unpacked / 1e6:.0f} MB in {len(entries)} files.",
                    _EXPORT_AGAIN,
                )
            models = [entry for entry in entries if entry.filename.lower().endswith(".model")]
            if not any("3d/3dmodel.model" in entry.filename.lower() for entry in models):
                raise PartError("no_shape", "The zip archive holds no 3MF model (3D/3dmodel.model).", _EXPORT_AGAIN)
            for entry in models:
                with archive.open(entry) as xml:
                    _check_xml(xml)
    except (zipfile.BadZipFile, expat.ExpatError, EOFError, RuntimeError, NotImplementedError) as error:
        raise PartError("unreadable", f"The 3MF file cannot be read: {error}.", _EXPORT_AGAIN) from error


def _check_xml(xml: IO[bytes]) -> None:
    """Refuse a document type: with it come entities that swell, or that name other files. 3MF allows none."""

    def refuse(*_: object) -> None:
        raise PartError("unsafe_xml", "The 3MF model declares a document type, which 3MF forbids.", _EXPORT_AGAIN)

    parser = expat.ParserCreate()
    parser.StartDoctypeDeclHandler = refuse
    parser.ParseFile(xml)


def _too_many(count: int) -> PartError:
    return PartError(
        "too_many_triangles",
        f"The mesh has {count:,} triangles; {MOST_TRIANGLES:,} can be reviewed.",
        "Export it coarser, or better the part itself as STEP.",
    )
