"""Quantities of internal corners: upright ones between walls, and those between wall and floor."""

from collections import defaultdict

import numpy as np

from workers.cad.part import Bend, Curve, Surface
from workers.features.feature import Feature
from workers.rules.measurement import Change, ChangeTo, Measurement
from workers.rules.quantities.engraving import lettering
from workers.rules.quantities.registry import (
    DEPRESSIONS,
    SQUARE,
    Subject,
    always,
    off_standard,
    on_feature,
    quantity,
)
from workers.rules.rule_file import Rule

ASKEW = 0.1  # cosine: square to the edge, or nearly


@quantity("corner_radius")
def corner_radius(subject: Subject, _rule: Rule) -> list[Measurement]:
    """Radius in mm of each upright internal corner, 0 if it is sharp. Detail `depth`: its height in mm."""
    return _rounded_corners(subject) + _sharp_corners(subject)


def _rounded_corners(subject: Subject) -> list[Measurement]:
    part, found = subject.part, []
    floors = {f.faces[0] for f in subject.of_type("floor_fillet")}
    for fillet in subject.of_type("concave_fillet"):
        face = fillet.faces[0]
        if part.faces.kind[face] not in (Surface.CYLINDER, Surface.CONE) or fillet.axis is None or is_patch(fillet):
            continue
        # The cutter goes down to the floor: the fillet between corner and floor is part of the corner's height.
        below = {part.other_face(edge, face) for edge in part.edges_of_face[face]} & floors
        edges = [edge for f in (face, *sorted(below)) for edge in part.edges_of_face[f]]
        heights = np.concatenate([part.edges.start[edges], part.edges.end[edges]]) @ fillet.axis
        depth, radius = float(np.ptp(heights)), fillet.size["radius"]
        measurement = on_feature(fillet, subject, radius, _raise_radius(radius, depth, fillet.parent), depth=depth)
        measurement.normal = part.faces.normal[face]
        if fillet.parent is not None:
            measurement.features.append(fillet.parent)
        found.append(measurement)
    return found


def is_patch(fillet: Feature) -> bool:
    """Where fillets meet: it has no edge of its own that it would round."""
    return len(fillet.between) < 2


def _floor_fillets(subject: Subject) -> list[Feature]:
    return [fillet for fillet in subject.of_type("floor_fillet") if not is_patch(fillet)]


def _raise_radius(radius: float, depth: float, home: Feature | None) -> ChangeTo:
    def change(limit: float) -> Change:
        shallow = depth * radius / limit
        less_deep = f"make the corner {depth - shallow:.2f} mm less deep"
        if limit > _largest_radius(home):
            return Change(f"{less_deep}: the pocket is too narrow for R{limit:.2f} mm", "depth", depth, shallow)
        text = f"raise the radius by {limit - radius:.2f} mm to R{limit:.2f} mm, or {less_deep}"
        return Change(text, "radius", radius, limit)

    return change


def _round_off(depth: float, home: Feature) -> ChangeTo:
    def change(limit: float) -> str | Change:
        largest = _largest_radius(home)
        if limit > largest:
            return f"round it to R{largest:.2f} mm, as the width allows, and make it {3 * largest:.2f} mm deep at most"
        text = f"round it to R{limit:.2f} mm, a third of its {depth:.2f} mm, or add a dog-bone relief"
        return Change(text, "radius", 0.0, limit)

    return change


def _largest_radius(home: Feature | None) -> float:
    """Half the width of the depression, mm: no larger radius fits into its corners."""
    return home.size["width"] / 2 if home is not None and home.size.get("width", 0) > 0 else float("inf")


def _sharp_corners(subject: Subject) -> list[Measurement]:
    """Straight concave edges between two upright walls of one depression."""
    part, found = subject.part, []
    letters = {letter.id for letter in lettering(subject)}
    for home in subject.of_type(*DEPRESSIONS):
        if home.id in letters:
            continue
        inside = set(home.faces)
        for edge in sorted({e for f in home.faces for e in part.edges_of_face[f]}):
            one, two = map(int, part.edges.faces[edge])
            if one in inside and two in inside and _is_upright_and_sharp(subject, edge, home):
                found.append(_sharp_corner(subject, home, edge, one, two))
    return found


