"""Plates with ever more holes and pockets, for benchmarks of how the engine's cost grows."""

from pathlib import Path

from tests.parts import Solid, cylinder, pocket, prism
from workers.cad.binding import module

PITCH_MM, THICK_MM, TERRACE_MM = 12.0, 20.0, 1.0
POCKET_MM, DEEP_MM, CORNER_MM = 7.0, 8.0, 1.5
HOLE_DIAMETERS_MM = (3.0, 4.0, 5.0, 6.0)


def write_plate(path: Path, cells: int) -> None:
    """Write a STEP file of a plate with `cells` × `cells` places: by turns holes (1 face) and pockets (9 faces).

    Every other row is higher on both sides: in one plane with all holes the kernel's mesh would take most of the time.
    """
    builder, tools = module("BRep").BRep_Builder(), module("TopoDS").TopoDS_Compound()
    builder.MakeCompound(tools)
    for number in range(cells * cells):
        builder.Add(tools, _tool(*divmod(number, cells)).shape)
    _terraces(cells).cut(Solid(tools)).write_step(path)


def _terraces(rows: int) -> Solid:
    """The plate, in steps along y."""
    outline = [(row * PITCH_MM, row % 2 * TERRACE_MM) for row in range(rows)]
    low = [(y + across, z) for y, z in outline for across in (0.0, PITCH_MM)]
    high = [(y, z + THICK_MM) for y, z in reversed(low)]
    return prism(low + high, rows * PITCH_MM).moved(axis=(1.0, 1.0, 1.0), degrees=120.0)


def _tool(row: int, column: int) -> Solid:
    x, y, top = (column + 0.5) * PITCH_MM, (row + 0.5) * PITCH_MM, THICK_MM + row % 2 * TERRACE_MM
    turn = row + column
    if turn % 2:
        diameter = HOLE_DIAMETERS_MM[turn // 2 % len(HOLE_DIAMETERS_MM)]
        return cylinder(diameter, THICK_MM + 2 * TERRACE_MM, (x, y, top - THICK_MM - TERRACE_MM))
    return pocket(POCKET_MM, POCKET_MM, DEEP_MM, (x, y, top), CORNER_MM)
