"""The command line: reviews without a server, by the same engine in the same sandbox."""

import json
import os
import sys
from enum import StrEnum
from typing import Annotated, Any, get_args

import typer
from rich.console import Console

from rapiddraft import (
    commands_backup,
    commands_compare,
    commands_doctor,
    commands_fix,
    commands_flat_pattern,
    commands_jobs,
    commands_prune,
    commands_report,
    commands_token,
    commands_verify,
)
from rapiddraft.options import Limits, OwnRules, PartFile, StockMaterial
from rapiddraft.sandboxed import COULD_NOT_REVIEW, errors, sandboxed
from server.review_options import DEFAULT_LIMITS, DEFAULT_PROCESS, Process, joined

SEVERITIES = ("critical", "major", "minor", "info")

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Manufacturability review of CAD parts.",
)
app.add_typer(commands_jobs.app, name="jobs")
app.add_typer(commands_token.app, name="token")


class FailOn(StrEnum):
    """From which severity on a finding makes the exit status 1."""

    CRITICAL = "critical"
    MAJOR = "major"
    MINOR = "minor"
    INFO = "info"
    NEVER = "never"


@app.callback()
def _commands() -> None:
    """Manufacturability review of CAD parts."""


@app.command()
def review(
    part: PartFile,
    process: Annotated[
        str, typer.Option(help=f"One of {', '.join(get_args(Process))}; or several, with commas, to compare.")
    ] = DEFAULT_PROCESS,
    limits: Limits = DEFAULT_LIMITS,
    material: StockMaterial = None,
    rules: OwnRules = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
    fail_on: Annotated[FailOn, typer.Option(help="Least severity that makes the exit status 1.")] = FailOn.NEVER,
) -> None:
    """Review a part in a sandboxed child process.

    Exit status: 0 reviewed, 1 findings at or above --fail-on, 2 could not review.
    """
    try:
        processes = joined(name.strip() for name in process.split(","))
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--process") from error
    with sandboxed(part) as in_sandbox:
        result = in_sandbox.review(processes, limits, material, rules)
    if as_json:
        typer.echo(json.dumps(result, ensure_ascii=False, allow_nan=False))
    else:
        from rapiddraft.table import review_table

        Console().print(review_table(result))
    raise typer.Exit(1 if _fails(result, fail_on) else 0)


# After the review, so that the help begins with it.
app.command()(commands_report.report)
app.command()(commands_compare.compare)
app.command("flat-pattern")(commands_flat_pattern.flat_pattern)
app.command()(commands_fix.fix)
app.command()(commands_verify.verify)
app.command()(commands_doctor.doctor)
app.command()(commands_backup.backup)
app.command()(commands_backup.restore)
app.command()(commands_prune.prune)


def _fails(result: dict[str, Any], fail_on: FailOn) -> bool:
    if fail_on is FailOn.NEVER:
        return False
    grave = SEVERITIES[: SEVERITIES.index(fail_on.value) + 1]
    return any(finding["severity"] in grave for finding in result["findings"])


def main() -> None:
    """Entry point of the command `rapiddraft`: whatever goes wrong ends in one line and exit status 2."""
    try:
        app()
        sys.stdout.flush()
    except Exception as error:  # noqa: BLE001 - status 1 would say that the part has findings
        errors.print(f"{type(error).__name__}: {error}", style="red", soft_wrap=True)
        # What could not be written would fail once more when Python closes its output.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(COULD_NOT_REVIEW)
