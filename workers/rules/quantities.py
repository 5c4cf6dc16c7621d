"""What the milling and drilling rules measure, each quantity from features and facts."""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from workers.cad.part import Bend, Curve, Floats, Part, Surface
from workers.facts.measure import PartFacts
from workers.features.feature import Feature
from workers.rules.measurement import Measurement
from workers.rules.rule_file import Rule

HOLES = (
    "through_hole",
    "blind_hole",
    "flat_bottom_hole",
    "stepped_hole",
    "counterbore",
    "countersink",
    "partial_hole",
)
POCKETS = ("closed_pocket", "open_pocket", "through_pocket")
DEPRESSIONS = (*POCKETS, "slot", "step")
SQUARE = 0.996  # cosine of 5 degrees: closer than that a face counts as square to an axis


@dataclass
class Subject:
    """What is measured: the part, its features and its facts, and the limits in force."""

    part: Part
    features: list[Feature]
    facts: PartFacts
    limits: str

    def of_type(self, *types: str) -> list[Feature]:
        """The features of the given types."""
        return [f for f in self.features if f.type in types]


Quantity = Callable[[Subject, Rule], list[Measurement]]
QUANTITIES: dict[str, Quantity] = {}


def quantity(name: str) -> Callable[[Quantity], Quantity]:
    """Register a function as the quantity `name` that rule files refer to."""

    def register(function: Quantity) -> Quantity:
        QUANTITIES[name] = function
        return function

    return register


def _at(feature: Feature, part: Part) -> tuple[Floats, Floats]:
    """A point on the feature and the direction to look from."""
    point = feature.point if feature.point is not None else part.faces.point[feature.faces[0]]
    normal = feature.direction if feature.direction is not None else part.faces.normal[feature.faces[0]]
    return point, normal


def _on(
    feature: Feature, subject: Subject, value: float, change: Callable[[float], str], **details: float
) -> Measurement:
    point, normal = _at(feature, subject.part)
    return Measurement(value, list(feature.faces), point, normal, change, [feature], details=details)


@quantity("hole_depth_to_diameter")
def hole_depth_to_diameter(subject: Subject, rule: Rule) -> list[Measurement]:  # noqa: ARG001
    """Drilled depth over diameter of the narrowest bore of each hole."""
    found = []
    for hole in subject.of_type(*HOLES):
        depth, diameter = hole.size["drill_depth"], hole.size["diameter"]

        def change(limit: float, depth: float = depth, diameter: float = diameter) -> str:
            return (
                f"make it {depth - limit * diameter:.2f} mm shallower (to {limit * diameter:.2f} mm) "
                f"or {depth / limit - diameter:.2f} mm wider (to Ø{depth / limit:.2f} mm)"
            )

        found.append(_on(hole, subject, depth / diameter, change, depth=depth, diameter=diameter))
    return found


@quantity("hole_diameter")
def hole_diameter(subject: Subject, rule: Rule) -> list[Measurement]:  # noqa: ARG001
    """Diameter of the narrowest bore of each hole, mm."""
    return [
        _on(
            hole,
            subject,
            d,
            lambda limit, d=d: f"widen it by {limit - d:.2f} mm to Ø{limit:g} mm",
            diameter=d,
        )  # type: ignore[misc]
        for hole in subject.of_type(*HOLES)
        for d in (hole.size["diameter"],)
    ]


def _nearest_standard(sizes: list[list[float]], value: float) -> float:
    """The nearest of single sizes `[s]` and ranges `[from, to, step]`, mm."""
    candidates = []
    for entry in sizes:
        if len(entry) == 1:
            candidates.append(entry[0])
        else:
            low, high, step = entry
            candidates.append(min(max(low + round((value - low) / step) * step, low), high))
    return min(candidates, key=lambda c: abs(c - value))


def _off_standard(subject: Subject, rule: Rule, feature: Feature, name: str, sign: str) -> Measurement:
    value = feature.size[name]
    nearest = _nearest_standard(rule.standard_sizes[subject.limits], value)
    return _on(
        feature,
        subject,
        abs(nearest - value),
        lambda _limit: f"change it by {nearest - value:+.3f} mm to {sign}{nearest:g} mm",
        actual=value,
        nearest=nearest,
    )


@quantity("hole_diameter_off_standard")
def hole_diameter_off_standard(subject: Subject, rule: Rule) -> list[Measurement]:
    """Distance in mm of each hole's diameter to the nearest standard drill."""
    return [_off_standard(subject, rule, hole, "diameter", "Ø") for hole in subject.of_type(*HOLES)]


