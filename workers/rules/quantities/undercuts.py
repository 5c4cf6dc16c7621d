"""Undercuts: what lies behind a lip, as a T-slot or a groove in a bore does, and only a T-slot cutter gets to."""

from dataclasses import dataclass

import numpy as np

from workers.cad.part import Bend, Curve, Floats, Surface
from workers.features.feature import Feature
from workers.features.graph import FaceGraph
from workers.rules.measurement import Change, ChangeTo, Measurement
from workers.rules.quantities.registry import DEPRESSIONS, HOLES, Subject, quantity
from workers.rules.rule_file import Rule

# A face overhangs its feature's way out if it leans back by more than this (the cosine of its normal); less is draft.
OVERHANGS = -0.15
SQUARE = 0.99
ALONG = 1e-3  # cosine to across: an edge that goes along a channel
ROUND = (*HOLES, "bore", "groove")


@dataclass(frozen=True)
class _Room:
    """The room behind the lips of one undercut, mm."""

    width: float  # along the way out
    depth: float  # behind the lip, across the way out
    mouth: float | None  # what is open before it, between the lips; None if nothing stands there


@dataclass(frozen=True)
class Undercut:
    """Faces behind lips, as one T-slot cutter makes them."""

    faces: list[int]
    lips: list[int]
    room: _Room
    features: list[Feature]
    has_open_end: bool  # the cutter may come in from there, or by a keyhole, whatever the mouth


@quantity("undercut_width")
def undercut_width(subject: Subject, _rule: Rule) -> list[Measurement]:
    """Width in mm of each undercut along the way out, which the cutter's head must have.

    Details: `depth`, how far it reaches behind the lip; `clearance`, the mouth that the cutter comes in by.
    """
    return [_measurement(subject, found, found.room.width, "width") for found in undercuts(subject)]


@quantity("undercut_clearance")
def undercut_clearance(subject: Subject, _rule: Rule) -> list[Measurement]:
    """Clearance in mm before each undercut that is only entered by its mouth. Details: `depth` and `width` of it."""
    return [
        _measurement(subject, found, found.room.mouth, "clearance")
        for found in undercuts(subject)
        if found.room.mouth is not None and not found.has_open_end
    ]


def undercuts(subject: Subject) -> list[Undercut]:
    """Depressions with a flat face that overhangs their way out, holes with a recess, and recesses in other walls."""
    found = []
    for feature in subject.of_type(*DEPRESSIONS, *ROUND):
        for lips in _lips(subject, feature):
            room = _room(subject, feature, lips)
            is_open = _has_open_end(feature) or _has_keyhole(subject.graph, lips, room)
            found.append(Undercut(list(feature.faces), lips, room, [feature], is_open))
    known = {face for undercut in found for face in undercut.faces}
    return found + _recesses(subject, set(subject.facts.reach.unreachable) - known)


def _recesses(subject: Subject, hidden: set[int]) -> list[Undercut]:
    """Groups of faces that nothing gets to, behind a lip that has an outer edge; a closed cavity has none."""
    found = []
    for group in _facing_each_other(subject, groups_of(subject.graph, hidden)):
        lips = {face: neck for face in group if (neck := _neck(subject.graph, face, hidden)) is not None}
        if lips:
            room = _room_of_recess(subject, group, lips)
            faces = _with_ends(subject, group, subject.graph.faces.axis[next(iter(lips))])
            is_open = _has_keyhole(subject.graph, list(lips), room)
            found.append(Undercut(faces, list(lips), room, subject.features_with(group), is_open))
    return found


def _with_ends(subject: Subject, group: list[int], up: Floats) -> list[int]:
    """The recess and what goes on from it at the same height: a tilted tool gets there only by an open end."""
    graph = subject.graph
    low, high = graph.extent(group, up)

    def goes_on(face: int) -> bool:
        bottom, top = graph.extent([face], up)
        return low - graph.tolerance < bottom and top < high + graph.tolerance

    ends = {face for face in subject.facts.reach.sideways if goes_on(face)}
    return sorted(graph.flood(group, lambda _edge, _face, other: other in ends))


