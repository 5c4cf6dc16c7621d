"""Holes: stacks of concave faces of revolution about one axis."""

from dataclasses import dataclass

import numpy as np

from workers.cad.part import Bend, Curve, Floats, Surface
from workers.features.feature import Feature
from workers.features.graph import FaceGraph

FULL_TURN_DEGREES = 355.0
# Below a half turn a concave cylinder is a rounded corner or a slot's end, not a hole.
LEAST_TURN_DEGREES = 200.0
# Wider than this nothing is drilled: it is bored or milled round.
WIDEST_DRILLED_MM = 50.0
# A round recess open at its side is no hole if it is shallower than this share of its diameter.
SHALLOW = 0.25
# A cone at the mouth that widens the hole by less than this is an edge break, not a seat for a screw head.
COUNTERSINK_WIDENING = 1.3


@dataclass
class _Stage:
    """One cylinder or cone of the stack, between two places along the axis."""

    faces: list[int]
    cone: bool
    low: float
    high: float
    diameter_low: float
    diameter_high: float

    @property
    def diameter(self) -> float:
        return max(self.diameter_low, self.diameter_high)


def find_holes(graph: FaceGraph, taken: set[int]) -> list[Feature]:
    """All holes of the part, deepest stacks first; faces in `taken` are left alone."""
    holes = []
    for stack in _stacks(graph, taken):
        wide = _wide_faces(graph, stack)
        for faces in (wide, [f for f in stack if f not in wide]):
            hole = _describe(graph, faces) if faces else None
            if hole is not None:
                holes.append(hole)
    return holes


def _wide_faces(graph: FaceGraph, stack: list[int]) -> list[int]:
    """The faces of a stack that are too wide to drill, with the shoulders that they stand on."""
    return [f for f in stack if _widest_radius(graph, f) > WIDEST_DRILLED_MM / 2 + graph.tolerance]


def _widest_radius(graph: FaceGraph, face: int) -> float:
    if graph.kind[face] == Surface.CYLINDER:
        return float(graph.faces.radius[face])
    return max((float(graph.edges.radius[e]) for e in graph.part.edges_of_face[face]), default=0.0)


def _stacks(graph: FaceGraph, taken: set[int]) -> list[list[int]]:
    """Groups of coaxial concave faces that make up one hole each, with their shoulders and bottoms."""
    walls = [
        f
        for f in range(len(graph.faces))
        if f not in taken and graph.sign[f] < 0 and graph.kind[f] in (Surface.CYLINDER, Surface.CONE)
    ]
    whole = {f for f in walls if _turn(graph, f, walls) >= LEAST_TURN_DEGREES}
    stacks: list[list[int]] = []
    done: set[int] = set()
    for seed in sorted(whole, key=lambda f: (graph.kind[f] != Surface.CYLINDER, f)):
        if seed in done:
            continue
        if graph.kind[seed] == Surface.CONE and not _is_lone_cone_hole(graph, seed):
            continue
        stack = _stack_around(graph, seed, whole) - taken - done
        done |= stack
        stacks.append(sorted(stack))
    return _joined_across_gaps(graph, stacks)


def _stack_around(graph: FaceGraph, seed: int, whole: set[int]) -> set[int]:
    return graph.flood([seed], lambda edge, _face, other: _belongs(graph, edge, other, seed, whole))


def _turn(graph: FaceGraph, face: int, walls: list[int]) -> float:
    """Degrees about the axis that `face` covers together with the faces of the same cylinder or cone."""
    faces = graph.faces
    span = float(faces.u_span[face])
    if span >= FULL_TURN_DEGREES:
        return span
    for _edge, other in graph.neighbours(face):
        same = (
            other in walls
            and graph.kind[other] == graph.kind[face]
            and graph.coaxial(face, other)
            and abs(faces.radius[other] - faces.radius[face]) < graph.tolerance
            and _overlap(graph, face, other) > 0.5
        )
        if same and graph.kind[face] == Surface.CYLINDER:
            span += float(faces.u_span[other])
        elif same or (
            other in walls and graph.kind[face] == graph.kind[other] == Surface.CONE and graph.coaxial(face, other)
        ):
            span += float(faces.u_span[other]) * (_overlap(graph, face, other) > 0.5)
    return min(span, 360.0)


def _overlap(graph: FaceGraph, first: int, second: int) -> float:
    """Share of the shorter face's length along the axis that both cover."""
    axis = graph.faces.axis[first]
    (low1, high1), (low2, high2) = graph.extent([first], axis), graph.extent([second], axis)
    shorter = min(high1 - low1, high2 - low2)
    return (min(high1, high2) - max(low1, low2)) / shorter if shorter > 0 else 0.0


def _is_lone_cone_hole(graph: FaceGraph, face: int) -> bool:
    """A tapered bore: a cone that is not the chamfer or drill point of a cylinder beside it."""
    return not any(
        graph.kind[other] == Surface.CYLINDER and graph.coaxial(face, other) for _edge, other in graph.neighbours(face)
    )