@quantity("hole_flat_bottom")
def hole_flat_bottom(subject: Subject, rule: Rule) -> list[Measurement]:  # noqa: ARG001
    """Diameter in mm of each hole that ends in a plane."""
    return [
        _on(
            hole,
            subject,
            hole.size["diameter"],
            lambda _limit: "end it in a 118° drill point, or take it through",
        )
        for hole in subject.of_type("flat_bottom_hole")
    ]


@quantity("hole_material_share")
def hole_material_share(subject: Subject, rule: Rule) -> list[Measurement]:  # noqa: ARG001
    """Percent of the wall around each partial hole that is material."""
    return [
        _on(
            hole,
            subject,
            100 * hole.size["material_share"],
            lambda _limit: "move its axis inwards until the bore is closed all around, or mill it as a slot",
        )
        for hole in subject.of_type("partial_hole")
    ]


@quantity("hole_end_obliqueness")
def hole_end_obliqueness(subject: Subject, rule: Rule) -> list[Measurement]:  # noqa: ARG001
    """Degrees between a hole's axis and the normal of a plane that it enters or leaves by."""
    part, found = subject.part, []
    for hole in subject.of_type(*HOLES):
        inside, worst = set(hole.faces), None
        for face in hole.faces:
            for edge in part.edges_of_face[face]:
                other = part.other_face(edge, face)
                if other < 0 or other in inside or part.faces.kind[other] != Surface.PLANE or hole.axis is None:
                    continue
                if part.edges.bend[edge] != Bend.CONVEX:
                    continue
                cosine = min(1.0, abs(float(part.faces.axis[other] @ hole.axis)))
                if 0.2 < cosine < SQUARE and (worst is None or cosine < worst[0]):
                    worst = (cosine, other)
        if worst is not None:
            angle = float(np.degrees(np.arccos(worst[0])))
            measurement = _on(
                hole,
                subject,
                angle,
                lambda _limit: "put a flat square to the axis there, or turn the axis square to the face",
            )
            measurement.faces.append(worst[1])
            found.append(measurement)
    return found


@quantity("corner_radius")
def corner_radius(subject: Subject, rule: Rule) -> list[Measurement]:  # noqa: ARG001
    """Radius in mm of each upright internal corner; sharp ones have radius 0. Detail `depth`: its height."""
    return _rounded_corners(subject) + _sharp_corners(subject)


def _corner_change(radius: float, depth: float) -> Callable[[float], str]:
    def change(limit: float) -> str:
        wanted = max(limit, depth / 3)
        return f"raise the radius by {wanted - radius:.2f} mm to R{wanted:.2f} mm, or make the corner {max(0.0, depth - 3 * radius):.2f} mm less deep"

    return change


def _rounded_corners(subject: Subject) -> list[Measurement]:
    part, found = subject.part, []
    for fillet in subject.of_type("concave_fillet"):
        face = fillet.faces[0]
        if part.faces.kind[face] != Surface.CYLINDER or fillet.axis is None:
            continue
        heights = np.array([p for e in part.edges_of_face[face] for p in (part.edges.start[e], part.edges.end[e])])
        depth = float(np.ptp(heights @ fillet.axis))
        radius = fillet.size["radius"]
        measurement = _on(fillet, subject, radius, _corner_change(radius, depth), depth=depth)
        measurement.normal = part.faces.normal[face]
        if fillet.parent is not None:
            measurement.features.append(fillet.parent)
        found.append(measurement)
    return found


def _sharp_corners(subject: Subject) -> list[Measurement]:
    """Straight concave edges between two upright walls of one depression."""
    part, found = subject.part, []
    for home in subject.of_type(*DEPRESSIONS):
        inside = set(home.faces)
        for edge in sorted({e for f in home.faces for e in part.edges_of_face[f]}):
            one, two = part.edges.faces[edge]
            upright = home.direction is not None and abs(float(part.edges.tangent[edge] @ home.direction)) > SQUARE
            inner = part.edges.bend[edge] == Bend.CONCAVE and part.edges.kind[edge] == Curve.LINE
            if not (upright and inner and one in inside and two in inside):
                continue
            depth = float(part.edges.length[edge])
            normal = part.faces.normal[one] + part.faces.normal[two]
            found.append(
                Measurement(
                    value=0.0,
                    faces=sorted((int(one), int(two))),
                    point=part.edges.middle[edge],
                    normal=normal / max(1e-9, float(np.linalg.norm(normal))),
                    change=lambda _limit, depth=depth: (
                        f"round it to R{depth / 3:.2f} mm (a third of its {depth:.2f} mm), or add a dog-bone relief"
                    ),  # type: ignore[misc]
                    features=[home],
                    edges=[edge],
                    details={"depth": depth},
                )
            )
    return found


