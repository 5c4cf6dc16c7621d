"""SIGHUP replaces the API's processes, and no client notices: what waits is told to go on elsewhere. Nor is a job lost
while one worker after another takes over."""

import hashlib
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

from tests.stack.running import SAMPLE, Stack
from tests.waiting import until

pytestmark = pytest.mark.stack

RELOADS = 2
READERS, REVIEWERS = 3, 2
UPLOAD_BYTES, PIECE_BYTES = 1 << 18, 1 << 14


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
        self.jobs: set[str] = set()
        self._over = threading.Event()
        self._serial = itertools.count()
        reviewed, followed = models[:REVIEWERS], models[-1]
        asks: dict[str, list[Callable[[httpx.Client], None]]] = {
            "read": [self._read] * READERS,
            "review": [partial(self._review, model=model) for model in reviewed],
            "upload": [self._upload],
            "follow": [partial(self._follow, model=followed)],
        }
        self._threads = [threading.Thread(target=self._ask, args=(what, ask)) for what in asks for ask in asks[what]]

    def __enter__(self) -> "Load":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    def wait_until_all_are_answered(self) -> None:
        """Everything that is asked has been answered once more from now on."""
        before = self.answers.copy()
        until(lambda: all(self.answers[w] > before[w] for w in ("read", "review", "upload", "follow")), "answers", 60)

    def _read(self, api: httpx.Client) -> None:
        api.get("/api/models").raise_for_status()

    def _review(self, api: httpx.Client, model: str) -> None:
        answer = api.post(f"/api/models/{model}/dfm/review-v2", headers={"Cache-Control": "no-cache"})
        if answer.raise_for_status().status_code == 202:
            self.jobs.add(answer.headers["Location"].rpartition("/")[2])

    def _upload(self, api: httpx.Client) -> None:
        content = SAMPLE.read_bytes() + f"/* {next(self._serial)} */\n".encode() + b" " * UPLOAD_BYTES
        pieces = (content[at : at + PIECE_BYTES] for at in range(0, len(content), PIECE_BYTES))
        model = api.post("/api/models?name=x.step", content=pieces).raise_for_status().json()
        assert model["sha256"] == hashlib.sha256(content).hexdigest()
        api.delete(f"/api/models/{model['id']}").raise_for_status()

    def _follow(self, api: httpx.Client, model: str) -> None:
        """Follow a job to its end as `EventSource` would: a stream that ends before is asked for again."""
        headers = {"Prefer": "respond-async", "Cache-Control": "no-cache"}
        job = api.post(f"/api/models/{model}/dfm/review-v2", headers=headers).raise_for_status().json()["id"]
        self.jobs.add(job)
        seen: list[str] = []
        events = ""
        while '"succeeded"' not in events:
            last = {"Last-Event-ID": seen[-1]} if seen else {}
            events = api.get(f"/api/jobs/{job}/events", headers=last).raise_for_status().text
            seen += [line.removeprefix("id: ") for line in events.splitlines() if line.startswith("id: ")]
        assert len(seen) == len(set(seen))

    def _ask(self, what: str, ask: Callable[[httpx.Client], None]) -> None:
        with httpx.Client(base_url=self.stack.api.base_url, headers=self.stack.api.headers, timeout=60) as api:
            while not self._over.is_set():
                try:
                    ask(api)
                    self.answers[what] += 1
                except (httpx.HTTPError, AssertionError) as error:
                    self.errors.append(f"{what}: {error!r}")


def test_a_reload_under_load_drops_no_request(stack: Stack, copies: list[str]) -> None:
    stack.wait_until_ready()
    with Load(stack, copies) as load:
        for _ in range(RELOADS):
            reload(stack)
            load.wait_until_all_are_answered()
    assert not load.errors


def test_no_job_is_lost_while_the_worker_is_replaced_under_load(stack: Stack, copies: list[str]) -> None:
    stack.wait_until_ready()
    with Load(stack, copies) as load:
        stack.control("stop", "worker")
        stack.begin("worker")
        load.wait_until_all_are_answered()
    assert not load.errors
    ended = [stack.ended_job(job, seconds=60) for job in load.jobs]
    assert {(job["state"], job["attempts"]) for job in ended} == {("succeeded", 1)}


@contextmanager
def no_worker(stack: Stack) -> Iterator[None]:
    """So that whoever asks for a review waits for it."""
    stack.control("stop", "worker")
    try:
        yield
    finally:
        stack.begin("worker")
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
    stack.control("stop", "api")
    stack.begin("api")


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
