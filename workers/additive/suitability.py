"""How well a part is suited to an additive process, told from its shape alone."""

from collections.abc import Callable
from functools import cached_property, partial

import numpy as np

from workers.additive.analysis import least_box
from workers.additive.hollows import closed_voids
from workers.additive.orientation import candidates, overhanging
from workers.additive.printing import AdditiveProcess, Building, Machine, printing
from workers.additive.skin import skin_of
from workers.cad.connected import shells
from workers.cad.part import Floats, Part
from workers.facts.fact import NotMeasuredError
from workers.facts.measure import PartFacts
from workers.features.graph import FaceGraph
from workers.suitability import Suitability

# What no cutter reaches is what these processes are for, and wholly so from this share of the surface on; a mesh is
# what their machines are fed with.
FOR_HIDDEN, FOR_A_MESH = 0.3, 0.3
HIDDEN_SHARE, WHOLLY_HIDDEN = 0.01, 0.1
# Only on a large machine; with walls below the least; by support, for all of the surface and at most.
LARGE, THIN, SUPPORT, MOST_SUPPORT = 0.6, 0.5, 2.0, 0.6
# A wall below this share of the least is none at all.
NO_WALL = 0.5


class Overhangs:
    """How little of a part's surface overhangs in its best way up: the same for all processes with one angle."""

    def __init__(self, part: Part) -> None:
        self._part = part
        self._least: dict[float, float] = {}

    @cached_property
    def _ways_up(self) -> Floats:
        return candidates(self._part, self._part.mesh)

    def least_share(self, angle: float) -> float:
        """The share that slopes less than `angle` degrees from horizontal."""
        if angle not in self._least:
            part, mesh = self._part, self._part.mesh
            areas = (float(mesh.areas[overhanging(part, mesh, up, angle)].sum()) for up in self._ways_up)
            self._least[angle] = min(areas) / part.area
        return self._least[angle]


def suitability(
    part: Part, facts: PartFacts, _graph: FaceGraph, process: AdditiveProcess, overhangs: Overhangs | None = None
) -> Suitability:
    """By size, walls, closed hollows and what overhangs; the weights are engineering judgement (docs/additive.md).

    `overhangs` are those of the part, where other processes have asked for them already.
    """
    data = printing()
    building = data.building(process)
    verdicts = [
        _by_size(least_box(part, facts), data.machines_for(process)),
        _by_walls(facts, building),
        _by_hollows(part, building),
        _by_support(building, overhangs or Overhangs(part)),
    ]
    more, form = _by_form(part, facts)
    score = (building.preference + more) * float(np.prod([factor for factor, _, _ in verdicts]))
    reasons = [reason for _, reason, _ in verdicts if reason] + form
    return Suitability(round(min(1.0, score), 6), reasons, [against for _, _, against in verdicts if against])


SUITABILITIES: dict[str, Callable[[Part, PartFacts, FaceGraph], Suitability]] = {
    "fdm": partial(suitability, process="fdm"),
    "sla": partial(suitability, process="sla"),
    "sls": partial(suitability, process="sls"),
    "dmls": partial(suitability, process="dmls"),
}
"""By process."""

_Verdict = tuple[float, str, str]
"""(factor of the score, what speaks for or about it, what rules it out)."""


def _by_size(box: Floats, machines: list[Machine]) -> _Verdict:
    sides = np.sort(box)[::-1]
    said = " × ".join(f"{side:.0f}" for side in sides)
    for number, machine in enumerate(machines):
        room = np.sort(machine.size)[::-1]
        if bool((sides <= room * (1 + 1e-9)).all()):
            return 1.0 if number == 0 else LARGE, f"its {said} mm fit a {machine.name}", ""
    most = " × ".join(f"{side:g}" for side in machines[-1].size)
    return 0.0, "", f"its {said} mm fit no machine: the largest builds {most} mm"


def _by_walls(facts: PartFacts, building: Building) -> _Verdict:
    least = facts.facts["wall_thickness"].value
    if least is None:
        return 1.0, "", ""
    said = f"walls of {least:.2f} mm, where {building.least_wall:g} mm is the least"
    if least < NO_WALL * building.least_wall:
        return 0.0, "", f"it has {said}"
    return (1.0 if least >= building.least_wall else THIN), f"it has {said}", ""


def _by_hollows(part: Part, building: Building) -> _Verdict:
    if building.medium == "none" or not part.closed or not _has_inner_shells(part):
        return 1.0, "", ""
    volume = sum(void.volume for void in closed_voids(skin_of(part)))
    if not volume:
        return 1.0, "", ""
    return 0.0, "", f"{volume:.0f} mm³ of {building.medium} would stay in closed hollows"


def _has_inner_shells(part: Part) -> bool:
    """Of a solid: whether its faces make up more than one shell. Of a mesh nobody knows so cheaply."""
    return not part.exact or bool(shells(part.edges.faces, len(part.faces)).any())


def _by_support(building: Building, overhangs: Overhangs) -> _Verdict:
    if building.support_angle == 0:
        return 1.0, "the powder carries whatever overhangs", ""
    share = overhangs.least_share(building.support_angle)
    said = f"{100 * share:.0f} % of its surface overhangs the best way up"
    return 1 - min(MOST_SUPPORT, SUPPORT * share), said, ""


def _by_form(part: Part, facts: PartFacts) -> tuple[float, list[str]]:
    if not part.exact:
        return FOR_A_MESH, ["it is a mesh, as printers take it (a STEP file tells more of how it is cut or moulded)"]
    try:
        hidden = float(part.faces.area[facts.reach.unreachable].sum()) / part.area
    except NotMeasuredError:
        return 0.0, []
    if hidden <= HIDDEN_SHARE:
        return 0.0, []
    return FOR_HIDDEN * min(1.0, hidden / WHOLLY_HIDDEN), [f"{100 * hidden:.0f} % of its surface no cutter reaches"]
