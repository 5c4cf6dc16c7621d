"""A part as sheet metal: its skins as charts, the joints between them, and the bends; free of the kernel, as arrays."""

import math
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

import numpy as np

from workers.cad.part import Bend as EdgeBend
from workers.cad.part import Part, Surface
from workers.facts.measure import PartFacts
from workers.features.graph import FaceGraph
from workers.sheet.chart import Chart, CurvePoints, chart_of, stamped_of
from workers.sheet.segments import Loop, Segment
from workers.sheet.skins import Skins, find_skins
from workers.sheet.unfold import Joint, Stamped, lay_out

CONCENTRIC = 1e-3  # mm
PARALLEL = 1 - 1e-6
DEEPER = 0.01  # than the sheet is thick, as a share: no countersink
FLATTEST = 50.0  # degrees between the sides of a countersink, at least; less is the taper of a punch or a laser
BACK_AGAIN = math.radians(1.0)
BRIDGE = "it is a bridge: held at both ends, it is stretched out of the sheet, not bent"
PRESSED = "it is pressed out of the sheet, not bent about a straight line"
UNEVEN = "it is thicker or thinner than the sheet"
SHORT = 0.1  # mm: what sheet is cut to
UPRIGHT = 1 - 1e-4  # sine between a skin and a cut face that stands on it


@dataclass(frozen=True)
class Bend:
    """A bend: the faces of the top skin that are bent in one go, none where it is drawn sharp, then by its edge.

    `is_up` says that it folds towards the side that the pattern is seen from.
    """

    faces: list[int]
    edge: int
    radius: float  # mm, inside
    is_up: bool


@dataclass(frozen=True)
class Left:
    """Faces that are not in the flat pattern, and why; `is_form` says that they are sheet, pressed into shape."""

    faces: list[int]
    reason: str
    is_form: bool = True


@dataclass(frozen=True)
class Countersink:
    """The cone at the mouth of a hole: mm at its wide end, mm deep, degrees between its sides."""

    diameter: float
    depth: float
    angle: float


@dataclass(frozen=True)
class Sheet:
    """What unfolding starts from."""

    skins: Skins
    charts: dict[int, Chart]
    joints: list[Joint]
    bends: list[Bend]
    left: list[Left] = field(default_factory=list)
    stamped: list[Stamped] = field(default_factory=list)
    sides: dict[int, tuple[int, int]] = field(default_factory=dict)  # of each edge of the top skin, its faces
    runs: dict[int, list[int]] = field(default_factory=dict)  # of each face in no skin, all that hang together with it
    raised: set[int] = field(default_factory=set)  # the faces of holes with a collar: extruded ones
    countersinks: dict[int, Countersink] = field(default_factory=dict)  # by the face of the cone
    blind: dict[int, list[Loop]] = field(default_factory=dict)  # by face, the loops that nothing is cut through within

    @property
    def formed(self) -> set[int]:
        """Faces of the top skin that are not in the pattern, because they are not bent but formed."""
        return {face for left in self.left for face in left.faces} - set(self.skins.cut)

    @property
    def thickness(self) -> float:
        """mm."""
        return self.skins.thickness


def sheet_of(part: Part, facts: PartFacts, graph: FaceGraph) -> Sheet | None:
    """The part as sheet, seen from the side that most of it is bent towards; None if it has no two skins."""
    skins = find_skins(part, facts, graph)
    if skins is None:
        return None
    sides = [side for side in (skins, skins.swapped()) if side.base in side.top]
    # Rounded, so that a part written anew is seen from the same side.
    seen = max(sides, key=lambda side: (round(_bent_up(part, side), 3), round(_area(part, side.top), 3)))
    return _seen_from(graph, seen)


def _bent_up(part: Part, skins: Skins) -> float:
    """mm2 of bends that fold towards who looks at the top skin; of one drawn sharp, as if it were as wide as thick."""
    faces, edges, top = part.faces, part.edges, set(skins.top)
    sharp = [
        e for e in skins.sharp.edges if edges.bend[e] == EdgeBend.CONCAVE and top.issuperset(edges.faces[e].tolist())
    ]
    rounded = _area(part, [f for f in skins.top if faces.kind[f] == Surface.CYLINDER and faces.sign[f] < 0])
    return rounded + skins.thickness * float(edges.length[sharp].sum())


def _area(part: Part, faces: Iterable[int]) -> float:
    return float(part.faces.area[list(faces)].sum())


