"""How well a part is suited to milling and to turning: what a cutter reaches, what it leaves, what holds the part."""

import numpy as np

from workers.cad.connected import shells
from workers.cad.part import Part
from workers.facts.fact import NotMeasuredError
from workers.facts.measure import PartFacts
from workers.features.turned_axis import LEAST_SHARE, TurningAxis
from workers.machining.weights import Cutting, weights
from workers.suitability import Suitability

Verdict = tuple[float, str, str]
"""(factor of the score, what is to be said of it, what rules the process out)."""

NOTHING: Verdict = (1.0, "", "")


def milling(part: Part, facts: PartFacts) -> Suitability:
    """How well the part is milled; from what the facts hold already."""
    weigh = weights().milling
    verdicts = [
        _by_size(part, facts),
        _by_reach(part, facts, weigh),
        _by_tilt(part, facts),
        _by_two_sides(part, facts),
        _by_setups(facts),
        _by_wall(facts, weigh),
        _by_removal(facts, weigh),
        _by_flatness(facts),
        _by_form(part),
    ]
    return _weighed(weigh.preference, verdicts)


def turning(part: Part, facts: PartFacts, axis: TurningAxis | None) -> Suitability:
    """How well the part is turned about `axis`; without one it is not."""
    if axis is None:
        return Suitability(0.0, ruled_out=[_why_no_axis(part)])
    weigh = weights().turning
    share = f"{100 * axis.share:.0f} % of the outer surface turns about one axis"
    verdicts: list[Verdict] = [
        (1.0, share, ""),
        _by_swing(part, axis),
        _by_reach(part, facts, weigh),
        _by_wall(facts, weigh),
        _by_removal(facts, weigh),
    ]
    return _weighed(weigh.preference + weigh.turned * min(1.0, axis.share), verdicts)


def _weighed(preference: float, verdicts: list[Verdict]) -> Suitability:
    score = preference * float(np.prod([factor for factor, _, _ in verdicts]))
    reasons = [said for _, said, _ in verdicts if said]
    return Suitability(round(score, 6), reasons, [against for _, _, against in verdicts if against])


def _why_no_axis(part: Part) -> str:
    if not part.exact:
        return "a mesh has no exact surfaces to find a turning axis by"
    return f"no axis that more than {100 * LEAST_SHARE:.0f} % of the outer surface turns about"


def _by_size(part: Part, facts: PartFacts) -> Verdict:
    weigh = weights().milling
    oriented = facts.facts["oriented_bounding_box"].value
    sides = np.sort(part.size if oriented is None else oriented)[::-1]
    said = " × ".join(f"{side:.0f}" for side in sides) + " mm"
    usual, large = (np.sort(machine)[::-1] * (1 + 1e-9) for machine in weigh.machines)
    if (sides <= usual).all():
        return 1.0, f"its {said} fit a common 3-axis machine", ""
    if (sides <= large).all():
        return weigh.larger, f"its {said} take a large machine", ""
    return 0.0, "", f"its {said} fit no usual machine, which takes {' × '.join(f'{s:g}' for s in large.round())} mm"


def _by_swing(part: Part, axis: TurningAxis) -> Verdict:
    weigh = weights().turning
    offset = part.mesh.vertices - axis.origin
    along = offset @ axis.direction
    swing = 2 * float(np.linalg.norm(offset - np.outer(along, axis.direction), axis=1).max())
    length = float(np.ptp(along))
    said = f"it swings {swing:.0f} mm over a length of {length:.0f} mm"
    if swing <= weigh.swing[0] and length <= weigh.length[0]:
        return 1.0, said, ""
    if swing <= weigh.swing[1] and length <= weigh.length[1]:
        return weigh.larger, f"{said}: for a large lathe", ""
    return 0.0, "", f"{said}; a large lathe takes {weigh.swing[1]:g} mm over {weigh.length[1]:g} mm"


