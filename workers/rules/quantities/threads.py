"""Quantities of threads, which a STEP file seldom declares: what can be said from the hole alone."""

from functools import lru_cache

from pydantic import Field

from workers.features.feature import Feature
from workers.rules.measurement import Measurement, NotDecidedError
from workers.rules.quantities.registry import HOLES, Subject, on_feature, quantity, ratio_change
from workers.rules.rule_book import DATA
from workers.rules.rule_file import Rule, Strict, read_toml

# Depth of thread over pitch in the basic profile, both sides: 2 · 5/8 · sqrt(3)/2 (ISO 68-1).
PROFILE = 1.082532
# A diameter written to hundredths is no further off; M12's minor diameter is 0.0056 from a plain hole of 10.1.
SAME_MM = 0.0051
# A mouth chamfered to between the thread's own diameter and this many times it was made for the tap.
WIDEST_CHAMFER = 1.1


class Thread(Strict):
    """A metric coarse thread, mm."""

    name: str
    diameter: float
    pitch: float
    tap_drill: float

    @property
    def minor_diameter(self) -> float:
        """Of the internal thread's basic profile."""
        return self.diameter - PROFILE * self.pitch


class _Threads(Strict):
    source: str = Field(min_length=3)
    url: str = Field(pattern=r"^https://.+$")
    threads: list[Thread]


@lru_cache
def known_threads() -> list[Thread]:
    """The threads of workers/rules/data/threads.toml. Raises RuleFileError if it does not fit."""
    return read_toml(DATA / "threads.toml", _Threads).threads


@quantity("thread_depth_to_diameter")
def thread_depth_to_diameter(subject: Subject, _rule: Rule) -> list[Measurement]:
    """Depth over diameter of each thread that a hole gives away, taken to reach to the end of its bore.

    A bore of a thread's minor diameter, or of its tapping drill with a chamfer up to its diameter, is inferred to
    be tapped. Raises NotDecidedError, with these, if other holes have the diameter of a tapping drill.
    """
    inferred, possible, holes = [], list[str](), list[str]()
    for hole in subject.of_type(*HOLES, "bore"):
        thread = _thread_of(hole)
        if thread is not None:
            inferred.append(_measured(subject, hole, thread))
        else:
            tapped = [t.name for t in known_threads() if abs(t.tap_drill - hole.size["diameter"]) < SAME_MM]
            possible += tapped
            holes += [hole.id] if tapped else []
    if possible:
        names = ", ".join(t.name for t in known_threads() if t.name in possible)
        raise NotDecidedError(
            f"no thread is declared in the file; {_holes(len(holes))} the diameter of a tapping drill ({names})",
            inferred,
        )
    return inferred


def _holes(number: int) -> str:
    return "1 hole has" if number == 1 else f"{number} holes have"


def is_drawn_as_thread(hole: Feature) -> bool:
    """Whether the hole has the minor diameter of a thread, as modellers draw a tapped hole."""
    return any(_is_minor_diameter(thread, hole.size["diameter"]) for thread in known_threads())


def _is_minor_diameter(thread: Thread, diameter: float) -> bool:
    return abs(thread.minor_diameter - diameter) < SAME_MM


def _thread_of(hole: Feature) -> Thread | None:
    diameter = hole.size["diameter"]
    mouths = [float(step["diameter"]) for step in hole.steps if step["form"] in ("chamfer", "countersink")]
    for thread in known_threads():
        if _is_minor_diameter(thread, diameter):
            return thread
        chamfered = any(thread.diameter - SAME_MM < mouth < WIDEST_CHAMFER * thread.diameter for mouth in mouths)
        if abs(thread.tap_drill - diameter) < SAME_MM and chamfered:
            return thread
    return None


def _measured(subject: Subject, hole: Feature, thread: Thread) -> Measurement:
    diameter = hole.size["diameter"]
    bores = [
        step for step in hole.steps if step["form"] == "bore" and abs(float(step["diameter"]) - diameter) < SAME_MM
    ]
    depth = max((float(step["depth"]) for step in bores), default=hole.size["depth"])
    names = ("thread depth", "thread diameter")
    change = ratio_change(depth, thread.diameter, "shallower", "larger", names=names)
    return on_feature(hole, subject, depth / thread.diameter, change, depth=depth, diameter=thread.diameter)
