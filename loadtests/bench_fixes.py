"""Try to fix every finding on the parts of a folder, each in a sandbox child of its own.

    python -m loadtests.bench_fixes FOLDER [--seconds 600] [--rules corner-radius,hole-depth] [--results OUT.jsonl]
                                        [--process fdm]

The folder, and its sub-folders milled/ and labelled/, hold STEP files. Each outcome is a line of `--results` as
soon as it is known; findings that are in it already are not tried again, so a run that was stopped, or ran out of its
`--seconds`, goes on where it was. A finding *has a bounded fix* if a rule's recipe proposes at least one edit for it.
Ends with status 1 if a file was handed out that is not a valid, closed solid; every one is read again and checked.
"""

import argparse
import json
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from server.settings import get_settings
from workers.errors import PartError
from workers.sandbox import ChildStarved, Limits, Sandbox, SandboxError

SUFFIXES = (".stp", ".step")
SUB_FOLDERS = ("milled", "labelled")
AT_ONCE = 2
GOAL_PERCENT = 80
CACHE_BYTES = 2 * 1024**3
JsonObject = dict[str, Any]

console = Console(width=150)


def main() -> None:
    """Try what is left to try, and print the tables."""
    arguments = _arguments()
    parts = _parts(arguments.folder)
    if not parts:
        raise SystemExit(f"There is no .stp or .step file in {arguments.folder}.")
    with tempfile.TemporaryDirectory(prefix="bench-fixes-") as folder:
        bench = _Bench(Path(folder), arguments.results, arguments.deadline, arguments.process)
        left = bench.run(parts, arguments.rules.split(",") if arguments.rules else [], arguments.seconds)
    rows = list(bench.outcomes.values())
    _print(rows, left)
    if arguments.json:
        arguments.json.write_text(json.dumps(_figures(rows, left), indent=2))
    sys.exit(1 if any(row.get("invalid") for row in rows) else 0)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seconds", type=float, default=float("inf"), help="start no further attempt after these")
    parser.add_argument("--deadline", type=float, default=120.0, help="seconds for one finding")
    parser.add_argument("--rules", default="", help="only findings of these, separated by commas")
    parser.add_argument("--process", default="auto", help="the process to review the parts for")
    parser.add_argument("--results", type=Path, help="JSON lines to begin with and to add to")
    parser.add_argument("--json", type=Path, help="where to write the figures")
    return parser.parse_args()


def _parts(folder: Path) -> list[Path]:
    folders = [folder, *(folder / name for name in SUB_FOLDERS)]
    return [path for each in folders if each.is_dir() for path in sorted(each.iterdir()) if path.suffix in SUFFIXES]