def _fillets_by_home(subject: Subject, kind: str) -> dict[str, list[Feature]]:
    homes = defaultdict(list)
    for fillet in subject.of_type(kind):
        if fillet.parent is not None:
            homes[fillet.parent.id].append(fillet)
    return homes


def _spread(subject: Subject, kind: str, word: str) -> list[Measurement]:
    """Number of different radii of one kind of fillet in each depression that has any."""
    found = []
    for fillets in _fillets_by_home(subject, kind).values():
        home = fillets[0].parent
        radii = sorted({round(f.size["radius"], 3) for f in fillets})
        if home is None or len(radii) < 2:
            continue
        largest = f"use one {word} radius throughout, R{radii[-1]:g} mm (now {', '.join(f'R{r:g}' for r in radii)})"
        measurement = _on(home, subject, float(len(radii)), lambda _limit, text=largest: text)  # type: ignore[misc]
        measurement.faces = sorted(face for f in fillets for face in f.faces)
        found.append(measurement)
    return found


@quantity("corner_radii_in_pocket")
def corner_radii_in_pocket(subject: Subject, rule: Rule) -> list[Measurement]:  # noqa: ARG001
    """Number of different upright corner radii in each depression."""
    return _spread(subject, "concave_fillet", "corner")


@quantity("floor_radius_off_standard")
def floor_radius_off_standard(subject: Subject, rule: Rule) -> list[Measurement]:
    """Distance in mm of each floor fillet's radius to the nearest standard tool corner radius."""
    return [_off_standard(subject, rule, fillet, "radius", "R") for fillet in subject.of_type("floor_fillet")]


@quantity("floor_radii_off_common")
def floor_radii_off_common(subject: Subject, rule: Rule) -> list[Measurement]:  # noqa: ARG001
    """Distance in mm of a floor fillet's radius to the one that most fillets of its depression have."""
    found = []
    for fillets in _fillets_by_home(subject, "floor_fillet").values():
        radii = [round(f.size["radius"], 3) for f in fillets]
        common = max(sorted(set(radii)), key=radii.count)
        for fillet, radius in zip(fillets, radii, strict=True):
            if radius != common:
                text = f"change it by {common - radius:+.3f} mm to R{common:g} mm like the others"
                found.append(_on(fillet, subject, abs(radius - common), lambda _limit, text=text: text))  # type: ignore[misc]
    return found


@quantity("floor_radius_over_corner")
def floor_radius_over_corner(subject: Subject, rule: Rule) -> list[Measurement]:  # noqa: ARG001
    """Largest floor radius over smallest corner radius of each depression that has both."""
    corners, found = _fillets_by_home(subject, "concave_fillet"), []
    for home_id, floors in _fillets_by_home(subject, "floor_fillet").items():
        home = floors[0].parent
        if home_id not in corners or home is None:
            continue
        floor = max(f.size["radius"] for f in floors)
        corner = min(f.size["radius"] for f in corners[home_id])
        text = f"reduce the floor radius by {floor - 0.5 * corner:.2f} mm to R{0.5 * corner:.2f} mm, below the corner's R{corner:g} mm"
        measurement = _on(home, subject, floor / corner, lambda _limit, text=text: text)  # type: ignore[misc]
        measurement.faces = sorted(face for f in floors for face in f.faces)
        found.append(measurement)
    return found


@quantity("pocket_depth_to_width")
def pocket_depth_to_width(subject: Subject, rule: Rule) -> list[Measurement]:  # noqa: ARG001
    """Depth over smallest width of each pocket and slot."""
    found = []
    for pocket in subject.of_type(*POCKETS, "slot"):
        depth, width = pocket.size["depth"], pocket.size["width"]
        if width <= 0:
            continue

        def change(limit: float, depth: float = depth, width: float = width) -> str:
            return f"make it {depth - limit * width:.2f} mm less deep or {depth / limit - width:.2f} mm wider"

        found.append(_on(pocket, subject, depth / width, change, depth=depth, width=width))
    return found


