"""Which process a part is reviewed for, and why: every candidate is scored from the shape, and the best is taken."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from workers.additive.printing import AdditiveProcess
from workers.additive.suitability import Overhangs
from workers.additive.suitability import suitability as additive
from workers.cad.part import Part
from workers.facts.fact import NotMeasuredError
from workers.facts.measure import PartFacts
from workers.features.graph import FaceGraph
from workers.features.turned_axis import TurningAxis, turned_axis
from workers.machining.suitability import milling, turning
from workers.moulding.suitability import suitability as moulding
from workers.rules.rule_book import load_rules
from workers.rules.rule_file import RuleFileError
from workers.sheet.suitability import suitability as sheet_metal
from workers.suitability import Suitability

AUTO = "auto"
MILLING, TURNING = "cnc_milling", "cnc_turning"
SEVERAL = "+"
"""Between the names of processes that are to be compared."""

Candidates = tuple[str, ...]
"""The processes that one is chosen from: one alone is what was asked for."""


@dataclass(frozen=True)
class Shape:
    """What suitability is told from."""

    part: Part
    facts: PartFacts
    graph: FaceGraph
    axis: TurningAxis | None

    @cached_property
    def overhangs(self) -> Overhangs:
        """Asked for by several processes."""
        return Overhangs(self.part)


def _printed(process: AdditiveProcess) -> Callable[[Shape], Suitability]:
    return lambda shape: additive(shape.part, shape.facts, shape.graph, process, shape.overhangs)


# Where two score alike, the one that comes first: what most shops have.
SUITABILITIES: dict[str, Callable[[Shape], Suitability]] = {
    MILLING: lambda shape: milling(shape.part, shape.facts),
    TURNING: lambda shape: turning(shape.part, shape.facts, shape.axis),
    "sheet_metal": lambda shape: sheet_metal(shape.part, shape.facts, shape.graph),
    "injection_moulding": lambda shape: moulding(shape.part, shape.facts, shape.graph),
    "fdm": _printed("fdm"),
    "sls": _printed("sls"),
    "sla": _printed("sla"),
    "dmls": _printed("dmls"),
}
_ORDER = list(SUITABILITIES)


@dataclass(frozen=True)
class Candidate:
    """A process, and how well the part is suited to it."""

    process: str
    suitability: Suitability

    @property
    def rank(self) -> tuple[bool, float, int]:
        """Less is better: what can make the part, by its score to two digits; then what cannot."""
        of, place = self.suitability, _ORDER.index(self.process)
        return (True, 0.0, place) if of.ruled_out else (False, -round(of.score, 2), place)

    def as_dict(self) -> dict[str, Any]:
        """The candidate as it stands in the review's result."""
        of = self.suitability
        return {"process": self.process, "score": of.score, "reasons": of.reasons, "ruled_out": of.ruled_out}


@dataclass(frozen=True)
class ProcessChoice:
    """The process that one solid is reviewed for; `axis` is what it is turned about, if it is."""

    process: str
    reason: str
    axis: TurningAxis | None = None
    candidates: tuple[Candidate, ...] = ()  # best first

    @property
    def looked_at_as(self) -> str:
        """The process whose analysis it is reviewed by: what has no turning axis is looked at as milled."""
        return MILLING if self.process == TURNING and self.axis is None else self.process

    @property
    def suitability(self) -> Suitability:
        """How well the part is suited to the process."""
        return next(candidate.suitability for candidate in self.candidates if candidate.process == self.process)

    def as_dict(self) -> dict[str, Any]:
        """The choice as it stands in the review's result."""
        row: dict[str, Any] = {"process": self.process, "reason": self.reason}
        if self.axis is not None:
            row["axis"] = {"origin": self.axis.origin, "direction": self.axis.direction}
            row["turned_share"] = self.axis.share
        return row | {"candidates": [candidate.as_dict() for candidate in self.candidates]}


def asked_for(process: str) -> list[str]:
    """The processes that are to be compared, or the one name that was asked for.

    Raises RuleFileError if `auto` is among several: it chooses by itself.
    """
    names = sorted(set(process.split(SEVERAL)))
    if AUTO in names and len(names) > 1:
        raise RuleFileError(f"{AUTO} chooses a process by itself: it cannot be compared with others.")
    return names


def candidates_of(asked: str, limits: str, own: Path | None) -> Candidates:
    """The processes that may be chosen when `asked` is asked for: with `auto`, all that have such `limits`.

    Raises RuleFileError if there are no such rules.
    """
    if asked != AUTO:
        return (asked,)
    return tuple(name for name in _ORDER if limits in load_rules(name, own).configurations) or (MILLING,)


def choose_process(candidates: Candidates, part: Part, facts: PartFacts, graph: FaceGraph) -> ProcessChoice:
    """The candidate that suits the part best; one alone is taken whether it does or not."""
    axis = turned_axis(part) if TURNING in candidates and part.exact else None
    shape = Shape(part, facts, graph, axis)
    ranked = tuple(sorted((_scored(name, shape) for name in candidates), key=lambda candidate: candidate.rank))
    best = ranked[0]
    is_turned = best.process == TURNING
    if len(candidates) == 1:
        lacking = "; it has no turning axis" if is_turned and axis is None else ""
        return ProcessChoice(best.process, f"asked for{lacking}", axis, ranked)
    return ProcessChoice(best.process, _why(best), axis if is_turned else None, ranked)


def _scored(process: str, shape: Shape) -> Candidate:
    try:
        return Candidate(process, SUITABILITIES[process](shape))
    except NotMeasuredError as error:
        return Candidate(process, Suitability(0.0, ruled_out=[f"not known: {error}"]))


def _why(best: Candidate) -> str:
    of = best.suitability
    if of.ruled_out:
        return f"no process suits it; of this one: {'; '.join(of.ruled_out)}"
    return "; ".join(reason.rstrip(".") for reason in of.reasons) or "nothing speaks against it"
