"""Pockets, slots and steps: faces joined at concave edges, told apart by the directions in which they are open."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from workers.cad.elementary import cross, distinct_rows
from workers.cad.part import Bend, Floats, Surface
from workers.features.crossing import crossing_channels, runs_along
from workers.features.enclosure import openness
from workers.features.feature import Feature
from workers.features.graph import FaceGraph
from workers.features.plan import plan_size

# How far a face may lean against a direction that the feature is still open in: drafted walls lean up to this.
LEAN = 0.15
SAME_DIRECTION = 0.9
SAME_LEAN = 1e-6  # radians
FLOOR = 0.99  # cosine: square to the direction
SAME_AREA = 1e-3  # relative: areas come from the mesh
ALONG_OWN = 0.7  # cosine: one of the feature's own directions is taken within 45 degrees of a mouth's normal
TOWARD_MOUTH = 0.3  # cosine: a direction leads out by a face that it meets at no flatter an angle
OPPOSITE = -0.9
SMALL_OVERHANG = 0.1
# Of looks around from its walls, how many may meet nothing: an outline sees the open all around, a shoulder most of it.
MOST_OPEN = {"closed_pocket": 0.5, "through_pocket": 0.5, "slot": 0.9, "open_pocket": 1.0}
SHOULDER = 0.7
CROSSED = 0.1
CHANNELS = ("slot", "through_pocket")
ACROSS = 0.3  # cosine: more or less square to the channel


@dataclass
class Surroundings:
    """What the other recognisers found, as the walk over a depression has to respect it."""

    holes: set[int]
    mouth_breaks: set[int]  # convex fillets and chamfers: a depression ends there
    boss_edges: set[int]  # where a boss stands on a floor: not crossed
    boss_feet: set[int]  # the fillets there
    concave_fillets: set[int]

    @cached_property
    def borders(self) -> set[int]:
        """Faces that no depression goes on to."""
        return self.holes | self.mouth_breaks | self.boss_feet


def find_depressions(graph: FaceGraph, around: Surroundings) -> list[Feature]:
    """All pockets, slots and steps of the part."""
    found, done = [], set(around.holes | around.mouth_breaks)
    for seed in range(len(graph.faces)):
        if seed in done or seed in graph.on_hull or not _starts_depression(graph, seed, around):
            continue
        member = graph.flood([seed], lambda edge, a, b: _joined(graph, around, edge, a, b))
        done |= member
        found.extend(_features_of(graph, sorted(member), around))
    return found


def _features_of(graph: FaceGraph, members: list[int], around: Surroundings) -> list[Feature]:
    """What a walk over concave edges has gathered: one feature, several that cross each other, or none."""
    feature = _describe(graph, members, around)
    if feature is None or _is_closed_but_sees_the_open(graph, feature):
        crossing = [
            _describe(graph, channel, around)
            for channel in crossing_channels(graph, members, mouth_normals(graph, members))
        ]
        channels = [channel for channel in crossing if channel is not None and channel.type in CHANNELS]
        if channels and len(channels) == len(crossing):
            return channels
    if feature is None:
        # A housing's inside is a pocket, though a lip or a bead here and there overhangs it.
        feature = _describe(graph, members, around, SMALL_OVERHANG)
    return [] if feature is None else [feature]


def _is_closed_but_sees_the_open(graph: FaceGraph, feature: Feature) -> bool:
    if feature.type != "closed_pocket" or feature.direction is None:
        return False
    return openness(graph, feature.faces, feature.direction) > CROSSED


def _starts_depression(graph: FaceGraph, face: int, around: Surroundings) -> bool:
    if face in around.concave_fillets:
        return False
    if graph.sign[face] < 0:
        return True
    return any(
        graph.is_concave(edge) and edge not in around.boss_edges and other not in around.boss_feet
        for edge, other in graph.neighbours(face)
    )


def _joined(graph: FaceGraph, around: Surroundings, edge: int, face: int, other: int) -> bool:
    """Whether a depression goes on from `face` to `other` across `edge`."""
    if other in around.borders or other in graph.on_hull:
        return False
    if edge in around.boss_edges or face in around.boss_feet:
        return False
    return graph.bend[edge] == Bend.SMOOTH or graph.is_concave(edge)


def _describe(graph: FaceGraph, members: list[int], around: Surroundings, overhang: float = 0.0) -> Feature | None:
    """The feature that `members` make up, or None if they are no depression (a shaft's shoulder, a free-form skin).

    The share `overhang` of their area may be in the way of the tool.
    """
    core = [f for f in members if f not in around.concave_fillets]
    if not core or _is_shoulder(graph, core) or _is_one_plane(graph, core):
        return None
    openings, necks = _open_directions(graph, members, overhang)
    if not openings:
        return None
    kind, direction = _classify(graph, core, openings, necks)
    if kind in ("step", "slot") and (out := _out_of_the_channel(graph, core, members)) is not None:
        kind, direction = "slot", out
    if kind != "step":
        free = openness(graph, core, direction)
        if free > MOST_OPEN[kind]:
            return None  # the outer contour of the part, or an arm that stands free
        if kind == "open_pocket" and free > SHOULDER:
            kind = "step"
    low, high = graph.extent(members, direction)
    length, width = plan_size(graph, members, direction)
    floors = [f for f in core if graph.kind[f] == Surface.PLANE and graph.faces.axis[f] @ direction > 0.99]
    floor = min(floors, key=lambda f: float(graph.faces.origin[f] @ direction), default=core[0])
    return Feature(
        type=kind,
        faces=core,
        body=int(graph.faces.body[core[0]]),
        axis=direction,
        direction=direction,
        size={"length": length, "width": width, "depth": high - low},
        point=graph.faces.point[floor],
        open_directions=openings,
    )


def _is_shoulder(graph: FaceGraph, core: list[int]) -> bool:
    """Faces of one turned profile: outer cylinders and cones with the rings between them."""
    outer = [f for f in core if graph.sign[f] > 0 and graph.kind[f] in (Surface.CYLINDER, Surface.CONE)]
    if not outer or any(graph.sign[f] < 0 for f in core):
        return False
    if any(not graph.coaxial(outer[0], f) for f in outer):
        return False
    axis = graph.faces.axis[outer[0]]
    rest = [f for f in core if f not in outer]
    return all(graph.kind[f] == Surface.PLANE and abs(float(graph.faces.axis[f] @ axis)) > 0.999 for f in rest)


def _open_directions(graph: FaceGraph, members: list[int], overhang: float = 0.0) -> tuple[list[Floats], list[Floats]]:
    """(openings, necks): directions out past the feature's mouths, and mouths too narrow to leave by.

    One direction stands for each group of faces beyond the mouth. Through an opening, nothing of the
    feature is in the way, or no more than the share `overhang` of its area; the neck of a T-slot leads out,
    but its own lips overhang.
    """
    mouth = mouth_normals(graph, members)
    walls = _member_normals(graph, members)
    own = _free(walls, _own_directions(graph, members), overhang)
    beyond = _free(walls, np.array(mouth).reshape(-1, 3), overhang)
    openings: list[Floats] = []
    necks: list[Floats] = []
    for normal in mouth:
        # The feature's own directions first: a mouth may be oblique, curved, or broken by a chamfer, and
        # still open along the walls.
        direction = _nearest(own, walls, normal, ALONG_OWN)
        if direction is None:
            direction = _nearest(np.concatenate([own, beyond]), walls, normal, TOWARD_MOUTH)
        if direction is None:
            _add(necks, normal)
        else:
            _add(openings, direction)
    return openings, necks


def _add(directions: list[Floats], direction: Floats) -> None:
    if not any(float(direction @ d) > SAME_DIRECTION for d in directions):
        directions.append(direction)


def _nearest(candidates: Floats, walls: tuple[Floats, Floats], normal: Floats, least: float) -> Floats | None:
    """The candidate that leans least from `normal`, if its cosine to it is at least `least`.

    Of several, the one that the largest floor faces.
    """
    if not len(candidates) or round(float((candidates @ normal).max()), 6) < least:
        return None
    # A cosine cannot tell small angles apart.
    lean = np.linalg.norm(candidates - normal, axis=1)
    nearest = candidates[lean < lean.min() + SAME_LEAN]
    normals, areas = walls
    floor = np.round((nearest @ normals.T > FLOOR) @ areas / areas.sum(), 4)
    return np.asarray(nearest[int(np.lexsort((*np.round(nearest.T, 6), -floor))[0])])


def mouth_normals(graph: FaceGraph, members: list[int]) -> list[Floats]:
    """Outward normals of the faces beyond the feature's convex border, near that border; each once, longest first."""
    inside = set(members)
    normals: dict[bytes, Floats] = {}
    border: dict[bytes, float] = {}
    for face in members:
        for edge, other in graph.neighbours(face):
            if other not in inside and not graph.is_concave(edge):
                for normal in _beyond(graph, edge, other, inside):
                    key = (np.round(normal, 6) + 0.0).tobytes()
                    normals.setdefault(key, normal)
                    border[key] = border.get(key, 0.0) + float(graph.edges.length[edge])
    return [normals[key] for key in sorted(normals, key=lambda key: -round(border[key] / graph.part.diagonal, 6))]


def _beyond(graph: FaceGraph, edge: int, other: int, inside: set[int]) -> list[Floats]:
    """Normals beyond one mouth edge; a rounded mouth is looked through to the faces that it runs out into."""
    if graph.bend[edge] != Bend.SMOOTH or graph.sign[other] <= 0:
        return [_normal_near(graph, other, graph.edges.middle[edge])]
    behind = [
        _normal_near(graph, face, graph.edges.middle[far])
        for far, face in graph.neighbours(other)
        if face not in inside and graph.bend[far] == Bend.SMOOTH and graph.sign[face] <= 0
    ]
    return behind or [np.asarray(graph.faces.normal[other])]


def _own_directions(graph: FaceGraph, members: list[int]) -> Floats:
    """(k, 3) normals of the feature's planes, axes of its round faces and its straight edges, both ways."""
    planes = [f for f in members if graph.kind[f] == Surface.PLANE]
    round_faces = [f for f in members if graph.kind[f] in (Surface.CYLINDER, Surface.CONE)]
    lines = sorted({e for f in members for e in graph.part.edges_of_face[f] if graph.is_line[e]})
    axes = graph.faces.axis[planes + round_faces].reshape(-1, 3)
    own = np.concatenate([axes, graph.edges.tangent[lines].reshape(-1, 3)])
    return np.concatenate([own, -own])


def _free(walls: tuple[Floats, Floats], candidates: Floats, overhang: float) -> Floats:
    """Those of (k, 3) directions along which the feature's volume could be drawn out past its own faces, `walls`.

    All but the share `overhang` of their area.
    """
    if not len(candidates):
        return candidates
    _, group = distinct_rows(np.round(candidates, 9))
    candidates = candidates[np.unique(group, return_index=True)[1]]
    normals, areas = walls
    against = (candidates @ normals.T < -LEAN) @ areas
    return np.asarray(candidates[against <= overhang * areas.sum()])


def _normal_near(graph: FaceGraph, face: int, point: Floats) -> Floats:
    """The outward normal of `face` close to `point`: exact on a plane, of the nearest triangle elsewhere."""
    if graph.kind[face] == Surface.PLANE:
        return np.asarray(graph.faces.axis[face])
    triangles = graph.triangles_of_face[face]
    if not len(triangles):
        return np.asarray(graph.faces.normal[face])
    distance = np.linalg.norm(graph.part.mesh.centroids[triangles] - point, axis=1)
    return np.asarray(graph.part.mesh.normals[triangles[int(distance.argmin())]])


def _member_normals(graph: FaceGraph, members: list[int]) -> tuple[Floats, Floats]:
    """(k, 3) outward normals that occur on the feature, and (k,) mm2 of each."""
    mesh = graph.part.mesh
    of_members = graph.triangles_of(members)
    normals, index = distinct_rows(np.round(mesh.normals[of_members], 3))
    areas = np.bincount(index, weights=mesh.areas[of_members], minlength=len(normals))
    return normals, np.asarray(areas, dtype=float)


def _classify(graph: FaceGraph, core: list[int], openings: list[Floats], necks: list[Floats]) -> tuple[str, Floats]:
    """(type, direction that a tool leaves by) from the open sides and how they stand to each other."""
    opposite = [(i, j) for i in range(len(openings)) for j in range(i) if float(openings[i] @ openings[j]) < OPPOSITE]
    if len(openings) == 1:
        return "closed_pocket", openings[0]
    if len(openings) == 2:
        if not opposite:
            return _slot_or_open_pocket(graph, core), _across(graph, core, openings)
        neck = _out_of_the_neck(graph, core, openings, necks)
        return ("slot", neck) if neck is not None else ("through_pocket", max(openings, key=_rounded))
    if len(openings) == 3 and opposite:
        pair = set(opposite[0])
        return "slot", next(d for i, d in enumerate(openings) if i not in pair)
    return "step", _across(graph, core, openings)


def _out_of_the_neck(graph: FaceGraph, core: list[int], openings: list[Floats], necks: list[Floats]) -> Floats | None:
    """The direction in which a channel opens sideways past its lips, or None if it does not.

    A dovetail's own walls overhang its mouth. In a T-slot the walls of the neck face each other across
    the channel, between a floor and two lips.
    """
    planes = [graph.faces.axis[f] for f in core if graph.kind[f] == Surface.PLANE]
    for neck in necks:
        if abs(float(neck @ openings[0])) > ACROSS:
            continue
        floors, lips = _facing(planes, neck)
        if floors > 0 and lips == 0:
            return neck
        if any(float(neck @ other) < OPPOSITE for other in necks):
            out = np.cross(openings[0], neck)
            out /= np.linalg.norm(out)
            floors, lips = _facing(planes, out)
            if min(floors, lips) > 0 and floors != lips:
                return np.asarray(out if lips > floors else -out)
    return None


def _facing(planes: list[Floats], direction: Floats) -> tuple[int, int]:
    """How many planes face along `direction`, and how many against it."""
    cosines = [float(normal @ direction) for normal in planes]
    return sum(c > 0.99 for c in cosines), sum(c < -0.99 for c in cosines)


def _rounded(direction: Floats) -> tuple[float, ...]:
    return tuple(round(float(x), 6) + 0.0 for x in direction)


def _slot_or_open_pocket(graph: FaceGraph, core: list[int]) -> str:
    """A channel with one end open is a slot; one with a longer outline is a pocket cut open at a side."""
    return "slot" if len({_surface_key(graph, face) for face in core}) <= 4 else "open_pocket"


def _out_of_the_channel(graph: FaceGraph, core: list[int], members: list[int]) -> Floats | None:
    """The one side that a prismatic feature is open at besides its ends, or None if it is open at several: a step.

    A V-slot's own walls let a tool out by many directions; that it breaks only one face of the part tells it
    from a step, which breaks two.
    """
    along = _prism_axis(graph, core)
    if along is None:
        return None
    sides: list[Floats] = []
    for normal in mouth_normals(graph, members):
        across = normal - float(normal @ along) * along
        size = float(np.linalg.norm(across))
        if size > ALONG_OWN:
            _add(sides, across / size)
    return sides[0] if len(sides) == 1 else None


def _prism_axis(graph: FaceGraph, core: list[int]) -> Floats | None:
    """The direction that all faces of a feature run along, if they are at least two planes and there is one."""
    planes = [f for f in core if graph.kind[f] == Surface.PLANE]
    for first in planes:
        for second in planes:
            along = cross(graph.faces.axis[first], graph.faces.axis[second])
            if np.linalg.norm(along) > ACROSS:
                along = along / np.linalg.norm(along)
                return along if all(runs_along(graph, f, along) for f in core) else None
    return None


def _is_one_plane(graph: FaceGraph, core: list[int]) -> bool:
    return graph.kind[core[0]] == Surface.PLANE and len({_surface_key(graph, face) for face in core}) == 1


def _surface_key(graph: FaceGraph, face: int) -> tuple[float, ...]:
    """The same for faces of one surface that something cuts apart."""
    if graph.kind[face] != Surface.PLANE:
        return (float(face),)
    normal = graph.faces.axis[face]
    return (*np.round(normal, 3) + 0.0, round(float(graph.faces.origin[face] @ normal), 2) + 0.0)


def _across(graph: FaceGraph, core: list[int], openings: list[Floats]) -> Floats:
    """The opening that faces the feature's largest plane, its floor."""
    planes = [f for f in core if graph.kind[f] == Surface.PLANE]
    areas = [sum(float(graph.faces.area[f]) for f in planes if graph.faces.axis[f] @ d > FLOOR) for d in openings]
    largest = [d for d, area in zip(openings, areas, strict=True) if area >= max(areas) * (1 - SAME_AREA)]
    return max(largest, key=lambda d: (round(_outward(graph, core, d), 4), _rounded(d)))


def _outward(graph: FaceGraph, core: list[int], direction: Floats) -> float:
    """How far out of the middle of the part a feature lies along `direction`, relative to the part's diagonal."""
    middles = [sum(graph.extent([f], direction)) / 2 for f in core]
    return float(np.mean(middles) - graph.part.centre_of_mass @ direction) / graph.part.diagonal
