"""Quantities of turned parts."""

from dataclasses import dataclass

import numpy as np

from workers.cad.part import Bend, Floats, Surface
from workers.facts.thickness import Wall
from workers.features.feature import Feature
from workers.features.turned_axis import ROUND, coaxial, edges_around
from workers.rules.measurement import Change, ChangeTo, Measurement, NotDecidedError
from workers.rules.quantities.body import walls_and_neck, walls_of
from workers.rules.quantities.registry import HOLES, Subject, on_feature, quantity, ratio_change, too_narrow
from workers.rules.rule_file import Rule

SKIN = ("turned_diameter", "turned_form", "turned_face")
TURNED = (*SKIN, "bore", "groove")
# A flatter corner than this needs no radius: a nose of 0.4 mm leaves less than 0.04 mm in it.
CORNER_DEGREES = 45.0
ACROSS = 0.1  # cosine: square to the turning axis, or nearly


@dataclass(frozen=True)
class Axis:
    """The turning axis: a point on it and its direction."""

    origin: Floats
    direction: Floats


def turning_axis(subject: Subject) -> Axis:
    """The turning axis, from the features that turn about it. Raises NotDecidedError if there are none."""
    faces = subject.part.faces
    for feature in subject.of_type(*TURNED):
        if feature.axis is None or not _turns(subject, feature):
            continue
        for face in feature.faces:
            if faces.kind[face] in (*ROUND, Surface.SPHERE):
                return Axis(faces.origin[face], feature.axis)
    raise NotDecidedError("a turning axis: no line about which most of the outer surface turns")


def turned_features(subject: Subject) -> list[Feature]:
    """What is turned on a lathe; none on a milled part."""
    return [feature for feature in subject.of_type(*TURNED) if _turns(subject, feature)]


def _turns(subject: Subject, feature: Feature) -> bool:
    """Milled bores and ring grooves have the same names, but stand on no turned skin."""
    return feature.type in SKIN or bool(subject.of_type(*SKIN))


@quantity("length_to_smallest_diameter")
def length_to_smallest_diameter(subject: Subject, _rule: Rule) -> list[Measurement]:
    """Length of the part along its axis over its smallest turned outer diameter; grooves are too short to count."""
    axis = turning_axis(subject)
    slim = subject.of_type("turned_diameter") or subject.of_type("turned_form")
    if not slim:
        raise NotDecidedError("a turned outer diameter")
    slimmest = min(slim, key=lambda f: (f.size["diameter"], -f.size["length"]))
    length, diameter = float(np.ptp(subject.part.mesh.vertices @ axis.direction)), slimmest.size["diameter"]
    change = ratio_change(length, diameter, "shorter", "thicker", "Ø", names=("length", "diameter"))
    return [on_feature(slimmest, subject, length / diameter, change, length=length, diameter=diameter)]


@quantity("turned_corner_radius")
def turned_corner_radius(subject: Subject, rule: Rule) -> list[Measurement]:
    """Radius in mm of each internal corner of the profile, 0 if it is sharp; drill points and grooves do not count.

    A grooving insert leaves 0.1 to 0.2 mm in the corners of a groove, and cuts no relief there. In the variant
    `with_grooves` they count all the same.
    """
    axis = turning_axis(subject)
    home = {face: f for f in subject.of_type(*TURNED, "chamfer", "concave_fillet") for face in f.faces}
    around = edges_around(subject.part, axis.origin, axis.direction)
    corners = _rounded_corners(subject, axis, home, around) + _sharp_corners(subject, axis, home, around)
    if rule.variants.get(subject.limits) == "with_grooves":
        return corners
    return [corner for corner in corners if not all(feature.type == "groove" for feature in corner.features)]


