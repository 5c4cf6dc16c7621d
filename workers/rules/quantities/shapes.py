"""Faces that stand neither along nor across the direction in which the part is machined."""

import numpy as np

from workers.cad.part import Bend, Floats, Surface
from workers.rules.measurement import Change, Measurement
from workers.rules.quantities.registry import HOLES, SQUARE, Subject, quantity
from workers.rules.rule_file import Rule

# Found by other rules, or no shape of their own.
SET_ASIDE = (*HOLES, "bore", "chamfer", "concave_fillet", "convex_fillet", "floor_fillet")


@quantity("shape_off_square")
def shape_off_square(subject: Subject, rule: Rule) -> list[Measurement]:
    """Degrees that each flat or conical face leans from being along or across the main direction of machining.

    In the variant `walls_on_floors` only walls that stand on a floor count, against that floor.
    """
    lean = _walls_on_floors(subject)
    if rule.variants.get(subject.limits) != "walls_on_floors":
        lean |= {face: off for face, off in _oblique_faces(subject).items() if face not in lean}
    return [_leaning(subject, face, off) for face, off in sorted(lean.items())]


def _walls_on_floors(subject: Subject) -> dict[int, float]:
    """Degrees off a right angle of each wall that meets its floor at a concave edge or a floor fillet, the largest."""
    faces, off = subject.part.faces, dict[int, float]()
    aside = _set_aside(subject)
    for floor, wall in _joints(subject):
        if wall not in aside and (lean := _off_right_angle(subject, wall, faces.axis[floor])) is not None:
            off[wall] = max(off.get(wall, 0.0), lean)
    return off


def _set_aside(subject: Subject) -> set[int]:
    return {face for feature in subject.of_type(*SET_ASIDE) for face in feature.faces}


def _joints(subject: Subject) -> list[tuple[int, int]]:
    """(floor, wall) across each floor fillet and each sharp concave edge."""
    part = subject.part
    faces, floors = part.faces, _floors(subject)
    joints = []
    for fillet in subject.of_type("floor_fillet"):
        normal: Floats = np.zeros(3) if fillet.direction is None else fillet.direction
        level = [f for f in fillet.between if faces.kind[f] == Surface.PLANE and faces.axis[f] @ normal > SQUARE]
        floor = max(level, key=lambda f: round(float(faces.axis[f] @ normal), 6), default=None)
        joints += [(floor, f) for f in fillet.between if floor is not None and f not in level]
    for one, two in part.edges.faces[part.edges.bend == Bend.CONCAVE].tolist():
        joints += [(a, b) for a, b in ((one, two), (two, one)) if a in floors and b not in floors]
    return joints


def _floors(subject: Subject) -> set[int]:
    """Planes square to the main direction, or to that of the depression that they lie in."""
    faces = subject.part.faces
    planes = np.flatnonzero(faces.kind == Surface.PLANE)
    floors = set(planes[np.abs(faces.axis[planes] @ subject.main_axis) > SQUARE].tolist())
    for feature in subject.features:
        if feature.direction is not None:
            own = np.array(feature.faces)[faces.kind[feature.faces] == Surface.PLANE]
            floors |= set(own[faces.axis[own] @ feature.direction > SQUARE].tolist())
    return floors


def _off_right_angle(subject: Subject, wall: int, upright: Floats) -> float | None:
    """Degrees between the wall and the nearer of `upright` and the floor; None if it is neither flat nor a cone."""
    faces = subject.part.faces
    along = min(1.0, abs(float(faces.axis[wall] @ upright)))
    if faces.kind[wall] == Surface.PLANE:
        lean = float(np.degrees(np.arcsin(along)))
        return min(lean, 90.0 - lean)
    if faces.kind[wall] == Surface.CONE and along > 1 - 1e-6:
        return abs(float(faces.half_angle[wall]))
    return None


def _oblique_faces(subject: Subject) -> dict[int, float]:
    """Degrees by which each flat face leans out of the nearer of the two: along or across the main direction."""
    faces = subject.part.faces
    aside = _set_aside(subject)
    planes = [int(f) for f in np.flatnonzero(faces.kind == Surface.PLANE) if int(f) not in aside]
    angle = np.degrees(np.arccos(np.clip(np.abs(faces.axis[planes] @ subject.main_axis), 0.0, 1.0)))
    return dict(zip(planes, np.minimum(angle, 90.0 - angle).tolist(), strict=True))


def _leaning(subject: Subject, face: int, off: float) -> Measurement:
    faces = subject.part.faces
    change = Change(f"turn the face by {off:.2f}°, then a flat end mill cuts it in one pass", "angle", off, 0.0, "deg")
    home = subject.features_with([face])
    return Measurement(off, [face], faces.point[face], faces.normal[face], lambda _limit: change, home)
