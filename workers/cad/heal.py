"""Mending what is safe to mend: faces that close into a solid, edges too short to mean anything.

"Safe" is what leaves every face where it is to within SEWING_MM, and is checked by its result.
"""

from typing import Any

import numpy as np

from workers.cad.binding import downcast, module, new_shape_map, static
from workers.cad.explore import explore
from workers.cad.part import Edges, Floats, Ints
from workers.cad.solids import FoundSolid

# Less than any machine holds, more than CAD systems leave between faces that they mean to touch.
SEWING_MM = 0.01
TINY_EDGE_MM = 0.002

Loops = list[list[list[int]]]


def sewn_solids(shape: Any, loose: Ints) -> tuple[list[FoundSolid], Ints, int]:  # noqa: ANN401
    """Close the faces `loose` of `shape` into solids.

    Returns the solids, the numbers of the faces that close nothing, and how many open edges those have.
    """
    faces = explore(shape, "Face")
    sewing = module("BRepBuilderAPI").BRepBuilderAPI_Sewing(SEWING_MM)
    for number in loose:
        sewing.Add(faces[number])
    sewing.Perform()
    sewn = new_shape_map()
    number_of = {}
    for number in loose:
        face = faces[number]
        number_of[int(sewn.Add(sewing.Modified(face) if sewing.IsModified(face) else face))] = int(number)
    solids, used = [], set[int]()
    for shell in explore(sewing.SewedShape(), "Shell"):
        numbers = [number_of.get(int(sewn.FindIndex(face)), -1) for face in explore(shell, "Face")]
        if min(numbers, default=-1) < 0 or open_edges(shell):
            continue
        solids.append(FoundSolid(_solid_of(shell), np.array(numbers)))
        used.update(numbers)
    return solids, np.array([n for n in loose if int(n) not in used], dtype=np.int64), int(sewing.NbFreeEdges())


def open_edges(shape: Any) -> int:  # noqa: ANN401
    """How many edges of `shape` belong to one face only, seams and degenerated edges left out."""
    edges = new_shape_map()
    uses: dict[int, int] = {}
    for face in explore(shape, "Face"):
        for edge in explore(face, "Edge"):
            number = int(edges.Add(edge))
            uses[number] = uses.get(number, 0) + 1
    degenerated = static("BRep", "BRep_Tool", "Degenerated")
    to_edge = downcast("Edge")
    return sum(n == 1 and not degenerated(to_edge(edges.FindKey(number))) for number, n in uses.items())


def closed_again(solid: Any) -> Any | None:  # noqa: ANN401
    """`solid` with the gaps between its faces sewn; None if they are wider than that, or faces are missing."""
    sewing = module("BRepBuilderAPI").BRepBuilderAPI_Sewing(SEWING_MM)
    for face in explore(solid, "Face"):
        sewing.Add(face)
    sewing.Perform()
    shells = explore(sewing.SewedShape(), "Shell")
    if len(shells) != 1 or open_edges(shells[0]) or len(explore(shells[0], "Face")) != len(explore(solid, "Face")):
        return None
    return _solid_of(shells[0])


def tiny(edges: Edges) -> Ints:
    """The numbers of edges that are too short to mean anything."""
    return np.flatnonzero((edges.faces[:, 0] >= 0) & (edges.length < TINY_EDGE_MM))


def without(loops: Loops, left_out: Ints) -> Loops:
    """Per face, its wires without some edges: those join nothing any more. All edges keep their numbers."""
    gone = set(left_out.tolist())
    kept = ([[edge for edge in loop if edge not in gone] for loop in of_face] for of_face in loops)
    return [[loop for loop in of_face if loop] for of_face in kept]


def unclosed(edges: Edges) -> Ints:
    """The numbers of edges with a face on one side only."""
    return np.flatnonzero((edges.faces[:, 0] >= 0) & (edges.faces[:, 1] < 0))


def middle_of(edges: Edges, number: int) -> Floats:
    """(3,) where an edge is, for people to find it."""
    return np.asarray(edges.middle[number].round(2) + 0.0)


def _solid_of(shell: Any) -> Any:  # noqa: ANN401
    solid = module("BRepBuilderAPI").BRepBuilderAPI_MakeSolid(shell).Solid()
    static("BRepLib", "BRepLib", "OrientClosedSolid")(solid)
    return solid
