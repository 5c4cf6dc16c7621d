"""In debug mode a request that blocks the event loop fails and names the call; whatever else is slow does not."""

import asyncio
import gc
import json
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from unittest import mock

import pytest
from fastapi import Request
from fastapi.testclient import TestClient
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, Response, StreamingResponse

from server.main import create_app
from server.middleware.event_loop import EventLoopBlockedError, EventLoopGuard
from server.observability.thread_clock import ThreadClock
from server.problems import MEDIA_TYPE
from server.settings import Settings

FAR_TOO_LONG = 0.3


def sleep() -> None:
    time.sleep(FAR_TOO_LONG)


def compute() -> None:
    end = time.thread_time() + FAR_TOO_LONG
    while time.thread_time() < end:
        pass


def hold_the_gil() -> None:
    """In one call that never gives it away."""
    end = time.thread_time() + FAR_TOO_LONG
    numbers = list(range(2_000_000))
    while time.thread_time() < end:
        sum(numbers)


@contextmanager
def serving(settings: Settings, operation: Callable[..., Awaitable[Response]], *, raises: bool) -> Iterator[TestClient]:
    """The application with one more operation, `/try`."""
    app = create_app(settings)
    app.add_api_route("/try", operation, response_model=None)
    with TestClient(app, raise_server_exceptions=raises) as client:
        client.headers["Authorization"] = f"Bearer {app.state.services.gate.admin_token}"
        yield client


@pytest.mark.parametrize("block", [sleep, compute, hold_the_gil])
def test_the_request_fails_and_names_the_call(
    settings: Settings, block: Callable[[], None], event_loop_blocked_by: list[str]
) -> None:
    async def operation() -> Response:
        block()
        return Response("never seen")

    with serving(settings, operation, raises=False) as client:
        answer = client.get("/try")
        assert client.get("/healthz").status_code == 200
    problem = answer.json()
    assert answer.status_code == 500
    assert answer.headers["content-type"] == MEDIA_TYPE
    assert answer.headers["x-request-id"] == problem["request_id"]
    assert problem["code"] == "event_loop_blocked"
    assert "tests/server/test_event_loop.py:" in problem["detail"]
    assert problem["detail"].endswith(f" {block.__name__}.")
    assert len(event_loop_blocked_by) == 1
    event_loop_blocked_by.clear()


def test_a_call_of_a_library_is_named_with_ours_that_led_to_it(
    settings: Settings, event_loop_blocked_by: list[str]
) -> None:
    async def operation() -> Response:
        return JSONResponse(list(range(4_000_000)))

    with serving(settings, operation, raises=False) as client:
        assert client.get("/try").json()["code"] == "event_loop_blocked"
    [call] = event_loop_blocked_by
    innermost, ours = call.split(", called from ")
    assert "json" in innermost or "responses.py" in innermost
    assert ours.startswith("tests/server/test_event_loop.py:")
    event_loop_blocked_by.clear()


def test_a_step_before_it_waits_counts(settings: Settings, event_loop_blocked_by: list[str]) -> None:
    async def operation() -> Response:
        sleep()
        await run_in_threadpool(int)
        return Response("never seen")

    with serving(settings, operation, raises=False) as client:
        assert client.get("/try").status_code == 500
    event_loop_blocked_by.clear()


@pytest.mark.parametrize("when", ["in the middle", "at the end"])
def test_an_answer_that_has_begun_is_broken_off(
    settings: Settings, when: str, event_loop_blocked_by: list[str]
) -> None:
    """A stream is sent by a task of its own."""

    async def chunks() -> AsyncIterator[bytes]:
        yield b"begun"
        await asyncio.sleep(0)
        sleep()
        if when == "in the middle":
            yield b"never seen"

    async def operation() -> Response:
        return StreamingResponse(chunks())

    with (
        serving(settings, operation, raises=True) as client,
        pytest.raises((EventLoopBlockedError, ExceptionGroup), match="event loop was blocked"),
    ):
        client.get("/try")
    assert "sleep" in event_loop_blocked_by[0]
    event_loop_blocked_by.clear()


def test_what_follows_a_whole_answer_is_no_bug_that_is_passed_over(
    settings: Settings, event_loop_blocked_by: list[str]
) -> None:
    class Lingering(Response):
        async def __call__(self, *asgi: object) -> None:
            await super().__call__(*asgi)  # type: ignore[arg-type]
            sleep()

    async def operation() -> Response:
        return Lingering("answered")

    with serving(settings, operation, raises=True) as client, pytest.raises(EventLoopBlockedError):
        client.get("/try")
    event_loop_blocked_by.clear()


