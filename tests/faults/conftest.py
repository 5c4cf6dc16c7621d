"""Prints the campaign's counts in the end, and shares what several of its tests need."""

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults import campaign


@pytest.fixture(autouse=True)
def _seed() -> None:
    print(f"FAULTS_SEED={campaign.SEED}")  # noqa: T201 - pytest shows it where a test fails


@pytest.fixture
def data() -> Iterator[Path]:
    """A data folder; pytest's own are too deep for the name of a unix socket."""
    with tempfile.TemporaryDirectory(prefix="rd-", dir="/tmp") as folder:
        yield Path(folder)


@pytest.fixture(scope="module")
def short_folder() -> Iterator[Path]:
    """A data folder for the stack that a module's tests share."""
    with tempfile.TemporaryDirectory(prefix="rd-", dir="/tmp") as folder:
        yield Path(folder)


@pytest.fixture
def memory_folder() -> Iterator[Path]:
    """A folder in memory where there is one: thousands of states of a disk are written to it."""
    shared_memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(prefix="rd-faults-", dir=shared_memory if shared_memory.is_dir() else None) as it:
        yield Path(it)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """A line for each report of this campaign."""
    if campaign.RESULTS is None:
        return
    terminalreporter.section(f"faults: counts (also in {campaign.RESULTS})")
    for path in sorted(campaign.RESULTS.glob("*.json")):
        counts = json.loads(path.read_text())
        name = counts.pop("name")
        terminalreporter.write_line(f"{name:<50} " + "  ".join(f"{key}={value}" for key, value in counts.items()))
