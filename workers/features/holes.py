"""Holes: stacks of concave faces of revolution about one axis."""

import numpy as np
from scipy.spatial import KDTree

from workers.cad.part import Bend, Curve, Floats, Surface
from workers.features.feature import Feature
from workers.features.graph import FaceGraph
from workers.features.hole_stages import Stage, hole_type, name_forms, stages_along

FULL_TURN_DEGREES = 355.0
# Below a half turn a concave cylinder is a rounded corner or a slot's end, not a hole.
LEAST_TURN_DEGREES = 200.0
# Wider than this nothing is drilled: it is bored or milled round.
WIDEST_DRILLED_MM = 50.0
# A recess around a hole's mouth that is shallower than this share of its diameter gives the screw head a flat seat.
SPOT_FACE = 0.125
# A round recess open at its side is no hole if it is shallower than this share of its diameter.
SHALLOW = 0.25
# Relative to the part's diagonal, more than axes that count as one are apart anywhere in the part.
AXES_APART = 2e-3


def find_holes(graph: FaceGraph, taken: set[int]) -> list[Feature]:
    """All holes of the part, deepest stacks first; faces in `taken` are left alone."""
    holes = []
    for stack in _stacks(graph, taken):
        wide = _wide_faces(graph, stack)
        narrow = [f for f in stack if f not in wide]
        hole = _describe(graph, narrow) if narrow else None
        if hole is not None:
            holes.append(hole)
        if hole is not None and wide and _add_spot_faces(graph, hole, wide):
            continue
        bore = _describe(graph, wide) if wide else None
        if bore is not None:
            holes.append(bore)
    return holes


def _add_spot_faces(graph: FaceGraph, hole: Feature, wide: list[int]) -> bool:
    """Give the hole the flat seats around its mouths, if that is all that `wide` faces are."""
    if hole.axis is None:
        return False
    stages = stages_along(graph, wide, hole.axis)
    if not stages or any(stage.high - stage.low > SPOT_FACE * stage.diameter for stage in stages):
        return False
    hole.faces = sorted({*hole.faces, *wide})
    hole.steps = [{**stage.as_step(), "form": "spot_face"} for stage in stages] + hole.steps
    return True


def _wide_faces(graph: FaceGraph, stack: list[int]) -> list[int]:
    """The faces of a stack that are too wide to drill, with the shoulders that they stand on."""
    return [f for f in stack if _widest_radius(graph, f) > WIDEST_DRILLED_MM / 2 + graph.tolerance]


def _widest_radius(graph: FaceGraph, face: int) -> float:
    if graph.kind[face] == Surface.CYLINDER:
        return float(graph.faces.radius[face])
    return max((float(graph.edges.radius[e]) for e in graph.part.edges_of_face[face]), default=0.0)


def _stacks(graph: FaceGraph, taken: set[int]) -> list[list[int]]:
    """Groups of coaxial concave faces that make up one hole each, with their shoulders and bottoms."""
    walls = {
        f
        for f in range(len(graph.faces))
        if f not in taken and graph.sign[f] < 0 and graph.kind[f] in (Surface.CYLINDER, Surface.CONE)
    }
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


def _turn(graph: FaceGraph, face: int, walls: set[int]) -> float:
    """Degrees about the axis that `face` covers together with the pieces that its cylinder or cone is written in."""
    faces = graph.faces
    if faces.u_span[face] >= FULL_TURN_DEGREES:
        return float(faces.u_span[face])

    def beside(_edge: int, _face: int, other: int) -> bool:
        return (
            other in walls
            and graph.kind[other] == graph.kind[face]
            and graph.coaxial(face, other)
            and (graph.kind[face] == Surface.CONE or abs(faces.radius[other] - faces.radius[face]) < graph.tolerance)
            and _overlap(graph, face, other) > 0.5
        )

    return min(float(faces.u_span[sorted(graph.flood([face], beside))].sum()), 360.0)


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
    rising = [edge for edge in loops[0] if graph.is_concave(edge)]
    if not rising or not all(_is_circle_about(graph, edge, seed) for edge in rising):
        return False
    # Where the seat runs out of the part, its border falls away instead.
    if any(graph.bend[edge] != Bend.CONVEX for edge in loops[0] if edge not in rising):
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
    stacks = sorted(stacks, key=lambda s: s[0])
    joined: list[list[int]] = []
    homes: list[int] = []
    for stack, close in zip(stacks, _about_one_line(graph, stacks), strict=True):
        candidates = sorted({homes[other] for other in close if other < len(homes)})
        home = next((other for other in candidates if _continues(graph, joined[other], stack)), len(joined))
        homes.append(home)
        if home == len(joined):
            joined.append(list(stack))
        else:
            joined[home].extend(stack)
    return [sorted(stack) for stack in joined]


