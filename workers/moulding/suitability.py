"""How well a part is suited to injection moulding: thin even walls, draft, and little that hides from the pull."""

import numpy as np

from workers.cad.elementary import elementary_normals
from workers.cad.part import Floats, Part, Surface
from workers.facts.measure import PartFacts
from workers.features.graph import FaceGraph
from workers.moulding.walls import EVEN, most_common
from workers.rules.rule_book import load_rules
from workers.suitability import Suitability

# What stands within this of the pull is a wall; it is drafted if it leans by half a degree, as the rule `draft` asks.
WALL_SINE = float(np.sin(np.radians(20.0)))
DRAFTED_SINE = float(np.sin(np.radians(0.45)))
# What each of them says for moulding. Engineering judgement: nothing but a mould gives a part draft, while even thin
# walls are those of a folded sheet too.
EVEN_SAYS, DRAFT_SAYS, THIN_SAYS = 0.25, 0.55, 0.2
# Of the surface hidden from both halves this much leaves nothing of the score; so many side actions cost too much.
HIDDEN_AT_MOST = 0.2


def suitability(part: Part, facts: PartFacts, graph: FaceGraph) -> Suitability:  # noqa: ARG001 - as for every process
    """From what the facts hold already. Rules a part out whose wall no listed resin is moulded in, or that has none."""
    diameters = facts.balls.diameters
    if not len(diameters):
        return Suitability(0.0, [], ["it has no wall between two sides"])
    nominal = most_common(diameters)
    uniformity = float((np.abs(diameters / nominal - 1) <= EVEN).mean())
    hidden, drafted = _along_the_best_pull(part, facts)
    least, most = _moulded_walls()
    ruled_out = []
    if nominal > most:
        ruled_out.append(f"its wall is {nominal:.1f} mm thick; resins are moulded up to {most:.1f} mm")
    if nominal < least:
        ruled_out.append(f"its wall is {nominal:.2f} mm thick; no resin fills less than {least:.1f} mm")
    reasons = [
        f"its wall is {nominal:.2f} mm, and {100 * uniformity:.0f} % of it within a quarter of that",
        f"{100 * drafted:.0f} % of its walls along the pull have draft",
        f"{100 * hidden:.1f} % of its surface hides from both halves of a mould",
    ]
    looks = THIN_SAYS + EVEN_SAYS * uniformity + DRAFT_SAYS * drafted
    return Suitability(round(looks * max(0.0, 1 - hidden / HIDDEN_AT_MOST), 3), reasons, ruled_out)


def _moulded_walls() -> tuple[float, float]:
    """(least, most) mm that any resin is moulded in, as the rule `wall-range` has it."""
    rule = next(rule for rule in load_rules("injection_moulding").rules if rule.id == "wall-range")
    values = [level.value or 0.0 for level in rule.limits["default"]]
    return min(values), max(values)


def _along_the_best_pull(part: Part, facts: PartFacts) -> tuple[float, float]:
    """(share of the surface that hides from both halves, share of the walls' area that is drafted)."""
    reach, area = facts.reach, part.faces.area
    directions, share = reach.directions[reach.own], reach.share[:, reach.own]
    opposite = (directions @ directions.T).argmin(axis=1)
    seen = np.minimum(share + share[:, opposite], 1.0)
    hidden = np.maximum(0.0, 1.0 - area @ seen / area.sum())
    lean = _lean(part, directions)
    is_wall = lean < WALL_SINE
    upright = np.where(is_wall, area[:, None], 0.0).sum(axis=0)
    drafted = np.where(is_wall & (lean > DRAFTED_SINE), area[:, None], 0.0).sum(axis=0)
    bare = (upright - drafted) / area.sum()
    best = int(np.round(hidden + 0.1 * bare, 4).argmin())
    return float(hidden[best]), float(drafted[best] / upright[best]) if upright[best] > 0 else 0.0


def _lean(part: Part, directions: Floats) -> Floats:
    """(n, k) sine of the angle by which each face leans from each direction, a cylinder by its axis."""
    faces = part.faces
    of_axis = np.sqrt(np.maximum(0.0, 1.0 - (faces.axis @ directions.T) ** 2))
    is_cylinder = faces.kind[:, None] == Surface.CYLINDER
    return np.where(is_cylinder, of_axis, np.abs(_normals(part) @ directions.T))


def _normals(part: Part) -> Floats:
    """(n, 3) of each face at its point, exact where the surface is elementary."""
    exact = elementary_normals(part.faces, np.arange(len(part.faces)), part.faces.point)
    known = np.linalg.norm(exact, axis=1, keepdims=True) > 0
    return np.where(known, exact, part.faces.normal)
