"""What the stack uses when nobody asks it for anything: CPU and memory, process by process.

python -m loadtests.bench_idle [--seconds 30]
"""

import argparse
import tempfile
import time
from pathlib import Path

import psutil
from rich.console import Console
from rich.table import Table

from loadtests.processes import by_name
from tests.stack.running import SAMPLE, running_stack


def main() -> None:
    """Start a stack, let it review one part, leave it alone, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=30.0)
    seconds = parser.parse_args().seconds
    with tempfile.TemporaryDirectory(prefix="rd-", dir="/tmp") as folder, running_stack(Path(folder)) as stack:
        stack.wait_until_ready()
        model = stack.upload(SAMPLE).json()
        stack.ended_job(stack.ask_for_review(model["id"]).json()["id"], seconds=60)
        named = by_name(stack.family())
        names = [name for name, processes in named.items() for _ in processes]
        family = [process for processes in named.values() for process in processes]
        before = [_cpu(process) for process in family]
        time.sleep(seconds)  # the measurement itself: nothing is waited for
        used = [100 * (_cpu(process) - first) / seconds for process, first in zip(family, before, strict=True)]
        table = Table("process", "CPU % of a core", "resident MiB", "private MiB")
        for name, process, percent in zip(names, family, used, strict=True):
            memory = process.memory_full_info()
            table.add_row(name, f"{percent:.2f}", f"{memory.rss / 2**20:.0f}", f"{memory.uss / 2**20:.0f}")
        table.add_row("all", f"{sum(used):.2f}", "", f"{sum(p.memory_full_info().uss for p in family) / 2**20:.0f}")
        Console(width=110).print(table)


def _cpu(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


if __name__ == "__main__":
    main()
