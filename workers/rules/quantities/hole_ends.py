"""Quantities of where holes begin and end: the faces that they enter and leave by, and the cavities that they cross."""

from collections.abc import Iterator

import numpy as np

from workers.cad.part import Bend, Floats, Part, Surface
from workers.features.feature import Feature
from workers.rules.measurement import Measurement
from workers.rules.quantities.registry import HOLES, POCKETS, SQUARE, Subject, always, on_feature, quantity
from workers.rules.rule_file import Rule

# A face leaning more than this from square is a wall that the hole runs along, not one that it enters by.
ALONG = 0.2
EXACTLY_SQUARE = 1 - 1e-7  # cosine; how much more may be is for the rule to say
CAVITIES = (*HOLES, *POCKETS, "bore", "groove")
COAXIAL = 1 - 1e-6
WIDEST_CROSSED = 3.0  # diameters: across a wider cavity each wall is drilled by itself
ENDS_WITHIN = 0.1  # of the diameter: no further from a wall than that, the hole ends there
COAXIAL_MM = 1e-3


@quantity("hole_end_obliqueness")
def hole_end_obliqueness(subject: Subject, _rule: Rule) -> list[Measurement]:
    """Degrees between a hole's axis and the normal, where the axis pierces it, of the most oblique face at its ends."""
    found = []
    for hole in subject.of_type(*HOLES):
        oblique = None if hole.axis is None else _most_oblique_end(subject.part, hole, hole.axis)
        if oblique is None:
            continue
        face, cosine = oblique
        change = always("put a flat square to the axis there, or turn the axis square to the face")
        measurement = on_feature(hole, subject, float(np.degrees(np.arccos(cosine))), change)
        measurement.faces.append(face)
        found.append(measurement)
    return found


def _most_oblique_end(part: Part, hole: Feature, axis: Floats) -> tuple[int, float] | None:
    """(face, cosine between its normal and the hole's axis), or None if all ends are square."""
    rims: dict[int, list[int]] = {}
    for edge, face in _rim(part, hole):
        rims.setdefault(face, []).append(edge)
    leaning = []
    for face, edges in sorted(rims.items()):
        normal = _normal_on_axis(part, hole, face, part.edges.middle[edges].mean(axis=0))
        if normal is not None:
            leaning.append((face, abs(float(normal @ axis))))
    return min((item for item in leaning if ALONG < item[1] < EXACTLY_SQUARE), key=lambda item: item[1], default=None)


def _rim(part: Part, hole: Feature) -> Iterator[tuple[int, int]]:
    """(edge, face beyond) around the hole's ends, looking past chamfers and roundings of its mouth."""
    inside = set(hole.faces)
    inside |= {face for _edge, face in _border(part, inside) if _breaks_the_edge(part, hole, face)}
    yield from _border(part, inside)


def _border(part: Part, inside: set[int]) -> Iterator[tuple[int, int]]:
    for face in sorted(inside):
        for edge in part.edges_of_face[face]:
            beyond = part.other_face(edge, face)
            if beyond >= 0 and beyond not in inside and part.edges.bend[edge] != Bend.CONCAVE:
                yield edge, beyond


def _breaks_the_edge(part: Part, hole: Feature, face: int) -> bool:
    """Whether `face` is a cone or torus about the hole's axis."""
    return bool(part.faces.kind[face] in (Surface.CONE, Surface.TORUS)) and _is_on_axis(
        hole, part.faces.origin[face], part.faces.axis[face]
    )


def _is_on_axis(hole: Feature, point: Floats, axis: Floats) -> bool:
    """Whether the line through `point` along `axis` is the hole's axis."""
    if hole.axis is None or hole.point is None or abs(float(axis @ hole.axis)) < COAXIAL:
        return False
    offset = point - hole.point
    return float(np.linalg.norm(offset - (offset @ hole.axis) * hole.axis)) < COAXIAL_MM


def _normal_on_axis(part: Part, hole: Feature, face: int, rim: Floats) -> Floats | None:
    """The unit normal of the surface under `face` where the hole's axis pierces it, nearest to the rim.

    None if it does not, or if the surface is a torus or free-form. Planes, cylinders, cones and spheres are
    quadrics: along the axis their equation is a parabola, which three values give.
    """
    if hole.axis is None or hole.point is None:
        return None
    kind = part.faces.kind[face]
    if kind == Surface.PLANE:
        return np.asarray(part.faces.axis[face])
    if kind not in (Surface.CYLINDER, Surface.CONE, Surface.SPHERE):
        return None
    start = hole.point + hole.axis * float((rim - hole.point) @ hole.axis)
    scale = max(float(part.faces.radius[face]), 1.0)
    before, at, after = (_equation(part, face, start + t * scale * hole.axis)[0] for t in (-1.0, 0.0, 1.0))
    roots = _real_roots((after + before) / 2 - at, (after - before) / 2, at)
    if not roots:
        return None
    nearest = min(roots, key=lambda t: (abs(t), t))
    gradient = _equation(part, face, start + nearest * scale * hole.axis)[1]
    length = float(np.linalg.norm(gradient))
    return gradient / length if length > 0 else None


def _equation(part: Part, face: int, point: Floats) -> tuple[float, Floats]:
    """(value, half the gradient) at `point` of the implicit equation of a cylinder, cone or sphere."""
    faces = part.faces
    offset, axis, radius = point - faces.origin[face], faces.axis[face], float(faces.radius[face])
    if faces.kind[face] == Surface.SPHERE:
        return float(offset @ offset) - radius**2, offset
    along = float(offset @ axis)
    radial = offset - along * axis
    slope = float(np.tan(np.radians(faces.half_angle[face]))) if faces.kind[face] == Surface.CONE else 0.0
    reach = radius + along * slope
    return float(radial @ radial) - reach**2, radial - reach * slope * axis


