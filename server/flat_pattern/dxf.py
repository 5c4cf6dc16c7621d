"""The flat pattern as DXF, in mm, one to one: what a laser's or a punch's programming reads."""

import io
from typing import Any

from ezdxf import options, units  # type: ignore[attr-defined]  # options is public, but not said to be
from ezdxf.filemanagement import new
from ezdxf.layouts.layout import Modelspace

from server.flat_pattern.pattern import Pattern, Segment, angles_of, cut_loops

VERSION = "R2010"
# Name, AutoCAD colour index, line type.
LAYERS = (
    ("CUT", 7, "CONTINUOUS"),
    ("BEND_UP", 3, "DASHED"),
    ("BEND_DOWN", 1, "DASHDOT"),
    ("FORM", 5, "DASHED2"),
)

# No time and no random id in the file: equal patterns are equal files. It holds for the whole process, as ezdxf has no
# other way; nothing else uses ezdxf here.
options.write_fixed_meta_data_for_testing = True


def dxf_of(pattern: Pattern) -> bytes:
    """The pattern as a DXF file: lines, arcs and circles as such, on layers CUT, BEND_UP, BEND_DOWN and FORM."""
    drawing = new(VERSION, setup=["linetypes"], units=units.MM)
    for name, colour, line_type in LAYERS:
        drawing.layers.add(name, color=colour, linetype=line_type)
    space = drawing.modelspace()
    for loop in [*cut_loops(pattern), *pattern["slits"]]:
        _draw(space, loop, "CUT")
    for loop in pattern["formed"]:
        _draw(space, loop, "FORM")
    for bend in pattern["bends"]:
        for start, end in bend["lines"]:
            space.add_line(start, end, dxfattribs={"layer": f"BEND_{bend['direction'].upper()}"})
    text = io.StringIO()
    drawing.write(text)
    return text.getvalue().encode("utf-8")


def _draw(space: Modelspace, loop: list[Segment], layer: str) -> None:
    attributes: dict[str, Any] = {"layer": layer}
    for segment in loop:
        match segment["type"]:
            case "circle":
                space.add_circle(segment["centre"], segment["radius"], dxfattribs=attributes)
            case "arc":
                space.add_arc(segment["centre"], segment["radius"], *angles_of(segment), dxfattribs=attributes)
            case "line":
                start, end = segment["points"]
                space.add_line(start, end, dxfattribs=attributes)
            case _:
                space.add_lwpolyline(segment["points"], dxfattribs=attributes)
