"""What was not measured has not met its target."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

from loadtests import loadtest, soak
from loadtests.names import REVIEW
from loadtests.processes import api_workers
from loadtests.report import Report, Row


def test_no_api_worker_keeps_to_no_target() -> None:
    with pytest.raises(RuntimeError, match="no API worker"):
        api_workers([psutil.Process()])


@pytest.mark.parametrize(("requests", "met"), [({}, False), ({REVIEW: {"count": 3}}, True)])
def test_a_soak_without_a_review_fails(requests: dict[str, Any], met: bool) -> None:
    assert soak._reviews({"requests": requests}).met is met


def test_a_stack_that_ends_badly_is_a_row_and_takes_no_other_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Stack:
        def wait_until_ready(self) -> None:
            pass

    @contextmanager
    def running_stack(_data: Path) -> Iterator[Stack]:
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
