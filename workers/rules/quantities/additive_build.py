"""Quantities of how an additive process builds a part: overhangs, bridges, hollows, and the machine's room."""

import numpy as np

from workers.additive.analysis import AdditiveShape
from workers.additive.hollows import Chamber, Void
from workers.additive.orientation import times_too_large
from workers.additive.overhangs import Overhang
from workers.additive.printing import printing
from workers.rules.measurement import Change, Measurement, NotDecidedError
from workers.rules.quantities.registry import Subject, always, analysis_of, quantity
from workers.rules.rule_file import Rule, RuleFileError


@quantity("overhang_angle", on_meshes="any")
def overhang_angle(subject: Subject, _rule: Rule) -> list[Measurement]:
    """Degrees from horizontal of each face that overhangs in the best orientation; bridges are none.

    Details: its `area` in mm2 and how far it juts out (`reach`) in mm, 0 where nothing holds it.
    """
    return [_overhang(o) for o in analysis_of(subject, AdditiveShape).overhangs if o.span is None]


def _overhang(o: Overhang) -> Measurement:
    def change(limit: float) -> Change:
        text = f"slope the {o.area:.0f} mm² beneath by {limit - o.angle:.1f}° to {limit:g}°, or plan for support there"
        return Change(text, "angle", o.angle, limit, "deg")

    details = {"area": o.area, "reach": o.reach if np.isfinite(o.reach) else 0.0}
    return Measurement(o.angle, list(o.faces), o.point, o.normal, change, details=details)


@quantity("bridge_span", on_meshes="any")
def bridge_span(subject: Subject, _rule: Rule) -> list[Measurement]:
    """mm that each ceiling which is held at both ends spans, in the best orientation. Detail: its `area` in mm2."""
    return [_bridge(o, o.span) for o in analysis_of(subject, AdditiveShape).overhangs if o.span is not None]


def _bridge(o: Overhang, span: float) -> Measurement:
    def change(limit: float) -> Change:
        text = f"bring its ends {span - limit:.2f} mm nearer, to {limit:g} mm, or vault it at 45°"
        return Change(text, "span", span, limit)

    return Measurement(span, list(o.faces), o.point, o.normal, change, details={"area": o.area})


@quantity("trapped_volume", on_meshes="closed")
def trapped_volume(subject: Subject, _rule: Rule) -> list[Measurement]:
    """Volume in mm3 of each closed void."""
    return [_void(void) for void in analysis_of(subject, AdditiveShape).voids]


def _void(void: Void) -> Measurement:
    text = "open it with two holes on opposite sides, or fill it"
    return Measurement(void.volume, list(void.faces), void.point, void.normal, always(text))


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
