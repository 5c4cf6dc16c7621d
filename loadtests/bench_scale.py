"""How the cost of a review grows with the part: plates with holes and pockets, up to 10,000 faces.

    python -m loadtests.bench_scale [--most 10000] [--repeats 1] [--folder build/plates]

The plates are built once and kept in the folder. Beside the times stands the exponent p with which the
engine's processor time grew since the plate before, time ~ faces^p, and the one that n log n would give.
"""

import argparse
from math import log
from pathlib import Path

from rich.console import Console
from rich.table import Table

from loadtests.children import Children
from loadtests.plates import write_plate

CELLS = (8, 16, 23, 32, 45)
FACES_A_CELL = 5


def main() -> None:
    """Build what is missing, then print the table."""
    arguments = _arguments()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    table = Table("faces", "bare ms", "whole ms", "whole : bare", "CPU ms bare", "whole", "MB", "exponent", "n log n")
    children = Children()
    before: tuple[int, float] | None = None
    for cells in (cells for cells in CELLS if FACES_A_CELL * cells**2 <= 1.02 * arguments.most):
        plate = arguments.folder / f"plate_{cells}.step"
        if not plate.exists():
            write_plate(plate, cells)
        timed = children.timed(plate, "cnc_milling", "default", arguments.repeats)
        now = timed.review["part"]["faces"], timed.whole_cpu
        times = [timed.bare, timed.whole, timed.whole / timed.bare, timed.bare_cpu, timed.whole_cpu, timed.memory_mb]
        figures = [f"{value:.2f}" if value < 10 else f"{value:.0f}" for value in times]
        table.add_row(str(now[0]), *figures, *(_growth(before, now) if before else ("", "")))
        before = now
    children.close()
    Console(width=120).print(table)


def _growth(before: tuple[int, float], now: tuple[int, float]) -> tuple[str, str]:
    """(exponent between two plates, what it is for n log n), both of (faces, time)."""
    (n, earlier), (m, later) = before, now
    return f"{log(later / earlier) / log(m / n):.2f}", f"{1 + log(log(m) / log(n)) / log(m / n):.2f}"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--most", type=int, default=10_000, help="faces")
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--folder", type=Path, default=Path("build/plates"))
    return parser.parse_args()


if __name__ == "__main__":
    main()
