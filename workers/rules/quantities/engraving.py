"""Quantities of engraved lettering and other shallow, narrow detail."""

import math
from collections import defaultdict

from workers.cad.part import Surface
from workers.features.feature import Feature
from workers.rules.measurement import Change, Measurement
from workers.rules.quantities.registry import SQUARE, Subject, quantity
from workers.rules.rule_file import Rule

# Deeper than this it is a slot to be milled, not lettering; engraving guides ask for 0.1 to 0.5 mm.
DEEPEST_ENGRAVING_MM = 1.0
# From here on it is a pocket, which end mills of common sizes cut.
WIDEST_STROKE_MM = 3.0
ENGRAVED = ("closed_pocket", "open_pocket", "slot", "groove")


def lettering(subject: Subject) -> list[Feature]:
    """Shallow depressions of narrow strokes: an engraver's own radius in their corners is taken for granted."""
    return [feature for feature, floor in _shallow(subject) if _stroke(subject, floor) < WIDEST_STROKE_MM]


def _shallow(subject: Subject) -> list[tuple[Feature, int]]:
    """Depressions that are no deeper than lettering, each with its floor."""
    found = [(f, _floor(subject, f)) for f in subject.of_type(*ENGRAVED) if f.size["depth"] <= DEEPEST_ENGRAVING_MM]
    return [(feature, floor) for feature, floor in found if floor is not None]


@quantity("engraved_stroke_width")
def engraved_stroke_width(subject: Subject, _rule: Rule) -> list[Measurement]:
    """Narrowest stroke in mm of each run of shallow depressions whose floors lie in one plane."""
    runs: dict[tuple[float, ...], list[tuple[float, Feature]]] = defaultdict(list)
    for feature, floor in _shallow(subject):
        runs[_plane(subject, floor)].append((_stroke(subject, floor), feature))
    return [_run(subject, runs[plane]) for plane in sorted(runs)]


def _floor(subject: Subject, feature: Feature) -> int | None:
    """The largest plane that looks out of the feature."""
    faces = subject.part.faces
    if feature.direction is None:
        return None
    floors = [
        f for f in feature.faces if faces.kind[f] == Surface.PLANE and float(faces.axis[f] @ feature.direction) > SQUARE
    ]
    return max(floors, key=lambda f: round(float(faces.area[f]), 6), default=None)


def _plane(subject: Subject, floor: int) -> tuple[float, ...]:
    faces = subject.part.faces
    normal = faces.axis[floor]
    return (*(round(float(x), 3) + 0.0 for x in normal), round(float(faces.origin[floor] @ normal), 3) + 0.0)


def _stroke(subject: Subject, floor: int) -> float:
    """Width in mm of the ribbon with the floor's area and circumference: w·l = A, 2·(w + l) = C."""
    area = float(subject.part.faces.area[floor])
    half = float(subject.part.edges.length[subject.part.edges_of_face[floor]].sum()) / 2
    return (half - math.sqrt(max(0.0, half**2 - 4 * area))) / 2


def _run(subject: Subject, run: list[tuple[float, Feature]]) -> Measurement:
    stroke, narrowest = min(run, key=lambda item: (round(item[0], 6), min(item[1].faces)))
    point = narrowest.point if narrowest.point is not None else subject.part.faces.point[narrowest.faces[0]]
    normal = narrowest.direction if narrowest.direction is not None else subject.part.faces.normal[narrowest.faces[0]]

    def change(limit: float) -> Change:
        larger = f"make the strokes {limit - stroke:.2f} mm wider, to {limit:g} mm"
        return Change(f"{larger}: lettering {limit / stroke:.2f} times as large", "stroke width", stroke, limit)

    faces = sorted(face for _width, feature in run for face in feature.faces)
    return Measurement(stroke, faces, point, normal, change, [feature for _width, feature in run])
