"""Which process a part is reviewed for, and why."""

from dataclasses import dataclass
from typing import Any

from workers.cad.part import Part
from workers.features.turned_axis import LEAST_SHARE, TurningAxis, turned_axis

AUTO = "auto"
MILLING, TURNING = "cnc_milling", "cnc_turning"


@dataclass(frozen=True)
class ProcessChoice:
    """The process that one solid is reviewed for; `axis` is what it is turned about, if it is."""

    process: str
    reason: str
    axis: TurningAxis | None = None

    def as_dict(self) -> dict[str, Any]:
        """The choice as it stands in the review's result."""
        row: dict[str, Any] = {"process": self.process, "reason": self.reason}
        if self.axis is not None:
            row["axis"] = {"origin": self.axis.origin, "direction": self.axis.direction}
            row["turned_share"] = self.axis.share
        return row


def processes_of(asked: str) -> tuple[str, ...]:
    """The processes that may be chosen when `asked` is asked for."""
    return (MILLING, TURNING) if asked == AUTO else (asked,)


def choose_process(asked: str, part: Part) -> ProcessChoice:
    """The process asked for; with `auto`, turning where most of the outside turns about one axis, else milling."""
    axis = turned_axis(part) if asked in (AUTO, TURNING) and part.exact else None
    if asked != AUTO:
        lacking = "; it has no turning axis" if asked == TURNING and axis is None else ""
        return ProcessChoice(asked, f"asked for{lacking}", axis)
    if axis is not None:
        return ProcessChoice(TURNING, f"{100 * axis.share:.0f} % of the outer surface turns about one axis", axis)
    if not part.exact:
        return ProcessChoice(MILLING, "a mesh has no exact surfaces to find a turning axis by")
    return ProcessChoice(MILLING, f"no axis that more than {100 * LEAST_SHARE:.0f} % of the outer surface turns about")
