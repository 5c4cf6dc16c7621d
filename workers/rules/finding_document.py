"""Findings in the form of the review's result."""

import hashlib
from collections import Counter
from typing import Any

from workers.rules.anchor import edges_between, identity
from workers.rules.evaluate import Finding
from workers.rules.measurement import Change
from workers.rules.quantities import Subject
from workers.rules.rule_file import RuleFile


def as_dicts(rules: RuleFile, subject: Subject, findings: list[Finding]) -> list[dict[str, Any]]:
    """The findings, each with an id that survives a re-export; those of one rule and measure share a group."""
    ids = _ids(findings)
    groups = [group_of(finding) for finding in findings]
    sizes = Counter(groups)
    return [
        _as_dict(rules, subject, finding, number, {"id": group, "size": sizes[group]} if sizes[group] > 1 else None)
        for finding, number, group in zip(findings, ids, groups, strict=True)
    ]


def _ids(findings: list[Finding]) -> list[str]:
    seen: Counter[str] = Counter()
    ids = []
    for finding in findings:
        name = identity(finding.rule.id, finding.place)
        seen[name] += 1
        ids.append(name if seen[name] == 1 else f"{name}-{seen[name]}")
    return ids


def group_of(finding: Finding) -> str:
    """The same for findings that one edit of a pattern would clear."""
    limit = "" if finding.limit is None else f"{finding.limit:.3f}"
    alike = f"{finding.rule.id}|{finding.level.severity}|{finding.measurement.value:.3f}|{limit}"
    return hashlib.sha256(alike.encode()).hexdigest()[:12]


def _as_dict(
    rules: RuleFile, subject: Subject, finding: Finding, number: str, group: dict[str, Any] | None
) -> dict[str, Any]:
    m, rule = finding.measurement, finding.rule
    change = m.change(finding.clear_at)
    source = rules.source_of(rule, subject.limits)
    return {
        "id": number,
        "rule": rule.id,
        "severity": finding.level.severity,
        "title": rule.title,
        "measured": {"quantity": rule.quantity, "value": m.value, "unit": rule.unit},
        "limit": {"comparison": finding.level.comparison, "value": finding.limit, "unit": rule.unit},
        "features": [feature.id for feature in m.features],
        "faces": m.faces,
        "edges": edges_between(subject.part, m),
        "point": m.point,
        "normal": m.normal,
        "group": group,
        "extra_minutes": finding.extra_minutes,
        "advice": f"{rule.advice} {rule.physics}",
        "smallest_change": change.text if isinstance(change, Change) else change,
        "change": change.as_dict() if isinstance(change, Change) else None,
        "source": {"title": source.title, "url": source.url, **({"why": source.why} if source.why else {})},
    }