def _by_reach(part: Part, facts: PartFacts, weigh: Cutting) -> Verdict:
    try:
        hidden = facts.reach.unreachable
    except NotMeasuredError:
        return NOTHING
    if not hidden:
        return 1.0, "a cutter reaches all of its surface", ""
    share = float(part.faces.area[hidden].sum()) / float(part.faces.area.sum())
    said = f"no cutter reaches {100 * share:.1f} % of its surface"
    closed = _closed_hollow(part, hidden)
    if closed:
        return 0.0, "", f"it has a closed hollow of {closed} face{'s' if closed > 1 else ''}, which no cutter gets into"
    if share >= weigh.most_hidden:
        return 0.0, "", said
    return max(0.0, 1 - weigh.hidden * share), said, ""


def _closed_hollow(part: Part, hidden: list[int]) -> int:
    """How many faces the largest shell has that no direction leads to; 0 if there is none. Not told of a mesh."""
    if not part.exact:
        return 0
    shell = shells(part.edges.faces, len(part.faces))
    if not shell.any():
        return 0
    faces = np.bincount(shell)
    return int(np.where(np.bincount(shell[hidden], minlength=len(faces)) == faces, faces, 0).max())


def _by_tilt(part: Part, facts: PartFacts) -> Verdict:
    try:
        tilted = facts.reach.sideways
    except NotMeasuredError:
        return NOTHING
    share = float(part.faces.area[tilted].sum()) / float(part.faces.area.sum())
    if share < 0.001:
        return NOTHING
    return max(0.0, 1 - weights().milling.tilted * share), f"{100 * share:.1f} % of its surface takes a tilted tool", ""


def _by_two_sides(part: Part, facts: PartFacts) -> Verdict:
    """By what is reached from the best two opposite sides: nearly all of what is cut from a block or a plate."""
    weigh = weights().milling
    try:
        reach = facts.reach
    except NotMeasuredError:
        return NOTHING
    directions, of_face = reach.directions[reach.own], reach.share[:, reach.own]
    opposite = (directions @ directions.T).argmin(axis=1)
    seen = part.faces.area @ np.minimum(of_face + of_face[:, opposite], 1.0)
    share = float(seen.max()) / float(part.faces.area.sum())
    said = f"{100 * share:.0f} % of its surface is reached from two opposite sides"
    least, enough = weigh.two_sides
    beyond = float(np.clip((share - least) / (enough - least), 0.0, 1.0))
    return weigh.inside + (1 - weigh.inside) * beyond, said, ""


def _by_setups(facts: PartFacts) -> Verdict:
    weigh, setups = weights().milling, facts.facts["setups"].value
    if setups is None:
        return NOTHING
    said = f"{setups} set-up{'s' if setups != 1 else ''}"
    return max(0.0, 1 - weigh.setup * max(0, setups - weigh.setups)), f"it takes {said}", ""


def _by_wall(facts: PartFacts, weigh: Cutting) -> Verdict:
    least = facts.facts["wall_thickness"].value
    if least is None or least >= weigh.thin_wall:
        return NOTHING
    return weigh.thin, f"a wall of {least:.2f} mm, which bends away from the cutter", ""


def _by_removal(facts: PartFacts, weigh: Cutting) -> Verdict:
    removed = facts.facts["removal_ratio"].value
    if removed is None or removed <= weigh.removal:
        return NOTHING
    beyond = min(1.0, (removed - weigh.removal) / (1 - weigh.removal))
    return 1 - (1 - weigh.removed) * beyond, f"{100 * removed:.0f} % of the stock is cut away", ""


def _by_flatness(facts: PartFacts) -> Verdict:
    weigh, box = weights().milling, facts.facts["oriented_bounding_box"].value
    if box is None:
        return NOTHING
    sides = np.sort(box)
    if sides[0] > weigh.sheet or sides[1] < weigh.sheet_widths * sides[0]:
        return NOTHING
    return weigh.flat, f"a flat part of {sides[0]:.3g} mm is hard to hold on a mill", ""


def _by_form(part: Part) -> Verdict:
    if part.exact:
        return NOTHING
    return weights().mesh.factor, "it is a mesh, which a mill is not programmed from", ""
