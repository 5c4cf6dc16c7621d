"""Which rules can be decided on a triangle mesh."""

from workers.cad.part import Part
from workers.rules.evaluate import Undecided
from workers.rules.quantities.registry import ON_MESHES
from workers.rules.rule_file import RuleFile

LACKS = "a mesh has no exact surfaces: export as STEP"
LACKS_VOLUME = "the mesh is not watertight: it has no volume"


def decidable(rules: RuleFile, part: Part, limits: str) -> tuple[RuleFile, list[Undecided]]:
    """The rules that can be held against `part`, and, of a mesh, those that cannot and why."""
    if part.exact:
        return rules, []
    allowed = {name for name, needs in ON_MESHES.items() if part.closed or needs == "any"}
    undecided = [
        Undecided(rule.id, LACKS_VOLUME if rule.quantity in ON_MESHES else LACKS)
        for rule in rules.rules
        if rule.quantity not in allowed and limits in rule.limits
    ]
    return rules.model_copy(update={"rules": [rule for rule in rules.rules if rule.quantity in allowed]}), undecided
