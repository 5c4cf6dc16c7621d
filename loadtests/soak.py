"""Steady load for an hour or so: does anything grow that should not?

    python -m loadtests.soak [--seconds 3600] [--parts FOLDER] [--results FOLDER]

Two reviewers with small and medium parts, tickets and removal of models, a watcher and a monitor; the stack is
sampled every 10 s (oftener in a short run). A series grows if its median over the last quarter exceeds that over
the second by more than is allowed. Ends with status 1 if one does, if any request fails, if a process was
replaced, or if the stack logged an error.
"""

import argparse
import csv
import sys
import tempfile
import time
from collections import defaultdict
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from loadtests.chart import write_charts
from loadtests.figures import Growth, growth
from loadtests.names import REVIEW
from loadtests.parts import MIX_CELLS, PROJECT, SHARED, plate
from loadtests.report import Report, Row, counted
from loadtests.running_locust import Locust, locust
from loadtests.soak_samples import allowed, programs, sample
from loadtests.stopping import interrupt_on_signals
from tests.stack.running import SAMPLE, Stack, running_stack

EVERY_SECONDS, FEWEST_SAMPLES = 10.0, 60
MEDIUM = "fresamento.stp"
SERIOUS = ("ERROR", "CRITICAL")
OPTIONS = {"reviewers": 2, "pause": 0.5, "keep": 10}
Series = dict[str, list[float]]


def main() -> int:
    """Run, print the table, write the files; the exit status."""
    interrupt_on_signals()
    arguments = _arguments()
    report = Report(arguments.results, f"Soak, {arguments.seconds:g} s of steady load", speed_counts=True)
    arguments.results.mkdir(parents=True, exist_ok=True)
    # Small enough to fill within minutes: what is bounded is not to look like growth.
    settings = {"RAPIDDRAFT_WARM_PART_FACTS": "true", "RAPIDDRAFT_CACHE_MB": "32"}
    with tempfile.TemporaryDirectory(prefix="rd-", dir="/tmp") as data, running_stack(Path(data), **settings) as stack:
        stack.wait_until_ready()
        at_start = programs(stack)
        with _load(stack, arguments) as test:
            seconds, series = _sampled(stack, test, arguments.seconds)
            replaced = at_start - programs(stack)
            result = test.result()
        serious = [line for line in stack.lines() if line["level"] in SERIOUS]
    report.add([_errors(result, serious), Row("processes replaced", "none", str(len(replaced)), not replaced, False)])
    report.add([_reviews(result)])
    report.add([_row(name, seconds, values) for name, values in sorted(series.items())])
    _write(arguments.results, seconds, series)
    return report.finish(samples=len(seconds), charts=arguments.results / "charts.html")


def _load(stack: Stack, arguments: argparse.Namespace) -> Any:  # noqa: ANN401 - a context manager of Locust
    token = stack.api.headers["Authorization"].removeprefix("Bearer ")
    folder = arguments.results / "parts"
    folder.mkdir(exist_ok=True)
    for part in arguments.parts:
        (folder / part.name).write_bytes(part.read_bytes())
    # Slow reads are the load test's to judge.
    options = {**OPTIONS, "parts": folder, "seconds": arguments.seconds, "read_p99_ms": 60_000}
    return locust(str(stack.api.base_url), token, arguments.results / "locust", "steady", **options)


def _sampled(stack: Stack, test: Locust, seconds: float) -> tuple[list[float], Series]:
    """(when, in seconds since the beginning; each series' values) until the load is over."""
    every = min(EVERY_SECONDS, seconds / FEWEST_SAMPLES)
    began, times = time.monotonic(), list[float]()
    series: Series = defaultdict(list)
    while test.process.poll() is None and time.monotonic() - began < seconds:
        values = sample(stack)
        times.append(time.monotonic() - began)
        for name, value in values.items():
            series[name].append(value)
        time.sleep(max(0.0, times[0] + len(times) * every - (time.monotonic() - began)))
    return times, {name: values for name, values in series.items() if len(values) == len(times)}


def _errors(result: dict[str, Any], serious: list[dict[str, Any]]) -> Row:
    errors = [*result["errors"], *(f"in the log: {line['message']}" for line in serious)]
    return Row("errors", "none", counted(errors), not errors, is_speed=False)


def _reviews(result: dict[str, Any]) -> Row:
    """A stack that does nothing grows by nothing."""
    count = result["requests"].get(REVIEW, {"count": 0})["count"]
    return Row("reviews", "some", str(count), count > 0, is_speed=False)


def _row(name: str, seconds: list[float], values: list[float]) -> Row:
    bounds = allowed(name)
    share, units = bounds or (0.0, 0.0)
    grown: Growth = growth(seconds, values, share=share, units=units)
    measured = f"{grown.earlier:.1f} → {grown.later:.1f}, slope {grown.per_hour:+.2f} an hour"
    if bounds is None:
        return Row(name, "quoted", measured, is_speed=False)
    return Row(name, f"grows by ≤ {grown.allowed:.1f}", measured, grown.is_flat, is_speed=False)


def _write(folder: Path, seconds: list[float], series: Series) -> None:
    with (folder / "samples.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["seconds", *series])
        writer.writerows(zip(seconds, *series.values(), strict=True))
    write_charts(folder / "charts.html", "RapidDraft under steady load", seconds, series)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=3600.0)
    parser.add_argument("--parts", type=Path, nargs="*", help="STEP files (default: a small and a medium one)")
    stamp = datetime.now(UTC).strftime("%Y-%m-%dT%H-%M-%SZ")
    parser.add_argument("--results", type=Path, default=PROJECT / "loadtests" / "results" / f"soak-{stamp}")
    arguments = parser.parse_args()
    medium = SHARED / "milled" / MEDIUM
    arguments.parts = arguments.parts or [SAMPLE, medium if medium.exists() else plate(MIX_CELLS[0])]
    return arguments


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        sys.exit(main())
    sys.exit(130)