def _belongs(graph: FaceGraph, edge: int, face: int, seed: int, whole: set[int]) -> bool:
    """Whether `face`, met across `edge`, is part of the hole about the axis of `seed`."""
    kind = graph.kind[face]
    if kind == Surface.PLANE:
        return _is_shoulder_or_bottom(graph, face, seed)
    if graph.sign[face] >= 0 or kind == Surface.FREEFORM:
        return False
    if kind == Surface.SPHERE:
        return _on_axis(graph, graph.faces.origin[face], seed) and graph.is_concave(edge)
    return graph.coaxial(seed, face) and (face in whole or kind == Surface.TORUS)


def _is_shoulder_or_bottom(graph: FaceGraph, face: int, seed: int) -> bool:
    """A disc or ring square to the axis whose outer border rises: the bottom or a step of the hole."""
    faces = graph.faces
    if abs(float(faces.axis[face] @ faces.axis[seed])) < 1 - 1e-4:
        return False
    loops = faces.loops[face]
    for edge in loops[0]:
        if not (graph.is_concave(edge) and _is_circle_about(graph, edge, seed)):
            return False
    for loop in loops[1:]:
        for edge in loop:
            if _is_circle_about(graph, edge, seed):
                if graph.is_concave(edge):
                    return False  # a pin stands in it: a groove, not a hole
            elif graph.bend[edge] == Bend.CONCAVE:
                return False
    return True


def _is_circle_about(graph: FaceGraph, edge: int, seed: int) -> bool:
    return int(graph.edges.kind[edge]) == Curve.CIRCLE and _on_axis(graph, graph.edges.centre[edge], seed)


def _on_axis(graph: FaceGraph, point: Floats, seed: int) -> bool:
    axis = graph.faces.axis[seed]
    offset = point - graph.faces.origin[seed]
    reach = max(graph.tolerance, 1e-3 * float(graph.faces.radius[seed]))
    return float(np.linalg.norm(offset - (offset @ axis) * axis)) < reach


def _joined_across_gaps(graph: FaceGraph, stacks: list[list[int]]) -> list[list[int]]:
    """Join stacks of one bore that a slot or groove cuts in two: coaxial, same diameter, a short gap between."""
    joined: list[list[int]] = []
    for stack in sorted(stacks, key=lambda s: s[0]):
        home = next((other for other in joined if _continues(graph, other, stack)), None)
        if home is None:
            joined.append(list(stack))
        else:
            home.extend(stack)
    return [sorted(stack) for stack in joined]


def _continues(graph: FaceGraph, first: list[int], second: list[int]) -> bool:
    a, b = _main_cylinder(graph, first), _main_cylinder(graph, second)
    if a is None or b is None or not graph.coaxial(a, b):
        return False
    if abs(graph.faces.radius[a] - graph.faces.radius[b]) > graph.tolerance:
        return False
    axis = graph.faces.axis[a]
    (low1, high1), (low2, high2) = graph.extent(first, axis), graph.extent(second, axis)
    gap = max(low1, low2) - min(high1, high2)
    # Two separate walls with a hole each are two holes; a bore nicked by a groove is one.
    return gap < 2 * graph.faces.radius[a] and gap < min(high1 - low1, high2 - low2)


def _main_cylinder(graph: FaceGraph, stack: list[int]) -> int | None:
    cylinders = [f for f in stack if graph.kind[f] == Surface.CYLINDER]
    return max(cylinders, key=lambda f: graph.faces.area[f], default=None)


def _describe(graph: FaceGraph, stack: list[int]) -> Feature | None:
    """The stack as a feature, or None if it is no hole after all."""
    faces = graph.faces
    cones = [f for f in stack if graph.kind[f] == Surface.CONE]
    main = _main_cylinder(graph, stack)
    if main is None:
        main = max(cones, key=lambda f: faces.area[f], default=None)
    if main is None:
        return None
    axis, base = faces.axis[main], faces.origin[main]
    low, high = graph.extent(stack, axis)
    open_low, open_high = _is_open(graph, stack, axis, low, -1), _is_open(graph, stack, axis, high, +1)
    stages = _stages(graph, stack, axis)
    if not stages or not (open_low or open_high):
        return None
    mouth_high = open_high if open_low != open_high else stages[-1].diameter >= stages[0].diameter
    direction = axis if mouth_high else -axis
    if mouth_high:
        stages.reverse()
    kind, steps = _classify(graph, stack, stages, through=open_low and open_high, flipped=mouth_high)
    bore = min((s for s in stages if not s.cone), key=lambda s: s.diameter, default=stages[0])
    drilled = [s for s in stages if not s.cone or s.diameter <= bore.diameter * 1.001]
    edge_breaks = {
        f for stage, step in zip(stages, steps, strict=True) if step["form"] == "chamfer" for f in stage.faces
    }
    point = base + axis * ((high if mouth_high else low) - float(base @ axis))
    turn = max(_turn(graph, f, stack) for f in stack if f in bore.faces)
    if turn < FULL_TURN_DEGREES - 10:
        kind = "partial_hole"
        if high - low < SHALLOW * bore.diameter:
            return None
    if bore.diameter > WIDEST_DRILLED_MM + graph.tolerance:
        kind = "bore"
    return Feature(
        type=kind,
        faces=[f for f in stack if f not in edge_breaks],
        body=int(faces.body[main]),
        axis=axis,
        direction=direction,
        size={
            "diameter": bore.diameter,
            "depth": high - low,
            "drill_depth": max(s.high for s in drilled) - min(s.low for s in drilled),
            "material_share": turn / 360.0,
        },
        point=point,
        open_directions=[d for d, is_open in ((axis, open_high), (-axis, open_low)) if is_open],
        steps=steps,
    )


