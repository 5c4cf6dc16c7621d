"""Our file broker beside Dramatiq on Redis and huey on SQLite, in one run on one machine.

    python -m loadtests.bench_queue [--messages 3000] [--rounds 3] [--only NAME]

Every round takes the queues in turn, so that they all see the same machine; the figures are medians over
the rounds, latencies are pooled. Two worker processes with four threads each:

- enqueue: messages a second that one thread sends, each on disk (as far as the queue promises it);
- drain: messages a second that the workers start, from the moment they may;
- trickle: from just before sending to the start of a message, at 50 a second, from a thread that only sends;
- idle: the same, each message after 2 s without any;
- idle CPU: of the workers, and of the server if there is one, in percent of one core.
"""

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median, quantiles

import psutil
from rich.console import Console
from rich.table import Table

from loadtests.queue_systems import QueueSystem, hosted, opened

PROCESSES = 2
TRICKLE_PER_SECOND = 50
TRICKLE_MESSAGES = 100
IDLE_SECONDS = 2.0
IDLE_MESSAGES = 6
CPU_SECONDS = 4.0


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    name: str
    kind: str
    appendfsync: str | None = None


REFERENCE = "Dramatiq + Redis, always"
ROWS = [
    Row("Dramatiq + FileBroker", "file"),
    Row(REFERENCE, "redis", "always"),
    Row("Dramatiq + Redis, everysec", "redis", "everysec"),
    Row("huey + SQLite, FULL", "huey"),
]
Figures = dict[str, list[float]]


def main() -> None:
    """Print the table."""
    arguments = _arguments()
    if arguments.work_for:
        work(*arguments.work_for)
        return
    progress = Console(stderr=True, highlight=False)
    rows = [row for row in ROWS if arguments.only in (None, row.name)]
    if shutil.which("redis-server") is None:
        for row in rows:
            if row.kind == "redis":
                progress.print(f"{row.name}: skipped, there is no redis-server here (apt-get install redis-server)")
        rows = [row for row in rows if row.kind != "redis"]
    figures: dict[str, Figures] = {row.name: defaultdict(list) for row in rows}
    for number in range(arguments.rounds):
        for row in rows:
            load = os.getloadavg()[0]
            for what, values in measured(row, arguments.messages).items():
                figures[row.name][what] += values
            progress.print(f"round {number + 1}: {row.name} at load {load:.1f}")
    Console(width=150).print(_table(figures))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--messages", type=int, default=3000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", choices=[row.name for row in ROWS])
    parser.add_argument("--work-for", nargs=3, help=argparse.SUPPRESS)
    return parser.parse_args()


def measured(row: Row, messages: int) -> Figures:
    """All figures of one queue, made for it and removed again."""
    with hosted(row.kind, row.appendfsync) as (address, servers):
        queue = opened(row.kind, address, _ignore)
        with workers(row.kind, address) as (pids, starts):
            began = time.monotonic()
            for _ in range(messages):
                queue.send()
            enqueue = messages / (time.monotonic() - began)

            go = time.monotonic()
            for pid in pids:
                os.kill(pid, signal.SIGUSR1)
            wait_for(queue.is_empty)
            trickle_began = time.monotonic()
            for _ in range(TRICKLE_MESSAGES):
                time.sleep(1 / TRICKLE_PER_SECOND)
                queue.send()
            idle_began = time.monotonic()
            for _ in range(IDLE_MESSAGES):
                time.sleep(IDLE_SECONDS)
                queue.send()
            wait_for(queue.is_empty)
            processes = [psutil.Process(pid) for pid in pids + servers]
            cpu = -_cpu_seconds(processes)
            time.sleep(CPU_SECONDS)
            cpu += _cpu_seconds(processes)
        by_phase: dict[str, list[tuple[float, float]]] = defaultdict(list)
        for sent, started in starts():
            phase = "drain" if sent < go else "trickle" if trickle_began < sent < idle_began else "idle"
            by_phase[phase].append((sent, started))
        assert [len(by_phase[phase]) for phase in ("drain", "trickle", "idle")] == [
            messages,
            TRICKLE_MESSAGES,
            IDLE_MESSAGES,
        ], f"{row.name}: messages were lost or doubled"
        drained = max(started for _, started in by_phase["drain"]) - go
        return {
            "enqueue": [enqueue],
            "drain": [messages / drained],
            "trickle": [(started - sent) * 1e3 for sent, started in by_phase["trickle"]],
            "idle": [(started - sent) * 1e3 for sent, started in by_phase["idle"]],
            "cpu": [100 * cpu / CPU_SECONDS],
        }