@quantity("pocket_width")
def pocket_width(subject: Subject, rule: Rule) -> list[Measurement]:  # noqa: ARG001
    """Smallest width in mm of each pocket and slot."""
    return [
        _on(pocket, subject, w, lambda limit, w=w: f"widen it by {limit - w:.2f} mm to {limit:g} mm")  # type: ignore[misc]
        for pocket in subject.of_type(*POCKETS, "slot")
        for w in (pocket.size["width"],)
        if w > 0
    ]


@quantity("wall_thickness")
def wall_thickness(subject: Subject, rule: Rule) -> list[Measurement]:
    """Thickness in mm of each wall, walls that share a face taken together at their thinnest."""
    largest = max(level.value for level in rule.limits[subject.limits] if level.value is not None)
    thin = [wall for wall in subject.facts.thickness.walls if wall.thickness < largest]
    group_of: dict[int, int] = {}
    for wall in thin:
        one, two = (_root(group_of, face) for face in wall.faces)
        group_of[max(one, two)] = min(one, two)
    groups = defaultdict(list)
    for wall in thin:
        groups[_root(group_of, wall.faces[0])].append(wall)
    found = []
    for walls in groups.values():
        least = min(walls, key=lambda w: (round(w.thickness, 6), w.faces))
        faces = sorted({face for wall in walls for face in wall.faces})
        found.append(
            Measurement(
                least.thickness,
                faces,
                least.point,
                least.normal,
                lambda limit, t=least.thickness: f"thicken it by {limit - t:.2f} mm to {limit:g} mm",  # type: ignore[misc]
                [f for f in subject.features if set(f.faces) & set(faces)],
            )
        )
    return found


def _root(group_of: dict[int, int], face: int) -> int:
    while group_of.setdefault(face, face) != face:
        face = group_of[face]
    return face


@quantity("boss_height_to_width")
def boss_height_to_width(subject: Subject, rule: Rule) -> list[Measurement]:  # noqa: ARG001
    """Height over the smaller of length and width of each boss."""
    found = []
    for boss in subject.of_type("boss"):
        height, width = boss.size["height"], min(boss.size["length"], boss.size["width"])
        if width <= 0:
            continue

        def change(limit: float, height: float = height, width: float = width) -> str:
            return f"make it {height - limit * width:.2f} mm lower (to {limit * width:.2f} mm) or {height / limit - width:.2f} mm wider"

        found.append(_on(boss, subject, height / width, change, height=height, width=width))
    return found


@quantity("external_fillet_radius")
def external_fillet_radius(subject: Subject, rule: Rule) -> list[Measurement]:  # noqa: ARG001
    """Radius in mm of each rounded outer edge that is not upright: one that a chamfer tool could break instead."""
    part, found = subject.part, []
    for fillet in subject.of_type("convex_fillet"):
        radius = fillet.size["radius"]
        measurement = _on(fillet, subject, radius, lambda _limit, r=radius: f"replace it by a {r:g} mm × 45° chamfer")  # type: ignore[misc]
        measurement.normal = part.faces.normal[fillet.faces[0]]
        found.append(measurement)
    return found


@quantity("size_over_machine")
def size_over_machine(subject: Subject, rule: Rule) -> list[Measurement]:
    """Largest ratio of a side of the bounding box to the machine's travel, longest against longest."""
    travel = np.sort(np.array([entry[0] for entry in rule.standard_sizes[subject.limits]]))
    part = subject.part
    sides = np.sort(part.size)
    worst = int((sides / travel).argmax())
    middle = (part.low + part.high) / 2
    text = (
        f"split the part, or make that side {sides[worst] - travel[worst]:.1f} mm shorter to fit {travel[worst]:g} mm"
    )
    return [Measurement(float((sides / travel).max()), [], middle, np.array([0.0, 0.0, 1.0]), lambda _limit: text)]


@quantity("removed_share")
def removed_share(subject: Subject, rule: Rule) -> list[Measurement]:  # noqa: ARG001
    """Percent of the stock block that is cut away."""
    part = subject.part
    share = 100.0 * float(subject.facts.facts["removal_ratio"].value)
    middle = (part.low + part.high) / 2
    text = "start from a nearer shape: a casting, a plate, or a weldment of smaller pieces"
    return [Measurement(share, [], middle, np.array([0.0, 0.0, 1.0]), lambda _limit: text)]