def _has_keyhole(graph: FaceGraph, lips: list[int], room: _Room) -> bool:
    """Whether a round opening beside a lip lets a head in that fills the undercut from side to side."""
    if room.mouth is None:
        return False
    head = room.mouth + 2 * room.depth
    return any(
        graph.kind[beyond] == Surface.CYLINDER
        and graph.faces.sign[beyond] < 0
        and abs(float(graph.faces.axis[beyond] @ graph.faces.axis[lip])) > SQUARE
        and 2 * float(graph.faces.radius[beyond]) > head - graph.tolerance
        for lip in lips
        for _edge, beyond in graph.neighbours(lip)
    )


def _facing_each_other(subject: Subject, groups: list[list[int]]) -> list[list[int]]:
    """The groups, those as one that look at each other across the way out: one cutter makes both sides."""
    joined = [list(group) for group in groups]
    for gap in subject.facts.gaps.gaps:
        ends = [next((group for group in joined if face in group), None) for face in gap.faces]
        one, other = ends
        if one is not None and other is not None and one is not other:
            one += other
            joined = [group for group in joined if group is not other]
    return [sorted(group) for group in joined]


def groups_of(graph: FaceGraph, faces: set[int]) -> list[list[int]]:
    """`faces` in groups that hang together."""
    groups: list[list[int]] = []
    for face in sorted(faces):
        if not any(face in group for group in groups):
            groups.append(sorted(graph.flood([face], lambda _edge, _face, other: other in faces)))
    return groups


def _neck(graph: FaceGraph, lip: int, hidden: set[int]) -> int | None:
    """The flat face that goes on from a flat lip towards the way out, past its longest outer edge."""
    if graph.kind[lip] != Surface.PLANE:
        return None
    beyond = [
        (round(float(graph.edges.length[edge]), 6), -other)
        for edge, other in graph.neighbours(lip)
        if graph.bend[edge] == Bend.CONVEX and other not in hidden and graph.kind[other] == Surface.PLANE
    ]
    return -max(beyond)[1] if beyond else None


def _room_of_recess(subject: Subject, group: list[int], lips: dict[int, int]) -> _Room:
    graph, gaps = subject.graph, subject.facts.gaps.gaps

    def gap_at(face: int) -> float | None:
        return next((gap.width for gap in gaps if face in gap.faces), None)

    depths, widths, mouths = [], [], []
    for lip, neck in lips.items():
        low, high = _strip(graph, lip, graph.faces.axis[neck])
        depths.append(high - low)
        low, high = graph.extent(group, graph.faces.axis[lip])
        widths.append(gap_at(lip) or high - low)
        mouths.append(gap_at(neck))
    return _Room(min(widths), max(depths), min((m for m in mouths if m is not None), default=None))


def _lips(subject: Subject, feature: Feature) -> list[list[int]]:
    """The flat faces of the feature that overhang the way out, together those that one cutter makes."""
    faces = subject.part.faces
    planes = [f for f in feature.faces if faces.kind[f] == Surface.PLANE]
    if feature.type in ROUND:
        return _lips_in_hole(subject, feature, planes) if feature.axis is not None else []
    if feature.direction is None:
        return []
    lips = [f for f in planes if float(faces.axis[f] @ feature.direction) < OVERHANGS]
    return [lips] if lips else []


def _lips_in_hole(subject: Subject, feature: Feature, planes: list[int]) -> list[list[int]]:
    """The flat faces that nothing gets to, or only a tilted tool past a narrower place; those of each recess."""
    unreachable, sideways = set(subject.facts.reach.unreachable), set(subject.facts.reach.sideways)
    lips = {f for f in planes if f in unreachable or (f in sideways and _is_behind_a_neck(subject.graph, feature, f))}
    groups = [sorted(lips & set(group)) for group in _hidden_groups(subject, feature, lips)]
    return [group for group in groups if group]


def _hidden_groups(subject: Subject, feature: Feature, lips: set[int]) -> list[list[int]]:
    """Hidden faces of a hole in groups that hang together, without the bore that leads to them."""
    graph, reach = subject.graph, subject.facts.reach
    bore = min(_radii(graph, sorted(lips)), default=0.0) + graph.tolerance
    hidden = (set(reach.unreachable) | set(reach.sideways)) & set(feature.faces)
    return groups_of(
        graph, {f for f in hidden if graph.kind[f] != Surface.CYLINDER or float(graph.faces.radius[f]) > bore}
    )


