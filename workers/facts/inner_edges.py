"""The edges that reach into the material, such as the tip of a notch: where a neck may be narrowest."""

import numpy as np

from workers.cad.part import Bend, Curve, Floats, Ints, Part
from workers.facts.rays import Bools

POINTS_ON_AN_EDGE = 9


def inner_edges(part: Part) -> Ints:
    """(k,) concave edges that are straight or round."""
    edges = part.edges
    return np.flatnonzero((edges.bend == Bend.CONCAVE) & (edges.kind != Curve.OTHER))


def along_edges(part: Part, chosen: Ints) -> Floats:
    """(len(chosen) * POINTS_ON_AN_EDGE, 3) points along straight and circular edges, one edge after the other."""
    edges = part.edges
    step = np.linspace(-0.5, 0.5, POINTS_ON_AN_EDGE)
    round_ = (edges.kind[chosen] == Curve.CIRCLE)[:, None, None]
    radius = np.where(edges.radius[chosen] > 0, edges.radius[chosen], 1.0)
    angle = (edges.length[chosen] / radius)[:, None] * step
    arm = (edges.middle - edges.centre)[chosen, None]
    tangent = edges.tangent[chosen, None]
    arcs = np.cos(angle)[..., None] * arm + np.sin(angle)[..., None] * radius[:, None, None] * tangent
    lines = edges.middle[chosen, None] + (edges.end - edges.start)[chosen, None] * step[:, None]
    return np.asarray(np.where(round_, edges.centre[chosen, None] + arcs, lines).reshape(-1, 3))


def meet(part: Part, first: int, second: int) -> bool:
    """Whether two faces share an edge, or are one."""
    return bool(do_meet(part, np.array([first]), np.array([second]))[0])


def do_meet(part: Part, first: Ints, second: Ints) -> Bools:
    """(n,) the same for pairs of faces."""
    width, ends = len(part.faces) + 1, np.sort(part.edges.faces, axis=1)
    key = np.minimum(first, second) * width + np.maximum(first, second)
    return np.asarray((first == second) | np.isin(key, ends[:, 0] * width + ends[:, 1]))
