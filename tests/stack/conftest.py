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
