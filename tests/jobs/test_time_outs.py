"""A part that takes too long is failed at once; one that the machine had too little time for is tried once more."""

from collections.abc import Callable
from typing import Any
from unittest import mock

import pytest

from server.stores.dfm_review_jobs import JobState
from tests.jobs.conftest import Installation
from workers.sandbox import ChildStarved, ChildTimedOut, Limits, Sandbox

STARVED = ChildStarved("The review took longer than 2 s, 1.9 s of them waiting for a processor.", "facts")


def failing(sandbox: Sandbox, *errors: Exception) -> tuple[Any, list[int]]:
    """The sandbox, whose first runs raise these; and how nice each run was."""
    waiting = list(errors)
    nice: list[int] = []
    real: Callable[..., Any] = sandbox.run

    def run(target: str, payload: dict[str, Any], limits: Limits, **options: Any) -> Any:  # noqa: ANN401
        nice.append(limits.nice)
        if waiting:
            raise waiting.pop(0)
        return real(target, payload, limits, **options)

    return mock.patch.object(sandbox, "run", run), nice


@pytest.mark.usefixtures("worker")
def test_a_starved_review_is_tried_once_more_and_with_priority(installation: Installation, sandbox: Sandbox) -> None:
    patched, nice = failing(sandbox, STARVED)
    with patched:
        job = installation.becomes(installation.send("good"), JobState.SUCCEEDED)
    assert nice == [10, 0]
    assert [change.state for change in job.history] == ["queued", "running", "retrying", "running", "succeeded"]
    assert job.history[2].code == "timed_out" and "waiting for a processor" in job.history[2].reason


@pytest.mark.usefixtures("worker")
def test_a_review_that_is_starved_twice_has_failed(installation: Installation, sandbox: Sandbox) -> None:
    patched, _ = failing(sandbox, STARVED, STARVED)
    with patched:
        job = installation.becomes(installation.send("good"), JobState.FAILED)
    assert job.attempts == 2
    assert job.error is not None and job.error.code == "timed_out"


@pytest.mark.usefixtures("worker")
def test_a_review_that_is_slow_by_itself_has_failed(installation: Installation, sandbox: Sandbox) -> None:
    patched, _ = failing(sandbox, ChildTimedOut("The review took longer than 2 s.", "facts"))
    with patched:
        job = installation.becomes(installation.send("good"), JobState.FAILED)
    assert job.attempts == 1
    assert job.error is not None and job.error.code == "timed_out"
