"""`rapiddraft compare`: what became of a part from one version to the next."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich import box
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from rapiddraft.options import Limits, OwnRules, StockMaterial
from rapiddraft.sandboxed import end, sandboxed
from server.review_options import DEFAULT_LIMITS, DEFAULT_PROCESS, Process
from server.revisions.errors import NotComparableError

Comparison = dict[str, Any]


def compare(
    earlier: Annotated[Path, typer.Argument(help="Part as it was.")],
    later: Annotated[Path, typer.Argument(help="Part as it is now.")],
    process: Annotated[Process, typer.Option(help="Manufacturing process; auto takes that of the later version.")] = (
        DEFAULT_PROCESS
    ),
    limits: Limits = DEFAULT_LIMITS,
    material: StockMaterial = None,
    rules: OwnRules = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the comparison as JSON.")] = False,
) -> None:
    """Compare two versions of a part: findings cleared, new and changed, by geometry.

    Exit status: 0 nothing new or graver, 1 something is, 2 could not compare.
    """
    from server.revisions.comparison import compare as compared

    with sandboxed(later) as in_sandbox:
        after = in_sandbox.review(process, limits, material, rules)
    with sandboxed(earlier) as in_sandbox:
        before = in_sandbox.review(after["process"], limits, material, rules)
    try:
        result = compared(before, after)
    except NotComparableError as reason:
        end(reason.detail, reason.advice)
    if as_json:
        typer.echo(json.dumps(result, ensure_ascii=False, allow_nan=False))
    else:
        Console().print(_shown(result))
    graver = [row for row in result["findings"]["changed"] if row["how"] == "graver"]
    raise typer.Exit(1 if result["findings"]["new"] or graver else 0)


def _shown(result: Comparison) -> RenderableType:
    head = "unchanged" if result["unchanged"] else "changed"
    counts = ", ".join(f"{number} {name}" for name, number in result["counts"].items())
    lines = [Text.assemble((head, "bold"), f" · {result['process']} · limits: {result['limits']} · findings: {counts}")]
    lines += [Text(note) for note in result["notes"]]
    return Group(*lines, *_findings(result), *_components(result), *_features(result), *map(_fact, result["facts"]))


def _findings(result: Comparison) -> list[RenderableType]:
    found = result["findings"]
    rows = [("new", row, "") for row in found["new"]]
    rows += [(row["how"], row["later"], f"was {_measured(row['earlier'])}") for row in found["changed"]]
    rows += [("cleared", row, "") for row in found["cleared"]]
    if not rows:
        return []
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in ("", "Finding", "Severity", "Measured", ""):
        table.add_column(column)
    for how, row, was in rows:
        table.add_row(how, row["title"], row["severity"], _measured(row), was)
    return [table]


def _features(result: Comparison) -> list[Text]:
    of = result["features"]
    lines = [Text(f"{name}: {row['type']} {row['id']}") for name in ("added", "removed") for row in of[name]]
    for row in of["changed"]:
        sizes = ", ".join(f"{name} {_number(was)} to {_number(now)}" for name, (was, now) in row["size"].items())
        was, now = row["type"]
        lines.append(Text(f"changed: {was if was == now else f'{was} to {now}'} {row['later']} {sizes}"))
    return lines + [Text(f"moved: {row['type']} {row['later']} by {row['by']:g} mm") for row in of["moved"]]


def _components(result: Comparison) -> list[Text]:
    of = result["components"]
    lines = [Text(f"component {how}: {name}") for how in ("added", "removed") for name in of[how]]
    lines += [Text(f"component changed: {row['name']}") for row in of["changed"]]
    lines += [Text(f"component moved: {row['name']} by {row['by']:g} mm") for row in of["moved"]]
    return lines + [Text(f"component renamed: {row['earlier']} to {row['later']}") for row in of["renamed"]]


def _fact(row: dict[str, Any]) -> Text:
    def told(value: Any) -> str:  # noqa: ANN401 - JSON
        return " × ".join(map(_number, value)) if isinstance(value, list) else _number(value)

    return Text(f"{row['fact']}: {told(row['earlier'])} to {told(row['later'])} {row['unit']}")


def _number(value: float | None) -> str:
    return "none" if value is None else f"{value:.6g}"


def _measured(row: dict[str, Any]) -> str:
    measured = row["measured"]
    return f"{measured['quantity'].replace('_', ' ')} {_number(measured['value'])} {measured['unit']}".strip()
