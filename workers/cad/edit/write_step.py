"""Writing an edited solid, the same bytes for the same solid."""

import re
from pathlib import Path
from typing import Any

from workers.cad.binding import enum_value, module, static
from workers.cad.edit.errors import EditError

# The file says nothing of when it was written: the same edits give the same bytes.
_COUNTED_NAME = re.compile(rb"PRODUCT\('([^']*?)(?: \d+)?','[^']*'")
_NO_TIME = "1970-01-01T00:00:00"


def write_step(shape: Any, path: Path, name: str) -> None:  # noqa: ANN401
    """Write `shape` to `path` as STEP AP214 in mm, its product called `name`. Raises EditError if it cannot be."""
    setting = static("Interface", "Interface_Static", "SetCVal")
    writer = module("STEPControl").STEPControl_Writer()
    setting("write.step.unit", "MM")
    setting("write.step.schema", "AP214IS")
    setting("write.step.product.name", name)
    done = enum_value("IFSelect", "IFSelect_ReturnStatus", "IFSelect_RetDone")
    if writer.Transfer(shape, enum_value("STEPControl", "STEPControl_StepModelType", "STEPControl_AsIs")) != done:
        raise EditError("the kernel could not turn the result into STEP")
    header = module("APIHeaderSection").APIHeaderSection_MakeHeader(writer.Model())
    header.SetTimeStamp(_text(_NO_TIME))
    header.SetName(_text(name))
    if writer.Write(str(path)) != done:
        raise EditError("the STEP file could not be written")
    # The kernel counts the products that a process writes in their names.
    path.write_bytes(_COUNTED_NAME.sub(rb"PRODUCT('\1','\1'", path.read_bytes(), count=1))


def _text(text: str) -> Any:  # noqa: ANN401
    return module("TCollection").TCollection_HAsciiString(text)
