"""Quantities of holes."""

from workers.features.feature import Feature
from workers.rules.measurement import Change, ChangeTo, Measurement
from workers.rules.quantities.registry import (
    HOLES,
    POCKETS,
    SQUARE,
    Subject,
    always,
    off_standard,
    on_feature,
    quantity,
    ratio_change,
    too_narrow,
)
from workers.rules.quantities.threads import is_drawn_as_thread
from workers.rules.rule_file import Rule


def _drilled(subject: Subject) -> list[Feature]:
    """Holes with a cylindrical bore; a lone taper is no drill's work."""
    return [hole for hole in subject.of_type(*HOLES) if any(step["form"] == "bore" for step in hole.steps)]


@quantity("hole_depth_to_diameter")
def hole_depth_to_diameter(subject: Subject, _rule: Rule) -> list[Measurement]:
    """Depth over diameter of the narrowest bore of each hole; the drill's point counts as depth."""
    found = []
    for hole in _drilled(subject):
        depth, diameter = hole.size["drill_depth"], hole.size["diameter"]
        change = _deepest(hole, depth, diameter)
        found.append(on_feature(hole, subject, depth / diameter, change, depth=depth, diameter=diameter))
    return found


def _deepest(hole: Feature, depth: float, diameter: float) -> ChangeTo:
    if len(hole.open_directions) < 2:
        return ratio_change(depth, diameter, "shallower", "wider", "Ø", names=("depth", "diameter"))
    return lambda limit: Change(
        f"make it {depth / limit - diameter:.2f} mm wider (to Ø{depth / limit:.2f} mm)",
        "diameter",
        diameter,
        depth / limit,
    )


@quantity("hole_diameter")
def hole_diameter(subject: Subject, _rule: Rule) -> list[Measurement]:
    """Diameter of the narrowest bore of each hole, mm; a turned part's bore is one too."""
    return [too_narrow(hole, subject, "diameter", "Ø") for hole in [*_drilled(subject), *subject.of_type("bore")]]


@quantity("hole_diameter_off_standard")
def hole_diameter_off_standard(subject: Subject, rule: Rule) -> list[Measurement]:
    """Distance in mm of each hole's diameter to the nearest standard drill, but for those drawn as a thread.

    A hole drawn at its thread's minor diameter is drilled for the tap, not to the size that is drawn. In the variant
    `as_drawn` it counts all the same.
    """
    as_drawn = rule.variants.get(subject.limits) == "as_drawn"
    drilled = [hole for hole in _drilled(subject) if as_drawn or not is_drawn_as_thread(hole)]
    return [off_standard(subject, rule, hole, "diameter", "Ø") for hole in drilled]


@quantity("hole_flat_bottom")
def hole_flat_bottom(subject: Subject, _rule: Rule) -> list[Measurement]:
    """Diameter in mm of each blind hole that ends in a plane."""
    change = always("end it in a 118° drill point, or take it through")
    return [on_feature(hole, subject, hole.size["diameter"], change) for hole in subject.of_type("flat_bottom_hole")]


@quantity("hole_material_share")
def hole_material_share(subject: Subject, _rule: Rule) -> list[Measurement]:
    """Percent of the wall around each partial hole that is material; the round of a dog-bone's corner is no hole."""
    change = always("move its axis inwards until the bore is closed all around, or mill it as a slot")
    return [
        on_feature(hole, subject, 100 * hole.size["material_share"], change)
        for hole in subject.of_type("partial_hole")
        if not _is_dog_bone(subject, hole)
    ]


def _is_dog_bone(subject: Subject, hole: Feature) -> bool:
    """Whether the hole stands in a pocket's corner, along the pocket's depth, between two of its walls."""
    if hole.axis is None:
        return False
    around = {other for face in hole.faces for _edge, other in subject.graph.neighbours(face)}
    axis, normals = hole.axis, subject.part.faces.axis

    def walls(pocket: Feature) -> list[int]:
        return [f for f in around.intersection(pocket.faces) if abs(float(normals[f] @ axis)) < 1 - SQUARE]

    return any(
        len(walls(pocket)) > 1
        for pocket in subject.of_type(*POCKETS)
        if pocket.direction is not None and abs(float(pocket.direction @ axis)) > SQUARE
    )
