"""What is recorded for the power-loss tests: `python -m tests.faults.workloads FOLDER NAME [VARIANT]`.

After each step the program says what it was promised (`kept`), before some what it is about to do (`begun`),
so that the states of the disk in between can be held against it. A VARIANT leaves out something that the
promises need: it is there to prove that the tests would notice.
"""

import ctypes
import json
import os
import sqlite3
import stat
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from itertools import count
from pathlib import Path
from typing import Any
from unittest import mock

import dramatiq
from fastapi.testclient import TestClient

from server.data_folder import DataFolder
from server.ids import new_id
from server.main import create_app
from server.settings import Settings
from server.stores.analysis_runs import AnalysisRuns
from server.stores.dfm_candidate_session_store import CandidateSessions
from server.stores.dfm_review_jobs import JobState, ReviewJobs
from tests.server.conftest import step
from tests.stores.sessions import finding, proposed
from workers.file_broker import FileBroker

QUEUE = "recorded"
# SQLite moves its log into the file every so many pages; the default would never be reached here.
CHECKPOINT_PAGES = 12

_library = ctypes.CDLL(None)


def _mark(said: dict[str, Any]) -> None:
    _library.recorder_mark(json.dumps(said).encode())


def begun(what: str, **fields: object) -> None:
    """Say that from now on `what` may be so."""
    _mark({"begun": what, **fields})


def kept(what: str, **fields: object) -> None:
    """Say that from now on `what` must be so, whatever happens."""
    _mark({"kept": what, **fields})


def documents(folder: Path) -> None:
    """Models, tickets, replies, jobs, runs and candidates, made and changed over HTTP as users and the worker do."""
    settings = Settings(data_dir=folder)
    app = create_app(settings)
    with TestClient(app) as client:
        client.headers["Authorization"] = f"Bearer {app.state.services.gate.admin_token}"
        models = [_model(client, number) for number in range(3)]
        for model_id in models[:2]:
            for number in range(2):
                _ticket(client, model_id, f"{model_id}/{number}")
            run_id = _review(client, model_id, DataFolder(folder))
            _candidate(client, model_id, run_id, DataFolder(folder))
        begun("removal", model=models[0])
        client.delete(f"/api/models/{models[0]}").raise_for_status()
        kept("removal", model=models[0])


def _model(client: TestClient, number: int) -> str:
    document = client.post("/api/models?name=part.step", content=step(f"{number} " * 300)).raise_for_status().json()
    kept("model", model=document["id"], sha256=document["sha256"])
    return str(document["id"])


def _ticket(client: TestClient, model_id: str, title: str) -> None:
    tickets = f"/api/models/{model_id}/tickets"
    begun("ticket", model=model_id, title=title)
    ticket = client.post(tickets, json={"title": title, "text": "x" * 700}).raise_for_status().json()["id"]
    kept("ticket", model=model_id, ticket=ticket, title=title)
    for text in ("first", "second"):
        begun("reply", ticket=ticket, text=text)
        reply = client.post(f"{tickets}/{ticket}/replies", json={"text": text}).raise_for_status().json()
        kept("reply", model=model_id, ticket=ticket, reply=reply["id"], text=text)
    begun("status", ticket=ticket, status="resolved")
    client.patch(f"{tickets}/{ticket}", json={"status": "resolved"}).raise_for_status()
    kept("status", model=model_id, ticket=ticket, status="resolved")


def _review(client: TestClient, model_id: str, data: DataFolder) -> str:
    asked = client.post(f"/api/models/{model_id}/dfm/review-v2", headers={"Prefer": "respond-async"})
    job_id = asked.raise_for_status().json()["id"]
    kept("job", job=job_id, state="queued")
    kept("message", text=job_id)
    jobs, runs = ReviewJobs(data), AnalysisRuns(data)
    jobs.transition(job_id, JobState.RUNNING, reason="a worker took it")
    kept("job", job=job_id, state="running")
    review = {"schema": "rapiddraft.review/1", "process": "fdm", "limits": "default", "findings": [finding("x" * 600)]}
    runs.add(model_id, job_id, review, job_id=job_id)
    kept("run", model=model_id, run=job_id)
    jobs.transition(job_id, JobState.SUCCEEDED, reason="reviewed", run_id=job_id)
    kept("job", job=job_id, state="succeeded")
    return str(job_id)


def _candidate(client: TestClient, model_id: str, run_id: str, data: DataFolder) -> None:
    """A session, and an edit in it that a worker made and somebody accepted."""
    sessions = f"/api/models/{model_id}/dfm/candidate-sessions"
    session_id = client.post(sessions, json={"run_id": run_id}).raise_for_status().json()["id"]
    candidate, files = proposed(data.uploads / new_id(), "f1")
    CandidateSessions(data, AnalysisRuns(data)).add(model_id, session_id, candidate, files)
    fields = {"model": model_id, "session": session_id, "candidate": candidate.id, "sha256": candidate.part_sha256}
    kept("candidate", **fields, state="proposed")
    path = f"{sessions}/{session_id}/candidates/{candidate.id}/accept"
    client.post(path, json={"reason": "it is cheaper"}).raise_for_status()
    kept("candidate", **fields, state="accepted")


