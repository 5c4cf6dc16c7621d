"""Quantities of bend reliefs and corner reliefs."""

from workers.rules.measurement import Change, ChangeTo, Measurement
from workers.rules.quantities.registry import Subject, quantity
from workers.rules.quantities.sheet_parts import bend_faces, laid_flat, measured
from workers.rules.rule_file import Rule
from workers.sheet.reliefs import ALIKE, NOTHING, Relief


@quantity("relief_width")
def relief_width(subject: Subject, _rule: Rule) -> list[Measurement]:
    """Width in mm of the narrowest relief of each bend that needs one, 0 where it is missing. Detail: `thickness`."""
    laid = laid_flat(subject)
    found = []
    for bend, reliefs in _by_bend(laid.reliefs).items():
        width = min(relief.width for relief in reliefs)
        faces = bend_faces(laid, laid.bends[bend])
        found.append(measured(subject, width, faces, _wider(width), thickness=laid.sheet.thickness))
    return found


@quantity("relief_depth")
def relief_depth(subject: Subject, _rule: Rule) -> list[Measurement]:
    """Depth in mm of the shallowest relief of each bend, from the flange's outside; missing ones do not count.

    Detail: `thickness_and_radius`, at which it reaches where the bend begins.
    """
    laid = laid_flat(subject)
    found = []
    for bend, reliefs in _by_bend([relief for relief in laid.reliefs if relief.width > NOTHING]).items():
        depth = min(relief.depth for relief in reliefs)
        needed = laid.sheet.thickness + laid.bends[bend].bend.bend.radius
        faces = bend_faces(laid, laid.bends[bend])
        found.append(measured(subject, depth, faces, _deeper(depth), thickness_and_radius=needed))
    return found


def _by_bend(reliefs: list[Relief]) -> dict[int, list[Relief]]:
    found: dict[int, list[Relief]] = {}
    for relief in reliefs:
        found.setdefault(relief.bend, []).append(relief)
    return found


def _wider(width: float) -> ChangeTo:
    def change(limit: float) -> Change:
        text = f"cut a relief {limit:.2f} mm wide" if width < NOTHING else f"widen the relief to {limit:.2f} mm"
        return Change(text, "width", width, limit)

    return change


def _deeper(depth: float) -> ChangeTo:
    def change(limit: float) -> Change:
        return Change(f"make the relief {limit - depth:.2f} mm deeper (to {limit:.2f} mm)", "depth", depth, limit)

    return change


@quantity("corner_relief")
def corner_relief(subject: Subject, rule: Rule) -> list[Measurement]:
    """Distance in mm between two bends that meet in a corner of a flat. Detail: `thickness`."""
    laid = laid_flat(subject)
    thickness = laid.sheet.thickness
    within = max((level.value or 0.0) for level in rule.limits[subject.limits]) * thickness
    found = []
    for number, one in enumerate(laid.bends):
        for other in laid.bends[number + 1 :]:
            distance = float(one.bend.zone.distance(other.bend.zone))
            if distance < within and abs(float(one.bend.along @ other.bend.along)) < ALIKE:
                faces = [*bend_faces(laid, one), *bend_faces(laid, other)]
                found.append(measured(subject, distance, faces, _wider(distance), thickness=thickness))
    return found
