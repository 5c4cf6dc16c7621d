"""Reading a STEP file into a kernel shape, in mm, with plain reasons where that fails."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workers.cad.binding import enum_value, module, new_shape_map, new_text_sequence, static
from workers.errors import PartError

LARGEST_PART_MM = 1e6
SMALLEST_PART_MM = 1e-3

_RE_EXPORT = "Export it again from the CAD system as STEP AP214 or AP242, as a solid, and upload that file."


@dataclass(frozen=True)
class StepShape:
    """A shape in mm with what the file said about itself."""

    shape: Any
    units_in_file: str
    solids: int
    diagonal: float  # mm, of a box that may be a little larger than the part


def read_step(path: Path) -> StepShape:
    """Read the part in the STEP file at `path`, converted to mm.

    Raises PartError if the file cannot be read, holds no solid, or has a size that no part has.
    """
    reader = module("STEPControl").STEPControl_Reader()
    if reader.ReadFile(str(path)) != enum_value("IFSelect", "IFSelect_ReturnStatus", "IFSelect_RetDone"):
        raise PartError(
            "unreadable",
            "The STEP file cannot be read: it is incomplete or its syntax is broken.",
            _RE_EXPORT,
        )
    units = _units_in_file(reader)
    reader.TransferRoots()
    if reader.NbShapes() == 0:
        raise PartError("no_shape", "The STEP file was read but describes no geometry.", _RE_EXPORT)
    shape = reader.OneShape()
    if shape is None or shape.IsNull():
        raise PartError("no_shape", "The STEP file was read but describes no geometry.", _RE_EXPORT)
    solids = _count(shape, "TopAbs_SOLID")
    faces = _count(shape, "TopAbs_FACE")
    if solids == 0 or faces == 0:
        raise PartError(
            "no_solid",
            f"The STEP file holds no solid body ({faces} faces that enclose no volume).",
            "Join the surfaces into a closed solid in the CAD system and export it again.",
        )
    return StepShape(shape, units, solids, _sane_diagonal(shape))


def _units_in_file(reader: Any) -> str:  # noqa: ANN401
    lengths, angles, solid_angles = new_text_sequence(), new_text_sequence(), new_text_sequence()
    reader.FileUnits(lengths, angles, solid_angles)
    names = {lengths.Value(i).ToCString() for i in range(1, lengths.Length() + 1)}
    return ", ".join(sorted(names)) or "unknown"


def _count(shape: Any, kind: str) -> int:  # noqa: ANN401
    found = new_shape_map()
    static("TopExp", "TopExp", "MapShapes")(shape, enum_value("TopAbs", "TopAbs_ShapeEnum", kind), found)
    return int(found.Size())


def _sane_diagonal(shape: Any) -> float:  # noqa: ANN401
    """The diagonal of the box around `shape`, mm. Raises PartError if no part has such a size."""
    box = module("Bnd").Bnd_Box()
    static("BRepBndLib", "BRepBndLib", "Add")(shape, box)
    if box.IsVoid():
        raise PartError("no_shape", "The part has no extent.", _RE_EXPORT)
    low, high = ((p.X(), p.Y(), p.Z()) for p in (box.CornerMin(), box.CornerMax()))
    extent = [b - a for a, b in zip(low, high, strict=True)]
    finite = all(map(math.isfinite, (*low, *high)))
    if not finite or max(map(abs, (*low, *high))) > LARGEST_PART_MM or max(extent) < SMALLEST_PART_MM:
        raise PartError(
            "size_not_sane",
            f"The part measures {' × '.join(f'{e:.3g}' for e in extent)} mm, which no machined part does.",
            "Check the units and the geometry in the CAD system, then export it again.",
        )
    return math.hypot(*extent)
