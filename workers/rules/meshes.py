"""Which rules can be decided on a triangle mesh."""

from workers.cad.part import Part
from workers.rules.evaluate import Undecided
from workers.rules.rule_file import RuleFile

ON_EVERY_MESH = {"wall_thickness", "other_wall_thickness", "size_over_machine"}
ON_A_CLOSED_MESH = ON_EVERY_MESH | {"removed_share"}
LACKS = "a mesh has no exact surfaces: export as STEP"
LACKS_VOLUME = "the mesh is not watertight: it has no volume"


def decidable(rules: RuleFile, part: Part, limits: str) -> tuple[RuleFile, list[Undecided]]:
    """The rules that can be held against `part`, and, of a mesh, those that cannot and why."""
    if part.exact:
        return rules, []
    allowed = ON_A_CLOSED_MESH if part.closed else ON_EVERY_MESH
    undecided = [
        Undecided(rule.id, LACKS_VOLUME if rule.quantity in ON_A_CLOSED_MESH else LACKS)
        for rule in rules.rules
        if rule.quantity not in allowed and limits in rule.limits
    ]
    return rules.model_copy(update={"rules": [rule for rule in rules.rules if rule.quantity in allowed]}), undecided