def _sharp_corners(subject: Subject, axis: Axis, home: dict[int, Feature], around: np.ndarray) -> list[Measurement]:
    part = subject.part
    sharp = around & (part.edges.bend == Bend.CONCAVE) & (part.edges.angle <= -CORNER_DEGREES)
    corners: dict[tuple[float, float], list[int]] = {}
    for edge in np.flatnonzero(sharp).tolist():
        faces = part.edges.faces[edge].tolist()
        if all(face in home and not _is_drill_point(subject, axis, face) for face in faces):
            corners.setdefault(_place(part.edges.middle[edge], axis), []).append(edge)
    found = []
    for edges in corners.values():
        faces = sorted({int(face) for edge in edges for face in part.edges.faces[edge]})
        normal = part.faces.normal[faces].sum(axis=0)
        found.append(
            Measurement(
                value=0.0,
                faces=faces,
                point=part.edges.middle[edges[0]],
                normal=normal / max(1e-9, float(np.linalg.norm(normal))),
                change=_round_to(0.0),
                features=_homes(home, faces),
                edges=edges,
            )
        )
    return found


def _rounded_corners(subject: Subject, axis: Axis, home: dict[int, Feature], around: np.ndarray) -> list[Measurement]:
    """Concave tori about the axis that run out smoothly into what they join."""
    part, corners = subject.part, dict[tuple[float, float, float], list[int]]()
    hollow = coaxial(part, axis.origin, axis.direction) & (part.faces.kind == Surface.TORUS) & (part.faces.sign < 0)
    for face in np.flatnonzero(hollow).tolist():
        rims = [edge for edge in part.edges_of_face[face] if around[edge]]
        if face in home and sum(part.edges.bend[rims] == Bend.SMOOTH) > 1:
            height = float((part.faces.origin[face] - axis.origin) @ axis.direction)
            radii = float(part.faces.radius[face]), float(part.faces.minor_radius[face])
            key = (round(height, 3), round(radii[0], 3), round(radii[1], 6))
            corners.setdefault(key, []).append(face)
    found = []
    for faces in corners.values():
        radius = float(part.faces.minor_radius[faces[0]])
        point, normal = part.faces.point[faces[0]], part.faces.normal[faces[0]]
        found.append(Measurement(radius, faces, point, normal, _round_to(radius), _homes(home, faces)))
    return found


def _place(point: Floats, axis: Axis) -> tuple[float, float]:
    """(height, radius) of a point about the axis, mm."""
    offset = point - axis.origin
    height = float(offset @ axis.direction)
    return round(height, 3) + 0.0, round(float(np.linalg.norm(offset - height * axis.direction)), 3)


def _homes(home: dict[int, Feature], faces: list[int]) -> list[Feature]:
    return list({home[face].id: home[face] for face in faces}.values())


def _is_drill_point(subject: Subject, axis: Axis, face: int) -> bool:
    """Whether a hollow cone runs to the axis."""
    part = subject.part
    if part.faces.kind[face] != Surface.CONE or part.faces.sign[face] >= 0:
        return False
    mesh = part.mesh
    offset = mesh.vertices[mesh.triangles[mesh.face == face].ravel()] - axis.origin
    away = np.linalg.norm(offset - np.outer(offset @ axis.direction, axis.direction), axis=1)
    return bool(away.min() < 0.1 * away.max())


def _round_to(radius: float) -> ChangeTo:
    def change(limit: float) -> Change:
        text = (
            f"raise the radius by {limit - radius:.2f} mm to R{round(limit, 3):g} mm, or cut a relief groove (DIN 509)"
        )
        return Change(text, "radius", radius, limit)

    return change


@quantity("bore_relief")
def bore_relief(subject: Subject, _rule: Rule) -> list[Measurement]:
    """Percent of the diameter that a blind bore goes on beyond its bored wall: a deeper pilot hole or an undercut."""
    turning_axis(subject)
    found = []
    for bore in subject.of_type("bore"):
        walls = [step for step in bore.steps if step["form"] in ("bore", "taper")]
        if "relief" not in bore.size or not walls:
            continue
        diameter, relief = float(walls[-1]["diameter"]), bore.size["relief"]
        found.append(on_feature(bore, subject, 100 * relief / diameter, _deepen(relief, diameter), relief=relief))
    return found


