"""Holding measurements against limits: from rules to findings."""

import math
from dataclasses import dataclass

from workers.cad.part import Floats, Part
from workers.facts.fact import NotMeasuredError
from workers.rules.anchor import place_of
from workers.rules.measurement import Measurement, NotDecidedError
from workers.rules.quantities import QUANTITIES, Subject
from workers.rules.rule_file import Level, Rule, RuleFile, RuleFileError

SEVERITIES = ("critical", "major", "minor", "info")
# Values closer to a limit than this are on it: modellers write sizes to about a micrometre.
ON_THE_LIMIT = 1e-5
# A value further beyond its limit than this many times costs no more still.
FAR_BEYOND = 10.0


@dataclass(frozen=True)
class Finding:
    """A measurement beyond a limit."""

    rule: Rule
    level: Level
    limit: float | None
    measurement: Measurement
    clear_at: float  # the limit at which the rule has nothing left to say
    place: Floats  # (3,) mm: where it is, however the part is meshed and written

    @property
    def extra_minutes(self) -> float:
        """What it costs to make the part as it is: the rule's minutes · (1 + ln r), the value r times its limit.

        An estimate to order findings by, published in docs/review.md; engineering judgement.
        """
        pair = sorted((abs(self.measurement.value), abs(self.clear_at)))
        if self.limit is None or pair[1] == 0:
            return self.rule.extra_minutes
        ratio = min(FAR_BEYOND, pair[1] / max(pair[0], 1e-9))
        return self.rule.extra_minutes * (1 + math.log(ratio))


@dataclass(frozen=True)
class Undecided:
    """A rule that could not be held against the part, and what is lacking for it."""

    rule: str
    lacks: str


def check_quantities(rules: RuleFile) -> None:
    """Raises RuleFileError if a rule needs a quantity that nothing measures."""
    for rule in rules.rules:
        if rule.quantity not in QUANTITIES:
            known = ", ".join(sorted(QUANTITIES))
            raise RuleFileError(
                f"{rules.process}: rule {rule.id} needs {rule.quantity!r}, which nothing measures; there are: {known}."
            )


def evaluate(rules: RuleFile, subject: Subject) -> tuple[list[Finding], list[Undecided]]:
    """The findings of all rules that the subject's configuration has limits for, dearest first, and the undecided."""
    check_quantities(rules)
    found: list[Finding] = []
    undecided = []
    for rule in (rule.for_material(subject.material) for rule in rules.rules):
        levels = rule.limits.get(subject.limits)
        if not levels:
            continue
        try:
            measurements = QUANTITIES[rule.quantity](subject, rule)
        except NotDecidedError as reason:
            undecided.append(Undecided(rule.id, reason.lacks))
            measurements = reason.measured
        except NotMeasuredError as reason:
            undecided.append(Undecided(rule.id, str(reason)))
            continue
        _check_details(rule, levels, measurements)
        held = (_held_against(subject.part, rule, levels, measurement) for measurement in measurements)
        found += _one_a_place([finding for finding in held if finding is not None])
    order = {rule.id: number for number, rule in enumerate(rules.rules)}
    return sorted(found, key=lambda f: (*_gravity(f), order[f.rule.id], *_place(f))), undecided


def _check_details(rule: Rule, levels: list[Level], measurements: list[Measurement]) -> None:
    for detail in (level.of for level in levels if level.of is not None):
        if any(detail not in measurement.details for measurement in measurements):
            raise RuleFileError(f"Rule {rule.id} has a limit of {detail!r}, a detail that {rule.quantity} has not.")


def _gravity(finding: Finding) -> tuple[int, float]:
    return SEVERITIES.index(finding.level.severity), -round(finding.extra_minutes, 6)


def _place(finding: Finding) -> tuple[float, ...]:
    m = finding.measurement
    where = (round(float(x), 3) for x in finding.place)
    return (*where, round(m.value, 6), *m.faces)


def _one_a_place(findings: list[Finding]) -> list[Finding]:
    """Findings of one rule on the very same faces and edges are one problem: the gravest stands for it."""
    gravest: dict[tuple[int, ...], Finding] = {}
    for number, finding in enumerate(findings):
        m = finding.measurement
        place = (*sorted(m.faces), -1, *sorted(m.edges)) if m.faces else (-2, number)
        if place not in gravest or _gravity(finding) < _gravity(gravest[place]):
            gravest[place] = finding
    return list(gravest.values())


def _held_against(part: Part, rule: Rule, levels: list[Level], measurement: Measurement) -> Finding | None:
    """The gravest level that the measurement is beyond, or None."""
    beyond = [level for level in levels if _is_beyond(level, measurement)]
    if not beyond:
        return None
    # Of two limits of one severity, the one that asks for more.
    beyond.sort(key=lambda level: -_distance(level, measurement))
    gravest = min(beyond, key=lambda level: SEVERITIES.index(level.severity))
    # Of the limits that it is beyond: of two opposite ones, a least and a greatest, the other is no way out.
    mildest = max(beyond, key=lambda level: SEVERITIES.index(level.severity))
    limit, clear_at = limit_of(gravest, measurement), limit_of(mildest, measurement) or 0.0
    return Finding(rule, gravest, limit, measurement, clear_at, place_of(part, measurement))


def limit_of(level: Level, measurement: Measurement) -> float | None:
    """The limit in the quantity's unit, scaled by a detail of the measurement where the level says so."""
    if level.value is None:
        return None
    return level.value * (measurement.details[level.of] if level.of else 1.0)


def _distance(level: Level, measurement: Measurement) -> float:
    """How far the measurement is beyond its limit."""
    return abs((limit_of(level, measurement) or 0.0) - measurement.value)


def _is_beyond(level: Level, measurement: Measurement) -> bool:
    limit = limit_of(level, measurement)
    if limit is None:
        return level.of is None or measurement.details[level.of] != 0
    slack = ON_THE_LIMIT * max(1.0, abs(limit))
    match level.comparison:
        case ">":
            return measurement.value > limit + slack
        case "<":
            return measurement.value < limit - slack
        case ">=":
            return measurement.value >= limit - slack
        case _:
            return measurement.value <= limit + slack
