"""One running stack for all tests that only use it or knock single processes out of it."""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.stack.running import SAMPLE, Stack, running_stack


@pytest.fixture
def data() -> Iterator[Path]:
    """A data folder; pytest's own are too deep for the name of a unix socket."""
    with tempfile.TemporaryDirectory(prefix="rd-", dir="/tmp") as folder:
        yield Path(folder)


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    """A stack that is ready, with short leases, so that what a killed worker held comes back soon."""
    settings = {"RAPIDDRAFT_BROKER_LEASE_SECONDS": "3", "RAPIDDRAFT_SANDBOX_DEADLINE_SECONDS": "20"}
    with (
        tempfile.TemporaryDirectory(prefix="rd-", dir="/tmp") as data,
        running_stack(Path(data), **settings) as stack,
    ):
        stack.wait_until_ready()
        yield stack


@pytest.fixture(scope="session")
def model(stack: Stack) -> dict[str, Any]:
    """The sample part, uploaded."""
    document: dict[str, Any] = stack.upload(SAMPLE).raise_for_status().json()
    return document


@pytest.fixture(scope="session")
def copies(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Eight models of the sample part that differ in a comment: reviews of one model would share one job."""
    folder = tmp_path_factory.mktemp("copies")
    ids = []
    for number in range(8):
        copy = folder / f"copy-{number}.step"
        head, rest = SAMPLE.read_text().split("\n", 1)
        copy.write_text(f"{head}\n/* copy {number} */\n{rest}")
        ids.append(stack.upload(copy).raise_for_status().json()["id"])
    return ids