class _Bench:
    """Runs attempts and keeps what came of them."""

    def __init__(self, folder: Path, results: Path | None, deadline: float, process: str) -> None:
        self._folder = folder
        self._process = process
        self._results = results
        memory = get_settings().sandbox_memory_mb * 1024 * 1024
        self._limits = Limits(deadline, memory)
        self._sandbox = Sandbox(["workers.preload"])
        kept = results.read_text().splitlines() if results and results.exists() else []
        rows = [json.loads(line) for line in kept]
        self.outcomes: dict[tuple[str, str], JsonObject] = {(row["part"], row["finding"]): row for row in rows}

    def run(self, parts: list[Path], rules: list[str], seconds: float) -> int:
        """Try the findings that are left until the time is up; returns how many then are left still."""
        end = time.monotonic() + seconds
        findings = [pair for part in parts for pair in self._findings(part, rules)]
        todo = [pair for pair in findings if (pair[0].name, pair[1]["id"]) not in self.outcomes]
        with ThreadPoolExecutor(AT_ONCE) as pool:
            for number, row in enumerate(pool.map(lambda pair: self._try(pair[0], pair[1], end), todo)):
                if row is None:
                    continue
                self._keep(row)
                console.print(f"{number + 1}/{len(todo)} {row['part']} {row['rule']}: {row['outcome']}", style="dim")
        self._sandbox.close()
        wanted = {(part.name, finding["id"]) for part, finding in findings}
        return len(wanted - self.outcomes.keys())

    def _findings(self, part: Path, rules: list[str]) -> Iterator[tuple[Path, JsonObject]]:
        try:
            review = self._sandbox.run("workers.review:review_in_sandbox", self._payload(part), self._limits)
        except (PartError, SandboxError) as error:
            console.print(f"{part.name}: no review: {error}", style="red")
            return
        yield from ((part, f) for f in review["findings"] if not rules or f["rule"] in rules)

    def _payload(self, part: Path) -> JsonObject:
        cache = {"folder": str(self._folder), "max_bytes": CACHE_BYTES, "key": part.name}
        return {
            "path": str(part.absolute()),
            "name": part.name,
            "process": self._process,
            "limits": "default",
            "rules": str(get_settings().rules_dir),
            "cache": cache,
        }

    def _try(self, part: Path, finding: JsonObject, end: float) -> JsonObject | None:
        if time.monotonic() > end:
            return None
        output = self._folder / f"{part.stem}-{finding['id']}.step"
        payload = self._payload(part) | {"finding": finding["id"], "output": str(output)}
        row = {"part": part.name, "finding": finding["id"], "rule": finding["rule"]}
        started = time.monotonic()
        try:
            outcome = self._sandbox.run("workers.fixes.sandboxed:candidate_in_sandbox", payload, self._limits)
        except ChildStarved:
            return None  # the machine was too busy to say anything of the fix
        except (PartError, SandboxError) as error:
            return row | {"outcome": "refused", "reason": type(error).__name__, "attempts": [str(error)]}
        kept = {name: outcome[name] for name in ("outcome", "reason", "edit", "attempts")}
        row |= kept | {"seconds": round(time.monotonic() - started, 1)}
        if outcome["outcome"] == "cleared":
            row["invalid"] = not self._is_sound(output, outcome["sha256"])
        output.unlink(missing_ok=True)
        return row

    def _is_sound(self, output: Path, sha256: str) -> bool:
        try:
            payload = {"path": str(output), "sha256": sha256}
            return bool(self._sandbox.run("workers.fixes.sandboxed:sound_in_sandbox", payload, self._limits)["sound"])
        except (PartError, SandboxError):
            return False

    def _keep(self, row: JsonObject) -> None:
        self.outcomes[row["part"], row["finding"]] = row
        if self._results:
            with self._results.open("a") as file:
                file.write(json.dumps(row) + "\n")


def _figures(rows: list[JsonObject], left: int) -> JsonObject:
    by_rule = {
        rule: Counter(r["outcome"] for r in rows if r["rule"] == rule) for rule in sorted({r["rule"] for r in rows})
    }
    bounded = [row for row in rows if row["outcome"] != "no_edit"]
    cleared = sum(row["outcome"] == "cleared" for row in bounded)
    return {
        "findings": len(rows) + left,
        "not_tried": left,
        "bounded": len(bounded),
        "cleared": cleared,
        "cleared_percent": round(100 * cleared / len(bounded), 1) if bounded else None,
        "invalid_handed_out": sum(bool(row.get("invalid")) for row in rows),
        "by_rule": {rule: dict(count) for rule, count in by_rule.items()},
        "reasons": [[*key, count] for key, count in _reasons(rows).most_common()],
    }


def _reasons(rows: list[JsonObject]) -> Counter[tuple[str, str, str]]:
    return Counter((r["rule"], r["outcome"], r["reason"]) for r in rows if r["outcome"] != "cleared")


def _print(rows: list[JsonObject], left: int) -> None:
    figures = _figures(rows, left)
    table = Table("rule", "cleared", "refused", "of these", "no bounded edit")
    for rule, count in figures["by_rule"].items():
        tried = count.get("cleared", 0) + count.get("refused", 0)
        share = f"{100 * count.get('cleared', 0) / tried:.0f} %" if tried else ""
        table.add_row(
            rule, *(str(count.get(name, 0)) for name in ("cleared", "refused")), share, str(count.get("no_edit", 0))
        )
    console.print(table)
    why = Table("rule", "outcome", "reason", "times")
    for rule, outcome, reason, times in figures["reasons"]:
        why.add_row(rule, outcome, reason[:90], str(times))
    console.print(why)
    console.print(
        f"{figures['findings']} findings, {left} not tried; {figures['bounded']} with a bounded fix, of which "
        f"{figures['cleared']} ({figures['cleared_percent']} %, goal {GOAL_PERCENT} %) were cleared without a new one; "
        f"invalid solids handed out: {figures['invalid_handed_out']} (goal 0)."
    )


if __name__ == "__main__":
    main()
