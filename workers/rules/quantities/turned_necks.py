"""Necks of a turned profile: whether a tool that cuts on its way in can follow down into them."""

from dataclasses import dataclass

import numpy as np

from workers.cad.part import Floats, Ints, Part
from workers.facts.rays import Bools
from workers.features.feature import Feature
from workers.rules.measurement import Change, Measurement
from workers.rules.quantities.registry import Subject, quantity
from workers.rules.quantities.turning import Axis, turning_axis
from workers.rules.rule_file import Rule

OUTSIDE = ("turned_diameter", "turned_form", "chamfer", "concave_fillet", "convex_fillet")
SHALLOW_MM = 0.05  # what is less deep is no neck


@dataclass(frozen=True)
class _Outline:
    """The outside of the profile from one end to the other, grooves bridged."""

    height: Floats  # (k,) mm along the axis
    radius: Floats  # (k,) mm
    feature: Ints  # (k,) place in `features`
    features: list[Feature]


@quantity("neck_incline")
def neck_incline(subject: Subject, _rule: Rule) -> list[Measurement]:
    """Degrees from the axis of the gentler flank of each neck in the outside; the tool goes in there.

    A neck lies between two larger diameters. What leads down to it from one end of the part only is no neck:
    it is cut from that end.
    """
    axis = turning_axis(subject)
    outline = _outline(subject, axis)
    return [_neck(subject, axis, outline, first, last) for first, last in _necks(outline.radius)]


def _outline(subject: Subject, axis: Axis) -> _Outline:
    part = subject.part
    features = [f for f in subject.of_type(*OUTSIDE) if _is_outside(subject, axis, f)]
    number = np.full(len(part.faces), -1)
    for place, feature in enumerate(features):
        number[feature.faces] = place
    of_triangle = number[part.mesh.face]
    kept = (of_triangle >= 0) & _looks_outwards(part, axis)  # a ring's one surface is both outside and inside
    offset = part.mesh.vertices[part.mesh.triangles[kept].ravel()] - axis.origin
    height = offset @ axis.direction
    radius = np.linalg.norm(offset - np.outer(height, axis.direction), axis=1)
    owner = np.repeat(of_triangle[kept], 3)
    middle = np.zeros(len(features))
    for place in np.unique(owner).tolist():
        middle[place] = (height[owner == place].min() + height[owner == place].max()) / 2
    rows = np.unique(np.round(np.column_stack([middle[owner], owner, height, radius]), 6), axis=0)
    return _Outline(rows[:, 2], rows[:, 3], rows[:, 1].astype(np.int64), features)


def _looks_outwards(part: Part, axis: Axis) -> Bools:
    """(m,) whether each triangle looks away from the axis."""
    offset = part.mesh.centroids - axis.origin
    radial = offset - np.outer(offset @ axis.direction, axis.direction)
    return np.asarray(np.einsum("ij,ij->i", part.mesh.normals, radial) > 0)


def _is_outside(subject: Subject, axis: Axis, feature: Feature) -> bool:
    """Whether a feature turns about the axis and looks away from it."""
    faces, face = subject.part.faces, feature.faces[0]
    if feature.axis is None or abs(float(feature.axis @ axis.direction)) < 1 - 1e-6:
        return False
    offset = faces.point[face] - axis.origin
    radial = offset - (offset @ axis.direction) * axis.direction
    return float(faces.normal[face] @ radial) > 0


def _necks(radius: Floats) -> list[tuple[int, int]]:
    """(first, last) place of each run that lies below larger radii on both of its sides."""
    if not len(radius):
        return []
    left, right = np.maximum.accumulate(radius), np.maximum.accumulate(radius[::-1])[::-1]
    below = np.minimum(left, right) - radius > SHALLOW_MM
    edges = np.flatnonzero(np.diff(below.astype(np.int64), prepend=0, append=0))
    return [(int(first), int(end) - 1) for first, end in edges.reshape(-1, 2)]


def _neck(subject: Subject, axis: Axis, outline: _Outline, first: int, last: int) -> Measurement:
    bottom = first + int(outline.radius[first : last + 1].argmin())
    down = _steepest(outline, first - 1, bottom)
    up = _steepest(outline, bottom, last + 1)
    steep = min(down, up)
    features = [outline.features[place] for place in np.unique(outline.feature[first : last + 1]).tolist()]
    deepest = outline.features[int(outline.feature[bottom])]
    point = subject.part.faces.point[deepest.faces[0]]
    offset = point - axis.origin
    radial = offset - (offset @ axis.direction) * axis.direction

    def change(limit: float) -> Change:
        text = f"ease one flank by {steep - limit:.1f}° to {limit:g}° from the axis, or make it a groove"
        return Change(text, "angle", steep, limit, "deg")

    return Measurement(
        value=steep,
        faces=sorted(face for feature in features for face in feature.faces),
        point=point,
        normal=radial / max(1e-9, float(np.linalg.norm(radial))),
        change=change,
        features=features,
    )


def _steepest(outline: _Outline, first: int, last: int) -> float:
    """Degrees from the axis of the steepest piece of the outline between two places."""
    rise = np.abs(np.diff(outline.radius[first : last + 1]))
    run = np.maximum(np.diff(outline.height[first : last + 1]), 0.0)
    return float(np.degrees(np.arctan2(rise, run)).max())
