"""Who uses the service: reviewers, watchers, a monitor, and a crowd that comes all at once."""

import json
import uuid
from pathlib import Path
from time import perf_counter
from typing import Any

import gevent  # type: ignore[import-untyped]
from gevent.event import Event  # type: ignore[import-untyped]
from locust import FastHttpUser, task
from locust.contrib.fasthttp import ResponseContextManager
from locust.env import Environment
from locust.exception import StopUser

from loadtests.names import (
    ENDED,
    EVENTS,
    HEALTHZ,
    JOB,
    READYZ,
    REFUSED,
    REMOVE,
    REVIEW,
    RUN,
    TICKET,
    TICKETS,
    UPLOAD,
)  # fmt: skip
from loadtests.variants import new_variant

FINAL = ("succeeded", "failed", "dead", "cancelled")
POLL_SECONDS = 0.2

_run = uuid.uuid4().hex


class Parts:
    """What is reviewed: models that were uploaded beforehand as long as there are any, then variants of files."""

    def __init__(self, files: list[Path], uploaded: list[str]) -> None:
        self._contents = [(file.name, file.read_bytes()) for file in files]
        self._uploaded = list(uploaded)
        self._turn = 0

    def uploaded(self) -> str | None:
        """The id of a model that nobody had yet, if one is left."""
        return self._uploaded.pop() if self._uploaded else None

    def variant(self) -> tuple[str, bytes]:
        """(name, content) of a file that the service has never seen; the files take turns."""
        name, content = self._contents[self._turn % len(self._contents)]
        self._turn += 1
        return name, new_variant(content, _run)


class ApiUser(FastHttpUser):
    """A client with the token."""

    abstract = True
    parts: Parts  # set at the start of a test

    def __init__(self, environment: Environment) -> None:
        options: Any = environment.parsed_options
        self.options = options
        self.default_headers = {"Authorization": f"Bearer {options.token}"}
        super().__init__(environment)  # makes a client with these headers

    def wait_time(self) -> float:
        """Seconds between two tasks."""
        return float(self.options.pause)

    def upload(self) -> str | None:
        """The id of a model that nobody has reviewed; None if the upload failed, which is then counted."""
        name, content = self.parts.variant()
        with self._post_file(name, content) as answer:
            return str(answer.json()["id"]) if answer.ok else None

    def _post_file(self, name: str, content: bytes) -> ResponseContextManager:
        body: Any = content  # Locust's types know no bytes
        return self.client.post(f"/api/models?name={name}", data=body, name=UPLOAD, catch_response=True)

    def ask(self, model_id: str, **headers: str) -> tuple[int, dict[str, str], dict[str, Any]]:
        """Ask for a review: (status, headers with names in small letters, the job if it is not waited for).

        A 429 with Retry-After is no failure, all else but 2xx is; so is the result of an earlier review, since each
        is asked of a part that nobody has reviewed.
        """
        path = f"/api/models/{model_id}/dfm/review-v2"
        with self.client.post(path, name=REVIEW, headers=headers, catch_response=True) as answer:
            if answer.status_code == 429:
                answer.request_meta["name"] = REFUSED
                if "Retry-After" in (answer.headers or {}):
                    answer.success()
                else:
                    answer.failure("429 without Retry-After")
            document = answer.json() if answer.ok and answer.status_code == 202 else {}
            lower = {name.lower(): value for name, value in (answer.headers or {}).items()}
            if "; hit" in lower.get("cache-status", ""):
                answer.failure("the review is an earlier one")
            return answer.status_code, lower, document

    def ended_job(self, job_id: str) -> None:
        """Poll the job until it has ended; one that did not succeed is a failure."""
        started = perf_counter()
        state = ""
        while state not in FINAL:
            gevent.sleep(POLL_SECONDS)
            with self.client.get(f"/api/jobs/{job_id}", name=JOB, catch_response=True) as answer:
                if not answer.ok:
                    return
                state = answer.json()["state"]
        self.count(ENDED, started, None if state == "succeeded" else RuntimeError(f"the job has {state}"))

    def count(self, name: str, started: float, error: Exception | None = None) -> None:
        """Add something other than a request to the statistics."""
        took = (perf_counter() - started) * 1e3
        self.environment.events.request.fire(
            request_type="", name=name, response_time=took, response_length=0, exception=error, context={}
        )