def _is_behind_a_neck(graph: FaceGraph, feature: Feature, plane: int) -> bool:
    """Whether the flat face in a hole looks away from, or is wider than what lies before it, on every way out."""
    ways = feature.open_directions or ([] if feature.direction is None else [feature.direction])
    widest = max(_radii(graph, [plane]), default=0.0) - graph.tolerance
    round_edges = [e for f in feature.faces for e in graph.part.edges_of_face[f] if graph.edges.kind[e] == Curve.CIRCLE]

    def is_shut(way: Floats) -> bool:
        level = float(graph.faces.point[plane] @ way) + graph.tolerance
        narrow = (e for e in round_edges if float(graph.edges.radius[e]) < widest)
        return float(graph.faces.axis[plane] @ way) < OVERHANGS or any(
            float(graph.edges.middle[e] @ way) > level for e in narrow
        )

    return bool(ways) and all(is_shut(way) for way in ways)


def _has_open_end(feature: Feature) -> bool:
    if feature.type in ROUND or feature.direction is None:
        return False
    return any(abs(float(way @ feature.direction)) < SQUARE for way in feature.open_directions)


def _room(subject: Subject, feature: Feature, lips: list[int]) -> _Room:
    up = feature.axis if feature.type in ROUND else feature.direction
    assert up is not None
    radii = _radii(subject.graph, lips)
    if radii:
        recess = [f for group in _hidden_groups(subject, feature, set(lips)) if set(lips) & set(group) for f in group]
        low, high = subject.graph.extent(recess or feature.faces, up)
        return _Room(high - low, max(radii) - min(radii), 2 * min(radii))
    return _room_of_channel(subject.graph, feature, lips, up)


def _radii(graph: FaceGraph, lips: list[int]) -> list[float]:
    """Radii of the lips' round borders; none if a lip has straight ones. Where one plane is written as two is none."""
    borders = [e for lip in lips for e in graph.part.edges_of_face[lip] if graph.bend[e] != Bend.SMOOTH]
    if any(graph.edges.kind[edge] != Curve.CIRCLE for edge in borders):
        return []
    return sorted(float(graph.edges.radius[edge]) for edge in borders)


def _room_of_channel(graph: FaceGraph, feature: Feature, lips: list[int], up: Floats) -> _Room:
    """Lips along straight channels: flat ones as of a T-slot, leaning ones as of a dovetail."""
    across = _across(graph, lips, up)
    low, high = graph.extent(feature.faces, across)
    left, right, depth, width = low, high, 0.0, np.inf
    for lip in lips:
        begin, end = _strip(graph, lip, across)
        depth = max(depth, end - begin)
        width = min(width, _height_behind(graph, feature, lip, up))
        if begin - low < high - end:
            left = max(left, end)
        else:
            right = min(right, begin)
    return _Room(float(width), depth, max(0.0, right - left))


def _strip(graph: FaceGraph, lip: int, across: Floats) -> tuple[float, float]:
    """Where the lip begins and ends, mm along `across`: between its straight borders, as it may turn at its ends."""
    edges = graph.edges
    borders = [
        float(edges.middle[e] @ across)
        for e in graph.part.edges_of_face[lip]
        if edges.kind[e] == Curve.LINE and abs(float(edges.tangent[e] @ across)) < ALONG
    ]
    is_strip = len(borders) > 1 and max(borders) - min(borders) > graph.tolerance
    return (min(borders), max(borders)) if is_strip else graph.extent([lip], across)


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


def _measurement(subject: Subject, found: Undercut, value: float, size: str) -> Measurement:
    faces, room = subject.part.faces, found.room
    largest = max(found.lips, key=lambda face: (round(float(faces.area[face]), 3), -face))
    return Measurement(
        value,
        found.lips,
        faces.point[largest],
        faces.normal[largest],
        _change(size, value),
        found.features,
        details={"width": room.width, "depth": room.depth} | ({} if room.mouth is None else {"clearance": room.mouth}),
    )


def _change(size: str, value: float) -> ChangeTo:
    def change(limit: float) -> Change:
        what = "open the mouth" if size == "clearance" else "change the undercut"
        return Change(f"{what} by {limit - value:+.2f} mm to {limit:.2f} mm", size, value, limit)

    return change
