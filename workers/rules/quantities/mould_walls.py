"""The walls of a moulded part, and what stands on them: ribs, bosses, inner corners."""

import numpy as np

from workers.facts.fact import NotMeasuredError
from workers.moulding.analysis import MouldedShape
from workers.moulding.corners import InnerCorner
from workers.moulding.walls import ThickSpot, Walls, thickest_of_any_resin
from workers.rules.measurement import Change, ChangeTo, Measurement
from workers.rules.quantities.body import walls_of
from workers.rules.quantities.registry import Subject, analysis_of, on_feature, quantity
from workers.rules.rule_file import Rule


def _walls(subject: Subject) -> Walls:
    walls = analysis_of(subject, MouldedShape).walls
    if walls is None:
        raise NotMeasuredError("the part has no two sides with a wall between them")
    return walls


@quantity("mould_wall", on_meshes="any")
def mould_wall(subject: Subject, rule: Rule) -> list[Measurement]:
    """Thickness in mm of the nominal wall, and of each wall that is thinner than the rule's least; ribs are none."""
    nominal = _walls(subject).nominal
    levels = rule.limits[subject.limits]
    least = max((level.value or 0.0 for level in levels if level.comparison.startswith("<")), default=0.0)
    ribs = {face for rib in subject.of_type("rib", "boss") for face in rib.faces}
    thin = [
        wall for wall in subject.facts.thickness.walls if wall.thickness < least and not ribs.issuperset(wall.faces)
    ]
    if nominal < least:
        return [_nominal(subject, nominal, sorted({face for wall in thin for face in wall.faces}))]
    return [*walls_of(subject, rule, thin), _nominal(subject, nominal, [])]


def _nominal(subject: Subject, nominal: float, where: list[int]) -> Measurement:
    def change(limit: float) -> Change:
        verb = "core it out" if nominal > limit else "thicken it"
        return Change(f"{verb} by {abs(limit - nominal):.2f} mm to {limit:g} mm", "thickness", nominal, limit)

    part, faces = subject.part, subject.part.faces
    largest = int(np.round(faces.area, 3).argmax())
    normal = faces.normal[largest]
    return Measurement(nominal, where, (part.low + part.high) / 2, normal, change)


@quantity("mould_wall_to_nominal", on_meshes="any")
def mould_wall_to_nominal(subject: Subject, _rule: Rule) -> list[Measurement]:
    """Diameter of the largest ball that fits in each thick spot over the nominal wall; ribs and bosses apart."""
    walls = _walls(subject)
    if walls.thick is None:
        raise NotMeasuredError(f"no resin is moulded as thick as its nominal wall of {walls.nominal:.1f} mm")
    return [_thick(subject, spot, walls.nominal) for spot in walls.thick]


def _thick(subject: Subject, spot: ThickSpot, nominal: float) -> Measurement:
    def change(limit: float) -> Change:
        text = f"core it out, from ⌀{spot.diameter:.2f} mm to ⌀{limit * nominal:.2f} mm: the ball that fits in"
        return Change(text, "thickness", spot.diameter, limit * nominal)

    ratio, features = spot.diameter / nominal, subject.features_with(spot.faces)
    details = {"diameter": spot.diameter, "nominal": nominal}
    return Measurement(ratio, spot.faces, spot.point, spot.normal, change, features, details=details)


@quantity("mould_rib_thickness")
def mould_rib_thickness(subject: Subject, _rule: Rule) -> list[Measurement]:
    """Thickness of each rib where it leaves the floor, over the nominal wall."""
    nominal = _walls(subject).nominal
    return [
        on_feature(rib, subject, rib.size["width"] / nominal, _thinner(rib.size["width"], nominal), nominal=nominal)
        for rib in subject.of_type("rib")
    ]


def _thinner(size: float, nominal: float) -> ChangeTo:
    def change(limit: float) -> Change:
        text = f"thin it at its foot by {size - limit * nominal:.2f} mm to {limit * nominal:.2f} mm"
        return Change(text, "thickness", size, limit * nominal)

    return change


@quantity("mould_rib_height")
def mould_rib_height(subject: Subject, _rule: Rule) -> list[Measurement]:
    """Height of each rib over the nominal wall."""
    nominal = _walls(subject).nominal

    def lower(height: float) -> ChangeTo:
        def change(limit: float) -> Change:
            text = f"lower it by {height - limit * nominal:.2f} mm to {limit * nominal:.2f} mm, or set two ribs for one"
            return Change(text, "height", height, limit * nominal)

        return change

    return [
        on_feature(rib, subject, rib.size["height"] / nominal, lower(rib.size["height"]), nominal=nominal)
        for rib in subject.of_type("rib")
    ]


@quantity("mould_boss_wall")
def mould_boss_wall(subject: Subject, _rule: Rule) -> list[Measurement]:
    """Wall of each hollow boss at its foot over the nominal wall. Detail `hole`: its inner diameter over that."""
    nominal = _walls(subject).nominal
    found = []
    for boss in subject.of_type("boss"):
        if "wall" in boss.size:
            wall, hole = boss.size["wall"], boss.size["inner_diameter"]
            found.append(
                on_feature(boss, subject, wall / nominal, _boss_wall(wall, hole, nominal), hole=hole / nominal)
            )
    return found


def _boss_wall(wall: float, hole: float, nominal: float) -> ChangeTo:
    def change(limit: float) -> Change:
        to = limit * nominal
        text = f"thin its wall by {wall - to:.2f} mm to {to:.2f} mm"
        if to > wall:
            text = f"narrow its hole to ⌀{wall + hole / 2:.2f} mm, or widen it outside to ⌀{2 * hole:.2f} mm"
        return Change(text, "thickness", wall, to)

    return change


@quantity("mould_corner")
def mould_corner(subject: Subject, _rule: Rule) -> list[Measurement]:
    """Radius of the inner corners over the nominal wall, 0 where they are sharp.

    Of a wall that no resin takes over the thickest that one does: it has to be cored out first.
    """
    nominal = min(_walls(subject).nominal, thickest_of_any_resin())
    return [_corner(subject, corner, nominal) for corner in analysis_of(subject, MouldedShape).corners]


def _corner(subject: Subject, corner: InnerCorner, nominal: float) -> Measurement:
    def change(limit: float) -> Change:
        return Change(f"round it to R{limit * nominal:.2f} mm", "radius", corner.radius, limit * nominal)

    part = subject.part
    first = corner.faces[0]
    point = part.edges.middle[corner.edges[0]] if corner.edges else part.faces.point[first]
    return Measurement(
        corner.radius / nominal, corner.faces, point, part.faces.normal[first], change, edges=corner.edges
    )
