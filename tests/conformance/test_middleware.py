"""Dramatiq's middleware under FileBroker.

Dramatiq's own tests of it (tests/middleware) are missing from its source distribution; these check the
same promises in our words. They need no download and run in `make test` too.
"""

import asyncio
import threading
import time
from collections.abc import Callable
from typing import Any

import dramatiq
import pytest
from dramatiq import Worker
from dramatiq.middleware import AsyncIO, Shutdown, SkipMessage, TimeLimitExceeded
from dramatiq.middleware import threading as interrupts

from tests.waiting import until

from .adapter import ConformanceBroker, worker


@pytest.mark.usefixtures("stub_worker")
def test_a_failing_message_is_tried_as_often_as_its_actor_says(stub_broker: ConformanceBroker) -> None:
    attempts: list[int] = []

    @dramatiq.actor(max_retries=3, min_backoff=1, max_backoff=1)
    def fail() -> None:
        attempts.append(1)
        raise ValueError("always")

    fail.send()
    with pytest.raises(ValueError, match="always"):
        stub_broker.join("default")
    assert len(attempts) == 4
    [letter] = stub_broker.dead_letters
    assert letter.options["retries"] == 4


@pytest.mark.usefixtures("stub_worker")
def test_a_retried_message_that_succeeds_leaves_no_dead_letter(stub_broker: ConformanceBroker) -> None:
    attempts: list[int] = []

    @dramatiq.actor(min_backoff=1, max_backoff=1)
    def fail_twice() -> None:
        attempts.append(1)
        if len(attempts) < 3:
            raise ValueError("not yet")

    fail_twice.send()
    stub_broker.join("default")
    assert (len(attempts), stub_broker.dead_letters) == (3, [])


@pytest.mark.usefixtures("stub_worker")
@pytest.mark.parametrize(
    ("options", "raised", "expected"),
    [
        ({"max_retries": 0}, ValueError, 1),
        ({"retry_when": lambda retries, _error: retries < 2}, ValueError, 3),
        ({"throws": ValueError}, ValueError, 1),
        ({"throws": KeyError, "max_retries": 1}, ValueError, 2),
    ],
)
def test_options_decide_whether_a_failure_is_retried(
    stub_broker: ConformanceBroker,
    options: dict[str, Any],
    raised: type[Exception],
    expected: int,
) -> None:
    attempts: list[int] = []

    @dramatiq.actor(min_backoff=1, max_backoff=1, **options)
    def fail() -> None:
        attempts.append(1)
        raise raised("no")

    fail.send()
    with pytest.raises(raised):
        stub_broker.join("default")
    assert len(attempts) == expected


@pytest.mark.usefixtures("stub_worker")
def test_an_exception_can_say_when_it_is_to_be_retried(stub_broker: ConformanceBroker) -> None:
    times: list[float] = []

    @dramatiq.actor
    def later() -> None:
        times.append(time.monotonic())
        if len(times) == 1:
            raise dramatiq.Retry("in a moment", delay=100)

    later.send()
    stub_broker.join("default")
    assert times[1] - times[0] >= 0.1


@pytest.mark.usefixtures("stub_worker")
def test_an_actor_is_told_when_its_retries_are_used_up(stub_broker: ConformanceBroker) -> None:
    told: list[dict[str, Any]] = []

    @dramatiq.actor
    def give_up(message: dict[str, Any], retries: dict[str, Any]) -> None:
        told.append({"message": message, "retries": retries})

    @dramatiq.actor(max_retries=1, min_backoff=1, max_backoff=1, on_retry_exhausted="give_up")
    def fail() -> None:
        raise ValueError("always")

    sent = fail.send()
    stub_broker.join("default", fail_fast=False)
    [report] = told
    assert report["message"]["message_id"] == sent.message_id
    assert report["retries"]["max_retries"] == 1


def test_a_message_older_than_its_age_limit_is_skipped_and_dead(stub_broker: ConformanceBroker) -> None:
    ran: list[int] = []

    @dramatiq.actor(max_age=1)
    def too_late() -> None:
        ran.append(1)

    sent = too_late.send()
    until(lambda: time.time() * 1000 > sent.message_timestamp + 2, "the message is too old")
    with worker(stub_broker, worker_timeout=100), pytest.raises(SkipMessage):
        stub_broker.join("default")
    assert ran == []
    assert len(stub_broker.dead_letters) == 1