def _seen_from(graph: FaceGraph, skins: Skins) -> Sheet:
    charts, left, curves = {}, [], CurvePoints(graph)
    between = _runs(graph, {*skins.cut, *skins.rest})
    runs = {face: run for run in between for face in run}
    for face in skins.top:
        chart = chart_of(graph, face, skins.thickness, curves)
        if chart is not None:
            charts[face] = _with_narrow_holes(graph, chart, runs)
    left += [Left(run, _why_not(graph, run)) for run in _runs(graph, set(skins.top) - set(charts))]
    blind, raised_or_sunk = _blind_loops(graph, skins, charts, between)
    left += raised_or_sunk
    charts = {face: _without(chart, blind.get(face, [])) for face, chart in charts.items()}
    joints = _joints(graph, skins, charts)
    stamped = [stamp for run in left for stamp in _stamped(graph, skins, charts, run.faces)]
    stretched, straps = _stretched(skins, charts, joints)
    if stretched:
        cut = set(skins.cut)
        for run in _runs(graph, stretched):
            is_bridge = not straps.isdisjoint(run) and _touches(graph, run, cut)
            left.append(Left(run, BRIDGE if is_bridge else PRESSED))
        charts = {face: chart for face, chart in charts.items() if face not in stretched}
        joints = [joint for joint in joints if not stretched.intersection(joint.faces)]
    left += _broken_edges(graph, skins, charts)
    edges = {edge for chart in charts.values() for loop in chart.loops for s in loop for edge in s.edges}
    sides = {edge: (graph.pairs[edge][0], graph.pairs[edge][1]) for edge in sorted(edges)}
    raised = {face for run in between if _is_collar(graph, run) for face in run}
    sinks = {face: sink for face in skins.cut if (sink := _countersink(graph, face, skins.thickness)) is not None}
    return Sheet(skins, charts, joints, _bends(graph, charts, joints), left, stamped, sides, runs, raised, sinks, blind)


def _blind_loops(
    graph: FaceGraph, skins: Skins, charts: dict[int, Chart], between: list[list[int]]
) -> tuple[dict[int, list[Loop]], list[Left]]:
    """The inner loops that lead to no hole, by face, and what stands or lies within them.

    A hole's wall leads to the other skin. What does not is a dimple if it is as thick as the sheet, else a boss or a
    pocket.
    """
    bottom = set(skins.bottom)
    blind = {
        face: number
        for number, run in enumerate(between)
        if all(other not in bottom for face in run for _, other in graph.neighbours(face))
        for face in run
    }
    loops: dict[int, list[Loop]] = {}
    inside: set[int] = set()
    for face, chart in charts.items():
        for loop in chart.loops[1:]:
            beyond = {side for s in loop for edge in s.edges for side in graph.pairs[edge]} - {face}
            if beyond and beyond <= blind.keys():
                loops.setdefault(face, []).append(loop)
                inside |= {blind[other] for other in beyond}
    left = []
    for number in sorted(inside):
        is_sheet = any(face in skins.partner for face in between[number])
        left.append(Left(between[number], PRESSED if is_sheet else UNEVEN, is_sheet))
    return loops, left


def _without(chart: Chart, loops: list[Loop]) -> Chart:
    return replace(chart, loops=[loop for loop in chart.loops if not any(loop is other for other in loops)])


def _broken_edges(graph: FaceGraph, skins: Skins, charts: dict[int, Chart]) -> list[Left]:
    """What chamfers and roundings of straight edges stand out beyond the skin, as the pattern ends with that."""
    cut, normals = set(skins.cut), graph.faces.normal
    beyond: dict[int, float] = {}
    for face in (face for face, chart in charts.items() if chart.is_flat):
        up = graph.faces.axis[face]
        for edge, other in graph.neighbours(face):
            outwards = normals[other] - (normals[other] @ up) * up
            if other in cut and graph.is_line[edge] and np.linalg.norm(outwards) < UPRIGHT:
                outwards /= np.linalg.norm(outwards)
                reach = (graph.vertices_of_face[other] - graph.edges.middle[edge]) @ outwards
                beyond[other] = max(beyond.get(other, 0.0), float(reach.max()))
    short = {face: by for face, by in beyond.items() if by > SHORT}
    if not short:
        return []
    reason = (
        f"its edges are broken: the pattern ends where the skin does, up to {max(short.values()):.2f} mm short of them"
    )
    return [Left(sorted(short), reason, is_form=False)]


def _is_collar(graph: FaceGraph, run: list[int]) -> bool:
    """Whether a run of faces is the inside and the outside of a collar around a hole."""
    round_ = [face for face in run if graph.kind[face] in (Surface.CYLINDER, Surface.CONE)]
    signs = {graph.sign[face] for face in round_}
    if signs != {-1, 1} or not all(graph.coaxial(round_[0], face) for face in round_[1:]):
        return False
    axis = graph.faces.axis[round_[0]]
    rims = [face for face in run if face not in round_]
    return all(graph.kind[f] == Surface.PLANE and abs(float(graph.faces.axis[f] @ axis)) > PARALLEL for f in rims)


