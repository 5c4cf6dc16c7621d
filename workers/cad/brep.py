"""Reading the kernel's own format, text or binary. It has no units: lengths are taken as mm."""

from pathlib import Path

from workers.cad.binding import module, static
from workers.cad.shape_file import UNITS_UNKNOWN, ShapeFile, checked, unreadable


def read_brep(path: Path) -> ShapeFile:
    """Read the BREP file at `path`. Raises PartError if it cannot be read."""
    shape = module("TopoDS").TopoDS_Shape()
    with path.open("rb") as file:
        is_binary = file.read(32).lstrip().startswith(b"Open CASCADE")
    if is_binary:
        static("BinTools", "BinTools", "Read")(shape, str(path))
    else:
        builder = module("BRep").BRep_Builder()
        static("BRepTools", "BRepTools", "Read")(shape, str(path), builder)
    if shape.IsNull():
        raise unreadable("BREP")
    return ShapeFile(checked(shape, "BREP"), "BREP", UNITS_UNKNOWN)
