"""`rapiddraft doctor`: what is wrong with this installation, and what to do about it."""

import json
import os
from collections.abc import Callable, Iterator
from typing import Annotated

import typer
from pydantic import ValidationError
from rich.console import Console

from rapiddraft.doctor import folder, machine, service
from rapiddraft.doctor.finding import Finding, State, ok, warning, wrong
from server.settings import Settings

CHECKS: tuple[Callable[[Settings], Finding | list[Finding]], ...] = (
    machine.python,
    machine.packages,
    folder.data_folder,
    folder.owner,
    folder.space,
    folder.file_system,
    folder.documents,
    folder.tokens,
    folder.leftovers,
    machine.clock,
    machine.open_files,
    machine.memory,
    machine.shared_memory,
    service.queue,
    service.jobs,
    service.port,
    service.stack,
    service.readiness,
    machine.kernel_and_rules,
)
_COLOURS = {State.OK: "green", State.WARNING: "yellow", State.WRONG: "red"}
_STATUS = {State.OK: 0, State.WARNING: 1, State.WRONG: 2}

output = Console(highlight=False, soft_wrap=True)


def doctor(as_json: Annotated[bool, typer.Option("--json", help="Print the findings as JSON.")] = False) -> None:
    """Look at the installation and the data folder, whether the stack runs or not. Changes nothing.

    Exit status: 0 all is well, 1 there are warnings, 2 something is wrong.
    """
    findings = []
    for finding in examine():
        findings.append(finding)
        if not as_json:
            _print(finding)
    if as_json:
        typer.echo(json.dumps([finding.model_dump(mode="json") for finding in findings]))
    raise typer.Exit(max(_STATUS[finding.state] for finding in findings))


def examine() -> Iterator[Finding]:
    """Every check, one after the other; with settings that are invalid, only what is wrong with those."""
    try:
        settings = Settings()
    except ValidationError as error:
        for problem in error.errors():
            if problem["type"] == "default_factory_not_called":
                continue  # it follows from another that is invalid
            name = f"RAPIDDRAFT_{problem['loc'][0]}".upper().replace("RAPIDDRAFT_RAPIDDRAFT_", "RAPIDDRAFT_")
            yield wrong("settings", f"{name}: {problem['msg']}", "Correct it; docs/settings.md has what it may be.")
        return
    yield _names_of_settings()
    for check in CHECKS:
        try:
            found = check(settings)
        except OSError as error:
            name = check.__name__.replace("_", " ")
            found = wrong(name, f"{error.filename or ''}: {error.strerror or error}", "See to it, and ask again.")
        yield from found if isinstance(found, list) else [found]


def _names_of_settings() -> Finding:
    known = {f"RAPIDDRAFT_{name}".upper() for name in Settings.model_fields}
    unknown = sorted(name for name in os.environ if name.startswith("RAPIDDRAFT_") and name not in known)
    if unknown:
        return warning("settings", f"{', '.join(unknown)}: no such setting", "Is it misspelt? See docs/settings.md.")
    return ok("settings", "valid")


def _print(finding: Finding) -> None:
    output.print(f"{finding.state:8}", style=_COLOURS[finding.state], end="")
    output.print(f"{finding.check}: {finding.detail}", markup=False)
    if finding.remedy:
        output.print(f"        → {finding.remedy}", markup=False)
