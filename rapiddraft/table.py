"""A review as a table for the terminal."""

from typing import Any

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

Review = dict[str, Any]
Finding = dict[str, Any]

_SEVERITIES = ("critical", "major", "minor", "info")
_STYLES = {"critical": "bold red", "major": "red", "minor": "yellow", "info": "cyan"}
_FACES_SHOWN = 6


def review_table(review: Review) -> RenderableType:
    """The findings of a review (`rapiddraft.review/1`), worst first; below, the advice of each rule, once.

    Findings of one rule with the same measure and limit, such as the corners of a pocket, share a line.
    """
    findings = sorted(review["findings"], key=lambda finding: _SEVERITIES.index(finding["severity"]))
    return Group(
        _head(review),
        *_comparison(review),
        _table(findings),
        _advice(findings),
        *_undecided(review),
        _summary(review),
    )


def _head(review: Review) -> Text:
    part = review["part"]
    bodies = f"{part['bodies']} {'body' if part['bodies'] == 1 else 'bodies'}"
    return Text.assemble(
        (part["name"], "bold"),
        f" · {bodies} · {part['faces']} faces · {review['process']} · limits: {review['limits']}",
        f" · {_material(review.get('material'))}",
    )


def _material(material: dict[str, Any] | None) -> str:
    if not material or material["assumed"]:
        return "material: not given, limits for metal"
    return f"material: {material['name']}"


def _comparison(review: Review) -> list[RenderableType]:
    """The processes that were compared, best first, if any were."""
    if not review.get("comparison"):
        return []
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in ("Process", "Suits", "Verdict", "Findings", "Why"):
        table.add_column(column)
    for row in review["comparison"]:
        found = [f"{row['counts'][name]} {name}" for name in _SEVERITIES if row["counts"].get(name)]
        against = row["ruled_out"]
        suits = Text("ruled out", "bold red") if against else Text(f"{row['score']:.2f}")
        why = "; ".join(against or row["reasons"])
        table.add_row(row["process"], suits, row["verdict"], ", ".join(found) or "none", why)
    return [table, Text.assemble(("Best: ", "bold"), f"{review['process_choice']['reason']}.\n")]


def _table(findings: list[Finding]) -> RenderableType:
    if not findings:
        return Text("\nNo findings.\n")
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("Finding", min_width=24)
    table.add_column("Severity", no_wrap=True)
    table.add_column("Measured against limit")
    table.add_column("Faces")
    table.add_column("Source")
    for alike in _alike(findings):
        first = alike[0]
        severity = first["severity"]
        times = f" ({len(alike)} times)" if len(alike) > 1 else ""
        table.add_row(
            Text.assemble(first["title"], times, (f"\n{first['smallest_change']}", "dim")),
            Text(severity, _STYLES[severity]),
            _measured(first["measured"], first["limit"]),
            _faces([face for finding in alike for face in finding["faces"]]),
            _source(first["source"]),
        )
    return table


def _alike(findings: list[Finding]) -> list[list[Finding]]:
    """The findings in groups of the same rule, measure, limit and remedy, in the order of their first."""
    groups: dict[tuple[str, ...], list[Finding]] = {}
    for finding in findings:
        measured = _measured(finding["measured"], finding["limit"]).plain
        key = (finding["rule"], finding["severity"], measured, finding["smallest_change"])
        groups.setdefault(key, []).append(finding)
    return list(groups.values())


def _measured(measured: dict[str, Any] | None, limit: dict[str, Any] | None) -> Text:
    text = Text()
    if measured:
        text.append(measured["quantity"].replace("_", " ") + " ")
        text.append(_amount(measured), "bold")
    if limit and limit["value"] is not None:  # some findings have no limit: any is one too many
        text.append(f" {limit['comparison']} {_amount(limit)}")
    return text


def _amount(quantity: dict[str, Any]) -> str:
    value, unit = quantity["value"], quantity["unit"]
    number = f"{value:.4g}" if isinstance(value, float) else str(value)
    return number if unit in ("", None, "ratio") else f"{number}\N{NO-BREAK SPACE}{unit}"


def _faces(faces: list[int]) -> Text:
    faces = sorted(set(faces))
    shown = ", ".join(map(str, faces[:_FACES_SHOWN]))
    return Text(f"{shown}, … ({len(faces)})" if len(faces) > _FACES_SHOWN else shown)


def _source(source: dict[str, Any] | None) -> Text:
    if not source:
        return Text("–")
    publisher = source["title"].partition(":")[0]  # the whole is below, with the advice
    return Text(publisher, f"link {source['url']}" if source["url"] else "")


def _advice(findings: list[Finding]) -> RenderableType:
    first_of_rule = {finding["rule"]: finding for finding in reversed(findings)}
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="bold", no_wrap=True)
    grid.add_column(overflow="fold")  # a URL must stay whole
    for rule, finding in reversed(first_of_rule.items()):
        source = finding["source"] or {"title": "", "url": ""}
        grid.add_row(rule, Text.assemble(finding["advice"], (f"\n{source['title']}\n{source['url']}\n", "dim")))
    return grid


def _undecided(review: Review) -> list[Text]:
    """A line on the rules that could not be held against the part, if there are any."""
    rules = review.get("undecided") or []
    if not rules:
        return []
    reasons = "; ".join(f"{rule['rule']} ({rule['lacks']})" for rule in rules)
    return [Text.assemble(("Not decided: ", "bold"), f"{reasons}\n")]


def _summary(review: Review) -> Text:
    summary = review["summary"]
    found = [f"{summary['counts'][name]} {name}" for name in _SEVERITIES if summary["counts"].get(name)]
    seconds = sum(review["timings_ms"].values()) / 1000
    return Text.assemble(
        ("Verdict: ", "bold"),
        (str(summary["verdict"]), "bold"),
        f" · {', '.join(found) or 'nothing found'} · reviewed in {seconds:.2f} s",
    )
