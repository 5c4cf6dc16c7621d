"""Quantities of the part as a whole."""

from collections import defaultdict

import numpy as np

from workers.cad.part import Bend, Floats, Part
from workers.facts.thickness import Wall
from workers.rules.measurement import Change, Measurement, NotDecidedError
from workers.rules.quantities.registry import Subject, always, quantity
from workers.rules.rule_file import Rule, RuleFileError

FROM_ABOVE = np.array([0.0, 0.0, 1.0])


@quantity("wall_thickness", on_meshes="any")
def wall_thickness(subject: Subject, rule: Rule) -> list[Measurement]:
    """Least thickness in mm of each wall below the rule's largest limit.

    Walls that share a face, or whose faces run smoothly into each other, are one.
    """
    return walls_of(subject, rule, walls_and_neck(subject))


def walls_and_neck(subject: Subject) -> list[Wall]:
    """The part's walls, and the narrow places between them."""
    return [*subject.facts.thickness.walls, *subject.facts.necks]


def walls_of(subject: Subject, rule: Rule, walls: list[Wall]) -> list[Measurement]:
    """`wall_thickness` of some of the part's walls."""
    values = [level.value for level in rule.limits[subject.limits] if level.value is not None]
    if not values:
        raise RuleFileError(f"Rule {rule.id} needs a limit with a value: every part has walls.")
    largest = max(values)
    thin = [wall for wall in walls if wall.thickness < largest]
    return [_wall(subject, walls) for walls in _connected(subject.part, thin)]


def _wall(subject: Subject, walls: list[Wall]) -> Measurement:
    least = min(walls, key=lambda w: (round(w.thickness, 6), w.faces))
    faces = sorted({face for wall in walls for face in wall.faces})
    features = subject.features_with(faces)
    return Measurement(
        least.thickness,
        faces,
        least.point,
        least.normal,
        lambda limit: Change(
            f"thicken it by {limit - least.thickness:.2f} mm to {limit:g} mm", "thickness", least.thickness, limit
        ),
        features,
    )


def _connected(part: Part, walls: list[Wall]) -> list[list[Wall]]:
    """The walls in groups that are connected by common faces or over smooth edges."""
    group_of: dict[int, int] = {}

    def root(face: int) -> int:
        while group_of.setdefault(face, face) != face:
            face = group_of[face]
        return face

    def join(pair: tuple[int, ...]) -> None:
        one, two = sorted(map(root, pair))
        group_of[two] = one

    for wall in walls:
        join(wall.faces)
    thin = np.isin(part.edges.faces, list(group_of)).all(axis=1) & (part.edges.bend == Bend.SMOOTH)
    for one, two in part.edges.faces[thin].tolist():
        join((one, two))
    groups = defaultdict(list)
    for wall in walls:
        groups[root(wall.faces[0])].append(wall)
    return list(groups.values())


@quantity("size_over_machine", on_meshes="any")
def size_over_machine(subject: Subject, rule: Rule) -> list[Measurement]:
    """Largest ratio of a side of the least box to the machine's travel, longest against longest."""
    part = subject.part
    travel = np.sort(np.array([entry[0] for entry in rule.standard_sizes[subject.limits]]))
    if len(travel) != 3:
        raise RuleFileError(f"Rule {rule.id} needs the machine's travel in three directions as its standard sizes.")
    sides = min(_boxes(subject), key=lambda box: float((box / travel).max()))
    worst = int((sides / travel).argmax())
    over = [f"{side:.1f} mm to {fits:g} mm" for side, fits in zip(sides, travel, strict=True) if side > fits]
    text = f"split the part, or shorten it from {' and from '.join(over)}"
    change = Change(text, "length", float(sides[worst]), float(travel[worst]))
    ratio = float((sides / travel).max())
    return [Measurement(ratio, [], (part.low + part.high) / 2, FROM_ABOVE, lambda _limit: change)]


def _boxes(subject: Subject) -> list[Floats]:
    """(3,) sides in mm, shortest first, of the box along the file's axes and of the least one."""
    least = subject.facts.facts["oriented_bounding_box"].value
    return [np.sort(np.asarray(box, dtype=float)) for box in (subject.part.size, least) if box is not None]


@quantity("removed_share", on_meshes="closed")
def removed_share(subject: Subject, _rule: Rule) -> list[Measurement]:
    """Percent of the stock block that is cut away."""
    part = subject.part
    ratio = subject.facts.facts["removal_ratio"].value
    if ratio is None:
        raise NotDecidedError("the stock that the part is cut from could not be measured")
    share = 100.0 * float(ratio)
    change = always("start from a nearer shape: a casting, a plate, or a weldment of smaller pieces")
    return [Measurement(share, [], (part.low + part.high) / 2, FROM_ABOVE, change)]
