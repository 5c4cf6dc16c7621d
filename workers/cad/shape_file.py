"""What every reader of exact geometry returns, and the reasons that they share."""

from dataclasses import dataclass, field
from typing import Any

from workers.cad.part import Floats
from workers.errors import PartError

RE_EXPORT = "Export it again from the CAD system as STEP AP214 or AP242, as a solid, and upload that file."
UNITS_UNKNOWN = "unknown, read as mm"


@dataclass(frozen=True)
class NamedShape:
    """A node of the file's own tree; `shape` lies where it is in the file."""

    name: str
    colour: str | None
    placement: Floats
    shape: Any
    children: list["NamedShape"] = field(default_factory=list)


@dataclass(frozen=True)
class ShapeFile:
    """A kernel shape in mm with what the file said about itself."""

    shape: Any
    format: str
    units_in_file: str
    tree: list[NamedShape] = field(default_factory=list)


def checked(shape: Any, kind: str) -> Any:  # noqa: ANN401
    """`shape`, unless there is none. Raises PartError."""
    if shape is None or shape.IsNull():
        raise PartError("no_shape", f"The {kind} file was read but describes no geometry.", RE_EXPORT)
    return shape


def unreadable(kind: str) -> PartError:
    """That the syntax is broken."""
    reason = f"The {kind} file cannot be read: it is incomplete or its syntax is broken."
    return PartError("unreadable", reason, RE_EXPORT)
