"""Steady load for an hour or so: does anything grow that should not?

    python -m loadtests.soak [--seconds 3600] [--parts FOLDER] [--results FOLDER]

Two reviewers with small and medium parts, tickets and removal of models, a watcher and a monitor; the stack is
sampled every 10 s (oftener in a short run). A series grows if its median over the last quarter exceeds that over
the second by more than is allowed, or if its slope would, over the whole run. Ends with status 1 if one does, if any
request fails, if a process was replaced, or if the stack logged an error. Samples and the stack's log are kept
whatever happens.
"""

import argparse
import logging
import shutil
import sys
import tempfile
import time
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from loadtests.figures import FEWEST_VALUES, growth
from loadtests.loadtest import AS_USERS_RUN_IT
from loadtests.names import REVIEW
from loadtests.parts import MIX_CELLS, PROJECT, SHARED, plate
from loadtests.report import Report, Row, counted
from loadtests.running_locust import Locust, locust
from loadtests.soak_samples import Samples, allowed, programs, sample
from loadtests.stopping import interrupt_on_signals
from tests.stack.running import SAMPLE, Stack, running_stack

EVERY_SECONDS, FEWEST_SAMPLES = 10.0, 60
MEDIUM = "fresamento.stp"
SERIOUS = ("ERROR", "CRITICAL")
OPTIONS = {"reviewers": 2, "pause": 0.5, "keep": 10}
# What is seen less often than this was not watched.
SEEN_SHARE = 0.95

log = logging.getLogger(__name__)


def main() -> int:
    """Run, print the table, write the files; the exit status."""
    interrupt_on_signals()
    arguments = _arguments()
    report = Report(arguments.results, f"Soak, {arguments.seconds:g} s of steady load", speed_counts=True)
    arguments.results.mkdir(parents=True, exist_ok=True)
    samples = Samples(arguments.results)
    try:
        _run(arguments, report, samples)
    except Exception as error:
        log.exception("the soak did not end as it should")
        report.add([Row("the soak itself", "no failure", f"failed: {error!r}"[:300], met=False, is_speed=False)])
    finally:
        samples.write()
    report.add([_row(name, len(samples), values) for name, values in samples.series().items()])
    return report.finish(samples=len(samples), charts=arguments.results / "charts.html")


def _run(arguments: argparse.Namespace, report: Report, samples: Samples) -> None:
    """Put the stack under load and watch it; each finding goes into the report at once."""
    # Small enough to fill within minutes: what is bounded is not to look like growth.
    settings = {**AS_USERS_RUN_IT, "RAPIDDRAFT_WARM_PART_FACTS": "true", "RAPIDDRAFT_CACHE_MB": "32"}
    with tempfile.TemporaryDirectory(prefix="rd-", dir="/tmp") as folder:
        temporary = Path(folder, "tmp")
        temporary.mkdir()
        with running_stack(Path(folder, "data"), TMPDIR=str(temporary), **settings) as stack:
            try:
                stack.wait_until_ready()
                _under_load(stack, arguments, report, samples)
            finally:
                shutil.copyfile(stack.log, arguments.results / "stack.log")
                report.add([_logged(stack)])
        left = [path.name for path in temporary.iterdir()]
        report.add([Row("left in the temporary folder", "quoted", f"{len(left)} {left[:3]}", is_speed=False)])


def _under_load(stack: Stack, arguments: argparse.Namespace, report: Report, samples: Samples) -> None:
    at_start = programs(stack)
    with _load(stack, arguments) as test:
        _sample(stack, test, arguments.seconds, samples)
        lasted, asked = samples.last_seconds(), arguments.seconds
        report.add([Row("load and samples", f"{asked:g} s", f"{lasted:.0f} s", lasted >= SEEN_SHARE * asked, False)])
        replaced = at_start - programs(stack)
        report.add([Row("processes replaced", "none", str(len(replaced)), not replaced, False)])
        result = test.result()
        report.add([_errors(result), _reviews(result)])


def _load(stack: Stack, arguments: argparse.Namespace) -> Any:  # noqa: ANN401 - a context manager of Locust
    token = stack.api.headers["Authorization"].removeprefix("Bearer ")
    folder = arguments.results / "parts"
    folder.mkdir(exist_ok=True)
    for part in arguments.parts:
        (folder / part.name).write_bytes(part.read_bytes())
    # Slow reads are the load test's to judge.
    options = {**OPTIONS, "parts": folder, "seconds": arguments.seconds, "read_p99_ms": 60_000}
    return locust(str(stack.api.base_url), token, arguments.results / "locust", "steady", **options)


def _sample(stack: Stack, test: Locust, seconds: float, samples: Samples) -> None:
    """Sample the stack until the load is over."""
    every = min(EVERY_SECONDS, seconds / FEWEST_SAMPLES)
    began = time.monotonic()
    while test.process.poll() is None and time.monotonic() - began < seconds:
        values = sample(stack)
        samples.add(time.monotonic() - began, values)
        time.sleep(max(0.0, len(samples) * every - (time.monotonic() - began)))


def _errors(result: dict[str, Any]) -> Row:
    return Row("requests that failed", "none", counted(result["errors"]), not result["errors"], is_speed=False)


def _logged(stack: Stack) -> Row:
    serious = [line["message"] for line in stack.lines() if line["level"] in SERIOUS]
    return Row("errors in the log", "none", counted(serious), not serious, is_speed=False)


def _reviews(result: dict[str, Any]) -> Row:
    """A stack that does nothing grows by nothing."""
    count = result["requests"].get(REVIEW, {"count": 0})["count"]
    return Row("reviews", "some", str(count), count > 0, is_speed=False)


def _row(name: str, samples: int, series: list[tuple[float, float]]) -> Row:
    """Whether it grew, how small a leak would have been noticed, and how often it could not be seen."""
    bounds = allowed(name)
    missed = f", not seen in {samples - len(series)} of {samples} samples" if len(series) < samples else ""
    if len(series) < FEWEST_VALUES:
        met = None if bounds is None else False
        return Row(name, "enough samples", f"{len(series)} samples{missed}", met, is_speed=False)
    seconds, values = zip(*series, strict=True)
    share, units = bounds or (0.0, 0.0)
    grown = growth(seconds, values, share=share, units=units)
    measured = f"{grown.earlier:.1f} → {grown.later:.1f}, slope {grown.per_hour:+.2f} an hour{missed}"
    if bounds is None:
        return Row(name, "quoted", measured, is_speed=False)
    target = f"grows by ≤ {grown.allowed:.1f}; notices {grown.noticed_per_hour:.1f} an hour"
    was_watched = len(series) >= SEEN_SHARE * samples
    return Row(name, target, measured, grown.is_flat and was_watched, is_speed=False)


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
