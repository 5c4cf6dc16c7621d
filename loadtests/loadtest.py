"""Every target of latency under load, measured in one run on stacks of its own, as one table.

    python -m loadtests.loadtest [--parts FOLDER] [--short] [--only ROW,…] [--target NAME=VALUE]… [--results FOLDER]

Ends with status 1 if a target is missed. `--short` takes about a minute and counts only what does not depend on
how fast the machine is; times are printed all the same.
"""

import argparse
import logging
import os
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from loadtests import parts
from loadtests.bench import Bench, Targets
from loadtests.children import Children
from loadtests.report import Report, Row
from loadtests.rows.alone import single, ten_different
from loadtests.rows.at_rest import at_rest
from loadtests.rows.overload import SETTINGS as SMALL_QUEUE
from loadtests.rows.overload import overload
from loadtests.rows.repeated import again, identical
from loadtests.rows.streams import streams
from loadtests.rows.under_load import naive, under_load, under_load_default
from loadtests.rows.upload import upload
from loadtests.stopping import interrupt_on_signals
from tests.stack.running import Stack, running_stack

log = logging.getLogger(__name__)

RowOf = Callable[[Bench, Stack], list[Row]]
# As users run it: the tests' guard over the event loop costs a little of it.
AS_USERS_RUN_IT = {"RAPIDDRAFT_DEBUG_EVENT_LOOP": "false"}
# Else a review on a machine that is busy with other things would be answered 202, and not be measured.
PATIENT = {"RAPIDDRAFT_REVIEW_WAIT_SECONDS": "55"}
# Which rows share a stack, with its settings; a part's facts are not warmed up unless it is said.
STACKS: list[tuple[dict[str, str], list[RowOf]]] = [
    ({}, [at_rest, single, ten_different, again, identical, upload, streams, under_load]),
    ({"RAPIDDRAFT_WARM_PART_FACTS": "true"}, [under_load_default]),
    (SMALL_QUEUE, [overload]),
]
NAMES = [naive.__name__, *(row.__name__ for _, rows in STACKS for row in rows)]
FOLDER = Path(__file__).parent / "results"
COMPARED = "kernel in a thread of the API, and this design"


def main() -> int:
    """Measure, print, write; the exit status."""
    interrupt_on_signals()
    arguments = _arguments()
    began, others = time.monotonic(), os.getloadavg()[0]
    title = f"Load test, {'short form' if arguments.short else 'in full'}"
    report = Report(arguments.results, title, speed_counts=not arguments.short)
    arguments.results.mkdir(parents=True, exist_ok=True)
    bench = Bench(
        parts=parts.chosen(arguments.parts), targets=arguments.targets, folder=arguments.results, children=Children(),
        is_short=arguments.short, cores=len(os.sched_getaffinity(0)), naive={}, ours={},
    )  # fmt: skip
    try:
        _measure(bench, report, arguments.only)
    finally:
        bench.children.close()
    if bench.naive and bench.ours:
        lines = [[name, bench.naive[name], bench.ours[name]] for name in bench.naive if name in bench.ours]
        report.compare(COMPARED, ["", "naive", "this design"], lines)
    seconds = round(time.monotonic() - began)
    command = " ".join(["python -m loadtests.loadtest", *sys.argv[1:]])
    return report.finish(cores=bench.cores, load_average_before=f"{others:.1f}", seconds=seconds, command=command)


def _measure(bench: Bench, report: Report, only: list[str]) -> None:
    if naive.__name__ in only:
        report.add(_of(naive.__name__, partial(naive, bench)))
    for settings, all_rows in STACKS:
        rows = [row for row in all_rows if row.__name__ in only]
        if not rows:
            continue
        try:
            with (
                tempfile.TemporaryDirectory(prefix="rd-", dir="/tmp") as data,
                running_stack(Path(data), **AS_USERS_RUN_IT, **PATIENT, **settings) as stack,
            ):
                stack.wait_until_ready()
                for row in rows:
                    report.add(_of(row.__name__, partial(row, bench, stack)))
        except Exception as error:
            log.exception("a stack did not start or did not end as it should")
            report.add([_failed(f"stack of {', '.join(row.__name__ for row in rows)}", error)])


def _of(name: str, measure: Callable[[], list[Row]]) -> list[Row]:
    """What it measures; if it fails, a row that says so: the others are still worth having."""
    try:
        return measure()
    except Exception as error:
        log.exception("the row %s could not be measured", name)
        return [_failed(name, error)]


def _failed(what: str, error: Exception) -> Row:
    return Row(what, "no failure", f"failed: {error}"[:300], met=False, is_speed=False)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parts", type=Path, help="folder of STEP files (default: ../shared/parts, else built ones)")
    parser.add_argument("--short", action="store_true")
    parser.add_argument("--only", type=_names, default=NAMES, help=f"some of: {', '.join(NAMES)}")
    parser.add_argument("--target", action="append", default=[], help="NAME=VALUE, another target")
    stamp = datetime.now(UTC).strftime("%Y-%m-%dT%H-%M-%SZ")
    parser.add_argument("--results", type=Path, default=FOLDER / stamp, help="folder for the reports")
    arguments = parser.parse_args()
    try:
        arguments.targets = Targets().changed(arguments.target)
    except (argparse.ArgumentTypeError, ValueError) as error:
        parser.error(str(error))
    return arguments


def _names(given: str) -> list[str]:
    names = given.split(",")
    if unknown := set(names) - set(NAMES):
        raise argparse.ArgumentTypeError(f"no row {', '.join(unknown)}; there are: {', '.join(NAMES)}")
    return names


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        sys.exit(main())
    sys.exit(130)
