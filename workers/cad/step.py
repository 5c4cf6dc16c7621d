"""Reading a STEP file into a kernel shape, in mm, with its products' names, colours and places."""

from pathlib import Path
from typing import Any

from workers.cad.binding import enum_value, module, new_text_sequence
from workers.cad.product_tree import new_document, product_tree
from workers.cad.shape_file import ShapeFile, checked, unreadable


def read_step(path: Path) -> ShapeFile:
    """Read the STEP file (AP203, AP214, AP242) at `path`. Raises PartError if it cannot be read."""
    document = new_document()
    reader = module("STEPCAFControl").STEPCAFControl_Reader()
    for unwanted in ("Layer", "Props", "GDT", "Mat", "View", "SHUO"):
        getattr(reader, f"Set{unwanted}Mode")(False)
    if reader.ReadFile(str(path)) != enum_value("IFSelect", "IFSelect_ReturnStatus", "IFSelect_RetDone"):
        raise unreadable("STEP")
    units = _units_in_file(reader.ChangeReader())
    reader.Transfer(document)
    plain = reader.ChangeReader()
    shape = checked(plain.OneShape() if plain.NbShapes() else None, "STEP")
    return ShapeFile(shape, "STEP", units, product_tree(document))


def _units_in_file(reader: Any) -> str:  # noqa: ANN401
    lengths, angles, solid_angles = new_text_sequence(), new_text_sequence(), new_text_sequence()
    reader.FileUnits(lengths, angles, solid_angles)
    names = {lengths.Value(i).ToCString() for i in range(1, lengths.Length() + 1)}
    return ", ".join(sorted(names)) or "unknown"