def wait_in_python(seconds: float) -> None:
    """Wait in short steps: an exception is thrown into a thread between bytecodes only."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        time.sleep(0.01)


@pytest.mark.usefixtures("stub_worker")
def test_a_message_past_its_time_limit_is_interrupted(stub_broker: ConformanceBroker) -> None:
    finished: list[int] = []

    @dramatiq.actor(max_retries=0, time_limit=100)
    def too_long() -> None:
        wait_in_python(30)
        finished.append(1)

    too_long.send()
    with pytest.raises(TimeLimitExceeded):
        stub_broker.join("default", timeout=20_000)
    assert finished == []


def test_a_message_is_told_of_the_shutdown_and_is_retried_by_the_next_worker(stub_broker: ConformanceBroker) -> None:
    started = threading.Event()
    outcomes: list[str] = []

    @dramatiq.actor(notify_shutdown=True, min_backoff=1, max_backoff=1)
    def work() -> None:
        if started.is_set():
            outcomes.append("finished")
            return
        started.set()
        try:
            wait_in_python(30)
        except Shutdown:
            outcomes.append("told")
            raise

    work.send()
    with worker(stub_broker, worker_timeout=100, worker_threads=1):
        assert started.wait(20)
    assert outcomes == ["told"]
    with worker(stub_broker, worker_timeout=100):
        stub_broker.join("default", timeout=20_000)
    assert outcomes == ["told", "finished"]


def test_a_message_that_did_not_ask_is_not_told_of_the_shutdown(stub_broker: ConformanceBroker) -> None:
    started, finish = threading.Event(), threading.Event()
    outcomes: list[str] = []

    @dramatiq.actor
    def work() -> None:
        started.set()
        finish.wait(20)
        outcomes.append("finished")

    work.send()
    running = Worker(stub_broker, worker_timeout=100, worker_threads=1)
    running.start()
    assert started.wait(20)
    stopping = threading.Thread(target=running.stop)
    stopping.start()
    until(lambda: not stub_broker.fetching, "the worker shuts down")
    finish.set()
    stopping.join(20)
    assert outcomes == ["finished"]
    assert stub_broker.message_ids("default") == set()


def test_an_asynchronous_actor_runs_on_the_event_loop_and_is_retried(stub_broker: ConformanceBroker) -> None:
    threads: list[str] = []
    stub_broker.add_middleware(AsyncIO())

    async def work() -> None:
        await asyncio.sleep(0)
        threads.append(threading.current_thread().name)
        if len(threads) == 1:
            raise ValueError("not yet")

    actor = dramatiq.actor(min_backoff=1, max_backoff=1)(work)
    with worker(stub_broker, worker_timeout=100):
        actor.send()
        stub_broker.join("default", timeout=20_000)
    assert len(threads) == 2
    assert len(set(threads)) == 1, "not on the one event loop"


@pytest.mark.usefixtures("stub_worker")
def test_an_exception_thrown_into_a_thread_does_not_leave_the_file_locked(stub_broker: ConformanceBroker) -> None:
    """It may arrive in the middle of a write of the actor's own."""

    @dramatiq.actor(queue_name="other")
    def other() -> None:
        pass

    @dramatiq.actor(max_retries=0, time_limit=200)
    def sends_for_ever() -> None:
        while True:
            other.send()

    sends_for_ever.send()
    with pytest.raises(TimeLimitExceeded):
        stub_broker.join("default", timeout=30_000)
    stub_broker.join("other", timeout=60_000)
    other.send()
    stub_broker.join("other", timeout=20_000)


def test_interrupts_reach_the_thread_that_they_are_for() -> None:
    caught: list[str] = []
    ready = threading.Event()

    def work(name: str) -> None:
        ready.set()
        try:
            wait_in_python(20)
        except interrupts.Interrupt:
            caught.append(name)

    thread = threading.Thread(target=work, args=("the one",))
    thread.start()
    assert ready.wait(20)
    assert thread.ident is not None
    raise_in: Callable[[int, type[BaseException]], None] = interrupts.raise_thread_exception
    raise_in(thread.ident, interrupts.Interrupt)
    thread.join(20)
    assert caught == ["the one"]