def queue(folder: Path) -> None:
    """Messages enqueued, claimed, answered, failed for good, requeued and purged."""
    broker = queue_broker(folder)
    kept("queue")
    numbers = count()
    for _ in range(3):
        for _ in range(4):
            _enqueue(broker, next(numbers))
        _answer(broker, acknowledge=2, reject=1)
    first, second, third = broker.dead_letters(QUEUE)
    broker.requeue_dead_letter(first.id)
    kept("message", text=first.message.args[0])
    begun("answer", text=second.message.args[0])
    broker.purge_dead_letter(second.id)
    kept("message", text=third.message.args[0])
    _enqueue(broker, next(numbers))
    broker.close()
    for number in range(2):  # as the next process finds it
        broker = queue_broker(folder)
        _enqueue(broker, 100 + number)
        _answer(broker, acknowledge=1, reject=0)
        broker.close()


def queue_broker(folder: Path) -> FileBroker:
    """The broker of the queue workload, as each of its processes opens it."""
    broker = FileBroker(folder / "queue.sqlite3", reserved_bytes=0, wake_folder=folder.with_suffix(".wake"))
    broker.declare_queue(QUEUE)
    return broker


def _enqueue(broker: FileBroker, number: int) -> None:
    text = f"message {number} " + "x" * 900
    begun("message", text=text)
    message: dramatiq.Message[None] = dramatiq.Message(QUEUE, "nobody", (text,), {}, {})
    broker.enqueue(message)
    kept("message", text=text)


def _answer(broker: FileBroker, *, acknowledge: int, reject: int) -> None:
    consumer = broker.consume(QUEUE, prefetch=acknowledge + reject + 1, timeout=1)
    messages = list(_next(consumer, acknowledge + reject))
    for message in messages[:acknowledge]:
        begun("answer", text=message.args[0])
        consumer.ack(message)
    for message in messages[acknowledge:]:
        consumer.nack(message)
    consumer.close()


def _next(consumer: dramatiq.broker.Consumer, number: int) -> Iterator[dramatiq.MessageProxy]:
    for _ in range(number):
        message = next(consumer)
        assert message is not None
        yield message


def short_log() -> AbstractContextManager[object]:
    """Without the megabytes that the broker writes ahead: thousands of moments in which nothing happens."""
    return mock.patch("workers.file_broker.queue_file.LOG_FIRST_BYTES", 4096 * CHECKPOINT_PAGES, create=True)


class _Tuned(sqlite3.Connection):
    """A connection with a small log, and commits as weak as `synchronous` says, if it does."""

    synchronous: str | None = None

    def __init__(self, database: str | Path, **options: Any) -> None:  # noqa: ANN401 - sqlite3.connect's
        super().__init__(database, **options)
        super().execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}")
        if self.synchronous:
            super().execute(f"PRAGMA synchronous = {self.synchronous}")

    def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:  # noqa: ANN401
        if self.synchronous and sql.startswith("PRAGMA synchronous"):
            sql = f"PRAGMA synchronous = {self.synchronous}"
        return super().execute(sql, parameters)


def _without_fsync_of(is_spared: Callable[[int], bool]) -> AbstractContextManager[object]:
    fsync = os.fsync

    def unless_spared(descriptor: int) -> None:
        if not is_spared(os.fstat(descriptor).st_mode):
            fsync(descriptor)

    return mock.patch("os.fsync", unless_spared)


def _with_synchronous(level: str) -> AbstractContextManager[object]:
    return mock.patch.object(_Tuned, "synchronous", level)


WORKLOADS = {"documents": documents, "queue": queue}
VARIANTS: dict[str, Callable[[], AbstractContextManager[object]]] = {
    "no fsync of files": lambda: _without_fsync_of(stat.S_ISREG),
    "no fsync of folders": lambda: _without_fsync_of(stat.S_ISDIR),
    "SQLite synchronous=OFF": lambda: _with_synchronous("OFF"),
    "SQLite synchronous=NORMAL": lambda: _with_synchronous("NORMAL"),
}


def main(folder: Path, workload: str, variant: str | None = None) -> None:
    """Run one workload in `folder`."""
    connect = sqlite3.connect

    def tuned(database: str | Path, **options: Any) -> sqlite3.Connection:  # noqa: ANN401
        connection: sqlite3.Connection = connect(database, factory=_Tuned, **options)
        return connection

    weaken = VARIANTS[variant] if variant else nullcontext
    with mock.patch("sqlite3.connect", tuned), short_log(), weaken():
        WORKLOADS[workload](folder)


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])
