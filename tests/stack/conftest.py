"""One running stack for all tests that only use it or knock single processes out of it."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.stack.running import SAMPLE, Stack, running_stack


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack that is ready, with short leases, so that what a killed worker held comes back soon."""
    data = tmp_path_factory.mktemp("stack")
    with running_stack(data, RAPIDDRAFT_BROKER_LEASE_SECONDS="3", RAPIDDRAFT_SANDBOX_DEADLINE_SECONDS="20") as stack:
        stack.wait_until_ready()
        yield stack


@pytest.fixture(scope="session")
def model(stack: Stack) -> dict[str, Any]:
    """The sample part, uploaded."""
    document: dict[str, Any] = stack.upload(SAMPLE).raise_for_status().json()
    return document
