"""Which process a part is reviewed for, and why."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workers.cad.part import Part
from workers.facts.measure import PartFacts
from workers.features.turned_axis import LEAST_SHARE, TurningAxis, turned_axis
from workers.rules.rule_book import load_rules

AUTO = "auto"
MILLING, TURNING = "cnc_milling", "cnc_turning"
CHOSEN_FROM = (MILLING, TURNING)


@dataclass(frozen=True)
class ProcessChoice:
    """The process that one solid is reviewed for; `axis` is what it is turned about, if it is."""

    process: str
    reason: str
    axis: TurningAxis | None = None

    @property
    def looked_at_as(self) -> str:
        """The process whose analysis it is reviewed by: what has no turning axis is looked at as milled."""
        return MILLING if self.process == TURNING and self.axis is None else self.process

    def as_dict(self) -> dict[str, Any]:
        """The choice as it stands in the review's result."""
        row: dict[str, Any] = {"process": self.process, "reason": self.reason}
        if self.axis is not None:
            row["axis"] = {"origin": self.axis.origin, "direction": self.axis.direction}
            row["turned_share"] = self.axis.share
        return row


Candidates = tuple[str, ...]
"""The processes that one is chosen from: one alone is what was asked for."""


def candidates_of(asked: str, limits: str, own: Path | None) -> Candidates:
    """The processes that may be chosen when `asked` is asked for: with `auto`, all that have such `limits`.

    Raises RuleFileError if there are no such rules.
    """
    if asked != AUTO:
        return (asked,)
    return tuple(name for name in CHOSEN_FROM if limits in load_rules(name, own).configurations) or (MILLING,)


def choose_process(candidates: Candidates, part: Part, facts: PartFacts) -> ProcessChoice:  # noqa: ARG001
    """The one candidate; of several, turning where most of the outside turns about one axis, else milling."""
    axis = turned_axis(part) if TURNING in candidates and part.exact else None
    if len(candidates) == 1:
        asked = candidates[0]
        lacking = "; it has no turning axis" if asked == TURNING and axis is None else ""
        return ProcessChoice(asked, f"asked for{lacking}", axis)
    if axis is not None:
        return ProcessChoice(TURNING, f"{100 * axis.share:.0f} % of the outer surface turns about one axis", axis)
    if not part.exact:
        return ProcessChoice(MILLING, "a mesh has no exact surfaces to find a turning axis by")
    return ProcessChoice(MILLING, f"no axis that more than {100 * LEAST_SHARE:.0f} % of the outer surface turns about")
