"""Quantities of how an additive process builds a part: overhangs, bridges, hollows, and the machine's room."""

import numpy as np

from workers.additive.analysis import AdditiveShape
from workers.additive.cups import Cup
from workers.additive.hollows import Chamber, Void
from workers.additive.orientation import times_too_large
from workers.additive.overhangs import Overhang
from workers.additive.printing import printing
from workers.rules.measurement import Change, Measurement, NotDecidedError
from workers.rules.quantities.registry import Subject, always, analysis_of, quantity
from workers.rules.rule_file import Rule, RuleFileError


@quantity("overhang_angle", on_meshes="any")
def overhang_angle(subject: Subject, _rule: Rule) -> list[Measurement]:
    """Degrees from horizontal of the flattest of what overhangs in the best orientation; bridges are none.

    What one face holds, say the letters on a wall, is one. Details: its `area` in mm2 and how far it juts out
    (`reach`) in mm, 0 where nothing holds it.
    """
    ledges = [o for o in analysis_of(subject, AdditiveShape).overhangs if o.span is None]
    return [_overhang(group) for group in on_one_face(ledges)]


def on_one_face(ledges: list[Overhang]) -> list[list[Overhang]]:
    """Largest first, in groups that are held by common faces."""
    groups: list[list[Overhang]] = []
    for ledge in ledges:
        same = [g for g in groups if any(not set(ledge.held_by).isdisjoint(o.held_by) for o in g)]
        first = [o for g in same for o in g]
        groups = [g for g in groups if not any(g is one for one in same)] + [[*first, ledge]]
    return groups


def _overhang(group: list[Overhang]) -> Measurement:
    largest = group[0]
    angle, area = min(o.angle for o in group), sum(o.area for o in group)
    reaches = [o.reach for o in group if np.isfinite(o.reach)]
    places = "" if len(group) == 1 else f" in {len(group)} places"

    def change(limit: float) -> Change:
        slope = f"at {limit:g}° rather than {angle:.1f}°"
        text = f"slope the {area:.{0 if area > 10 else 1}f} mm² beneath{places} {slope}, or plan for support there"
        return Change(text, "angle", angle, limit, "deg")

    faces = sorted({face for o in group for face in o.faces})
    details = {"area": area, "reach": max(reaches, default=0.0)}
    return Measurement(angle, faces, largest.point, largest.normal, change, details=details)


@quantity("bridge_span", on_meshes="any")
def bridge_span(subject: Subject, _rule: Rule) -> list[Measurement]:
    """mm that each ceiling which is held at both ends spans, in the best orientation; those that span as much are one.

    Details: its `area` in mm2; to hold only one kind against a limit, `flat` is 1 for a flat ceiling, and `vault` for
    the crown of a round vault the span per mm of the vault's diameter; infinite for the other kind.
    """
    shape = analysis_of(subject, AdditiveShape)
    steepest = np.radians(printing().building(shape.process).support_angle)
    alike: dict[tuple[float, bool], list[Overhang]] = {}
    for o in shape.overhangs:
        if o.span is not None:
            alike.setdefault((round(o.span, 2), o.vaulted), []).append(o)
    return [_bridge(group, float(np.sin(steepest))) for group in alike.values()]


def _bridge(group: list[Overhang], crown: float) -> Measurement:
    o, span = group[0], max(o.span or 0.0 for o in group)
    places = "" if len(group) == 1 else f" in {len(group)} places"
    vault = "close it like a teardrop" if o.vaulted else "vault it at 45°"

    def change(limit: float) -> Change:
        text = f"{vault}{places}, or bring its ends {span - limit:.2f} mm nearer, to {limit:.3g} mm"
        return Change(text, "span", span, limit)

    kind = {"flat": np.inf, "vault": crown} if o.vaulted else {"flat": 1.0, "vault": np.inf}
    faces = sorted({face for one in group for face in one.faces})
    details = {"area": sum(one.area for one in group)} | kind
    return Measurement(span, faces, o.point, o.normal, change, details=details)


