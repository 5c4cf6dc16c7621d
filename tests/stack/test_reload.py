"""SIGHUP replaces the API's processes, and no client notices: what waits is told to go on elsewhere."""

import itertools
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial

import httpx
import psutil
import pytest

from tests.stack.running import Stack
from tests.waiting import until

pytestmark = [pytest.mark.stack, pytest.mark.xdist_group("stack")]

RELOADS = 3
READERS, REVIEWERS = 4, 2


def api_processes(stack: Stack) -> set[int]:
    return {child.pid for child in psutil.Process(stack.pid("api")).children()}


def reload(stack: Stack) -> None:
    """Signal it, and wait until none of the processes of before is left."""
    before = api_processes(stack)
    stack.control("signal", "HUP", "api")
    until(lambda: not before & api_processes(stack), "the API's processes were replaced", 60)


class Load:
    """Clients that ask one thing after another, and count what they are answered; `errors` is what went wrong."""

    def __init__(self, stack: Stack, models: list[str]) -> None:
        self.stack = stack
        self.answers = Counter[str]()
        self.errors: list[str] = []
        self._over = threading.Event()
        readers = [self._read] * READERS
        reviewers = [partial(self._review, model=model) for model in models[:REVIEWERS]]
        self._threads = [threading.Thread(target=self._ask, args=(ask,)) for ask in [*readers, *reviewers]]

    def __enter__(self) -> "Load":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    def _read(self, api: httpx.Client) -> tuple[str, httpx.Response]:
        return "read", api.get("/api/models")

    def _review(self, api: httpx.Client, model: str) -> tuple[str, httpx.Response]:
        return "review", api.post(f"/api/models/{model}/dfm/review-v2", headers={"Cache-Control": "no-cache"})

    def _ask(self, ask: Callable[[httpx.Client], tuple[str, httpx.Response]]) -> None:
        with httpx.Client(base_url=self.stack.api.base_url, headers=self.stack.api.headers, timeout=60) as api:
            while not self._over.is_set():
                try:
                    what, answer = ask(api)
                except httpx.TransportError as error:
                    self.errors.append(repr(error))
                    continue
                self.answers[what] += 1
                if answer.status_code not in (200, 202):
                    self.errors.append(f"{answer.status_code} {answer.text}")


def test_a_reload_under_load_drops_no_request(stack: Stack, copies: list[str]) -> None:
    stack.wait_until_ready()
    with Load(stack, copies) as load:
        for _ in range(RELOADS):
            asked = load.answers.copy()
            reload(stack)
            until(lambda: all(load.answers[w] > asked[w] for w in ("read", "review")), "both are answered", 60)  # noqa: B023
    assert not load.errors
    assert load.answers["read"] > RELOADS * READERS


@contextmanager
def no_worker(stack: Stack) -> Iterator[None]:
    """So that whoever asks for a review waits for it."""
    stack.control("stop", "worker")
    try:
        yield
    finally:
        stack.control("start", "worker")
        until(lambda: stack.pid("worker"), "there is a worker again")


def waiting_requests(stack: Stack, models: list[str], pool: ThreadPoolExecutor) -> list[Future[httpx.Response]]:
    """Requests for reviews, all of which wait."""
    headers = {"Cache-Control": "no-cache", "Prefer": "wait=55"}
    paths = [f"/api/models/{model}/dfm/review-v2" for model in models]
    requests = [pool.submit(stack.api.post, path, headers=headers) for path in paths]
    until(lambda: {m: open_job(stack, m) for m in models if open_job(stack, m)}.keys() == set(models), "all are jobs")
    return requests


def open_job(stack: Stack, model: str) -> str | None:
    jobs = stack.api.get("/api/jobs", params={"model_id": model, "limit": 1}).raise_for_status().json()["items"]
    return jobs[0]["id"] if jobs and jobs[0]["state"] == "queued" else None


def restart(stack: Stack) -> None:
    stack.control("restart", "api")


@pytest.mark.parametrize("stop", [reload, restart])
def test_who_waits_for_a_review_is_told_where_it_will_be(
    stack: Stack, copies: list[str], stop: Callable[[Stack], None]
) -> None:
    stack.wait_until_ready()
    with ThreadPoolExecutor() as pool:
        with no_worker(stack):
            requests = waiting_requests(stack, copies[:4], pool)
            stop(stack)
            answers = [request.result() for request in requests]
            assert [answer.status_code for answer in answers] == [202] * 4
            assert [answer.headers["Connection"] for answer in answers] == ["close"] * 4
        stack.wait_until_ready()
        for answer in answers:
            assert answer.headers["Retry-After"] == "1"
            job = stack.ended_job(answer.headers["Location"].rpartition("/")[2], seconds=60)
            assert (job["state"], job["attempts"]) == ("succeeded", 1)


def test_an_event_stream_ends_and_goes_on_in_another_process(stack: Stack, copies: list[str]) -> None:
    stack.wait_until_ready()
    with no_worker(stack):
        job = stack.ask_for_review(copies[0]).raise_for_status().json()["id"]
        events = f"/api/jobs/{job}/events"
        with stack.api.stream("GET", events) as stream:
            lines = stream.iter_lines()
            last_id = next(line for line in lines if line.startswith("id: ")).removeprefix("id: ")
            reload(stack)
            assert not [line for line in lines if line.startswith("id: ")]  # and no error: it ended as streams end
    rest = stack.api.get(events, headers={"Last-Event-ID": last_id}).raise_for_status().text
    ids = [line.removeprefix("id: ") for line in rest.splitlines() if line.startswith("id: ")]
    assert last_id not in ids
    assert '"succeeded"' in rest


def test_reloads_in_quick_succession_leave_the_right_number_of_processes(stack: Stack) -> None:
    stack.wait_until_ready()
    before = api_processes(stack)
    for _ in itertools.repeat(None, 3):
        stack.control("signal", "HUP", "api")
    until(lambda: not before & api_processes(stack) and len(api_processes(stack)) == 2, "two new processes serve", 60)
    stack.wait_until_ready()
