"""The verdict and the machinability score of a review; docs/review.md publishes the formula."""

import math
from collections import Counter
from typing import Any

WEIGHTS = {"critical": 0.30, "major": 0.10, "minor": 0.03, "info": 0.0}
MOST_UNDECIDED = 0.5
FORMULA = "100 * exp(-sum of w * (1 + ln n)) over each rule and severity with n findings; w: " + ", ".join(
    f"{severity} {weight:g}" for severity, weight in WEIGHTS.items()
)


def summarise(findings: list[dict[str, Any]], held: int = 1, undecided: int = 0) -> dict[str, Any]:
    """Counts by severity, a verdict in words, a score of 0 to 100 and its formula.

    Of `held` rules, `undecided` could not be decided: where those are most, a part without grave findings is
    not called manufacturable, and has no score.

    score = 100 · exp(-Σ weight · (1 + ln n)) over rules with n findings of one severity: twenty
    corners of one pocket weigh more than one, but not twenty times as much. Engineering judgement.
    """
    counts = dict.fromkeys(WEIGHTS, 0)
    for finding in findings:
        counts[finding["severity"]] += 1
    groups = Counter((finding["rule"], finding["severity"]) for finding in findings)
    burden = sum(WEIGHTS[severity] * (1 + math.log(n)) for (_, severity), n in sorted(groups.items()))
    score = round(100 * math.exp(-burden), 1)
    known = undecided <= MOST_UNDECIDED * held
    return {
        "counts": counts,
        "rules": {"held": held, "undecided": undecided},
        "verdict": _verdict(counts) if known or counts["critical"] or counts["major"] else "undecided",
        "score": score if known else None,
        "score_formula": FORMULA,
    }


def _verdict(counts: dict[str, int]) -> str:
    if counts["critical"]:
        return "redesign"
    if counts["major"]:
        return "costly"
    return "manufacturable with remarks" if counts["minor"] else "manufacturable"