class Reviewer(ApiUser):
    """Uploads a part, has it reviewed, looks at the result, and opens a ticket."""

    def on_start(self) -> None:
        """Nothing is kept yet."""
        self._kept: list[str] = []

    @task
    def review_a_part(self) -> None:
        """From the file to the ticket; older models are removed if so many are not to be kept."""
        model_id = self.parts.uploaded() or self.upload()
        if model_id is None:
            return
        status, headers, document = self.ask(model_id)
        if status == 429:
            gevent.sleep(float(headers.get("retry-after", 1)))
        elif status == 202:
            self.ended_job(document["id"])
        if self.options.reads and status == 200:
            self._read(model_id, headers)
        self._remove_older(model_id)

    def _read(self, model_id: str, headers: dict[str, str]) -> None:
        self.client.get(headers["content-location"], name=RUN)
        if "link" in headers:
            self.client.get(headers["link"].split(">")[0].lstrip("<"), name=JOB)
        self.client.post(f"/api/models/{model_id}/tickets", json={"title": "Too deep to mill?"}, name=TICKET)
        self.client.get(f"/api/models/{model_id}/tickets", name=TICKETS)

    def _remove_older(self, model_id: str) -> None:
        self._kept.append(model_id)
        if self.options.keep and len(self._kept) > self.options.keep:
            self.client.delete(f"/api/models/{self._kept.pop(0)}", name=REMOVE)


class Watcher(ApiUser):
    """Asks for a review without waiting, and follows its events to the end."""

    fixed_count = 1

    @task
    def follow_a_review(self) -> None:
        """The model is removed in the end, if models are not kept."""
        model_id = self.upload()
        if model_id is None:
            return
        status, headers, job = self.ask(model_id, Prefer="respond-async")
        if status == 202:
            self._follow(job["id"])
        elif status == 429:
            gevent.sleep(float(headers.get("retry-after", 1)))
        if self.options.keep:
            self.client.delete(f"/api/models/{model_id}", name=REMOVE)

    def _follow(self, job_id: str) -> None:
        started = perf_counter()
        lines = [line for line in self.client.iter_lines(f"/api/jobs/{job_id}/events", name="GET events") if line]
        states = [json.loads(line.removeprefix("data: ")) for line in lines if line.startswith("data: ")]
        last = states[-1].get("state") if states else "no event"
        self.count(EVENTS, started, None if last == "succeeded" else RuntimeError(f"the last event said {last}"))


class Monitor(ApiUser):
    """Asks whether the service lives and is ready, twice a second."""

    fixed_count = 1

    def wait_time(self) -> float:
        """Its own pace."""
        return 0.5

    @task
    def look(self) -> None:
        """One round."""
        self.client.get("/healthz", name=HEALTHZ)
        self.client.get("/readyz", name=READYZ)


class Crowd:
    """Waits until all are there, so that all ask at once."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.done = 0
        self._there = 0
        self._gathered = Event()

    def arrive_and_wait(self) -> None:
        """Returns once the last one has come."""
        self._there += 1
        if self._there == self.size:
            self._gathered.set()
        self._gathered.wait()


class Overloader(ApiUser):
    """One of a crowd: each asks once, at the same moment, for the review of a part of its own."""

    crowd = Crowd(0)  # nobody yet; another one at the start of a test

    @task
    def ask_with_all_others(self) -> None:
        """A review that was accepted must end well."""
        model_id = self.parts.uploaded() or self.upload()
        self.crowd.arrive_and_wait()
        if model_id is not None:
            status, _, job = self.ask(model_id, Prefer="respond-async")
            if status == 202:
                self.ended_job(job["id"])
        self.crowd.done += 1
        raise StopUser