def _countersink(graph: FaceGraph, face: int, thickness: float) -> Countersink | None:
    """A cone about the hole's axis all around; None if the face is none."""
    faces = graph.faces
    if graph.kind[face] != Surface.CONE or graph.sign[face] > 0:
        return None
    low, high = graph.extent([face], faces.axis[face])
    origin = float(faces.origin[face] @ faces.axis[face])
    slope = math.tan(math.radians(float(faces.half_angle[face])))
    wide = max(float(faces.radius[face]) + (end - origin) * slope for end in (low, high))
    depth = high - low
    if depth > thickness * (1 + DEEPER) or 2 * abs(float(faces.half_angle[face])) < FLATTEST:
        return None
    return Countersink(2 * wide, depth, 2 * abs(float(faces.half_angle[face])))


def _stamped(graph: FaceGraph, skins: Skins, charts: dict[int, Chart], formed: list[int]) -> list[Stamped]:
    """The flats that hang on what is formed, where they are parallel to the one around it: the largest of them."""
    beside = {other for face in formed for _, other in graph.neighbours(face) if other in charts}
    flats = [face for face in sorted(beside) if charts[face].is_flat]
    if not flats:
        return []
    area, axis = graph.faces.area, graph.faces.axis
    around = skins.base if skins.base in flats else max(flats, key=lambda face: (round(float(area[face]), 6), -face))
    level = [face for face in flats if face != around and float(axis[face] @ axis[around]) > PARALLEL]
    return [stamped_of(graph, face, around) for face in level]


def _runs(graph: FaceGraph, faces: set[int]) -> list[list[int]]:
    """The faces in groups that hang together."""
    found, rest = [], set(faces)
    for face in sorted(faces):
        if face in rest:
            run = graph.flood([face], lambda _edge, _from, to: to in faces)
            found.append(sorted(run))
            rest -= run
    return found


def _touches(graph: FaceGraph, run: list[int], faces: set[int]) -> bool:
    return any(other in faces for face in run for _, other in graph.neighbours(face))


def _stretched(skins: Skins, charts: dict[int, Chart], joints: list[Joint]) -> tuple[set[int], set[int]]:
    """(faces that were stretched out of the sheet, those of straps among them).

    A strap is held at both ends and bent out of the sheet and back. Around a tube, which was rolled and closed, the
    bends add up to a full turn instead.
    """
    loops = {face: chart.loops for face, chart in charts.items()}
    stretch = {face: chart.stretch(0.5, skins.thickness) for face, chart in charts.items()}
    found = lay_out(loops, stretch, joints, skins.base, skins.thickness, 0.5)
    straps: set[int] = set()
    closed: set[int] = set()
    for joint in found.rings:
        ring = found.ring_of(joint)
        sharp = sum(math.radians(j.angle) * (-1 if j.is_outside else 1) for j in found.joints_of_ring(joint))
        is_strap = abs(sum(charts[face].turn for face in ring) + sharp) < BACK_AGAIN
        (straps if is_strap else closed).update(ring)
    stretched = straps | _pressed(charts, joints, closed - straps)
    if not stretched:
        return stretched, straps
    kept = [joint for joint in joints if not stretched.intersection(joint.faces)]
    still = lay_out(loops, stretch, kept, skins.base, skins.thickness, 0.5)
    return stretched | (set(found.placed) - set(still.placed)), straps


def _pressed(charts: dict[int, Chart], joints: list[Joint], closed: set[int]) -> set[int]:
    """Of faces that close corners those that rise within a flat: a louvre's. On its border they would be welded."""
    found: set[int] = set()
    for face in sorted(closed):
        if face in found:
            continue
        group, queue = {face}, [face]
        while queue:
            at = queue.pop()
            beside = {other for joint in joints if at in joint.faces for other in joint.faces}
            queue += sorted((beside & closed) - group)
            group |= beside & closed
        held = [joint for joint in joints if len(group.intersection(joint.faces)) == 1]
        around = {other for joint in held for other in joint.faces} - group
        inner = {e for other in around for loop in charts[other].loops[1:] for s in loop for e in s.edges}
        if len(around) == 1 and inner.issuperset(joint.edge for joint in held):
            found |= group
    return found