@quantity("trapped_volume", on_meshes="closed")
def trapped_volume(subject: Subject, _rule: Rule) -> list[Measurement]:
    """Volume in mm3 of each closed void, and of all cups that hold resin together.

    Details `closed` and `cup` are 1 for the one or the other, else 0.
    """
    shape = analysis_of(subject, AdditiveShape)
    return [_void(void) for void in shape.voids] + ([_cups(shape.cups)] if shape.cups else [])


def _void(void: Void) -> Measurement:
    text = "open it with two holes on opposite sides, or fill it"
    details = {"closed": 1.0, "cup": 0.0}
    return Measurement(void.volume, list(void.faces), void.point, void.normal, always(text), details=details)


def _cups(found: list[Cup]) -> Measurement:
    largest = found[0]
    faces = sorted({face for cup in found for face in cup.faces})
    what = "the cup drains" if len(found) == 1 else "its cups drain"
    change = always(f"tilt the part as it is built until {what}, or vent at the deepest point")
    details = {"closed": 0.0, "cup": 1.0}
    return Measurement(sum(cup.volume for cup in found), faces, largest.point, largest.normal, change, details=details)


@quantity("escape_hole_diameter", on_meshes="closed")
def escape_hole_diameter(subject: Subject, rule: Rule) -> list[Measurement]:
    """Diameter in mm of the widest way out of each hollow that is wider inside."""
    found = analysis_of(subject, AdditiveShape).chambers
    limits = [level.value for level in rule.limits[subject.limits] if level.value is not None]
    unsure = [c for c in found if any(abs(c.opening - limit) < c.error for limit in limits)]
    sure = [_chamber(c) for c in found if not any(c is one for one in unsure)]
    if unsure:
        near = np.round(unsure[0].point, 1) + 0.0
        raise NotDecidedError(
            f"the way out of the hollow near {near.tolist()} is {unsure[0].opening:.1f} mm wide, "
            f"give or take {unsure[0].error:.1f} mm",
            sure,
        )
    return sure


def _chamber(c: Chamber) -> Measurement:
    def change(limit: float) -> Change:
        text = f"widen the way out by {limit - c.opening:.2f} mm to ø{limit:g} mm, or add such a hole"
        return Change(text, "diameter", c.opening, limit)

    return Measurement(c.opening, list(c.faces), c.point, c.normal, change, details={"volume": c.volume})


@quantity("size_over_build_volume", on_meshes="any")
def size_over_build_volume(subject: Subject, rule: Rule) -> list[Measurement]:
    """Largest ratio of a side of the part to the machine's, as it fits best of all orientations tried.

    The machine is the process's usual one in machines.toml, or the rule's own standard sizes: length, width, height.
    Detail `largest_machine`: how many times as large as that the part may be for the largest machine of the process.
    """
    shape = analysis_of(subject, AdditiveShape)
    machines = [machine.size for machine in printing().machines_for(shape.process)]
    own = rule.standard_sizes.get(subject.limits)
    if own is not None:
        if len(own) != 3:
            raise RuleFileError(f"Rule {rule.id} needs the machine's length, width and height as its standard sizes.")
        machines = [(own[0][0], own[1][0], own[2][0])]
    over = [min(times_too_large(o, size) for o in shape.orientations) for size in machines]
    ratio, least = over[0], min(over)
    part, size = subject.part, machines[0]
    room = " × ".join(f"{side:g}" for side in size)
    change = Change(
        f"split the part, or make it {100 * (1 - 1 / ratio):.0f} % smaller: the machine builds {room} mm",
        "scale",
        1.0,
        1 / ratio,
        "ratio",
    )
    details = {"largest_machine": ratio / least}
    return [Measurement(ratio, [], (part.low + part.high) / 2, shape.best.up, lambda _limit: change, details=details)]
