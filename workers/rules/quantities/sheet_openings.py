"""Quantities of the openings of a sheet: how large they are, and how near to each other, to an edge and to a bend."""

from shapely import Point, STRtree, get_coordinates
from shapely.geometry.base import BaseGeometry

from workers.cad.part import Floats
from workers.rules.measurement import Change, ChangeTo, Measurement
from workers.rules.quantities.registry import Subject, quantity
from workers.rules.quantities.sheet_parts import bend_faces, laid_flat, measured
from workers.rules.rule_file import Rule
from workers.sheet.laid import Laid
from workers.sheet.layout import Beyond
from workers.sheet.narrow import narrow_places
from workers.sheet.openings import Opening

TOUCHING = 1e-6  # mm
SAME_PLACE = 1e-3  # mm


@quantity("sheet_hole_diameter")
def sheet_hole_diameter(subject: Subject, _rule: Rule) -> list[Measurement]:
    """Diameter in mm of each round hole. Detail: `thickness`."""
    laid = laid_flat(subject)
    holes = [opening for opening in laid.openings if opening.is_round and opening.faces]
    return [_size(subject, laid, hole, hole.width, "diameter", "Ø") for hole in holes]


@quantity("slot_width")
def slot_width(subject: Subject, _rule: Rule) -> list[Measurement]:
    """Width in mm of each slot and cut-out, and of each notch where two parallel edges face each other; reliefs apart.

    Detail: `thickness`.
    """
    laid = laid_flat(subject)
    slots = [opening for opening in laid.openings if not opening.is_round and opening.faces]
    found = [_size(subject, laid, slot, slot.width, "width", "") for slot in slots]
    widest = max(2 * laid.sheet.thickness, 2.0)
    reliefs = {face for feature in subject.of_type("relief") for face in feature.faces}
    for place in narrow_places(laid.pattern.outline, widest):
        faces = [face for edge in place.edges for face in laid.sheet.sides[edge] if face not in laid.sheet.charts]
        if faces and reliefs.isdisjoint(faces):
            found.append(_narrow(subject, laid, place.width, faces))
    return found


def _narrow(subject: Subject, laid: Laid, width: float, faces: list[int]) -> Measurement:
    return measured(subject, width, faces, _wider(width, "width", ""), thickness=laid.sheet.thickness)


def _size(subject: Subject, laid: Laid, opening: Opening, value: float, size: str, sign: str) -> Measurement:
    return measured(subject, value, opening.faces, _wider(value, size, sign), thickness=laid.sheet.thickness)


def _wider(value: float, size: str, sign: str) -> ChangeTo:
    def change(limit: float) -> Change:
        return Change(f"widen it by {limit - value:.2f} mm to {sign}{limit:.2f} mm", size, value, limit)

    return change


@quantity("opening_to_bend")
def opening_to_bend(subject: Subject, rule: Rule) -> list[Measurement]:
    """Distance in mm, in the flat, from each opening to where the nearest bend begins, 0 if it reaches into it.

    Openings that run right across a bend, by a thickness on either side, interrupt it and do not count, nor do those
    that it is bent out of, what lies beyond its ends, and what is rolled.
    Details: `thickness`, and `thickness_and_half_radius`, of which 2 are two thicknesses and the radius.
    """
    laid = laid_flat(subject)
    return _to_bends(subject, laid, rule, [opening for opening in laid.openings if opening.faces])


@quantity("countersink_to_bend")
def countersink_to_bend(subject: Subject, rule: Rule) -> list[Measurement]:
    """Distance in mm from each countersink's rim to where the nearest bend begins. Details as of `opening_to_bend`."""
    laid = laid_flat(subject)
    return _to_bends(subject, laid, rule, _sunk(laid))


def _to_bends(subject: Subject, laid: Laid, rule: Rule, openings: list[Opening]) -> list[Measurement]:
    thickness = laid.sheet.thickness
    most = max((level.value or 0.0) for level in rule.limits[subject.limits])
    found = []
    for opening in openings:
        distances = [(_to_bend(laid, opening, one, most), number) for number, one in enumerate(laid.bends)]
        near = [(distance, number) for distance, number in distances if distance is not None]
        if not near:
            continue
        radius = [one.bend.bend.radius for one in laid.bends]
        # The one that it is nearest to in terms of what that bend needs.
        distance, number = min(near, key=lambda pair: (round(pair[0] / (2 * thickness + radius[pair[1]]), 6), pair[1]))
        faces = [*opening.faces, *bend_faces(laid, laid.bends[number])]
        at = measured(
            subject, distance, faces, _away(distance, "bend"), thickness=thickness,
            thickness_and_half_radius=thickness + radius[number] / 2,
        )  # fmt: skip
        found.append(at)
    return found


def _to_bend(laid: Laid, opening: Opening, one: Beyond, most: float) -> float | None:
    """mm from the rim of an opening to the zone of a bend; None where the bend does not act on it.

    It does not from further away than `most` thicknesses and radii.
    """
    if one.is_rolled:
        return None
    zone, along = one.bend.zone, one.bend.along
    rim = _rim(opening)
    if rim.distance(zone) > most * (laid.sheet.thickness + one.bend.bend.radius):
        return None
    low, high = _span(zone, along)
    first, last = _span(rim, along)
    if first > high + laid.sheet.thickness or last < low - laid.sheet.thickness:
        return None
    distance = float(rim.distance(zone))
    if distance < TOUCHING:
        if _is_bent_out_of(one, opening):
            return None
        begins, ends = _span(zone, one.outwards)
        before, after = _span(rim, one.outwards)
        beyond = laid.sheet.thickness - TOUCHING
        return None if before < begins - beyond and after > ends + beyond else 0.0
    return distance if laid.through_material(opening.shape, zone) else None