def _is_open(graph: FaceGraph, stack: list[int], axis: Floats, height: float, side: int) -> bool:
    """Whether the stack's end at `height` leads out of the material."""
    member = set(stack)
    reach = 0.02 * max(1e-9, abs(graph.extent(stack, axis)[1] - graph.extent(stack, axis)[0])) + graph.tolerance
    for face in stack:
        for edge, other in graph.neighbours(face):
            near = abs(max(side * float(p @ axis) for p in _points(graph, edge)) - side * height) <= reach
            if other not in member and near:
                return True
    return False


def _points(graph: FaceGraph, edge: int) -> tuple[Floats, Floats, Floats]:
    return graph.edges.start[edge], graph.edges.middle[edge], graph.edges.end[edge]


def _stages(graph: FaceGraph, stack: list[int], axis: Floats) -> list[_Stage]:
    """Cylinders and cones along the axis, halves of one put together, from low to high."""
    faces = graph.faces
    groups: dict[tuple[str | float, ...], list[int]] = {}
    for face in stack:
        if graph.kind[face] == Surface.CYLINDER:
            key: tuple[str | float, ...] = ("cylinder", round(float(faces.radius[face]), 3))
        elif graph.kind[face] == Surface.CONE:
            low, high = graph.extent([face], axis)
            key = ("cone", round(low, 2), round(high, 2))
        else:
            continue
        groups.setdefault(key, []).append(face)
    stages = []
    for key, members in groups.items():
        low, high = graph.extent(members, axis)
        if key[0] == "cylinder":
            ends = (2 * float(faces.radius[members[0]]),) * 2
        else:
            ends = (
                _cone_diameter(graph, members[0], axis, low),
                _cone_diameter(graph, members[0], axis, high),
            )
        stages.append(_Stage(members, key[0] == "cone", low, high, *ends))
    return sorted(stages, key=lambda s: (s.low + s.high, s.low))


def _cone_diameter(graph: FaceGraph, face: int, axis: Floats, height: float) -> float:
    own = graph.faces.axis[face]
    along = (height - float(graph.faces.origin[face] @ axis)) * (1.0 if float(own @ axis) > 0 else -1.0)
    slope = float(np.tan(np.radians(graph.faces.half_angle[face])))
    return abs(2 * (float(graph.faces.radius[face]) + along * slope))


def _classify(
    graph: FaceGraph, stack: list[int], stages: list[_Stage], *, through: bool, flipped: bool
) -> tuple[str, list[dict[str, float | str]]]:
    """(type, steps) of a hole whose `stages` run from its mouth inwards.

    A through hole with one enlarged mouth is a counterbore or countersink; every other hole of more
    than one diameter (blind ones too, as toolkits count them) is a stepped hole.
    """
    steps = [_step(stage, flipped, last=i == len(stages) - 1, through=through) for i, stage in enumerate(stages)]
    cylinders = [s for s, stage in zip(steps, stages, strict=True) if not stage.cone]
    diameters = {round(float(s["diameter"]), 3) for s in cylinders}
    sinks = [s for s in steps if s["form"] == "countersink"]
    if len(diameters) > 2 or (len(diameters) == 2 and (sinks or not through)) or len(sinks) > 1:
        return "stepped_hole", steps
    if len(diameters) == 2:
        return "counterbore", steps
    if sinks:
        return ("countersink" if through else "stepped_hole"), steps
    if through:
        return "through_hole", steps
    flat = any(graph.kind[f] == Surface.PLANE for f in stack)
    return ("flat_bottom_hole" if flat and steps[-1]["form"] == "bore" else "blind_hole"), steps


def _step(stage: _Stage, flipped: bool, *, last: bool, through: bool) -> dict[str, float | str]:
    outer, inner = (stage.diameter_high, stage.diameter_low) if flipped else (stage.diameter_low, stage.diameter_high)
    if not stage.cone:
        form = "bore"
    elif last and not through and inner < 0.2 * outer:
        form = "drill_point"
    elif outer < COUNTERSINK_WIDENING * inner:
        form = "chamfer"
    else:
        form = "countersink"
    return {"form": form, "diameter": stage.diameter, "depth": stage.high - stage.low}
