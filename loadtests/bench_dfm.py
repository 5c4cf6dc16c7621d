"""Review every part of a folder: its time against the bare kernel's, its memory, and its agreement with the truth.

    python -m loadtests.bench_dfm FOLDER [--limits mtk] [--reviews OUT] [--repeats 3]

The folder, and its sub-folders milled/ and labelled/, may hold `*.expected.json` and `labels.json`: tables
then tell how far the reviews agree with them. Each measurement is a fresh sandbox child, as in the service;
bare kernel and review take turns, so that both see the same machine. `--reviews` keeps the reviews as JSON,
one file a part. Ends with status 1 if a review did not end well.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from loadtests.children import ALLOWED_MEMORY_MB, ALLOWED_MS, ALLOWED_TIMES, Children, Timed
from loadtests.scores import counted, faces_scored, tallied
from workers.errors import PartError
from workers.sandbox import SandboxError

SUFFIXES = (".stp", ".step")
SUB_FOLDERS = ("milled", "labelled")
# What the toolkit was told to check a part for, by the beginning of what it calls that.
PROCESSES = {"CNC Machining Milling": "cnc_milling", "CNC Machining Lathe": "cnc_turning"}
AUTO = "auto"

console = Console(width=150)


def main() -> None:
    """Print the tables; keep the reviews if asked to."""
    arguments = _arguments()
    folders = [arguments.folder, *(arguments.folder / name for name in SUB_FOLDERS)]
    folders = [folder for folder in folders if folder.is_dir() and _parts(folder)]
    if not folders:
        raise SystemExit(f"There is no .stp or .step file in {arguments.folder}.")
    children = Children()
    failed = 0
    for folder in folders:
        failed += _bench(children, folder, arguments)
    children.close()
    console.print(f"Reviews that did not end well: {failed}.")
    sys.exit(1 if failed else 0)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--limits", default="default")
    parser.add_argument("--reviews", type=Path)
    parser.add_argument("--repeats", type=int, default=3)
    return parser.parse_args()


def _parts(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES)


def _bench(children: Children, folder: Path, arguments: argparse.Namespace) -> int:
    """Time and score one folder; returns how many parts have no review."""
    table = Table(
        "part", "faces", "bare ms", "engine ms", "whole ms", f"{ALLOWED_TIMES:g} × bare + {ALLOWED_MS:g}", "kept",
        "CPU ms bare", "whole", "MB", "findings", title=str(folder),
    )  # fmt: skip
    reviews: dict[str, dict[str, Any]] = {}
    parts = _parts(folder)
    for part in parts:
        try:
            timed = children.timed(part, process_asked(part), arguments.limits, arguments.repeats)
        except (PartError, SandboxError) as error:
            table.add_row(part.name, *["–"] * 9, str(error))
            continue
        reviews[part.stem] = timed.review
        table.add_row(part.name, *_figures(timed))
    console.print(table)
    if arguments.reviews:
        arguments.reviews.mkdir(parents=True, exist_ok=True)
        for stem, review in reviews.items():
            (arguments.reviews / f"{stem}.json").write_text(json.dumps(review))
    if list(folder.glob("*.expected.json")):
        _print_counts(folder, reviews)
    if (folder / "labels.json").exists():
        _print_face_scores(folder, reviews)
    return len(parts) - len(reviews)


def process_asked(part: Path) -> str:
    """The process that the truth beside `part` was made for, if there is any; else `auto`."""
    expected = part.with_name(f"{part.stem}.expected.json")
    bodies = json.loads(expected.read_text())["bodies"] if expected.exists() else []
    asked = {
        ours for body in bodies for theirs, ours in PROCESSES.items() if body.get("process", "").startswith(theirs)
    }
    return asked.pop() if len(asked) == 1 else AUTO


def _figures(timed: Timed) -> list[str]:
    times = [timed.bare, timed.engine, timed.whole, timed.allowed]
    memory = f"{timed.memory_mb:.0f}{' > ' + str(ALLOWED_MEMORY_MB) if timed.memory_mb > ALLOWED_MEMORY_MB else ''}"
    return [
        str(timed.review["part"]["faces"]),
        *(f"{ms:.0f}" for ms in times),
        "yes" if timed.is_fast_enough else "NO",
        *(f"{ms:.0f}" for ms in (timed.bare_cpu, timed.whole_cpu)),
        memory,
        str(len(timed.review["findings"])),
    ]


def _print_counts(folder: Path, reviews: dict[str, dict[str, Any]]) -> None:
    counts = counted(folder, reviews)
    table = Table("part", "kind", "name", "expected", "found", "", title="against the toolkit's counts")
    for count in counts:
        differs = "" if count.expected == count.found else "<--"
        table.add_row(count.part, count.kind, count.name, str(count.expected), str(count.found), differs)
    console.print(table)
    for kind in ("features", "issues"):
        tally = tallied(counts, kind)
        console.print(
            f"{kind}: matched {tally.hit}, extra {tally.extra}, missed {tally.missed}; "
            f"recall {tally.recall:.3f}, F1 {tally.f1:.3f}"
        )


def _print_face_scores(folder: Path, reviews: dict[str, dict[str, Any]]) -> None:
    scores = faces_scored(folder, reviews)
    table = Table("kind", "faces", "F1", title="against the classes of the faces")
    for kind, tally in scores.kinds.items():
        table.add_row(kind, str(tally.hit + tally.missed), f"{tally.f1:.3f}")
    console.print(table)
    console.print(
        f"{scores.faces} faces: accuracy {scores.right / max(1, scores.faces):.3f}, coarse macro F1 "
        f"{scores.macro_f1:.3f}, instance F1 {scores.instances.f1:.3f}"
    )


if __name__ == "__main__":
    main()
