"""The command line: reviews without a server, by the same engine in the same sandbox."""

import json
import os
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from rich.console import Console

from rapiddraft import commands_backup, commands_doctor, commands_jobs, commands_prune, commands_token, commands_verify
from server.part_format import EXPORT_STEP, HEAD_BYTES, NotAPartError, format_of
from server.review_options import DEFAULT_LIMITS, DEFAULT_PROCESS, LimitSet, Process
from server.settings import get_settings
from workers.errors import PartError
from workers.sandbox import ChildFailed, Limits, Sandbox, SandboxError

COULD_NOT_REVIEW = 2
SEVERITIES = ("critical", "major", "minor", "info")

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Manufacturability review of CAD parts.",
)
app.add_typer(commands_jobs.app, name="jobs")
app.add_typer(commands_token.app, name="token")
app.command()(commands_verify.verify)
app.command()(commands_doctor.doctor)
app.command()(commands_backup.backup)
app.command()(commands_backup.restore)
app.command()(commands_prune.prune)
errors = Console(stderr=True, highlight=False, markup=False)


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
    part: Annotated[Path, typer.Argument(help="Part to review: STEP, IGES, BREP; STL, OBJ, 3MF, PLY, GLB as a mesh.")],
    process: Annotated[Process, typer.Option(help="Manufacturing process.")] = DEFAULT_PROCESS,
    limits: Annotated[LimitSet, typer.Option(help="Set of limits: default, mtk, or a shop's own.")] = DEFAULT_LIMITS,
    material: Annotated[str | None, typer.Option(help="Material, such as aluminium-6061-t6; else metal.")] = None,
    rules: Annotated[Path | None, typer.Option(help="A shop's own rules: a TOML file, or a folder of them.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
    fail_on: Annotated[FailOn, typer.Option(help="Least severity that makes the exit status 1.")] = FailOn.NEVER,
) -> None:
    """Review a part in a sandboxed child process.

    Exit status: 0 reviewed, 1 findings at or above --fail-on, 2 could not review.
    """
    result = _reviewed(part, process, limits, material, rules)
    if as_json:
        typer.echo(json.dumps(result, ensure_ascii=False, allow_nan=False))
    else:
        from rapiddraft.table import review_table

        Console().print(review_table(result))
    raise typer.Exit(1 if _fails(result, fail_on) else 0)


def _reviewed(part: Path, process: str, limits: str, material: str | None, rules: Path | None) -> dict[str, Any]:
    """The review of `part`; ends the program with a plain reason if there can be none."""
    _check_readable_part(part)
    settings = get_settings()
    allowed = Limits(settings.sandbox_deadline_seconds, settings.sandbox_memory_mb * 1024 * 1024)
    payload = {
        "path": str(part.absolute()),
        "name": part.name,
        "process": process,
        "limits": limits,
        "material": material,
        "rules": str(rules or settings.rules_dir),
    }
    sandbox = Sandbox(["workers.preload"])
    try:
        with errors.status("start …") as status:
            result: dict[str, Any] = sandbox.run(
                "workers.review:review_in_sandbox",
                payload,
                allowed,
                on_stage=lambda stage: status.update(f"{stage} …"),
            )
            return result
    except PartError as error:
        _end_without_review(f"{part.name}: {error.detail}", error.advice)
    except ChildFailed as error:
        _end_without_review(f"{part.name}: {error} (while: {error.stage})", error.traceback)
    except SandboxError as error:
        _end_without_review(f"{part.name}: {error} (while: {error.stage})", "Check the part in the CAD system.")
    finally:
        sandbox.close()


def _check_readable_part(part: Path) -> None:
    try:
        with part.open("rb") as file:
            format_of(file.read(HEAD_BYTES))
    except OSError as error:
        _end_without_review(f"{part}: {error.strerror}.", "Name a file that can be read.")
    except NotAPartError as seen:
        _end_without_review(f"{part.name}: this is {seen}.", EXPORT_STEP)


def _end_without_review(reason: str, advice: str) -> NoReturn:
    errors.print(reason, style="red", soft_wrap=True)
    errors.print(advice, soft_wrap=True)
    raise typer.Exit(COULD_NOT_REVIEW)


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
