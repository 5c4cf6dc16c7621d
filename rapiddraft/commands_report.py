"""`rapiddraft report`: a review as a file to hand on."""

import json
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import typer

from rapiddraft.options import Limits, OneProcess, OwnRules, PartFile, StockMaterial
from rapiddraft.output_file import hand_out
from rapiddraft.sandboxed import SandboxedPart, end, sandboxed
from server.review_options import DEFAULT_LIMITS, DEFAULT_PROCESS
from workers.report.csv_file import csv_file
from workers.report.sarif import sarif

_WITH_PICTURES = (".pdf", ".html")
_WITHOUT: dict[str, Callable[[dict[str, Any]], str]] = {
    ".csv": lambda review: csv_file(review, with_mark=True),
    ".sarif": lambda review: json.dumps(sarif(review), ensure_ascii=False, allow_nan=False, indent=1),
}
# Enough for the geometry of any part that can be reviewed: it is read once for the review and its pictures.
_CACHE_BYTES = 1024 * 1024 * 1024


def report(
    part: PartFile,
    output: Annotated[Path, typer.Option("--output", "-o", help="File to write: .pdf, .html, .csv or .sarif.")],
    process: OneProcess = DEFAULT_PROCESS,
    limits: Limits = DEFAULT_LIMITS,
    material: StockMaterial = None,
    rules: OwnRules = None,
) -> None:
    """Review a part and write the report: PDF or HTML with pictures, CSV, or SARIF, by the name of the file.

    Exit status: 0 written, 2 not, and then a file of that name is as it was.
    """
    suffix = output.suffix.lower()
    if suffix not in (*_WITH_PICTURES, *_WITHOUT):
        end(f"{output.name}: there is no report of that kind.", "Name it .pdf, .html, .csv or .sarif.")
    with sandboxed(part) as reviewed, TemporaryDirectory(prefix="rapiddraft-") as scratch:
        cache = {"folder": scratch, "max_bytes": _CACHE_BYTES, "key": "part"}
        review = reviewed.review(process, limits, material, rules, cache=cache)
        if suffix in _WITHOUT:
            content = _WITHOUT[suffix](review).encode()
        else:
            content = _with_pictures(reviewed, review, Path(scratch), cache, suffix)
    hand_out(output, content)
    typer.echo(f"{output}: {len(content):,} bytes")


def _with_pictures(
    reviewed: SandboxedPart, review: dict[str, Any], scratch: Path, cache: dict[str, Any], suffix: str
) -> bytes:
    run, drawn = scratch / "run", scratch / "report"
    run.write_text(json.dumps(review), "utf-8")
    drawn.mkdir()
    reviewed.run("workers.report.job:report_in_sandbox", run=str(run), output=str(drawn), cache=cache)
    return (drawn / f"report{suffix}").read_bytes()
