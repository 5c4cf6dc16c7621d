"""Holding measurements against limits: from rules to findings."""

import hashlib
from collections import Counter
from dataclasses import dataclass
from typing import Any

from workers.rules.measurement import Measurement, NotDecidedError
from workers.rules.quantities import QUANTITIES, Subject
from workers.rules.rule_file import Level, Rule, RuleFile

SEVERITIES = ("critical", "major", "minor", "info")
# Values closer to a limit than this are on it: modellers write sizes to about a micrometre.
ON_THE_LIMIT = 1e-5


@dataclass(frozen=True)
class Finding:
    """A measurement beyond a limit."""

    rule: Rule
    level: Level
    limit: float | None
    measurement: Measurement
    clear_at: float  # the limit at which the rule has nothing left to say


@dataclass(frozen=True)
class Undecided:
    """A rule that could not be held against the part, and what is lacking for it."""

    rule: str
    lacks: str


def evaluate(rules: RuleFile, subject: Subject) -> tuple[list[Finding], list[Undecided]]:
    """The findings of all rules that the subject's configuration has limits for, gravest first, and the undecided."""
    found: list[Finding] = []
    undecided = []
    for rule in rules.rules:
        levels = rule.limits.get(subject.limits)
        if levels is None:
            continue
        try:
            measurements = QUANTITIES[rule.quantity](subject, rule)
        except NotDecidedError as reason:
            undecided.append(Undecided(rule.id, reason.lacks))
            continue
        held = (_held_against(rule, levels, measurement) for measurement in measurements)
        found += [finding for finding in held if finding is not None]
    order = {rule.id: number for number, rule in enumerate(rules.rules)}
    found.sort(key=lambda f: (SEVERITIES.index(f.level.severity), order[f.rule.id], _place(f.measurement)))
    return found, undecided


def _place(measurement: Measurement) -> tuple[float, ...]:
    return (*(round(float(x), 4) for x in measurement.point), round(measurement.value, 6), *measurement.faces)


def _held_against(rule: Rule, levels: list[Level], measurement: Measurement) -> Finding | None:
    """The gravest level that the measurement is beyond, or None."""
    beyond = [level for level in levels if _is_beyond(level, measurement)]
    if not beyond:
        return None
    gravest = min(beyond, key=lambda level: SEVERITIES.index(level.severity))
    mildest = max(levels, key=lambda level: SEVERITIES.index(level.severity))
    return Finding(rule, gravest, limit_of(gravest, measurement), measurement, limit_of(mildest, measurement) or 0.0)


def limit_of(level: Level, measurement: Measurement) -> float | None:
    """The limit in the quantity's unit, scaled by a detail of the measurement where the level says so."""
    if level.value is None:
        return None
    return level.value * (measurement.details[level.of] if level.of else 1.0)


def _is_beyond(level: Level, measurement: Measurement) -> bool:
    limit = limit_of(level, measurement)
    if limit is None:
        return True
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


def as_dicts(rules: RuleFile, limits: str, findings: list[Finding]) -> list[dict[str, Any]]:
    """The findings in the form of the review's result, each with an id that survives a re-export."""
    seen: Counter[str] = Counter()
    rows = []
    for finding in findings:
        m = finding.measurement
        anchor = f"{finding.rule.id}|{'|'.join(f'{float(x):.2f}' for x in m.point)}|{m.value:.3f}".replace(
            "-0.00", "0.00"
        )
        identity = hashlib.sha256(anchor.encode()).hexdigest()[:12]
        seen[identity] += 1
        source = rules.source_of(finding.rule, limits)
        rows.append(
            {
                "id": identity if seen[identity] == 1 else f"{identity}-{seen[identity]}",
                "rule": finding.rule.id,
                "severity": finding.level.severity,
                "title": finding.rule.title,
                "measured": {"quantity": finding.rule.quantity, "value": m.value, "unit": finding.rule.unit},
                "limit": {
                    "comparison": finding.level.comparison,
                    "value": finding.limit,
                    "unit": finding.rule.unit,
                },
                "features": [feature.id for feature in m.features],
                "faces": m.faces,
                "edges": m.edges,
                "point": m.point,
                "normal": m.normal,
                "advice": f"{finding.rule.advice} {finding.rule.physics}",
                "smallest_change": m.change(finding.clear_at),
                "source": {
                    "title": source.title,
                    "url": source.url,
                    **({"why": source.why} if source.why else {}),
                },
            }
        )
    return rows