def test_another_bug_stays_what_it_is(settings: Settings) -> None:
    async def operation() -> Response:
        raise ZeroDivisionError

    with serving(settings, operation, raises=False) as client:
        assert client.get("/try").json()["code"] == "internal_error"


def test_waiting_and_the_thread_pool_do_not_block(settings: Settings) -> None:
    async def operation() -> Response:
        await asyncio.sleep(FAR_TOO_LONG)
        await run_in_threadpool(sleep)
        await run_in_threadpool(compute)
        return Response("ok")

    with serving(settings, operation, raises=True) as client:
        assert client.get("/try").text == "ok"


def test_others_that_hold_the_gil_are_not_the_requests_fault(settings: Settings) -> None:
    """Four threads that compute; each turn of the loop waits for all of them."""
    over = threading.Event()

    def computing() -> None:
        while not over.is_set():
            compute()

    async def operation(request: Request) -> Response:
        for _ in range(20):
            await asyncio.sleep(0.001)
            json.dumps(list(range(1000)))
        await request.body()
        return Response("ok")

    threads = [threading.Thread(target=computing) for _ in range(4)]
    for thread in threads:
        thread.start()
    try:
        with serving(settings, operation, raises=True) as client:
            assert client.get("/try").text == "ok"
    finally:
        over.set()
        for thread in threads:
            thread.join()


def test_one_long_call_that_holds_the_gil_in_another_thread_is_not_either(settings: Settings) -> None:
    async def operation() -> Response:
        holding = asyncio.ensure_future(run_in_threadpool(hold_the_gil))
        while not holding.done():
            await asyncio.sleep(0.001)
            time.sleep(0)
        return Response("ok")

    with serving(settings, operation, raises=True) as client:
        assert client.get("/try").text == "ok"


def test_garbage_collection_does_not_count(settings: Settings) -> None:
    with mock.patch("time.thread_time", side_effect=[1.0, 2.0, 4.5, 5.0]):
        clock = ThreadClock()
        began = clock.now()
        gc.collect()
        assert clock.own_seconds(began) == pytest.approx(5.0 - 1.0 - (4.5 - 2.0), abs=0.01)
        clock.close()
    assert settings.debug_event_loop


class _LateThread(threading.Thread):
    """One that gets no processor for a while."""

    def _bootstrap_inner(self) -> None:
        time.sleep(FAR_TOO_LONG)
        super()._bootstrap_inner()  # type: ignore[misc]


def test_a_thread_that_is_late_to_begin_does_not_count(settings: Settings) -> None:
    async def operation() -> Response:
        _LateThread(target=int).start()
        return Response("fine")

    with serving(settings, operation, raises=True) as client:
        assert client.get("/try").text == "fine"


def test_off_it_is_not_there(settings: Settings) -> None:
    async def operation() -> Response:
        sleep()
        return Response("ok")

    with (
        mock.patch.object(EventLoopGuard, "__call__", side_effect=AssertionError),
        serving(settings.model_copy(update={"debug_event_loop": False}), operation, raises=True) as client,
    ):
        assert client.get("/try").text == "ok"


@pytest.mark.parametrize(
    ("body", "where"),
    [
        ({"title": "x", **{f"m{number}": 0 for number in range(20_000)}}, "body"),
        ({"title": "x", "faces": ["no"] * 10_000}, "body.faces.0"),
    ],
)
def test_a_body_with_thousands_of_errors_is_refused_for_one(
    client: TestClient, model_id: str, body: dict[str, object], where: str
) -> None:
    answer = client.post(f"/api/models/{model_id}/tickets", json=body)
    assert answer.status_code == 422
    assert [error["where"] for error in answer.json()["errors"]] == [where]
    assert len(answer.content) < 1000


def test_the_largest_ticket_is_accepted(client: TestClient, model_id: str) -> None:
    """All of its characters escaped."""
    ticket = {"title": "\U0001f529" * 200, "text": "\U0001f529" * 20_000, "faces": list(range(90_000, 100_000))}
    assert client.post(f"/api/models/{model_id}/tickets", json=ticket).status_code == 201
