"""`rapiddraft fix`: proven fixes for the findings of a part, one stacked on the other."""

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from rich import box
from rich.console import Console
from rich.table import Table

from rapiddraft.options import Limits, OneProcess, OwnRules, StockMaterial
from rapiddraft.output_file import hand_out
from rapiddraft.sandboxed import SandboxedPart, end, errors, sandboxed
from server.review_options import DEFAULT_LIMITS, DEFAULT_PROCESS
from server.settings import get_settings
from workers.errors import PartError
from workers.fixable import FIXABLE_RULES
from workers.sandbox import SandboxError

ALL_CLEARED, SOME_LEFT = 0, 1
JsonObject = dict[str, Any]


@dataclass(frozen=True)
class Tried:
    """What came of one finding."""

    finding: JsonObject
    outcome: str
    edit: str
    reason: str


def fix(
    part: Annotated[Path, typer.Argument(help="Part to fix: a STEP file with one solid. It is not changed.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Where to write the fixed part, as STEP.")],
    rule: Annotated[str | None, typer.Option(help="Fix the findings of this rule, such as corner-radius.")] = None,
    finding: Annotated[str | None, typer.Option(help="Fix the finding with this id only.")] = None,
    every: Annotated[bool, typer.Option("--all", help="Fix the findings of all rules.")] = False,
    process: OneProcess = DEFAULT_PROCESS,
    limits: Limits = DEFAULT_LIMITS,
    material: StockMaterial = None,
    rules: OwnRules = None,
) -> None:
    """Fix what a bounded edit can fix, and write the result where each fix is proven.

    An edit is kept if the solid stays valid, changes nowhere else, and is reviewed without the finding and without
    a new one. Exit status: 0 all were cleared, 1 some were not, 2 nothing could be done.
    """
    _check_named(rule, finding, every=every)
    _check_files(part, output)
    own = str(rules or get_settings().rules_dir)
    options = {"process": process, "limits": limits, "material": material, "rules": own}
    with _workshop(part, options) as workshop:
        tried = workshop.fix_all(lambda f: every or f["id"] == finding or f["rule"] == rule, _tell)
        if finding is not None and not tried:
            end(f"{part.name}: it has no finding {finding}.", "`rapiddraft review --json` lists the ids.")
        Console().print(_table(tried) if tried else "No finding to fix.")
        if workshop.fixed is not None:
            hand_out(output, workshop.fixed.read_bytes())
        errors.print("Nothing was fixed, so nothing was written." if workshop.fixed is None else f"Wrote {output}.")
    raise typer.Exit(SOME_LEFT if any(row.outcome != "cleared" for row in tried) else ALL_CLEARED)


class _Workshop:
    """Fixes findings one after the other, each in a sandbox child, on what the one before it left."""

    def __init__(self, job: SandboxedPart, folder: Path, options: JsonObject) -> None:
        self._job = job
        self._folder = folder
        self._options = options
        self.fixed: Path | None = None  # the part with all fixes so far, once there is one

    def fix_all(self, is_wanted: Callable[[JsonObject], bool], tell: Callable[[Tried], None]) -> list[Tried]:
        """Try every wanted finding once, and tell each outcome as it is known; what another's edit cleared is cleared.

        What an edit moves has another id afterwards, so what is left to try stands in the review that proved the edit.
        """
        present = self._job.run("workers.review:review_in_sandbox", **self._options)["findings"]
        rows: dict[str, Tried] = {}
        while wanted := [finding for finding in present if is_wanted(finding) and finding["id"] not in rows]:
            finding = wanted[0]
            outcome = self._try(finding)
            rows[finding["id"]] = Tried(finding, outcome["outcome"], outcome["edit"], outcome["reason"])
            tell(rows[finding["id"]])
            if outcome["outcome"] == "cleared":
                with_it = [f for f in present if is_wanted(f) and f["id"] in outcome["cleared"] and f is not finding]
                rows |= {f["id"]: Tried(f, "cleared", f"as {finding['id']}", "") for f in with_it}
                present = outcome["review"]["findings"]
                ids = {f["id"] for f in present}
                rows = {number: row for number, row in rows.items() if row.outcome == "cleared" or number in ids}
        return list(rows.values())

    def _try(self, finding: JsonObject) -> JsonObject:
        output = self._folder / f"{finding['id']}.step"
        payload = self._options | {"finding": finding["id"], "output": str(output)}
        if self.fixed is not None:
            payload["path"] = str(self.fixed)
        try:
            outcome = self._job.attempt("workers.fixes.sandboxed:candidate_in_sandbox", **payload)
        except (PartError, SandboxError) as error:
            return {"outcome": "refused", "reason": str(error), "edit": "", "cleared": []}
        if outcome["outcome"] == "cleared":
            self.fixed = output
            self._options["process"] = outcome["review"]["process"]  # whatever `auto` would make of the edited part
        return outcome


@contextmanager
def _workshop(part: Path, options: JsonObject) -> Iterator[_Workshop]:
    with tempfile.TemporaryDirectory(prefix="rapiddraft-fix-") as folder, sandboxed(part) as job:
        yield _Workshop(job, Path(folder), options)


def _check_named(rule: str | None, finding: str | None, *, every: bool) -> None:
    if [bool(rule), bool(finding), every].count(True) != 1:
        end("It has to be said what is to be fixed, in one way.", "Name a --rule, a --finding, or --all.")
    if rule and rule not in FIXABLE_RULES:
        end(f"There is no edit for findings of {rule}.", f"These rules have one: {', '.join(sorted(FIXABLE_RULES))}.")


def _check_files(part: Path, output: Path) -> None:
    if output.exists() and part.exists() and output.samefile(part):
        end(f"{output}: this is the part itself, which is never written over.", "Name another file.")
    folder = output.absolute().parent
    if not folder.is_dir():
        end(f"{folder}: there is no such folder.", "Make it, or name a file elsewhere.")
    # Known before the work is done, not after.
    if output.is_dir() or not os.access(folder, os.W_OK):
        end(f"{output}: no file can be written there.", "Name a file that can be written.")


def _tell(row: Tried) -> None:
    """One outcome, for who waits for the rest."""
    what = row.edit or row.reason
    errors.print(f"{row.finding['rule']} {row.finding['id']}: {row.outcome}: {what}", style="dim", highlight=False)


def _table(tried: list[Tried]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in ("Finding", "Id", "Outcome", "Edit", "Reason"):
        table.add_column(column)
    for row in tried:
        table.add_row(row.finding["rule"], row.finding["id"], row.outcome, row.edit, row.reason)
    return table
