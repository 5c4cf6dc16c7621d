"""Quantities of what an additive process forms: walls, gaps, details, holes and pins."""

import numpy as np

from workers.additive.analysis import AdditiveShape
from workers.additive.features import joined
from workers.additive.rounds import DETAIL_MM, Round
from workers.additive.spans import Span
from workers.facts.fact import NotMeasuredError
from workers.features.feature import Feature
from workers.rules.measurement import Change, ChangeTo, Measurement
from workers.rules.quantities.registry import Subject, analysis_of, quantity
from workers.rules.rule_file import Rule

SAME_WAY = 0.99
HOLES, PINS = ("through_hole", "blind_hole"), ("boss",)
WALLS, GAPS = ("rib", "wall"), ("slot", "gap")
# Bores on one axis that are no further apart, as a share of the smaller diameter, are one hole.
NEXT_TO = 0.05


@quantity("built_wall_thickness", on_meshes="any")
def built_wall_thickness(subject: Subject, rule: Rule) -> list[Measurement]:
    """Least thickness in mm of each wall; details `held` and `free` are 1 for a wall held at two ends, or not.

    Walls that share a face, or whose faces run smoothly into each other, are one, and so are those as thick that meet
    at an edge; pins and details are none.
    """
    shape = analysis_of(subject, AdditiveShape)
    walls = [w for w in _large(shape.walls, "walls") if not w.is_slender and w.width < _limit(rule, subject, w)]
    return [_wall(subject, group) for group in joined(subject.part, walls, shape.meeting)]


def _large(spans: list[Span] | None, what: str) -> list[Span]:
    """Those that are no details."""
    return [span for span in _measured(spans, what) if span.depth > DETAIL_MM]


def _limit(rule: Rule, subject: Subject, wall: Span) -> float:
    """The largest limit that the wall is held against."""
    of = {None: 1.0, "held": float(wall.held), "free": float(not wall.held)}
    return max(((level.value or 0.0) * of.get(level.of, 1.0) for level in rule.limits[subject.limits]), default=0.0)


def _wall(subject: Subject, group: list[Span]) -> Measurement:
    least = group[0]
    faces = sorted({face for wall in group for face in wall.faces})
    details = {"held": float(least.held), "free": float(not least.held)}
    change = _to("thicken it by", "thickness", least.width)
    return Measurement(
        least.width, faces, least.point, least.normal, change, _named(subject, faces, *WALLS), details=details
    )


@quantity("built_gap_width", on_meshes="any")
def built_gap_width(subject: Subject, rule: Rule) -> list[Measurement]:
    """Least width in mm of each gap; those that share a face, or are as wide and meet at an edge, are one.

    Holes and engraved details are none.
    """
    shape = analysis_of(subject, AdditiveShape)
    gaps = [g for g in _large(shape.gaps, "gaps") if not g.is_slender and g.width < _limit(rule, subject, g)]
    return [_gap(subject, group) for group in joined(subject.part, gaps, shape.meeting)]


def _gap(subject: Subject, group: list[Span]) -> Measurement:
    least = group[0]
    faces = sorted({face for gap in group for face in gap.faces})
    point = least.point + least.normal * (least.width / 2)
    change = _to("widen it by", "width", least.width)
    return Measurement(least.width, faces, point, least.normal, change, _named(subject, faces, *GAPS))


@quantity("detail_width", on_meshes="any")
def detail_width(subject: Subject, rule: Rule) -> list[Measurement]:
    """Narrowest width in mm of the details raised on one side of the part, and of those sunk into it.

    A detail rises or sinks no more than 2 mm.
    """
    shape = analysis_of(subject, AdditiveShape)
    found = []
    for spans, raised in ((_measured(shape.walls, "walls"), True), (_measured(shape.gaps, "gaps"), False)):
        dots = [_as_span(r) for r in shape.rounds if r.way is not None and r.hollow != raised]
        small = [span for span in spans if span.depth <= DETAIL_MM] + dots
        fine = sorted((span for span in small if span.width < _limit(rule, subject, span)), key=_narrowest)
        found += [_detail(subject, run, raised=raised) for run in _runs(fine)]
    return found


def _as_span(dot: Round) -> Span:
    ends = dot.faces[0], dot.faces[-1]
    way = dot.axis if dot.way is None else dot.way
    return Span(dot.diameter, ends, dot.point, dot.axis, False, dot.length, way, dot.diameter)


def _narrowest(span: Span) -> tuple[float, tuple[int, int]]:
    return round(span.width, 6), span.faces


