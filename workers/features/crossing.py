"""Channels that cross each other at one height: their floors are one face, so that a walk gathers them together."""

from workers.cad.part import Floats, Surface
from workers.features.graph import FaceGraph

OPPOSITE = -0.95  # cosine between the two ends of a channel
ALONG = 1e-3  # cosine: how far a channel's wall may lean from running along it


def crossing_channels(graph: FaceGraph, members: list[int], mouths: list[Floats]) -> list[list[int]]:
    """`members` dealt out to the channels that they make up, none if they are not crossing channels.

    A channel runs between two opposite `mouths` (normals of the faces beyond the border). Each face goes to
    the channel that it runs along; one that runs along several, to the one with the most wall of its own.
    """
    axes = _axes(mouths)
    along = [{f for f in members if runs_along(graph, f, axis)} for axis in axes]
    if not along or set().union(*along) != set(members):
        return []
    own = [faces - set().union(*(other for other in along if other is not faces)) for faces in along]
    area = [round(float(graph.faces.area[sorted(faces)].sum()), 3) for faces in own]
    order = sorted((i for i in range(len(axes)) if own[i]), key=lambda i: (-area[i], min(own[i])))
    if len(order) < 2:
        return []
    channels, dealt = [], set[int]()
    for number in order:
        channels.append(sorted(along[number] - dealt - set().union(*(own[i] for i in order if i != number))))
        dealt |= set(channels[-1])
    return channels if dealt == set(members) else []


def _axes(mouths: list[Floats]) -> list[Floats]:
    """One of each pair of opposite mouth normals."""
    axes: list[Floats] = []
    for number, normal in enumerate(mouths):
        has_opposite = any(float(normal @ other) < OPPOSITE for other in mouths[number + 1 :])
        if has_opposite and not any(abs(float(normal @ axis)) > -OPPOSITE for axis in axes):
            axes.append(normal)
    return axes


def runs_along(graph: FaceGraph, face: int, axis: Floats) -> bool:
    """Whether a plane or cylinder extends along `axis`, as a channel's walls and floor do."""
    cosine = abs(float(graph.faces.axis[face] @ axis))
    if graph.kind[face] == Surface.PLANE:
        return cosine < ALONG
    return graph.kind[face] == Surface.CYLINDER and cosine > 1 - ALONG