def _why_not(graph: FaceGraph, faces: list[int]) -> str:
    kinds = sorted({Surface(graph.kind[face]).name.lower() for face in faces})
    if kinds == ["cylinder"]:
        return "it closes on itself: without a seam to open it at it cannot be unrolled"
    names = {"plane": "flat", "freeform": "free-form"}
    return f"it is formed ({', '.join(names.get(kind, kind) for kind in kinds)}), not bent about a straight line"


def _joints(graph: FaceGraph, skins: Skins, charts: dict[int, Chart]) -> list[Joint]:
    """The edges that the top skin goes on over, between faces that have a chart."""
    joints = []
    for edge, (one, two) in enumerate(graph.pairs):
        if one not in charts or two not in charts or one == two:
            continue
        sharp = skins.sharp.edges.get(edge)
        if graph.bend[edge] == EdgeBend.SMOOTH:
            joints.append(Joint(edge, (one, two)))
        elif sharp is not None:
            joints.append(Joint(edge, (one, two), sharp, graph.bend[edge] == EdgeBend.CONVEX))
    # The longest first: of two ways to a face the broader one carries it.
    return sorted(joints, key=lambda joint: (-round(float(graph.edges.length[joint.edge]), 6), joint.edge))


def _bends(graph: FaceGraph, charts: dict[int, Chart], joints: list[Joint]) -> list[Bend]:
    """Each run of cylinders about one line that joins the same flats: a bend may be interrupted by openings."""
    curved = {face for face, chart in charts.items() if not chart.is_flat}
    smooth = {joint.edge for joint in joints if not joint.angle}

    def groups(faces: set[int]) -> list[list[int]]:
        rest, found = set(faces), []
        for face in sorted(faces):
            if face in rest:
                found.append(
                    sorted(
                        graph.flood(
                            [face],
                            lambda edge, one, two: (
                                edge in smooth and two in faces and (one not in curved or _is_one_bend(graph, one, two))
                            ),
                        )
                    )
                )
                rest -= set(found[-1])
        return found

    flat_of = {face: number for number, flat in enumerate(groups(set(charts) - curved)) for face in flat}
    bends: list[tuple[list[int], set[int]]] = []
    for run in groups(curved):
        joined = {
            flat_of[other]
            for face in run
            for edge, other in graph.neighbours(face)
            if edge in smooth and other in flat_of
        }
        same = next(
            (b for b in bends if len(joined) == 2 and b[1] == joined and _is_one_bend(graph, b[0][0], run[0])), None
        )
        if same is None:
            bends.append((run, joined))
        else:
            same[0].extend(run)
    found = [Bend(sorted(run), -1, charts[run[0]].radius, charts[run[0]].is_inside) for run, _ in bends]
    return found + [Bend([], joint.edge, 0.0, not joint.is_outside) for joint in joints if joint.angle]


def _is_one_bend(graph: FaceGraph, one: int, two: int) -> bool:
    same = graph.sign[one] == graph.sign[two] and graph.coaxial(one, two)
    return same and abs(float(graph.faces.radius[one] - graph.faces.radius[two])) < graph.tolerance


def _with_narrow_holes(graph: FaceGraph, chart: Chart, runs: dict[int, list[int]]) -> Chart:
    """The chart with each hole as narrow as it is on its way to the other skin: a countersink is cut at its bore."""
    if not chart.is_flat:
        return chart
    loops = [chart.loops[0], *(_narrowed(graph, loop, chart.face, runs) for loop in chart.loops[1:])]
    return replace(chart, loops=loops)


def _is_round(graph: FaceGraph, loop: list[int]) -> bool:
    edges = graph.edges
    centre = edges.centre[loop]
    return all(graph.is_circle[e] for e in loop) and bool(np.ptp(centre, axis=0).max() < CONCENTRIC)


def _narrowed(graph: FaceGraph, loop: list[Segment], face: int, runs: dict[int, list[int]]) -> list[Segment]:
    own = [edge for segment in loop for edge in segment.edges]
    if not _is_round(graph, own):
        return loop
    edges, axis = graph.edges, graph.faces.axis[face]
    centre, radius = edges.centre[own[0]], float(edges.radius[own[0]])
    inside = {edge for at in runs.get(graph.other(own[0], face), []) for edge in graph.part.edges_of_face[at]}
    rings = np.array([edge for edge in sorted(inside) if graph.is_circle[edge]], dtype=np.int64)
    offset = edges.centre[rings] - centre
    aside = np.linalg.norm(offset - np.outer(offset @ axis, axis), axis=1)
    narrowest = float(edges.radius[rings[aside < CONCENTRIC]].min(initial=radius))
    if narrowest > radius - CONCENTRIC:
        return loop
    ratio = narrowest / radius
    return [replace(s, points=s.centre + (s.points - s.centre) * ratio) if s.centre is not None else s for s in loop]