def _is_bent_out_of(one: Beyond, opening: Opening) -> bool:
    """Whether the opening lies beside both ends of the bend, as around a tab that is bent out of a plate."""
    ends = sorted((point for line in one.bend.lines for point in line), key=lambda point: float(point @ one.bend.along))
    return all(opening.shape.exterior.distance(Point(end)) < SAME_PLACE for end in (ends[0], ends[-1]))


def _span(shape: BaseGeometry, direction: Floats) -> tuple[float, float]:
    heights = get_coordinates(shape) @ direction
    return float(heights.min()), float(heights.max())


@quantity("opening_to_edge")
def opening_to_edge(subject: Subject, _rule: Rule) -> list[Measurement]:
    """Distance in mm from each opening to the outline of the flat pattern. Detail: `thickness`."""
    laid = laid_flat(subject)
    return _to_edges(subject, laid, [opening for opening in laid.openings if opening.faces])


@quantity("countersink_to_edge")
def countersink_to_edge(subject: Subject, _rule: Rule) -> list[Measurement]:
    """Distance in mm from each countersink's rim to the outline of the flat pattern. Detail: `thickness`."""
    laid = laid_flat(subject)
    return _to_edges(subject, laid, _sunk(laid))


def _to_edges(subject: Subject, laid: Laid, openings: list[Opening]) -> list[Measurement]:
    edge, thickness = laid.outline.exterior, laid.sheet.thickness
    found = []
    for opening in openings:
        distance = float(_rim(opening).distance(edge))
        found.append(measured(subject, distance, opening.faces, _away(distance, "edge"), thickness=thickness))
    return found


@quantity("opening_to_opening")
def opening_to_opening(subject: Subject, rule: Rule) -> list[Measurement]:
    """Least distance in mm between neighbouring openings; those that are too near to each other in a row are one place.

    Detail: `thickness`.
    """
    laid = laid_flat(subject)
    return _between(subject, laid, rule, [opening for opening in laid.openings if opening.faces], collared=False)


@quantity("extruded_hole_to_opening")
def extruded_hole_to_opening(subject: Subject, rule: Rule) -> list[Measurement]:
    """Least distance in mm from holes with a collar to other openings, as `opening_to_opening`. Detail: `thickness`."""
    laid = laid_flat(subject)
    return _between(subject, laid, rule, [opening for opening in laid.openings if opening.faces], collared=True)


@quantity("countersink_to_countersink")
def countersink_to_countersink(subject: Subject, rule: Rule) -> list[Measurement]:
    """Least distance in mm between the rims of countersinks, as `opening_to_opening`. Detail: `thickness`."""
    laid = laid_flat(subject)
    return _between(subject, laid, rule, _sunk(laid), collared=False)


def _between(subject: Subject, laid: Laid, rule: Rule, openings: list[Opening], *, collared: bool) -> list[Measurement]:
    thickness = laid.sheet.thickness
    within = max((level.value or 0.0) for level in rule.limits[subject.limits]) * thickness
    rims = [_rim(opening) for opening in openings]
    pairs = []
    for one, two in sorted(map(tuple, STRtree(rims).query(rims, "dwithin", within).T.tolist())) if rims else []:
        has_collar = "extruded_hole" in (openings[one].kind, openings[two].kind)
        if one < two and has_collar == collared:
            pairs.append((float(rims[one].distance(rims[two])), one, two))
    found = []
    for members in _groups([(one, two) for _, one, two in pairs]):
        distance = min(d for d, one, _ in pairs if one in members)
        faces = [face for number in sorted(members) for face in openings[number].faces]
        found.append(measured(subject, distance, faces, _away(distance, "opening"), thickness=thickness))
    return found


def _groups(pairs: list[tuple[int, int]]) -> list[set[int]]:
    """The numbers of pairs in groups that hang together."""
    groups: list[set[int]] = []
    for pair in pairs:
        touched = [group for group in groups if not group.isdisjoint(pair)]
        groups = [group for group in groups if group not in touched] + [set(pair).union(*touched)]
    return groups


def _away(distance: float, what: str) -> ChangeTo:
    def change(limit: float) -> Change:
        text = f"move it {limit - distance:.2f} mm further away from the {what} (to {limit:.2f} mm)"
        if what == "opening":
            text = f"move them {limit - distance:.2f} mm further apart (to {limit:.2f} mm)"
        return Change(text, "distance", distance, limit)

    return change


@quantity("countersink_depth")
def countersink_depth(subject: Subject, _rule: Rule) -> list[Measurement]:
    """Depth in mm of each countersink. Detail: `thickness`."""
    laid = laid_flat(subject)
    found = []
    for opening in _sunk(laid):
        depth = opening.countersink.depth if opening.countersink else 0.0
        found.append(measured(subject, depth, opening.faces, _shallower(depth), thickness=laid.sheet.thickness))
    return found


def _shallower(depth: float) -> ChangeTo:
    def change(limit: float) -> Change:
        return Change(f"make it {depth - limit:.2f} mm shallower (to {limit:.2f} mm)", "depth", depth, limit)

    return change


def _sunk(laid: Laid) -> list[Opening]:
    return [opening for opening in laid.openings if opening.countersink is not None]


def _rim(opening: Opening) -> BaseGeometry:
    """What the opening takes of the sheet's surface: with a countersink more than what is cut through."""
    if opening.countersink is None:
        return opening.shape
    return opening.shape.buffer(max(0.0, (opening.countersink.diameter - opening.width) / 2), quad_segs=64)