def _about_one_line(graph: FaceGraph, stacks: list[list[int]]) -> list[list[int]]:
    """Per stack, the numbers of those whose axes pass the middle of the part near where its own does."""
    if not stacks:
        return []
    mains = (_main_cylinder(graph, stack) for stack in stacks)
    faces = [stack[0] if main is None else main for main, stack in zip(mains, stacks, strict=True)]
    axis = graph.faces.axis[faces]
    offset = graph.faces.origin[faces] - (graph.part.low + graph.part.high) / 2
    foot = offset - np.einsum("ij,ij->i", offset, axis)[:, None] * axis
    return list(KDTree(foot).query_ball_point(foot, AXES_APART * graph.part.diagonal))


def _continues(graph: FaceGraph, first: list[int], second: list[int]) -> bool:
    a, b = _main_cylinder(graph, first), _main_cylinder(graph, second)
    if a is None or b is None or not graph.coaxial(a, b):
        return False
    if abs(graph.faces.radius[a] - graph.faces.radius[b]) > graph.tolerance:
        return False
    axis = graph.faces.axis[a]
    (low1, high1), (low2, high2) = graph.extent(first, axis), graph.extent(second, axis)
    gap = max(low1, low2) - min(high1, high2)
    if _ends_toward(graph, first, a, axis, low2 + high2) or _ends_toward(graph, second, b, axis, low1 + high1):
        return False  # drilled toward each other, and not through
    if any(_are_one_bore(graph, f, g) for f in _open_into(graph, first) for g in _open_into(graph, second)):
        return True  # another hole crosses this one
    # Two separate walls with a hole each are two holes; a bore nicked by a groove is one.
    return gap < 2 * graph.faces.radius[a] and gap < min(high1 - low1, high2 - low2)


def _ends_toward(graph: FaceGraph, stack: list[int], main: int, axis: Floats, other: float) -> bool:
    """Whether a bottom closes the stack on the side of a place, of which `other` is twice the height along `axis`."""
    middle = sum(graph.extent(stack, axis))
    bottoms = [f for f in stack if _closes(graph, f, main)]
    return any((sum(graph.extent([f], axis)) - middle) * (other - middle) > 0 for f in bottoms)


def _are_one_bore(graph: FaceGraph, first: int, second: int) -> bool:
    same_radius = abs(float(graph.faces.radius[first] - graph.faces.radius[second])) < graph.tolerance
    return first == second or (same_radius and graph.coaxial(first, second))


def _open_into(graph: FaceGraph, stack: list[int]) -> set[int]:
    """The round inner walls about other axes that a stack breaks into."""
    beyond = {other for face in stack for edge, other in graph.neighbours(face) if graph.bend[edge] == Bend.CONVEX}
    inner = [f for f in beyond if graph.sign[f] < 0 and graph.kind[f] in (Surface.CYLINDER, Surface.CONE)]
    return {f for f in inner if not graph.coaxial(f, stack[0])}


def _main_cylinder(graph: FaceGraph, stack: list[int]) -> int | None:
    cylinders = [f for f in stack if graph.kind[f] == Surface.CYLINDER]
    return max(cylinders, key=lambda f: graph.faces.area[f], default=None)


