"""From a file on disk to its parts: the one entrance to the kernel."""

import hashlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from time import perf_counter
from typing import Any

from server.part_format import EXPORT_STEP, HEAD_BYTES, MESHES, NotAPartError, PartFormat, format_of
from workers.cad.binding import new_shape_map
from workers.cad.bounding_box import exact_box
from workers.cad.brep import read_brep
from workers.cad.explore import explore
from workers.cad.heal import SEWING_MM, sewn_solids
from workers.cad.iges import read_iges
from workers.cad.part import Ints
from workers.cad.placement import placed, placement_of, turned
from workers.cad.read_mesh import read_mesh
from workers.cad.read_solid import Origin, ReadSolid, read_solid, sane_diagonal
from workers.cad.reading import Body, Component, Reading, unplaced
from workers.cad.shape_file import RE_EXPORT, NamedShape, ShapeFile
from workers.cad.solids import FoundSolid, distinct, find_solids
from workers.cad.step import read_step
from workers.errors import PartError

_READERS = {PartFormat.STEP: read_step, PartFormat.IGES: read_iges, PartFormat.BREP: read_brep}
MOST_NAMED = 6


def read_file(path: Path, name: str, report_stage: Callable[[str], None]) -> Reading:
    """Read and tessellate the part or assembly at `path`; `name` is what its owner calls it.

    The format is told from the content. Raises PartError with a plain reason if there is nothing to review.
    """
    report_stage("read")
    started = perf_counter()
    content = path.read_bytes()
    kind = _format(content)
    sha256 = hashlib.sha256(content).hexdigest()
    if kind in MESHES:
        return read_mesh(content, kind, name, sha256, report_stage)
    del content
    file = _READERS[kind](path)
    read = perf_counter()
    report_stage("tessellate")
    reading = _read_solids(file, Origin(name, sha256, file.format, file.units_in_file))
    timings = {"read": (read - started) * 1e3, "tessellate": (perf_counter() - read) * 1e3}
    return replace(reading, timings_ms=timings)


def _format(content: bytes) -> PartFormat:
    try:
        return format_of(content[:HEAD_BYTES])
    except NotAPartError as seen:
        reason = f"This is in no format that parts are read from; it is {seen}."
        raise PartError("not_step", reason, EXPORT_STEP) from seen


def _read_solids(file: ShapeFile, origin: Origin) -> Reading:
    solids, notes, faces = _solids_of(file)
    if len(solids) > 1:
        sane_diagonal(file.shape)  # the whole may be too large where no solid is
    firsts = distinct(solids)
    read: dict[int, ReadSolid] = {}
    bodies = []
    for number, (solid, first) in enumerate(zip(solids, firsts, strict=True)):
        if first == number:
            read[number] = read_solid(solid.shape, origin)
            notes += [f"Body {number}: {note}" for note in read[number].notes]
        bodies.append(_body(solid, solids[first], read[first], list(read).index(first)))
    return Reading(
        name=origin.name,
        sha256=origin.sha256,
        format=origin.format,
        units_in_file=origin.units_in_file,
        faces=faces,
        parts=[solid.part for solid in read.values()],
        bodies=bodies,
        components=_components(file, solids),
        notes=notes,
        timings_ms={},
    )


def _solids_of(file: ShapeFile) -> tuple[list[FoundSolid], list[str], int]:
    """(solids, notes on the other faces, number of faces) of a file. Raises PartError if there is no solid."""
    found = find_solids(file.shape)
    solids, notes = found.solids, list[str]()
    if len(found.loose):
        sewn, stray, open_edges = sewn_solids(file.shape, found.loose)
        solids = solids + sewn
        if sewn:
            joined = sum(len(solid.faces) for solid in sewn)
            notes.append(
                f"{joined} surfaces close within {SEWING_MM} mm and were sewn into "
                f"{'a solid' if len(sewn) == 1 else f'{len(sewn)} solids'}."
            )
        if len(stray) and solids:
            notes.append(f"{_surfaces(stray)} belong to no solid and were left out.")
        if len(stray) and not solids:
            raise PartError(
                "no_solid",
                f"The {file.format} file holds no solid body: its {len(stray)} faces enclose no volume, "
                f"{open_edges} edges stay open when they are joined within {SEWING_MM} mm.",
                "Join the surfaces into a closed solid in the CAD system and export it again.",
            )
    if not solids:
        raise PartError("no_solid", f"The {file.format} file holds no solid body and no surface.", RE_EXPORT)
    return solids, notes, found.faces


def _surfaces(numbers: Ints) -> str:
    shown = ", ".join(map(str, numbers[:MOST_NAMED].tolist()))
    return f"{len(numbers)} faces ({shown}{', …' if len(numbers) > MOST_NAMED else ''})"


def _body(solid: FoundSolid, first: FoundSolid, read: ReadSolid, part: int) -> Body:
    """An occurrence of a solid that was read where its first one lies."""
    if solid is first:
        return Body(part, unplaced(), solid.faces, read.part.low, read.part.high)
    move = solid.shape.Location().Multiplied(first.shape.Location().Inverted())
    placement = placement_of(move)
    moved = [face.Moved(move) for face in read.geometry.shapes]
    mesh = replace(read.part.mesh, vertices=placed(placement, read.part.mesh.vertices))
    low, high = exact_box(replace(read.geometry, shapes=moved, axis=turned(placement, read.geometry.axis)), mesh)
    return Body(part, placement, solid.faces, low, high)


def _components(file: ShapeFile, solids: list[FoundSolid]) -> list[Component]:
    """The file's tree with the numbers of the bodies in it; bodies that nothing names come at its end."""
    numbers = new_shape_map()
    for solid in solids:
        numbers.Add(solid.shape)
    left = {number: number for number in range(len(solids))}

    def bodies_in(shape: Any) -> list[int]:  # noqa: ANN401
        found = [int(numbers.FindIndex(solid)) - 1 for solid in explore(shape, "Solid")]
        return [left.pop(number) for number in found if number in left]

    def component(named: NamedShape) -> Component | None:
        children = [child for child in map(component, named.children) if child]
        bodies = [] if named.children else bodies_in(named.shape)
        if not children and not bodies:
            return None
        return Component(named.name, named.colour, named.placement, bodies, children)

    tree = [root for root in map(component, file.tree) if root]
    return tree + [Component("", None, unplaced(), [number]) for number in left]
