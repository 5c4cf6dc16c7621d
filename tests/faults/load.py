"""Clients that write all the time, and a ledger of what they were answered."""

import hashlib
import random
import secrets
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx

from tests.stack.running import FINAL, Stack

ANSWER_SECONDS = 40.0
# How long a client waits after an answer that it did not hope for, and a writer at most between two of its acts.
PAUSE_SECONDS = 0.05
THINKING_SECONDS = 0.15


@dataclass
class Ledger:
    """What was answered 2xx, and what was asked. Lists and sets grow only, and from any thread."""

    models: dict[str, str] = field(default_factory=dict)  # id: SHA-256
    asked_tickets: set[str] = field(default_factory=set)  # titles, no two the same
    tickets: dict[str, dict[str, Any]] = field(default_factory=dict)  # by title, as they were answered
    replies: dict[str, tuple[str, str, str]] = field(default_factory=dict)  # id: model, ticket, text
    jobs: set[str] = field(default_factory=set)
    runs: dict[str, str] = field(default_factory=dict)  # id: model
    answers: Counter[str] = field(default_factory=Counter)


class Client(threading.Thread):
    """Someone who does one thing after another until told to stop."""

    def __init__(self, stack: Stack, ledger: Ledger, part: bytes, seed: int) -> None:
        super().__init__(name=f"client-{secrets.token_hex(6)}")  # so that no two ever write the same
        self.ledger = ledger
        self.over = threading.Event()
        self.error: BaseException | None = None
        self._part = part
        self._chance = random.Random(seed)
        self._serial = 0
        self._http = httpx.Client(base_url=stack.api.base_url, headers=stack.api.headers, timeout=ANSWER_SECONDS)

    def run(self) -> None:
        """Act until `over` is set."""
        try:
            while not self.over.is_set():
                self.act()
        except BaseException as error:  # noqa: BLE001 - reported by `under_load`
            self.error = error
        finally:
            self._http.close()

    def act(self) -> None:
        """Do one thing."""
        raise NotImplementedError

    def ask(self, what: str, method: str, path: str, **request: Any) -> httpx.Response | None:  # noqa: ANN401
        """The answer if it is 2xx, else None. Counts it either way."""
        try:
            answer = self._http.request(method, path, **request)
        except httpx.TransportError as error:
            self.ledger.answers[f"{what}: {type(error).__name__}"] += 1
            self.over.wait(PAUSE_SECONDS)
            return None
        self.ledger.answers[f"{what}: {answer.status_code}"] += 1
        if answer.is_success:
            return answer
        assert answer.headers["content-type"] == "application/problem+json", answer.text
        self.over.wait(PAUSE_SECONDS)
        return None

    def upload(self) -> None:
        """A part that differs from all others in a comment."""
        self._serial += 1
        content = self._part + f"/* {self.name} {self._serial} */\n".encode()
        answer = self.ask("upload", "POST", "/api/models?name=part.step", content=content)
        if answer:
            self.ledger.models[answer.json()["id"]] = hashlib.sha256(content).hexdigest()

    def some_model(self) -> str:
        """A model that was answered to somebody."""
        return self._chance.choice(list(self.ledger.models))


class Writer(Client):
    """Uploads parts, opens tickets and replies to them."""

    def act(self) -> None:
        action: Callable[[], None] = self._chance.choice([self.upload, *[self._open_ticket] * 5, *[self._reply] * 3])
        action()
        self.over.wait(self._chance.uniform(0, THINKING_SECONDS))

    def _open_ticket(self) -> None:
        self._serial += 1
        model, title = self.some_model(), f"{self.name} {self._serial}"
        self.ledger.asked_tickets.add(title)
        answer = self.ask("ticket", "POST", f"/api/models/{model}/tickets", json={"title": title, "text": "x" * 100})
        if answer:
            self.ledger.tickets[title] = answer.json() | {"model": model}

    def _reply(self) -> None:
        tickets = list(self.ledger.tickets.values())
        if not tickets:
            return
        ticket = self._chance.choice(tickets)
        path = f"/api/models/{ticket['model']}/tickets/{ticket['id']}/replies"
        self._serial += 1
        text = f"{self.name} {self._serial}"
        answer = self.ask("reply", "POST", path, json={"text": text})
        if answer:
            self.ledger.replies[answer.json()["id"]] = (ticket["model"], ticket["id"], text)


class Reviewer(Client):
    """Asks for reviews: now waits for one, now asks for several and follows them."""

    def act(self) -> None:
        if self._chance.random() < 0.4:
            self._review()
            return
        jobs = [job for _ in range(3) if (job := self._ask_for_review())]
        for job in jobs:
            while not self.over.is_set() and not self._has_ended(job):
                self.over.wait(PAUSE_SECONDS)

    def _review(self) -> None:
        model = self.some_model()
        answer = self.ask("review", "POST", f"/api/models/{model}/dfm/review-v2")
        if answer and answer.status_code == 200:
            self.ledger.runs[answer.headers["Content-Location"].rpartition("/")[2]] = model
        elif answer:
            self.ledger.jobs.add(answer.json()["id"])

    def _ask_for_review(self) -> str | None:
        path = f"/api/models/{self.some_model()}/dfm/review-v2"
        anew = {"Prefer": "respond-async", "Cache-Control": "no-cache"}
        answer = self.ask("async review", "POST", path, headers=anew)
        if answer is None:
            return None
        job_id = str(answer.json()["id"])
        self.ledger.jobs.add(job_id)
        return job_id

    def _has_ended(self, job_id: str) -> bool:
        answer = self.ask("job", "GET", f"/api/jobs/{job_id}")
        return answer is not None and answer.json()["state"] in FINAL


@contextmanager
def under_load(stack: Stack, part: bytes, *, writers: int = 3, reviewers: int = 2, seed: int = 0) -> Iterator[Ledger]:
    """Clients at work while the block runs. What went wrong in one is raised in the end."""
    ledger = Ledger()
    kinds = [Writer] * writers + [Reviewer] * reviewers
    clients = [kind(stack, ledger, part, seed * 100 + number) for number, kind in enumerate(kinds)]
    while not ledger.models:
        clients[0].upload()
    for client in clients:
        client.start()
    try:
        yield ledger
    finally:
        for client in clients:
            client.over.set()
        for client in clients:
            client.join(2 * ANSWER_SECONDS)
    for client in clients:
        assert not client.is_alive(), f"{client.name} still waits for an answer"
        if client.error:
            raise client.error
