"""The parting: which half forms each face, and the line where the halves meet."""

from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from workers.cad.connected import connected
from workers.cad.part import Floats, Ints, Part
from workers.facts.rays import Bools
from workers.moulding.pull import Pull
from workers.moulding.regions import Regions, SharedEdges, shared_edges
from workers.moulding.sight import PARALLEL, Sight

# A region is an undercut where neither half forms this share of it: samples beside an inner corner may be hidden.
HIDDEN_SHARE = 0.25
LEAST_HIDDEN = 2  # samples
# The line runs across a region where each half forms more than this share of it alone.
CROSSED_SHARE = 0.05


class Side(IntEnum):
    """What forms a region."""

    CORE = -1
    EITHER = 0  # a wall along the pull, until the line is laid above or below it
    CAVITY = 1
    CROSSED = 2  # the parting line runs across it
    HIDDEN = 3  # neither half: an undercut


@dataclass(frozen=True)
class Parting:
    """The sides, and the parting line as short pieces."""

    side: Ints  # (n,) Side of each region; none is EITHER
    hidden: Floats  # (n,) the share of each region that neither half forms
    edges: Ints  # the part's edges where the halves meet, those of windows among them
    pieces: Floats  # (k, 2, 3) the ends of each piece of the outer line
    length: float  # mm, of the outer line
    level: float  # mm along the pull: the mean height of the outer line, or the part's lowest where there is none
    height: float  # mm along the pull between its lowest and highest point: 0 if it is flat


def lay_parting(part: Part, regions: Regions, sight: Sight, pull: Pull) -> Parting:
    """Give each region to a half, walls along the pull to the one that leaves the line flatter and shorter."""
    hidden = sight.share(~pull.from_cavity & ~pull.from_core, len(regions))
    mesh_edges = shared_edges(regions.mesh)
    side = _decided(regions, _seen(regions, sight, pull, hidden), mesh_edges, pull.direction)
    pieces = _outer(mesh_edges, _is_on_line(regions, side, mesh_edges, pull.direction), pull.direction)
    lengths = np.linalg.norm(pieces[:, 1] - pieces[:, 0], axis=1)
    heights = pieces @ pull.direction
    has_line = bool(lengths.sum() > 0)
    all_heights = part.mesh.vertices @ pull.direction
    return Parting(
        side=side,
        hidden=hidden,
        edges=_edges_between(part, side) if part.exact else np.zeros(0, dtype=np.int64),
        pieces=pieces,
        length=float(lengths.sum()),
        level=float(np.average(heights.mean(axis=1), weights=lengths)) if has_line else float(all_heights.min()),
        height=float(np.ptp(heights)) if has_line else 0.0,
    )


def _seen(regions: Regions, sight: Sight, pull: Pull, hidden: Floats) -> Ints:
    """(n,) Side of each region as the halves get to it."""
    cavity, core = pull.from_cavity, pull.from_core
    by_both, by_cavity, by_core = (
        sight.share(holds, len(regions)) for holds in (cavity & core, cavity & ~core, core & ~cavity)
    )
    samples = np.bincount(sight.samples.face, minlength=len(regions))
    return np.select(
        [
            (hidden >= HIDDEN_SHARE) & (np.round(hidden * samples) >= np.minimum(LEAST_HIDDEN, samples)),
            np.minimum(by_cavity, by_core) > CROSSED_SHARE,
            by_both >= np.maximum(by_cavity, by_core),
            by_cavity > by_core,
        ],
        [int(Side.HIDDEN), int(Side.CROSSED), int(Side.EITHER), int(Side.CAVITY)],
        int(Side.CORE),
    ).astype(np.int64)


def _decided(regions: Regions, side: Ints, edges: SharedEdges, direction: Floats) -> Ints:
    """`side` with each group of walls along the pull given to one half."""
    decided = side.copy()
    for group in regions.groups(np.flatnonzero(side == Side.EITHER)):
        in_group = np.isin(regions.mesh.face[edges.triangles], group)
        border = in_group[:, 0] != in_group[:, 1]
        beyond = side[regions.mesh.face[np.where(in_group[border, 0], *edges.triangles[border].T[::-1])]]
        lines = {half: edges.ends[border][beyond == -half] for half in (Side.CAVITY, Side.CORE)}
        decided[group] = min(lines, key=lambda half: _bent(lines[half], direction))
    return decided


def _bent(line: Floats, direction: Floats) -> tuple[float, float]:
    """(mm between the lowest and highest point, mm length) of the pieces of a line."""
    if not len(line):
        return 0.0, 0.0
    length = float(np.linalg.norm(line[:, 1] - line[:, 0], axis=1).sum())
    return round(float(np.ptp(line @ direction)), 3), round(length, 3)


def _is_on_line(regions: Regions, side: Ints, edges: SharedEdges, direction: Floats) -> Bools:
    """(k,) whether the halves meet at each edge of the mesh; across a region, where it turns away from the pull."""
    of_triangle = side[regions.mesh.face]
    toward = regions.mesh.normals @ direction
    crossed = of_triangle == Side.CROSSED
    of_triangle = np.where(crossed, np.where(toward > PARALLEL, Side.CAVITY, Side.CORE), of_triangle)
    one, other = of_triangle[edges.triangles].T
    return np.asarray(one * other == -1)


def _outer(edges: SharedEdges, on_line: Bools, direction: Floats) -> Floats:
    """(k, 2, 3) of the pieces of line that hang together, those that reach around most."""
    nodes, ends = edges.nodes[on_line], edges.ends[on_line]
    if not len(nodes):
        return ends
    loop = connected(int(nodes.max()) + 1, nodes)[nodes[:, 0]]
    across = ends - (ends @ direction)[..., None] * direction
    reach = {number: float(np.ptp(across[loop == number].reshape(-1, 3), axis=0).sum()) for number in np.unique(loop)}
    outermost = max(reach, key=lambda number: round(reach[number], 3))
    return np.asarray(ends[loop == outermost])


def _edges_between(part: Part, side: Ints) -> Ints:
    """The part's edges between a face of the cavity and one of the core."""
    one, other = side[part.edges.faces].T
    return np.flatnonzero((one * other == -1) & (part.edges.faces >= 0).all(axis=1))
