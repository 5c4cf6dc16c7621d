"""Undercuts: what lies behind a lip, as a T-slot or a groove in a bore does, and only a T-slot cutter gets to."""

from dataclasses import dataclass

import numpy as np

from workers.cad.part import Curve, Floats, Surface
from workers.features.feature import Feature
from workers.features.graph import FaceGraph
from workers.rules.measurement import Change, ChangeTo, Measurement
from workers.rules.quantities.registry import DEPRESSIONS, HOLES, Subject, quantity
from workers.rules.rule_file import Rule

# A face overhangs its feature's way out if it leans back by more than this (the cosine of its normal); less is draft.
OVERHANGS = -0.15
SQUARE = 0.99
ROUND = (*HOLES, "bore", "groove")


@dataclass(frozen=True)
class _Room:
    """The room behind the lips of one feature, mm."""

    width: float  # along the way out
    depth: float  # behind the lip, across the way out
    mouth: float  # what is open between the lips


@quantity("undercut_width")
def undercut_width(subject: Subject, _rule: Rule) -> list[Measurement]:
    """Width in mm of each undercut along the way out, which the cutter's head must have.

    Details: `depth`, how far it reaches behind the lip; `clearance`, the mouth that the cutter comes in by.
    """
    return [_measurement(subject, feature, _room(subject, feature), by_mouth=False) for feature in undercuts(subject)]


@quantity("undercut_clearance")
def undercut_clearance(subject: Subject, _rule: Rule) -> list[Measurement]:
    """Clearance in mm before each undercut that is only entered by its mouth. Details: `depth` and `width` of it."""
    closed = [feature for feature in undercuts(subject) if not _is_entered_from_an_end(feature)]
    return [_measurement(subject, feature, _room(subject, feature), by_mouth=True) for feature in closed]


def undercuts(subject: Subject) -> list[Feature]:
    """Depressions with a flat face that overhangs their way out, and holes with a face that nothing gets to."""
    channels = [f for f in subject.of_type(*DEPRESSIONS) if f.direction is not None and _lips(subject, f)]
    hidden = set(subject.facts.reach.unreachable)
    recessed = [f for f in subject.of_type(*ROUND) if f.axis is not None and not hidden.isdisjoint(f.faces)]
    return channels + [f for f in recessed if _lips(subject, f)]


def _lips(subject: Subject, feature: Feature) -> list[int]:
    """The flat faces of the feature that overhang the way out; in a hole, those that nothing gets to."""
    faces = subject.part.faces
    planes = [f for f in feature.faces if faces.kind[f] == Surface.PLANE]
    if feature.type in ROUND:
        return sorted(set(planes) & set(subject.facts.reach.unreachable))
    return [f for f in planes if float(faces.axis[f] @ feature.direction) < OVERHANGS]


def _is_entered_from_an_end(feature: Feature) -> bool:
    if feature.type in ROUND or feature.direction is None:
        return False
    return any(abs(float(way @ feature.direction)) < SQUARE for way in feature.open_directions)


def _room(subject: Subject, feature: Feature) -> _Room:
    lips = _lips(subject, feature)
    up = feature.axis if feature.type in ROUND else feature.direction
    assert up is not None
    radii = _radii(subject.graph, lips)
    if radii:
        hidden = sorted(set(subject.facts.reach.unreachable) & set(feature.faces))
        low, high = subject.graph.extent(hidden or feature.faces, up)
        return _Room(high - low, max(radii) - min(radii), 2 * min(radii))
    return _room_of_channel(subject.graph, feature, lips, up)


def _radii(graph: FaceGraph, lips: list[int]) -> list[float]:
    """Radii of the lips' round borders; none if a lip has straight ones."""
    borders = [edge for lip in lips for edge in graph.part.edges_of_face[lip]]
    if any(graph.edges.kind[edge] != Curve.CIRCLE for edge in borders):
        return []
    return sorted(float(graph.edges.radius[edge]) for edge in borders)


def _room_of_channel(graph: FaceGraph, feature: Feature, lips: list[int], up: Floats) -> _Room:
    """Lips along straight channels: flat ones as of a T-slot, leaning ones as of a dovetail."""
    across = _across(graph, lips, up)
    low, high = graph.extent(feature.faces, across)
    left, right, depth, width = low, high, 0.0, np.inf
    for lip in lips:
        begin, end = graph.extent([lip], across)
        depth = max(depth, end - begin)
        width = min(width, _height_behind(graph, feature, lip, up))
        if begin - low < high - end:
            left = max(left, end)
        else:
            right = min(right, begin)
    return _Room(float(width), depth, max(0.0, right - left))


def _across(graph: FaceGraph, lips: list[int], up: Floats) -> Floats:
    """The direction across the lips: square to their longest straight edge and to the way out."""
    edges = [e for lip in lips for e in graph.part.edges_of_face[lip] if graph.edges.kind[e] == Curve.LINE]
    longest = max(edges, key=lambda e: (round(float(graph.edges.length[e]), 6), -e))
    across = np.cross(up, graph.edges.tangent[longest])
    return np.asarray(across / np.linalg.norm(across))


def _height_behind(graph: FaceGraph, feature: Feature, lip: int, up: Floats) -> float:
    """mm along the way out: from a flat lip down to the floor, or over the whole of a leaning one."""
    low, high = graph.extent([lip], up)
    if high - low > graph.tolerance:
        return high - low
    floors = [f for f in feature.faces if graph.kind[f] == Surface.PLANE and graph.faces.axis[f] @ up > SQUARE]
    below = [graph.extent([f], up)[1] for f in floors]
    return low - max((h for h in below if h < low), default=graph.extent(feature.faces, up)[0])


def _measurement(subject: Subject, feature: Feature, room: _Room, *, by_mouth: bool) -> Measurement:
    lips = _lips(subject, feature)
    faces = subject.part.faces
    largest = max(lips, key=lambda face: (round(float(faces.area[face]), 3), -face))
    return Measurement(
        room.mouth if by_mouth else room.width,
        lips,
        faces.point[largest],
        faces.normal[largest],
        _change("clearance", room.mouth) if by_mouth else _change("width", room.width),
        [feature],
        details={"width": room.width, "depth": room.depth, "clearance": room.mouth},
    )


def _change(size: str, value: float) -> ChangeTo:
    def change(limit: float) -> Change:
        what = "open the mouth" if size == "clearance" else "change the undercut"
        return Change(f"{what} by {limit - value:+.2f} mm to {limit:.2f} mm", size, value, limit)

    return change
