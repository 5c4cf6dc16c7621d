"""What was not measured has not met its target."""

import json
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any
from unittest import mock

import psutil
import pytest

from loadtests import loadtest, soak
from loadtests.bench import Targets
from loadtests.figures import Latencies
from loadtests.names import REVIEW
from loadtests.processes import api_workers
from loadtests.report import Report, Row
from loadtests.rows import under_load


def test_no_api_worker_keeps_to_no_target() -> None:
    with pytest.raises(RuntimeError, match="no API worker"):
        api_workers([psutil.Process()])


@pytest.mark.parametrize(("requests", "met"), [({}, False), ({REVIEW: {"count": 3}}, True)])
def test_a_soak_without_a_review_fails(requests: dict[str, Any], met: bool) -> None:
    assert soak._reviews({"requests": requests}).met is met


@pytest.mark.parametrize(
    ("naive", "per_minute", "met"), [({}, 0, False), ({}, 1, True), ({"reviews a minute": "60"}, 29, False)]
)
def test_a_service_that_hardly_reviews_misses_its_target(naive: dict[str, str], per_minute: float, met: bool) -> None:
    bench: Any = mock.Mock(naive=naive)
    assert under_load._pace(bench, "load", per_minute).met is met


def test_each_kind_of_read_has_a_target_of_its_own() -> None:
    fast, slow = ({"count": 9, "p50": 1.0, "p95": 2.0, "p99": p99, "max": p99} for p99 in (3.0, 51.0))
    requests = {REVIEW: fast, "GET job": fast, "GET run": slow}
    result = {"requests": requests, "errors": [], "reviews_per_minute": 60.0}
    load = under_load.Load(Latencies(9, 1.0, 1.0, 1.0, 1.0), result)
    bench: Any = mock.Mock(naive={}, targets=Targets())
    rows = under_load._rows(bench, load, "load", judged=True)
    assert [row.what for row in rows if not row.met] == ["load: GET run"]


@pytest.mark.parametrize("fails", ["locust", "stack"])
def test_a_soak_that_fails_keeps_what_it_saw(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fails: str) -> None:
    class Stack:
        log = tmp_path / "log"

        def wait_until_ready(self) -> None:
            self.log.write_text("what it logged")

        def lines(self) -> list[dict[str, Any]]:
            return [{"level": "ERROR", "message": "it went wrong"}]

    class Locust:
        process = mock.Mock(poll=lambda: None)

        def result(self) -> dict[str, Any]:
            if fails == "locust":
                raise RuntimeError("Locust failed")
            return {"errors": [], "requests": {REVIEW: {"count": 3}}}

    @contextmanager
    def running_stack(*_data: Path, **_settings: str) -> Iterator[Stack]:
        yield Stack()
        raise AssertionError("something is left of it")

    values = iter([{"zombies": 0.0, "WAL MB": 1.0}] * 20 + [{"zombies": 0.0}] * 1000)
    monkeypatch.setattr(soak, "running_stack", running_stack)
    monkeypatch.setattr(soak, "_load", lambda *_: nullcontext(Locust()))
    monkeypatch.setattr(soak, "sample", lambda _stack: next(values))
    monkeypatch.setattr(soak, "programs", lambda _stack: {1})
    monkeypatch.setattr("sys.argv", ["soak", "--seconds", "0.6", "--results", str(tmp_path / "results")])
    monkeypatch.setattr(soak, "interrupt_on_signals", lambda: None)
    assert soak.main() == 1
    results = tmp_path / "results"
    rows = {row["what"]: row for row in json.loads((results / "report.json").read_text())["rows"]}
    said = "Locust failed" if fails == "locust" else "something is left"
    assert said in rows["the soak itself"]["measured"]
    assert "it went wrong" in rows["errors in the log"]["measured"]
    assert rows["zombies"]["met"]
    assert "not seen in" in rows["WAL MB"]["measured"] and rows["WAL MB"]["met"] is False
    assert (results / "stack.log").read_text() == "what it logged"
    count = len((results / "samples.jsonl").read_text().splitlines())
    assert len((results / "samples.csv").read_text().splitlines()) == count + 1 > 20


def test_a_stack_that_ends_badly_is_a_row_and_takes_no_other_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Stack:
        def wait_until_ready(self) -> None:
            pass

    @contextmanager
    def running_stack(_data: Path, **_settings: str) -> Iterator[Stack]:
        yield Stack()
        raise AssertionError("something is left of it")

    def measured(*_arguments: object) -> list[Row]:
        return [Row("measured", "some", "1", met=True)]

    report = Report(tmp_path, "Load test", speed_counts=True)
    monkeypatch.setattr(loadtest, "running_stack", running_stack)
    monkeypatch.setattr(loadtest, "STACKS", [({}, [measured]), ({}, [measured])])
    bench: Any = None
    loadtest._measure(bench, report, [measured.__name__])
    assert [row.what for row in report.missed] == ["stack of measured"] * 2
    assert "something is left of it" in report.missed[0].measured
    assert report.finish() == 1
