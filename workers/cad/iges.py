"""Reading an IGES file into a kernel shape, in mm.

IGES mostly holds faces without solids: they are sewn later.
"""

from pathlib import Path

from workers.cad.binding import enum_value, module
from workers.cad.shape_file import UNITS_UNKNOWN, ShapeFile, checked, unreadable


def read_iges(path: Path) -> ShapeFile:
    """Read the IGES file at `path`. Raises PartError if it cannot be read."""
    reader = module("IGESControl").IGESControl_Reader()
    if reader.ReadFile(str(path)) != enum_value("IFSelect", "IFSelect_ReturnStatus", "IFSelect_RetDone"):
        raise unreadable("IGES")
    name = reader.IGESModel().GlobalSection().UnitName()
    units = name.ToCString() if name is not None else UNITS_UNKNOWN
    reader.TransferRoots()
    shape = checked(reader.OneShape() if reader.NbShapes() else None, "IGES")
    return ShapeFile(shape, "IGES", str(units))
