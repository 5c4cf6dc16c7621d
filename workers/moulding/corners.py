"""Internal corners: how round they are."""

from dataclasses import dataclass

import numpy as np

from workers.cad.connected import connected
from workers.cad.part import Bend, Floats, Ints
from workers.features.edge_breaks import find_fillets
from workers.features.graph import FaceGraph

# Faces that meet at less than this are one wall with a change of draft.
CORNER_DEGREES = 30.0
DECIMALS = 3
SHALLOW_MM = 0.5


@dataclass(frozen=True)
class InnerCorner:
    """Corners of one radius that hang together."""

    radius: float  # mm, 0 if sharp
    faces: list[int]  # the fillets, or the faces that meet
    edges: list[int]  # sharp ones


def find_inner_corners(graph: FaceGraph, deep: Floats) -> list[InnerCorner]:
    """Sharp ones around common faces together, and fillets of one radius that run on into each other.

    `deep` (n,) is what each face measures along the pull, mm: corners of what is shallow, as lettering, are left out.
    """
    return _sharp(graph, deep) + _rounded(graph)


def _sharp(graph: FaceGraph, deep: Floats) -> list[InnerCorner]:
    edges = graph.edges
    sharp = np.flatnonzero(
        (edges.bend == Bend.CONCAVE)
        & (np.abs(edges.angle) > CORNER_DEGREES)
        & (edges.faces >= 0).all(axis=1)
        & (deep[edges.faces].max(axis=1) > SHALLOW_MM)
    )
    return [
        InnerCorner(0.0, np.unique(edges.faces[group]).tolist(), group.tolist())
        for group in _grouped(sharp, edges.faces[sharp], len(graph.faces))
    ]


def _grouped(edges: Ints, faces: Ints, count: int) -> list[Ints]:
    """`edges` (k,) in groups that are joined by common `faces` (k, 2)."""
    label = connected(count, faces)[faces[:, 0]] if len(edges) else edges
    return [edges[label == number] for number in dict.fromkeys(label.tolist())]


def _rounded(graph: FaceGraph) -> list[InnerCorner]:
    by_radius: dict[float, list[int]] = {}
    for fillet in find_fillets(graph, set()):
        if fillet.type == "concave_fillet" and fillet.size["radius"] > 0:
            by_radius.setdefault(round(fillet.size["radius"], DECIMALS), []).append(fillet.faces[0])
    return [
        InnerCorner(radius, sorted(group), [])
        for radius, fillets in by_radius.items()
        for group in _run_on(graph, fillets)
    ]


def _run_on(graph: FaceGraph, fillets: list[int]) -> list[list[int]]:
    """The fillets in groups that touch a common face."""
    pairs = np.array([(fillet, other) for fillet in fillets for _, other in graph.neighbours(fillet)]).reshape(-1, 2)
    label = connected(len(graph.faces), pairs)[fillets].tolist()
    return [[f for f, of in zip(fillets, label, strict=True) if of == number] for number in dict.fromkeys(label)]
