"""What a recorded program was promised before the power went, and whether it is so afterwards."""

import contextlib
import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest import mock

from server._atomic_json import read_json
from server.data_folder import DataFolder
from server.stores.analysis_runs import AnalysisRuns
from server.stores.dfm_candidate_session_store import CandidateSessions, sha256_of
from server.stores.dfm_review_jobs import JobState, ReviewJobs
from server.stores.errors import NotFoundError
from server.stores.leftovers import sweep
from server.stores.model_store import ModelStore
from server.stores.review_store import ReviewStore, Ticket
from server.stores.verify import verify
from tests.faults.workloads import QUEUE, queue_broker, short_log
from workers import actors
from workers.file_broker import FileBroker
from workers.file_broker.clock import Clock

Said = dict[str, Any]
_ORDER = [JobState.QUEUED, JobState.RUNNING, JobState.SUCCEEDED]


@dataclass
class Promises:
    """Everything that was said up to one moment."""

    kept: list[Said] = field(default_factory=list)
    begun: list[Said] = field(default_factory=list)

    def add(self, said: Said) -> None:
        (self.kept if "kept" in said else self.begun).append(said)

    def of(self, what: str) -> Iterator[Said]:
        return (said for said in self.kept if said["kept"] == what)

    def begun_of(self, what: str) -> Iterator[Said]:
        return (said for said in self.begun if said["begun"] == what)


def broken(name: str, folder: Path, promises: Promises) -> list[str]:
    """Recover what the power loss left in `folder`, and say which promises are not kept."""
    if not promises.kept:
        return []  # the program was still starting
    check = {"documents": _broken_documents, "queue": _broken_queue}[name]
    another_boot = mock.patch.object(Clock, "boot_id", lambda _self: f"another {folder}")
    with another_boot, short_log():
        try:
            return check(folder, promises)
        except Exception as error:  # noqa: BLE001 - whatever keeps it from going on is a broken promise
            return [f"cannot go on: {type(error).__name__}: {error}"]


# -- documents ------------------------------------------------------------------------------------------


def _broken_documents(folder: Path, promises: Promises) -> list[str]:
    data = DataFolder(folder)
    data.prepare()
    sweep(data, older_than_seconds=-60)
    found = [*_unreadable(data)]
    gone = {said["model"] for said in promises.begun_of("removal")}
    checks: list[tuple[str, Callable[[Said], str | None]]] = [
        ("model", lambda said: _model(data, said)),
        ("ticket", lambda said: _ticket(data, said)),
        ("reply", lambda said: _reply(data, said)),
        ("status", lambda said: _status(data, said)),
        ("run", lambda said: _run(data, said)),
        ("candidate", lambda said: _candidate(data, said)),
        ("job", lambda said: _job(data, said)),
        ("removal", lambda said: _removal(data, said)),
    ]
    for what, check in checks:
        for said in promises.of(what):
            if what == "removal" or said.get("model") not in gone:
                found += _complaints(check, said)
    found += _unexpected_tickets(data, promises)
    found += _without_message(data, promises)
    found += [f"verify: {finding}" for finding in verify(data).findings]
    return found


def _complaints(check: Callable[[Said], str | None], said: Said) -> Iterator[str]:
    try:
        wrong = check(said)
    except (NotFoundError, OSError, ValueError) as error:
        wrong = f"{type(error).__name__}: {error}"
    if wrong:
        yield f"{said}: {wrong}"


def _unreadable(data: DataFolder) -> Iterator[str]:
    for path in data.root.rglob("*.json"):
        try:
            read_json(path)
        except (OSError, ValueError) as error:
            yield f"{path.relative_to(data.root)}: {error}"


def _model(data: DataFolder, said: Said) -> str | None:
    store = ModelStore(data)
    model = store.get(said["model"])
    content = store.part_file(model.id).read_bytes()
    same = model.sha256 == hashlib.sha256(content).hexdigest() == said["sha256"]
    return None if same else "has other bytes"


def _get_ticket(data: DataFolder, said: Said) -> Ticket:
    return ReviewStore(data).get_ticket(said["model"], said["ticket"]).content


def _ticket(data: DataFolder, said: Said) -> str | None:
    title = _get_ticket(data, said).title
    return None if title == said["title"] else f"has the title {title}"


