"""All features of a part: each face belongs to at most one, the rest is stock."""

from collections import Counter

import numpy as np

from workers.cad.part import Bend, Floats, Surface
from workers.features.bosses import boss_loops, find_bosses, find_ring_grooves
from workers.features.depressions import Surroundings, find_depressions
from workers.features.edge_breaks import find_chamfers, find_fillets
from workers.features.feature import Feature
from workers.features.graph import FaceGraph
from workers.features.holes import find_holes
from workers.features.main_axis import OPENED, main_axis
from workers.features.patterns import find_patterns
from workers.features.ribs import find_ribs
from workers.features.round_grooves import find_round_grooves
from workers.features.turned import find_turned
from workers.features.turned_axis import TurningAxis
from workers.features.windows import find_windows

UPRIGHT = 0.99  # cosine: along the direction of the cutter, or drafted by a few degrees
FLOOR = 0.98


def recognise(graph: FaceGraph, axis: TurningAxis | None = None) -> list[Feature]:
    """The machining features of a part, in the order of their first face; with an `axis` the turned ones first."""
    turned = find_turned(graph, axis) if axis is not None else []
    taken = {f for feature in turned for f in feature.faces}
    rings = find_ring_grooves(graph) + find_round_grooves(graph)
    grooves = [groove for groove in rings if taken.isdisjoint(groove.faces)]
    taken |= {f for feature in grooves for f in feature.faces}
    holes = find_holes(graph, taken)
    taken |= {f for feature in holes for f in feature.faces}
    fillets = find_fillets(graph, taken)
    taken |= {f for feature in fillets for f in feature.faces}
    chamfers = find_chamfers(graph, taken)
    loops = boss_loops(graph)
    convex = {f.faces[0] for f in fillets if f.type == "convex_fillet"}
    convex_fillets = [f for f in fillets if f.faces[0] in convex and not _is_wall(graph, f.faces[0], convex)]
    concave = {f.faces[0] for f in fillets if f.type == "concave_fillet"}
    windows = find_windows(graph, {f for feature in turned + grooves + holes for f in feature.faces}, concave)
    ribs = find_ribs(graph, concave, taken | {f for feature in chamfers + windows for f in feature.faces})
    around = Surroundings(
        holes={f for feature in turned + grooves + holes + windows + ribs for f in feature.faces},
        mouth_breaks={f for feature in convex_fillets + chamfers for f in feature.faces},
        boss_edges={edge for _, loop in loops for edge in loop},
        boss_feet={graph.other(edge, floor) for floor, loop in loops for edge in loop} & concave,
        concave_fillets=concave,
    )
    depressions = windows + find_depressions(graph, around)
    in_depression = {f for feature in depressions for f in feature.faces}
    fillets = [f for f in fillets if f.faces[0] not in in_depression]
    taken |= in_depression | {f for feature in chamfers + ribs for f in feature.faces}
    bosses = find_bosses(graph, loops, concave, taken)
    _attach_fillets(graph, fillets, depressions)
    find_patterns(holes)
    return _numbered(turned + grooves + holes + fillets + chamfers + depressions + bosses + ribs)


def _is_wall(graph: FaceGraph, face: int, convex: set[int]) -> bool:
    """A convex corner of a pocket's own wall: it stands on the floor, or on the fillet around it.

    The fillets that go on from it do not count: around a pocket's mouth they turn inwards.
    """
    return any(graph.is_concave(edge) and other not in convex for edge, other in graph.neighbours(face))


def _attach_fillets(graph: FaceGraph, fillets: list[Feature], depressions: list[Feature]) -> None:
    """Give each concave fillet the depression that it lies in, and tell those along a floor from upright corners."""
    axis = main_axis(graph, depressions)
    home = {face: feature for feature in depressions for face in feature.faces}
    concave = {face for fillet in fillets if fillet.type == "concave_fillet" for face in fillet.faces}
    for fillet in fillets:
        if fillet.type == "convex_fillet":
            if _is_upright(graph, fillet, axis):
                fillet.direction = fillet.axis  # the side of a cutter that goes around the part leaves it
            continue
        beside = [f for edge, f in graph.neighbours(fillet.faces[0]) if graph.bend[edge] == Bend.SMOOTH]
        votes = Counter(home[f].faces[0] for f in beside if f in home)
        if votes:
            fillet.parent = home[min(votes, key=lambda face: (-votes[face], face))]
        fillet.between = sorted({f for f in beside if f not in concave})
        upright = _upright(fillet.parent, axis)
        floor = max(
            (f for f in fillet.between if _is_floor(graph, f, upright)),
            key=lambda f: round(abs(float(graph.faces.axis[f] @ upright)), 6),
            default=None,
        )
        if floor is not None:
            fillet.type, fillet.direction = "floor_fillet", graph.faces.axis[floor]


def _is_upright(graph: FaceGraph, fillet: Feature, axis: Floats) -> bool:
    straight = graph.kind[fillet.faces[0]] in (Surface.CYLINDER, Surface.CONE)
    return straight and fillet.axis is not None and abs(float(fillet.axis @ axis)) > UPRIGHT


def _upright(home: Feature | None, main: Floats) -> Floats:
    """The direction of the cutter in a depression: that of the whole part, if the depression is open along it."""
    if home is None or home.direction is None or home.type not in OPENED:
        return main
    if any(abs(float(direction @ main)) > UPRIGHT for direction in home.open_directions):
        return main
    return home.direction


def _is_floor(graph: FaceGraph, face: int, upright: Floats) -> bool:
    return graph.kind[face] == Surface.PLANE and abs(float(graph.faces.axis[face] @ upright)) > FLOOR


def _numbered(features: list[Feature]) -> list[Feature]:
    features = [f for f in features if f.faces]
    features.sort(key=lambda f: (min(f.faces), f.type))
    for number, feature in enumerate(features):
        feature.id = f"F{number + 1}"
        sizes = np.round([*feature.size.values()], 6).tolist()
        feature.size = dict(zip(feature.size, sizes, strict=True))
    return features