def _runs(spans: list[Span]) -> list[list[Span]]:
    """Those that open the same way: lettering is one thing to change."""
    runs: list[list[Span]] = []
    for span in spans:
        run = next((run for run in runs if float(run[0].way @ span.way) > SAME_WAY), None)
        if run is None:
            runs.append([span])
        else:
            run.append(span)
    return runs


def _detail(subject: Subject, run: list[Span], *, raised: bool) -> Measurement:
    least = run[0]
    faces = sorted({face for span in run for face in span.faces})
    what = "raised strokes" if raised else "engraved strokes"

    def change(limit: float) -> Change:
        larger = f"make the {what} {limit - least.width:.2f} mm wider, to {limit:g} mm"
        return Change(larger, "stroke width", least.width, limit)

    features = _named(subject, faces, *(WALLS if raised else GAPS))
    return Measurement(least.width, faces, least.point, least.way, change, features, details={"height": least.depth})


@quantity("round_hole_diameter", on_meshes="any")
def round_hole_diameter(subject: Subject, _rule: Rule) -> list[Measurement]:
    """Diameter in mm of each round hole; of bores that follow each other on one axis, of the narrowest.

    Of a hole that is not round, but hardly longer across than it is wide, the width. Dots are details.
    """
    shape = analysis_of(subject, AdditiveShape)
    holes = [r for r in shape.rounds if r.hollow and r.way is None]
    others = [gap for gap in _large(shape.gaps, "gaps") if gap.is_slender]
    found = [_round(subject, group, "widen it by", "ø") for group in _stacked(holes)]
    return found + [_not_round(subject, run, "widen it by", GAPS) for run in _prisms(subject, others)]


@quantity("pin_diameter", on_meshes="any")
def pin_diameter(subject: Subject, _rule: Rule) -> list[Measurement]:
    """Diameter in mm of each round pin; of cylinders that follow each other on one axis, of the thinnest.

    Of a pin that is not round, but hardly broader than it is thick, the thickness. Dots are details.
    """
    shape = analysis_of(subject, AdditiveShape)
    pins = [r for r in shape.rounds if r.is_pin and r.way is None]
    others = [wall for wall in _large(shape.walls, "walls") if wall.is_slender]
    found = [_round(subject, group, "thicken it by", "ø") for group in _stacked(pins)]
    return found + [_not_round(subject, run, "thicken it by", WALLS) for run in _prisms(subject, others)]


def _round(subject: Subject, group: list[Round], what: str, sign: str) -> Measurement:
    least = group[0]
    faces = sorted({face for one in group for face in one.faces})
    features = _named(subject, faces, *(HOLES if least.hollow else PINS))
    change = _to(what, "diameter", least.diameter, sign)
    return Measurement(least.diameter, faces, least.point, least.axis, change, features)


def _prisms(subject: Subject, spans: list[Span]) -> list[list[Span]]:
    """Between all sides of each pin or hole, whatever its section."""
    return joined(subject.part, spans, analysis_of(subject, AdditiveShape).meeting, within=np.inf)


def _not_round(subject: Subject, group: list[Span], what: str, types: tuple[str, ...]) -> Measurement:
    least = group[0]
    faces = sorted({face for one in group for face in one.faces})
    change = _to(what, "width", least.width)
    return Measurement(least.width, faces, least.point, least.normal, change, _named(subject, faces, *types))


def _named(subject: Subject, faces: list[int], *types: str) -> list[Feature]:
    return [feature for feature in subject.features_with(faces) if feature.type in types]


def _stacked(rounds: list[Round]) -> list[list[Round]]:
    """Narrowest first, with those that follow it on its axis."""
    left, groups = list(rounds), []
    while left:
        group, left = [left[0]], left[1:]
        grown = True
        while grown:
            next_ = [r for r in left if any(_follows(r, one) for one in group)]
            grown = bool(next_)
            group += next_
            left = [r for r in left if not any(r is one for one in next_)]
        groups.append(group)
    return groups


def _follows(one: Round, other: Round) -> bool:
    near = NEXT_TO * min(one.diameter, other.diameter)
    if abs(float(one.axis @ other.axis)) < SAME_WAY:
        return False
    offset = one.point - other.point
    along = float(offset @ other.axis)
    beside = float(np.linalg.norm(offset - along * other.axis))
    return beside < near and abs(along) < (one.length + other.length) / 2 + near


def _to(what: str, size: str, now: float, sign: str = "") -> ChangeTo:
    return lambda limit: Change(f"{what} {limit - now:.2f} mm to {sign}{limit:g} mm", size, now, limit)


def _measured(spans: list[Span] | None, what: str) -> list[Span]:
    if spans is None:
        raise NotMeasuredError(f"the {what} could not be measured")
    return spans