def _reply(data: DataFolder, said: Said) -> str | None:
    texts = [reply.text for reply in _get_ticket(data, said).replies if reply.id == said["reply"]]
    return None if texts == [said["text"]] else f"found {texts}"


def _status(data: DataFolder, said: Said) -> str | None:
    status = _get_ticket(data, said).status
    return None if status == said["status"] else f"is {status}"


def _run(data: DataFolder, said: Said) -> str | None:
    run = AnalysisRuns(data).get(said["model"], said["run"])
    return None if run.review["findings"] else "has no findings"


def _candidate(data: DataFolder, said: Said) -> str | None:
    sessions = CandidateSessions(data, AnalysisRuns(data))
    session = sessions.get(said["model"], said["session"]).content
    candidate = session.candidate(said["candidate"])
    if sha256_of(sessions.part_of(said["model"], session, candidate)) != said["sha256"]:
        return "has another part"
    sessions.present_findings(said["model"], session)
    known = ["proposed", *(decision.state for decision in candidate.decisions)]
    return None if said["state"] in known else f"is {candidate.state} again"


def _job(data: DataFolder, said: Said) -> str | None:
    job = ReviewJobs(data).get(said["job"])
    known = [change.state for change in job.history]
    if job.state not in _ORDER or known != _ORDER[: len(known)]:
        return f"went through {known}"
    return None if said["state"] in known else f"is {job.state} again"


def _removal(data: DataFolder, said: Said) -> str | None:
    with contextlib.suppress(NotFoundError):
        ModelStore(data).get(said["model"])
        return "is there again"
    return None


def _unexpected_tickets(data: DataFolder, promises: Promises) -> Iterator[str]:
    """Tickets that nobody opened, or that are there twice."""
    opened = [said["title"] for said in promises.begun_of("ticket")]
    removed = {said["model"] for said in promises.begun_of("removal")}
    for said in promises.of("model"):
        if said["model"] in removed:
            continue
        try:
            tickets = ReviewStore(data).list_tickets(said["model"], limit=100).items
        except (NotFoundError, OSError, ValueError) as error:
            yield f"tickets of {said['model']}: {type(error).__name__}: {error}"
            continue
        titles = [ticket.title for ticket in tickets]
        if len(set(titles)) != len(titles) or not set(titles) <= set(opened):
            yield f"tickets of {said['model']}: {titles}"


def _without_message(data: DataFolder, promises: Promises) -> Iterator[str]:
    """Jobs that were put on the queue, and of which the queue knows nothing."""
    expected = {said["text"] for said in promises.of("message")}
    broker = FileBroker(data.queue, reserved_bytes=0)
    broker.declare_queue(actors.QUEUE)
    try:
        yield from (f"no message for job {job}" for job in expected - set(_drain(broker, actors.QUEUE)))
    finally:
        broker.close()


# -- queue ----------------------------------------------------------------------------------------------


def _broken_queue(folder: Path, promises: Promises) -> list[str]:
    broker = queue_broker(folder)
    try:
        return list(_wrong_messages(broker, promises))
    finally:
        broker.close()


def _wrong_messages(broker: FileBroker, promises: Promises) -> Iterator[str]:
    known = {said["text"] for said in promises.begun_of("message")}
    answered = {said["text"] for said in promises.begun_of("answer")}
    kept = {said["text"] for said in promises.of("message")} - answered
    buried = [letter.message.args[0] for letter in broker.dead_letters(QUEUE)]
    waiting = list(_drain(broker, QUEUE))
    found = buried + waiting
    yield from (f"lost: {text[:20]}" for text in kept - set(found))
    yield from (f"never enqueued: {text[:20]}" for text in set(found) - known)
    if len(set(found)) != len(found):
        yield f"there twice: {sorted(text[:20] for text in found)}"


def _drain(broker: FileBroker, queue: str) -> Iterable[str]:
    """The first argument of each message of the queue, all of them answered."""
    consumer = broker.consume(queue, prefetch=100, timeout=0)
    try:
        while (message := next(consumer)) is not None:
            yield message.args[0]
            consumer.ack(message)
    finally:
        consumer.close()