@contextmanager
def workers(kind: str, address: str) -> Iterator[tuple[list[int], Callable[[], list[tuple[float, float]]]]]:
    """Worker processes that are ready to start at SIGUSR1: their pids, and what they started once they ended."""
    with tempfile.TemporaryDirectory(prefix="bench-queue-") as folder:
        reports = [Path(folder) / f"{number}.json" for number in range(PROCESSES)]
        command = [sys.executable, "-m", "loadtests.bench_queue", "--work-for", kind, address]
        running = [subprocess.Popen([*command, str(report)]) for report in reports]
        texts: list[str] = []
        try:
            wait_for(lambda: all(report.with_suffix(".ready").exists() for report in reports))
            yield [process.pid for process in running], lambda: [tuple(s) for text in texts for s in json.loads(text)]
            for process in running:
                process.terminate()
            for process in running:
                process.wait(30)
            texts += [report.read_text() for report in reports]
        finally:
            for process in running:
                process.kill()
                process.wait()


def work(kind: str, address: str, report: str) -> None:
    """Be a worker process: say so, start at SIGUSR1, and at SIGTERM report when each message started."""
    starts: list[tuple[float, float]] = []
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1, signal.SIGTERM])
    queue: QueueSystem = opened(kind, address, lambda sent: starts.append((sent, time.monotonic())))
    Path(report).with_suffix(".ready").touch()
    if signal.sigwait([signal.SIGUSR1, signal.SIGTERM]) == signal.SIGTERM:
        return
    queue.start()
    signal.sigwait([signal.SIGTERM])
    queue.stop()
    Path(report).write_text(json.dumps(starts))
    os._exit(0)


def wait_for(condition: Callable[[], bool], seconds: float = 120.0) -> None:
    """Wait until the condition holds. Raises TimeoutError."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError
        time.sleep(0.02)


def _ignore(_sent: float) -> None:
    raise AssertionError("only workers work")


def _cpu_seconds(processes: list[psutil.Process]) -> float:
    return sum(sum(process.cpu_times()[:2]) for process in processes)


def _table(figures: dict[str, Figures]) -> Table:
    table = Table(
        "queue", "enqueue /s", "× always", "drain /s", "× always", "trickle p50", "p99 ms", "idle p50", "max ms"
    )
    table.add_column("idle CPU %")
    reference = figures.get(REFERENCE)
    for name, row in figures.items():
        cells = [f"{median(row['enqueue']):.0f}", _ratio(row, reference, "enqueue")]
        cells += [f"{median(row['drain']):.0f}", _ratio(row, reference, "drain")]
        cells += [f"{median(row['trickle']):.1f}", f"{quantiles(row['trickle'], n=100)[98]:.1f}"]
        cells += [f"{median(row['idle']):.1f}", f"{max(row['idle']):.1f}", f"{median(row['cpu']):.1f}"]
        table.add_row(name, *cells)
    return table


def _ratio(row: Figures, reference: Figures | None, what: str) -> str:
    """The median of the ratios of each round, whose figures were taken one soon after the other."""
    if reference is None:
        return "–"
    return f"{median(a / b for a, b in zip(row[what], reference[what], strict=True)):.2f}"


if __name__ == "__main__":
    main()
