"""Several processes compared on one part: the review for the best, with what the others come to beside it."""

from dataclasses import dataclass
from typing import Any

from workers.cad.reading import Reading
from workers.process_choice import SEVERAL, Candidate, ProcessChoice
from workers.suitability import Suitability

Review = dict[str, Any]

MOST_DEAREST = 3
VERDICTS = ("manufacturable", "manufacturable with remarks", "costly", "redesign")
"""Mildest first; `undecided` is none of them."""
OF_A_FINDING = (
    *("id", "rule", "severity", "title", "measured", "limit", "faces", "point"),
    *("extra_minutes", "smallest_change", "source"),
)


@dataclass(frozen=True)
class Compared:
    """One of the processes: how well the file's solids are suited to it, and the review for it."""

    candidate: Candidate
    review: Review


def compared(process: str, reading: Reading, choices: list[ProcessChoice], review: Review) -> Compared:
    """What `process` comes to, for which every solid of the file was reviewed."""
    return Compared(Candidate(process, _of_all(reading, choices)), review)


def comparison(of: list[Compared]) -> Review:
    """The review for the process that suits best, and `comparison` with one row for each, best first.

    They stand in the order in which `auto` would choose: by shape. What their reviews find is beside it.
    """
    ranked = sorted(of, key=lambda one: one.candidate.rank)
    best = ranked[0]
    choice = best.review["process_choice"] | {"asked": SEVERAL.join(sorted(one.candidate.process for one in of))}
    rows = [_row(one) for one in ranked]
    return best.review | {"process_choice": choice | {"reason": _why(ranked)}, "comparison": rows}


def _of_all(reading: Reading, choices: list[ProcessChoice]) -> Suitability:
    """Of several solids the score by volume, what speaks for the largest, and whatever rules out any of them."""
    volumes = dict.fromkeys(range(len(choices)), 0.0)
    for body in reading.bodies:
        volumes[body.part] += max(reading.parts[body.part].volume, 0.0)
    whole = sum(volumes.values())
    shares = {part: volume / whole if whole else 1 / len(choices) for part, volume in volumes.items()}
    score = sum(share * choices[part].suitability.score for part, share in shares.items())
    largest = max(shares, key=lambda part: (shares[part], -part))
    against = [reason for choice in choices for reason in choice.suitability.ruled_out]
    return Suitability(round(score, 6), choices[largest].suitability.reasons, list(dict.fromkeys(against)))


def _row(one: Compared) -> dict[str, Any]:
    findings, summary = one.review["findings"], one.review["summary"]
    by_cost = sorted(findings, key=lambda finding: -round(finding["extra_minutes"] or 0.0, 6))
    return one.candidate.as_dict() | {
        "verdict": summary["verdict"],
        "counts": summary["counts"],
        "summary": summary,
        "extra_minutes": sum(finding["extra_minutes"] or 0.0 for finding in findings),
        "dearest": [finding["id"] for finding in by_cost[:MOST_DEAREST]],
        "findings": [{name: finding[name] for name in OF_A_FINDING} for finding in findings],
        "undecided": one.review["undecided"],
    }


def _why(ranked: list[Compared]) -> str:
    """Why the first is first, and which of the others has the milder review, if one has."""
    best, *others = ranked
    if best.candidate.suitability.ruled_out:
        return f"none of them can make it as it is; of {best.candidate.process}: " + "; ".join(
            best.candidate.suitability.ruled_out
        )
    said = [f"{best.candidate.process} suits its shape best, by {best.candidate.suitability.score:.2f}"]
    said += [_against(other) for other in others]
    verdict = best.review["summary"]["verdict"]
    milder = [
        f"{one.candidate.process} ({one.review['summary']['verdict']})"
        for one in others
        if not one.candidate.suitability.ruled_out and _is_milder(one.review["summary"]["verdict"], verdict)
    ]
    if milder:
        said.append(f"as it is drawn, its review ({verdict}) is graver than that of {' and '.join(milder)}")
    return "; ".join(said)


def _against(other: Compared) -> str:
    of, process = other.candidate.suitability, other.candidate.process
    if of.ruled_out:
        return f"{process} is ruled out: {of.ruled_out[0].rstrip('.')}"
    return f"{process} by {of.score:.2f}"


def _is_milder(verdict: str, than: str) -> bool:
    return verdict in VERDICTS and than in VERDICTS and VERDICTS.index(verdict) < VERDICTS.index(than)
