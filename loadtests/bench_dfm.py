"""Review every part of a folder and hold its time against the kernel's bare read and tessellation.

    python -m loadtests.bench_dfm FOLDER [--limits mtk] [--reviews OUT] [--repeats 3]

Each measurement is a fresh sandbox child, as in the service; bare kernel and review take turns, so that
both see the same machine. `--reviews` keeps the reviews as JSON, one file a part.
"""

import argparse
import json
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

from rich.console import Console
from rich.table import Table

from server.settings import get_settings
from workers.errors import PartError
from workers.sandbox import Limits, Sandbox, SandboxError

FLOOR = "workers.cad.floor:read_and_tessellate"
REVIEW = "workers.review:review_in_sandbox"


def main() -> None:
    """Print the table; keep the reviews if asked to."""
    arguments = _arguments()
    parts = sorted(p for p in arguments.folder.iterdir() if p.suffix.lower() in (".stp", ".step"))
    if not parts:
        raise SystemExit(f"There is no .stp or .step file in {arguments.folder}.")
    settings = get_settings()
    limits = Limits(settings.sandbox_deadline_seconds, settings.sandbox_memory_mb * 1024 * 1024)
    sandbox = Sandbox(["workers.preload", "workers.cad.floor"])
    table = Table("part", "faces", "bare read + mesh ms", "engine ms", "whole child ms", "engine : bare", "findings")
    for part in parts:
        table.add_row(part.name, *_row(sandbox, limits, part, arguments))
    sandbox.close()
    Console(width=140).print(table)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--limits", default="default")
    parser.add_argument("--reviews", type=Path)
    parser.add_argument("--repeats", type=int, default=3)
    return parser.parse_args()


def _row(sandbox: Sandbox, limits: Limits, part: Path, arguments: argparse.Namespace) -> list[str]:
    payload = {"path": str(part.absolute()), "name": part.name, "process": "auto", "limits": arguments.limits}
    bare, engine, whole = [], [], []
    try:
        for _ in range(arguments.repeats):
            bare.append(sum(sandbox.run(FLOOR, payload, limits).values()))
            started = perf_counter()
            review: dict[str, Any] = sandbox.run(REVIEW, payload, limits)
            whole.append((perf_counter() - started) * 1e3)
            engine.append(sum(review["timings_ms"].values()))
    except (PartError, SandboxError) as error:
        return ["–", "–", "–", "–", "–", str(error)]
    if arguments.reviews:
        arguments.reviews.mkdir(parents=True, exist_ok=True)
        (arguments.reviews / f"{part.stem}.json").write_text(json.dumps(review))
    ratio = median(e / b for e, b in zip(engine, bare, strict=True))
    figures = [f"{median(bare):.0f}", f"{median(engine):.0f}", f"{median(whole):.0f}", f"{ratio:.2f}"]
    return [str(review["part"]["faces"]), *figures, str(len(review["findings"]))]


if __name__ == "__main__":
    main()