def _is_upright_and_sharp(subject: Subject, edge: int, home: Feature) -> bool:
    edges = subject.part.edges
    if edges.bend[edge] != Bend.CONCAVE or edges.kind[edge] != Curve.LINE or home.direction is None:
        return False
    along = [float(edges.tangent[edge] @ direction) for direction in home.open_directions]
    open_at_both_ends = max(along) > SQUARE and min(along) < -SQUARE
    open_at_a_side = any(abs(cosine) < ASKEW for cosine in along)
    # What runs through the part and is open at a side as well is cut from that side, corner and all.
    if open_at_both_ends and open_at_a_side:
        return False
    return abs(float(edges.tangent[edge] @ home.direction)) > SQUARE


def _sharp_corner(subject: Subject, home: Feature, edge: int, one: int, two: int) -> Measurement:
    part = subject.part
    depth = float(part.edges.length[edge])
    outward = part.faces.normal[one] + part.faces.normal[two]
    return Measurement(
        value=0.0,
        faces=sorted((one, two)),
        point=part.edges.middle[edge],
        normal=outward / max(1e-9, float(np.linalg.norm(outward))),
        change=_round_off(depth, home),
        features=[home],
        edges=[edge],
        details={"depth": depth},
    )


def _by_home(subject: Subject, kind: str) -> dict[str, list[Feature]]:
    """Fillets of one kind by the id of the depression that they lie in."""
    homes = defaultdict(list)
    for fillet in subject.of_type(kind):
        if fillet.parent is not None and not is_patch(fillet):
            homes[fillet.parent.id].append(fillet)
    return homes


@quantity("corner_radii_in_pocket")
def corner_radii_in_pocket(subject: Subject, _rule: Rule) -> list[Measurement]:
    """Number of different upright corner radii in each depression that has rounded corners."""
    found = []
    for corners in _by_home(subject, "concave_fillet").values():
        radii = sorted({round(corner.size["radius"], 3) for corner in corners})
        home = corners[0].parent
        if home is None:
            continue
        now = ", ".join(f"R{round(r, 3):g}" for r in radii)
        change = always(f"use one corner radius throughout, R{round(radii[-1], 3):g} mm (now {now})")
        measurement = on_feature(home, subject, float(len(radii)), change)
        measurement.faces = sorted(face for corner in corners for face in corner.faces)
        found.append(measurement)
    return found


@quantity("floor_radius_off_standard")
def floor_radius_off_standard(subject: Subject, rule: Rule) -> list[Measurement]:
    """Distance in mm of each floor fillet's radius to the nearest standard cutter's corner radius."""
    return [off_standard(subject, rule, fillet, "radius", "R") for fillet in _floor_fillets(subject)]


@quantity("floor_radii_off_common")
def floor_radii_off_common(subject: Subject, rule: Rule) -> list[Measurement]:
    """Distance in mm of each floor fillet's radius to the one that most fillets of its depression have.

    In the variant `whole_part` all floor fillets of the part are compared.
    """
    groups = list(_by_home(subject, "floor_fillet").values())
    if rule.variants.get(subject.limits) == "whole_part":
        groups = [_floor_fillets(subject)]
    return [measurement for fillets in groups if fillets for measurement in _off_common(subject, fillets)]


def _off_common(subject: Subject, fillets: list[Feature]) -> list[Measurement]:
    radii = [round(f.size["radius"], 3) for f in fillets]
    common = max(sorted(set(radii)), key=radii.count)
    return [
        on_feature(fillet, subject, abs(radius - common), _to_common(radius, common))
        for fillet, radius in zip(fillets, radii, strict=True)
    ]


def _to_common(radius: float, common: float) -> ChangeTo:
    text = f"change it by {common - radius:+.3f} mm to R{round(common, 3):g} mm like the others"
    return lambda _limit: Change(text, "radius", radius, common)


@quantity("floor_radius_over_corner")
def floor_radius_over_corner(subject: Subject, _rule: Rule) -> list[Measurement]:
    """Largest floor radius over smallest corner radius of each depression that has both."""
    corners, found = _by_home(subject, "concave_fillet"), []
    for home_id, floors in _by_home(subject, "floor_fillet").items():
        home = floors[0].parent
        if home_id not in corners or home is None:
            continue
        floor = max(f.size["radius"] for f in floors)
        corner = min(f.size["radius"] for f in corners[home_id])
        change = always(
            f"bring the floor radius of R{round(floor, 3):g} mm below the corner's R{round(corner, 3):g} mm, "
            f"to R{round(corner / 2, 3):g}"
        )
        measurement = on_feature(home, subject, floor / corner, change)
        measurement.faces = sorted(face for f in floors for face in f.faces)
        found.append(measurement)
    return found