def _describe(graph: FaceGraph, stack: list[int]) -> Feature | None:
    """The stack as a feature, or None if it is no hole after all."""
    main = _main_face(graph, stack)
    if main is None:
        return None
    axis = graph.faces.axis[main]
    low, high = graph.extent(stack, axis)
    closing = [f for f in stack if _closes(graph, f, main)]
    stages = stages_along(graph, stack, axis)
    open_low, open_high = (_is_open(graph, stack, closing, axis, (low + high) / 2, side) for side in (-1, +1))
    if not (open_low or open_high):
        return None
    through = open_low and open_high
    mouth_high = open_high if not through else stages[-1].diameter >= stages[0].diameter
    if mouth_high:
        stages.reverse()
    name_forms(stages, mouth_high, through)
    bore = min((s for s in stages if not s.cone), key=lambda s: s.diameter, default=stages[0])
    share = max(_turn(graph, f, set(stack)) for f in bore.faces) / 360.0
    kind = hole_type(stages, through, flat=any(graph.kind[f] == Surface.PLANE for f in closing))
    if share * 360.0 < FULL_TURN_DEGREES - 10:
        kind = "partial_hole"
        if high - low < SHALLOW * bore.diameter:
            return None
    if bore.diameter > WIDEST_DRILLED_MM + graph.tolerance:
        kind = "bore"
    edge_breaks = {f for stage in stages if stage.form == "chamfer" for f in stage.faces}
    base = graph.faces.origin[main]
    return Feature(
        type=kind,
        faces=[f for f in stack if f not in edge_breaks],
        body=int(graph.faces.body[main]),
        axis=axis,
        direction=axis if mouth_high else -axis,
        size={
            "diameter": bore.diameter,
            "depth": high - low,
            "drill_depth": _drill_depth(graph, bore, stages, closing, axis),
            "material_share": share,
        },
        point=base + axis * ((high if mouth_high else low) - float(base @ axis)),
        open_directions=[d for d, is_open in ((axis, open_high), (-axis, open_low)) if is_open],
        steps=[stage.as_step() for stage in stages],
    )


def _main_face(graph: FaceGraph, stack: list[int]) -> int | None:
    """The largest cylinder, or else the largest cone."""
    cones = [f for f in stack if graph.kind[f] == Surface.CONE]
    cylinder = _main_cylinder(graph, stack)
    return cylinder if cylinder is not None else max(cones, key=lambda f: graph.faces.area[f], default=None)


def _closes(graph: FaceGraph, face: int, main: int) -> bool:
    """Whether the hole's axis runs into `face`: a disc, a sphere, or a cone with its tip."""
    if graph.kind[face] == Surface.PLANE:
        inner = [edge for loop in graph.faces.loops[face][1:] for edge in loop]
        return not any(_is_circle_about(graph, edge, main) for edge in inner)
    if graph.kind[face] == Surface.CONE:
        rims = [e for e in graph.part.edges_of_face[face] if graph.edges.kind[e] == Curve.CIRCLE]
        return len({round(float(graph.edges.radius[e]), 6) for e in rims}) < 2
    return graph.kind[face] == Surface.SPHERE


def _is_open(graph: FaceGraph, stack: list[int], closing: list[int], axis: Floats, middle: float, side: int) -> bool:
    """Whether the hole leads out of the material on one side of its middle.

    It does unless a face closes it there, if it has a rim to faces beyond on that side. The rim may be
    slanted or curved: where on the side it lies does not matter.
    """
    if any(side * (float(graph.faces.point[f] @ axis) - middle) > 0 for f in closing):
        return False
    member = set(stack)
    return any(
        side * (_mean_height(graph, edge, axis) - middle) > 0
        for face in stack
        for edge, other in graph.neighbours(face)
        if other not in member and not graph.is_concave(edge)
    )


def _mean_height(graph: FaceGraph, edge: int, axis: Floats) -> float:
    edges = graph.edges
    return float((edges.start[edge] + edges.middle[edge] + edges.end[edge]) @ axis) / 3


def _drill_depth(graph: FaceGraph, bore: Stage, stages: list[Stage], closing: list[int], axis: Floats) -> float:
    """Length in mm that the narrowest bore is drilled, with the point or the ball that ends it."""
    tips = [f for s in stages if s.form == "drill_point" for f in s.faces]
    tips += [f for f in closing if graph.kind[f] == Surface.SPHERE]
    low, high = bore.low, bore.high
    for tip_low, tip_high in (graph.extent([f], axis) for f in tips):
        if min(abs(tip_low - high), abs(tip_high - low)) < 1e-3 * bore.diameter + graph.tolerance:
            low, high = min(low, tip_low), max(high, tip_high)
    return high - low
