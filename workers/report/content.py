"""What a report says, whatever it is printed as: HTML and PDF show the same."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from workers.report import words
from workers.report.further import Further, Rows, further, process_name
from workers.report.pictures import SEVERITIES, Painter, Picture

Review = dict[str, Any]
Finding = dict[str, Any]

# Pictures of findings that are not alike, for each rule and severity.
_MOST_PICTURES = {"critical": 4, "major": 4, "minor": 2, "info": 1}

# What limits depend on the family of the material for.
_BY_FAMILY = ("cnc_milling", "cnc_turning")


@dataclass(frozen=True)
class Entry:
    """A finding in the table of its section, or several remarks that are alike."""

    number: str
    ids: list[str]
    measured: str
    limit: str
    change: str
    where: str
    faces: str
    picture: int | None  # number of the picture that shows it, or one that is alike


@dataclass(frozen=True)
class Shown:
    """A numbered picture."""

    number: int
    picture: Picture
    caption: str


@dataclass(frozen=True)
class Section:
    """All findings of one rule and severity."""

    rule: str
    severity: str
    title: str
    advice: str
    source_title: str
    source_url: str
    entries: list[Entry]
    overview: Shown | None
    pictures: list[Shown]

    @property
    def count(self) -> int:
        """How many findings."""
        return sum(len(entry.ids) for entry in self.entries)

    @property
    def worst(self) -> Entry:
        """The dearest of them."""
        return self.entries[0]


@dataclass(frozen=True)
class Report:
    """A review, ready to be printed."""

    name: str
    process: str
    verdict: str
    score: str
    counts: dict[str, int]
    cover: Picture
    head: Rows
    sections: list[Section]
    further: list[Further]
    facts: list[tuple[str, str, str, str]]  # name, value, state, how it was measured
    undecided: Rows
    switched_off: Rows
    notes: list[str]
    made_by: Rows
    score_formula: str


@dataclass
class _Numbers:
    """Counts findings and pictures through the report."""

    findings: int = 0
    pictures: int = 0

    def shown(self, picture: Picture, caption: str) -> Shown:
        self.pictures += 1
        return Shown(self.pictures, picture, f"{caption} {picture.note}".strip())


def content(review: Review, painter: Painter, about: dict[str, str], tell: Callable[[], None] = lambda: None) -> Report:
    """The report on a review (`rapiddraft.review/1`); `tell` is called before each picture.

    `about` has, by their names, what else is to be said of where it comes from: run, request, time.
    """
    summary = review["summary"]
    numbers = _Numbers()
    tell()
    cover = painter.cover(review["findings"])
    return Report(
        name=review["part"]["name"],
        process=process_name(review["process"]),
        verdict=summary["verdict"],
        score="no score" if summary.get("score") is None else f"score {words.number(summary['score'])} of 100",
        counts={severity: summary["counts"].get(severity, 0) for severity in SEVERITIES},
        cover=cover,
        head=_head(review),
        sections=[_section(findings, painter, numbers, tell) for findings in _by_rule(review["findings"])],
        further=further(review, painter, tell),
        facts=_facts(review["facts"]),
        undecided=[(row["rule"], row["lacks"]) for row in review.get("undecided") or []],
        switched_off=[(row["rule"], row["reason"]) for row in review.get("switched_off") or []],
        notes=list(review.get("notes") or []),
        made_by=_made_by(review, about),
        score_formula=summary.get("score_formula", ""),
    )


def _by_rule(findings: list[Finding]) -> list[list[Finding]]:
    """The findings of each rule and severity, gravest first; within a severity in the order of the review."""
    groups: dict[tuple[int, str], list[Finding]] = {}
    for finding in findings:
        groups.setdefault((SEVERITIES.index(finding["severity"]), finding["rule"]), []).append(finding)
    return [found for _, found in sorted(groups.items(), key=lambda item: item[0][0])]


def _section(findings: list[Finding], painter: Painter, numbers: _Numbers, tell: Callable[[], None]) -> Section:
    first = findings[0]
    source = first["source"] or {"title": "", "url": ""}
    pictures: list[Shown] = []
    entries: list[Entry] = []
    for alike in _alike(findings):
        picture = None
        if len(pictures) < _MOST_PICTURES[first["severity"]]:
            tell()
            picture = numbers.shown(
                painter.one(alike[0]), f"Finding {numbers.findings + 1}: {words.measured(alike[0])}."
            )
            pictures.append(picture)
        # A remark that is made thirty times is read once.
        rows = [alike] if first["severity"] == "info" else [[finding] for finding in alike]
        entries += [_entry(row, numbers, picture.number if picture else None) for row in rows]
    overview = None
    if len(findings) > len(pictures):
        tell()
        overview = numbers.shown(painter.all_of(findings), f"All {len(findings)} of them on the part.")
    return Section(
        rule=first["rule"],
        severity=first["severity"],
        title=first["title"],
        advice=first["advice"],
        source_title=source["title"],
        source_url=source["url"] or "",
        entries=entries,
        overview=overview,
        pictures=pictures,
    )


def _alike(findings: list[Finding]) -> list[list[Finding]]:
    """The findings with the same measure, limit and remedy, in the order of their first."""
    groups: dict[tuple[str, str, str], list[Finding]] = {}
    for finding in findings:
        alike = (words.measured(finding), words.limit(finding), finding.get("smallest_change") or "")
        groups.setdefault(alike, []).append(finding)
    return list(groups.values())


def _entry(findings: list[Finding], numbers: _Numbers, picture: int | None) -> Entry:
    finding, first = findings[0], numbers.findings + 1
    numbers.findings += len(findings)
    others = f" and at {len(findings) - 1} more" if len(findings) > 1 else ""
    return Entry(
        number=str(first) if len(findings) == 1 else f"{first} – {numbers.findings}",
        ids=[str(of["id"]) for of in findings],
        measured=words.measured(finding),
        limit=words.limit(finding),
        change=finding.get("smallest_change") or "",
        where=words.place(finding.get("point")) + others,
        faces=words.few([face for of in findings for face in of["faces"]]),
        picture=picture,
    )


def _head(review: Review) -> Rows:
    part, box = review["part"], review["facts"].get("bounding_box") or {"value": None, "unit": ""}
    bodies = f"{words.counted(part['bodies'], 'body', 'bodies')}, {words.counted(part['faces'], 'face')}"
    units = f", units in the file: {part['units_in_file']}" if part.get("units_in_file") else ""
    return [
        ("Part", part["name"]),
        ("Process", process_name(review["process"])),
        ("Limits", review["limits"]),
        ("Material", _material(review)),
        ("Size", words.amount(box["value"], box["unit"])),
        ("File", f"{part['format']}, {bodies}{units}"),
    ]


def _material(review: Review) -> str:
    material = review.get("material")
    if not material or material.get("assumed"):
        family = (material or {}).get("family", "metal")
        return f"not given; limits for {family} are assumed" if review["process"] in _BY_FAMILY else "not given"
    mass = material.get("mass")
    return material["name"] if mass is None else f"{material['name']}, {words.amount(mass, 'g')}"


def _facts(facts: dict[str, dict[str, Any]]) -> list[tuple[str, str, str, str]]:
    """What is known of the part; what does not apply to it is named in a last row."""
    rows = [_fact(name, fact) for name, fact in facts.items() if fact["state"] != "not_applicable"]
    left = [words.spaced(name) for name, fact in facts.items() if fact["state"] == "not_applicable"]
    return [*rows, ("not applicable", ", ".join(left), "", "")] if left else rows


def _fact(name: str, fact: dict[str, Any]) -> tuple[str, str, str, str]:
    printed = words.amount(words.vector(name, fact["value"]), fact["unit"])
    return words.spaced(name), printed, words.spaced(fact["state"]), fact["method"]


def _made_by(review: Review, about: dict[str, str]) -> Rows:
    engine = review["engine"]
    return [
        *about.items(),
        ("SHA-256 of the file", review["part"]["sha256"]),
        ("Engine", f"RapidDraft {engine['version']}, {engine['kernel']} {engine['kernel_version']}"),
        ("Rules digest", engine["rules_digest"]),
    ]