def _deepen(relief: float, diameter: float) -> ChangeTo:
    def change(limit: float) -> Change:
        to = limit / 100 * diameter
        text = f"drill the hole before boring {to - relief:.2f} mm deeper, or undercut the bottom {to:.2f} mm wide"
        return Change(text, "relief", relief, to)

    return change


@quantity("bore_depth_to_diameter")
def bore_depth_to_diameter(subject: Subject, _rule: Rule) -> list[Measurement]:
    """How far the boring bar reaches into each bore, over the narrowest diameter that it passes.

    Every stage counts from the mouth that it is easier to reach from; the worst one stands for the bore.
    """
    turning_axis(subject)
    found = []
    for bore in subject.of_type("bore"):
        stages = [step for step in bore.steps if step["form"] != "drill_point"]
        if not stages:
            continue
        reaches = [_easier(bore, stages, number) for number in range(len(stages))]
        depth, diameter = max(reaches, key=lambda reach: reach[0] / reach[1])
        change = ratio_change(depth, diameter, "shallower", "wider", "Ø")
        found.append(on_feature(bore, subject, depth / diameter, change, depth=depth, diameter=diameter))
    return found


def _easier(bore: Feature, stages: list[dict[str, float | str]], number: int) -> tuple[float, float]:
    """(depth, narrowest diameter on the way) to the far end of one stage, mm."""
    starts, depths, diameters = ([float(step[key]) for step in stages] for key in ("start", "depth", "diameter"))
    ways = [(starts[number] + depths[number], min(diameters[: number + 1]))]
    if len(bore.open_directions) > 1:
        ways.append((bore.size["depth"] - starts[number], min(diameters[number:])))
    return min(ways, key=lambda way: way[0] / way[1])


@quantity("groove_depth_to_width")
def groove_depth_to_width(subject: Subject, _rule: Rule) -> list[Measurement]:
    """Depth over width of each turned groove."""
    turning_axis(subject)
    found = []
    for groove in subject.of_type("groove"):
        depth, width = groove.size["depth"], groove.size["width"]
        change = ratio_change(depth, width, "less deep", "wider")
        found.append(on_feature(groove, subject, depth / width, change, depth=depth, width=width))
    return found


@quantity("radial_hole_diameter")
def radial_hole_diameter(subject: Subject, _rule: Rule) -> list[Measurement]:
    """Diameter in mm of each hole square to the turning axis."""
    axis = turning_axis(subject)
    holes = [hole for hole in subject.of_type(*HOLES) if hole.axis is not None]
    return [
        too_narrow(hole, subject, "diameter", "Ø")
        for hole in holes
        if abs(float(np.asarray(hole.axis) @ axis.direction)) < ACROSS
    ]


@quantity("tube_wall_thickness")
def tube_wall_thickness(subject: Subject, rule: Rule) -> list[Measurement]:
    """Least thickness in mm of each wall between a bore and the turned outside."""
    turning_axis(subject)
    return walls_of(subject, rule, _walls(subject, tubes=True))


@quantity("other_wall_thickness", on_meshes="any")
def other_wall_thickness(subject: Subject, rule: Rule) -> list[Measurement]:
    """Least thickness in mm of each wall that is not a turned tube's."""
    return walls_of(subject, rule, _walls(subject, tubes=False))


def _walls(subject: Subject, *, tubes: bool) -> list[Wall]:
    """The walls of tubes, or all others."""
    inside = {face for bore in subject.of_type("bore") for face in bore.faces}
    outside = {face for skin in subject.of_type("turned_diameter", "turned_form") for face in skin.faces}
    for groove in subject.of_type("groove"):
        (outside if _opens_outwards(groove) else inside).update(groove.faces)

    def is_tube(wall: Wall) -> bool:
        one, two = wall.faces
        return (one in inside and two in outside) or (two in inside and one in outside)

    return [wall for wall in walls_and_neck(subject) if is_tube(wall) == tubes]


def _opens_outwards(groove: Feature) -> bool:
    return bool(groove.steps) and groove.steps[0]["form"] == "outer_diameter"
