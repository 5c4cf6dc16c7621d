"""How a part comes out of its mould: draft, undercuts, depth and core pins."""

from dataclasses import replace

from workers.moulding.analysis import DraftedWall, MouldedShape, Undercut
from workers.moulding.corners import SHALLOW_MM
from workers.moulding.draft import ONE_DRAFT_DEGREES
from workers.moulding.undercuts import LIFTER, NONE, SLIDER
from workers.rules.measurement import Change, ChangeTo, Measurement
from workers.rules.quantities.registry import Subject, always, analysis_of, on_feature, quantity
from workers.rules.rule_file import Rule

# Walls that are no deeper need one and the same draft.
ONE_DRAFT_MM = 25.0


@quantity("mould_draft", on_meshes="any")
def mould_draft(subject: Subject, _rule: Rule) -> list[Measurement]:
    """Draft in degrees of each wall along the pull. Detail `depth`: its height along the pull, mm."""
    shape = analysis_of(subject, MouldedShape)
    # Lower walls, as of lettering, come off by the resin's shrinkage alone.
    return [_draft(subject, wall) for wall in _together([w for w in shape.drafted if w.depth > SHALLOW_MM], shape)]


def _together(walls: list[DraftedWall], shape: MouldedShape) -> list[DraftedWall]:
    """Walls of one half and one draft that need the same, the deep ones by their depth, are one problem wherever."""
    of_core = {*shape.halves["core"]}
    alike: dict[object, DraftedWall] = {}
    for wall in walls:
        is_like = (of_core.isdisjoint(wall.faces), round(wall.draft / ONE_DRAFT_DEGREES))
        key = is_like if wall.depth <= ONE_DRAFT_MM else (is_like, round(wall.depth, 1))
        one = alike.get(key)
        if one is None:
            alike[key] = wall
            continue
        deepest = max(one, wall, key=lambda w: round(w.depth, 3))
        least = min(one.draft, wall.draft)
        alike[key] = replace(deepest, faces=sorted({*one.faces, *wall.faces}), draft=least)
    return list(alike.values())


def _draft(subject: Subject, wall: DraftedWall) -> Measurement:
    def change(limit: float) -> Change:
        text = f"lean it by {limit - wall.draft:.2f}° more, to {limit:.2f}°"
        return Change(text, "draft", wall.draft, limit, "deg")

    features = subject.features_with(wall.faces)
    details = {"depth": wall.depth}
    return Measurement(wall.draft, wall.faces, wall.point, wall.normal, change, features, details=details)


@quantity("mould_undercut", on_meshes="any")
def mould_undercut(subject: Subject, _rule: Rule) -> list[Measurement]:
    """How far in mm a side action has to move to free each undercut. Detail `travel`: how far it can."""
    return [_undercut(undercut) for undercut in analysis_of(subject, MouldedShape).undercuts]


def _undercut(undercut: Undercut) -> Measurement:
    action = undercut.action
    details = {"travel": action.travel, "area": undercut.area}
    text = always(_way_out(undercut))
    return Measurement(action.depth, undercut.faces, undercut.point, undercut.normal, text, details=details)


def _way_out(undercut: Undercut) -> str:
    action = undercut.action
    if action.kind == NONE:
        return "fill it, or open it along the pull or to a side: only a collapsing or unscrewing core gets out of it"
    x, y, z = (round(float(value), 3) + 0.0 for value in action.direction)
    along = f"along ({x:g}, {y:g}, {z:g}), {action.depth:.2f} mm"
    if action.kind == SLIDER:
        return f"open it along the pull, or free it by a slider {along}"
    if action.kind == LIFTER:
        return f"open the floor below it, or free it from inside by a lifter {along}"
    return f"fill it, or free it by two sliders {along} each way"


@quantity("mould_depth", on_meshes="any")
def mould_depth(subject: Subject, _rule: Rule) -> list[Measurement]:
    """How far in mm the part reaches from the parting line along the pull."""
    shape = analysis_of(subject, MouldedShape)

    def change(limit: float) -> Change:
        text = f"lay the parting line nearer to the middle, or make the part {shape.depth - limit:.2f} mm less deep"
        return Change(text, "depth", shape.depth, limit)

    part = subject.part
    return [Measurement(shape.depth, [], (part.low + part.high) / 2, shape.direction, change)]


@quantity("mould_core_slenderness")
def mould_core_slenderness(subject: Subject, _rule: Rule) -> list[Measurement]:
    """Length over diameter of the core pin of each hole along the pull.

    Detail `support`: 2 where the hole goes through and the pin is held at both ends, else 1.
    """
    found = []
    for core in subject.of_type("through_hole", "blind_hole"):
        depth, diameter = core.size["depth"], core.size["diameter"]
        support = 2.0 if core.type == "through_hole" else 1.0
        found.append(on_feature(core, subject, depth / diameter, _stouter(depth, diameter), support=support))
    return found


def _stouter(depth: float, diameter: float) -> ChangeTo:
    def change(limit: float) -> Change:
        text = (
            f"make it {depth - limit * diameter:.2f} mm less deep (to {limit * diameter:.2f} mm), "
            f"or {depth / limit - diameter:.2f} mm wider (to ⌀{depth / limit:.2f} mm)"
        )
        return Change(text, "depth", depth, limit * diameter)

    return change
