"""The table of a load test: what was measured against which target, printed and kept as HTML, CSV and JSON."""

import csv
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

WIDTH = 170


@dataclass(frozen=True)
class Row:
    """One line. `met` is None where there is no target; `is_speed` tells that a slower machine may miss it."""

    what: str
    target: str
    measured: str
    met: bool | None = None
    is_speed: bool = True

    def is_missed(self, *, speed_counts: bool) -> bool:
        """Whether the target counts and is missed."""
        return self.met is False and (speed_counts or not self.is_speed)


def counted(errors: Sequence[str]) -> str:
    """How many errors there are, with the first of them."""
    return f"{len(errors)} errors" + (f" (the first: {errors[0]})" if errors else "")


class Report:
    """Collects rows and further tables."""

    def __init__(self, folder: Path, title: str, *, speed_counts: bool) -> None:
        self.folder = folder
        self._title = title
        self._speed_counts = speed_counts
        self._rows: list[Row] = []
        self._tables: list[Table] = []
        self._more: dict[str, Any] = {}
        self._console = Console(width=WIDTH, record=True, highlight=False)

    def add(self, rows: Sequence[Row]) -> None:
        """Take rows in, and print them at once, so that one sees it going on."""
        self._rows += rows
        for row in rows:
            self._console.out(f"{self._verdict(row):>6}  {row.what}: {row.measured}")

    def compare(self, title: str, columns: Sequence[str], lines: Sequence[Sequence[str]]) -> None:
        """Add a table of its own below the rows."""
        table = Table(*columns, title=title)
        for line in lines:
            table.add_row(*line)
        self._tables.append(table)
        self._more[title] = [dict(zip(columns, line, strict=True)) for line in lines]

    @property
    def missed(self) -> list[Row]:
        """The rows whose target counts and is missed."""
        return [row for row in self._rows if row.is_missed(speed_counts=self._speed_counts)]

    def finish(self, **facts: object) -> int:
        """Print all, write the three files, and return the exit status: 1 if a target is missed or nothing was done."""
        self._console.export_text()  # empties the record: what was printed while going on is not part of the report
        table = Table("what", "target", "measured", "met", title=self._title)
        for row in self._rows:
            table.add_row(row.what, row.target, row.measured, self._verdict(row))
        for each in (table, *self._tables):
            self._console.print(each)
        self._console.print("; ".join(f"{name} {value}" for name, value in facts.items()))
        self._write(facts)
        self._console.print(f"Missed: {len(self.missed)} of {len(self._rows)}. Reports: {self.folder}")
        return 1 if self.missed or not self._rows else 0

    def _verdict(self, row: Row) -> str:
        if row.met is None:
            return "–"
        if row.met:
            return "yes"
        return "NO" if row.is_missed(speed_counts=self._speed_counts) else "(no)"

    def _write(self, facts: dict[str, object]) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self._console.save_html(str(self.folder / "report.html"), clear=False)
        rows = [asdict(row) for row in self._rows]
        with (self.folder / "report.csv").open("w", newline="") as file:
            writer = csv.DictWriter(file, ["what", "target", "measured", "met", "is_speed"])
            writer.writeheader()
            writer.writerows(rows)
        document = {"title": self._title, **facts, "rows": rows, **self._more}
        (self.folder / "report.json").write_text(json.dumps(document, indent=2, default=str))
