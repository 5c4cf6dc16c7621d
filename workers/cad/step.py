"""Reading a STEP file into a kernel shape, in mm, with its products' names, colours and places."""

from pathlib import Path
from typing import Any

from workers.cad.binding import enum_value, module, new_text_sequence
from workers.cad.product_tree import new_document, product_tree
from workers.cad.shape_file import ShapeFile, checked, unreadable
from workers.cad.step_units import length_units

_ASSEMBLY = b"NEXT_ASSEMBLY_USAGE_OCCURRENCE"


def read_step(path: Path) -> ShapeFile:
    """Read the STEP file (AP203, AP214, AP242) at `path`. Raises PartError if it cannot be read."""
    document = new_document()
    reader = module("STEPCAFControl").STEPCAFControl_Reader()
    for unwanted in ("Layer", "Props", "GDT", "Mat", "View", "SHUO"):
        getattr(reader, f"Set{unwanted}Mode")(False)
    if reader.ReadFile(str(path)) != enum_value("IFSelect", "IFSelect_ReturnStatus", "IFSelect_RetDone"):
        raise unreadable("STEP")
    plain = reader.ChangeReader()
    units = _units_in_file(plain)
    reader.Transfer(document)
    shape = checked(plain.OneShape() if plain.NbShapes() else None, "STEP")
    tree = product_tree(document)
    content = path.read_bytes()
    if _ASSEMBLY in content:
        units |= length_units(content)
    return ShapeFile(shape, "STEP", ", ".join(sorted(units)) or "unknown", tree)


def _units_in_file(reader: Any) -> set[str]:  # noqa: ANN401
    """Those of the first product."""
    lengths, angles, solid_angles = new_text_sequence(), new_text_sequence(), new_text_sequence()
    reader.FileUnits(lengths, angles, solid_angles)
    return {lengths.Value(i).ToCString() for i in range(1, lengths.Length() + 1)}
