"""Load on a running RapidDraft, with Locust; docs/load-tests.md has the details.

    export RAPIDDRAFT_TOKEN=$(cat data/admin-token)
    locust -f loadtests/locustfile.py --host http://127.0.0.1:8000 --web-host 127.0.0.1
    … --headless --shape ten --results FOLDER --html FOLDER/ten.html --csv FOLDER/ten

Without `--headless` it has a web page, where shape and options are chosen. Headless, its exit status is 1 if a
target was missed or a request failed.
"""

import json
import logging
from pathlib import Path
from typing import Any

from locust import events
from locust.argument_parser import LocustArgumentParser
from locust.env import Environment

from loadtests.shapes import SHAPES, Shape
from loadtests.targets import Results, judge
from loadtests.users import ApiUser, Crowd, Monitor, Overloader, Parts, Reviewer, Watcher

__all__ = ["Monitor", "Overloader", "Reviewer", "Shape", "Watcher"]

SAMPLES = Path(__file__).resolve().parent.parent / "samples"
SUFFIXES = (".step", ".stp")

results = Results()


@events.init_command_line_parser.add_listener  # type: ignore[untyped-decorator]
def add_options(parser: LocustArgumentParser) -> None:
    """Those that Locust does not have; `RAPIDDRAFT_TOKEN` gives the token."""
    parser.add_argument("--shape", choices=list(SHAPES), default="ten", help="How the load goes")
    parser.add_argument(
        "--token", env_var="RAPIDDRAFT_TOKEN", default="", include_in_web_ui=False, help="The admin token"
    )
    parser.add_argument("--parts", default=str(SAMPLES), help="A STEP file, or a folder of them")
    parser.add_argument("--models", default="", help="JSON file with ids of models, to be reviewed first")
    parser.add_argument("--seconds", type=float, default=60.0, help="How long (not for `overload`)")
    parser.add_argument("--reviewers", type=int, default=10, help="For `ten` and `steady`")
    parser.add_argument("--crowd", type=int, default=200, help="For `overload`")
    parser.add_argument("--pause", type=float, default=0.0, help="Seconds between two reviews of a user")
    parser.add_argument("--keep", type=int, default=0, help="Models a reviewer keeps; 0 for all")
    parser.add_argument("--reads", type=int, choices=[0, 1], default=1, help="1: look at results, open tickets")
    parser.add_argument("--read-p99-ms", type=float, default=50.0, help="Target for the reads")
    parser.add_argument("--results", default="", include_in_web_ui=False, help="Folder for the results as JSON")


@events.test_start.add_listener  # type: ignore[untyped-decorator]
def start(environment: Environment, **_rest: object) -> None:
    """Read the parts, forget an earlier test, and say in the folder that it began."""
    options: Any = environment.parsed_options
    uploaded = json.loads(Path(options.models).read_text()) if options.models else []
    ApiUser.parts = Parts(_files(Path(options.parts)), uploaded)
    Overloader.crowd = Crowd(options.crowd)
    results.clear()
    if options.results:
        Path(options.results, "started").touch()


@events.request.add_listener  # type: ignore[untyped-decorator]
def note(**request: Any) -> None:  # noqa: ANN401 - whatever Locust tells of it
    """Take note of a request."""
    results.on_request(**request)


@events.test_stop.add_listener  # type: ignore[untyped-decorator]
def after_test(environment: Environment, **_rest: object) -> None:
    """Judge a test of the web page, which goes on after it."""
    if environment.web_ui:
        judge(environment, results)


@events.quitting.add_listener  # type: ignore[untyped-decorator]
def end(environment: Environment, **_rest: object) -> None:
    """Judge what the last test brought."""
    judge(environment, results)


def _files(parts: Path) -> list[Path]:
    files = sorted(file for file in parts.iterdir() if file.suffix.lower() in SUFFIXES) if parts.is_dir() else [parts]
    if not files:
        logging.error("There is no STEP file in %s.", parts)
        raise SystemExit(2)
    return files