def _real_roots(square: float, linear: float, constant: float) -> list[float]:
    size = max(abs(square), abs(linear), abs(constant))
    if abs(square) <= 1e-12 * size:
        return [-constant / linear] if abs(linear) > 1e-12 * size else []
    inside = linear**2 - 4 * square * constant
    if inside < 0:
        return []
    return [(-linear + side * float(np.sqrt(inside))) / (2 * square) for side in (-1, 1)]


@quantity("cavities_crossed")
def cavities_crossed(subject: Subject, _rule: Rule) -> list[Measurement]:
    """Number of cavities that each hole crosses or breaks into aslant; of two holes that cross, the narrower one."""
    home = {face: feature for feature in subject.of_type(*CAVITIES) for face in feature.faces}
    found = []
    for hole in subject.of_type(*HOLES):
        if hole.type == "partial_hole":
            continue  # runs along the cavity, and has a rule of its own
        crossed = _crossed(subject.part, hole, home)
        if crossed:
            found.append(_crossing(subject, hole, crossed, home))
    whole = _whole_holes(subject.part, found)
    return [m for m in whole if _goes_on(m) or not all(_ends_squarely(subject.part, m, face) for face in m.faces)]


def _goes_on(crossing: Measurement) -> bool:
    """Whether the hole was put together from pieces on both sides of the cavity."""
    return crossing.details["pieces"] > 1


def _crossing(subject: Subject, hole: Feature, crossed: list[int], home: dict[int, Feature]) -> Measurement:
    change = always("end the hole before the cavity, or move it aside; else drill it before the cavity is cut")
    cavities = list({id(home[face]): home[face] for face in crossed}.values())
    measurement = on_feature(hole, subject, float(len(cavities)), change, pieces=1.0)
    measurement.faces += crossed
    measurement.features += cavities
    return measurement


def _whole_holes(part: Part, pieces: list[Measurement]) -> list[Measurement]:
    """Two holes of one diameter and axis, close by on either side of one cavity, are one hole that crosses it."""
    whole: list[Measurement] = []
    for piece in pieces:
        other = next((w for w in whole if _are_one_hole(part, w, piece)), None)
        if other is None:
            whole.append(piece)
        else:
            other.details["pieces"] += 1
            other.faces = sorted({*other.faces, *piece.faces})
            known = {id(feature) for feature in other.features}
            other.features += [feature for feature in piece.features if id(feature) not in known]
    return whole


def _are_one_hole(part: Part, first: Measurement, second: Measurement) -> bool:
    one, two, cavities = first.features[0], second.features[0], {id(f) for f in second.features[1:]}
    return (
        one.point is not None
        and one.axis is not None
        and _is_on_axis(two, one.point, one.axis)
        and abs(one.size["diameter"] - two.size["diameter"]) < COAXIAL_MM
        and _gap(part, one, two, one.axis) < WIDEST_CROSSED * one.size["diameter"]
        and any(id(feature) in cavities for feature in first.features[1:])
    )


def _crossed(part: Part, hole: Feature, home: dict[int, Feature]) -> list[int]:
    """The walls of other cavities that the hole's own wall breaks through."""
    walls = {face for _edge, face in _rim(part, hole) if face in home and home[face] is not hole}
    return sorted(face for face in walls if _is_side_wall(part, home[face], face) and not _yields(hole, home[face]))


def _ends_squarely(part: Part, crossing: Measurement, face: int) -> bool:
    """Whether the hole ends at a flat wall square to it: the drill comes out with all of its lips at once."""
    faces, hole = part.faces, crossing.features[0]
    if face in hole.faces:
        return True
    if hole.axis is None or faces.kind[face] != Surface.PLANE or abs(float(faces.axis[face] @ hole.axis)) < SQUARE:
        return False
    low, high = _extent(part, hole, hole.axis)
    at, slack = float(faces.origin[face] @ hole.axis), ENDS_WITHIN * hole.size["diameter"]
    return not low + slack < at < high - slack


def _extent(part: Part, hole: Feature, axis: Floats) -> tuple[float, float]:
    edges = [edge for face in hole.faces for edge in part.edges_of_face[face]]
    heights = np.concatenate([part.edges.start[edges], part.edges.end[edges]]) @ axis
    return float(heights.min()), float(heights.max())


def _gap(part: Part, first: Feature, second: Feature, axis: Floats) -> float:
    (low1, high1), (low2, high2) = _extent(part, first, axis), _extent(part, second, axis)
    return max(low1, low2) - min(high1, high2)


def _is_side_wall(part: Part, cavity: Feature, face: int) -> bool:
    """Whether `face` is not a floor that one looks at through an opening of the cavity."""
    if part.faces.kind[face] != Surface.PLANE:
        return True
    return not any(float(part.faces.axis[face] @ out) > SQUARE for out in cavity.open_directions)


def _yields(hole: Feature, cavity: Feature) -> bool:
    """Whether the crossing is the other hole's to report, or the two are steps of one bore."""
    if cavity.type not in (*HOLES, "bore") or cavity.point is None or cavity.axis is None:
        return False
    if _is_on_axis(hole, cavity.point, cavity.axis):
        return True
    return _rank(cavity) < _rank(hole)


def _rank(hole: Feature) -> tuple[float, ...]:
    place = () if hole.point is None else tuple(round(float(x), 3) for x in hole.point)
    return (round(hole.size["diameter"], 4), *place)
