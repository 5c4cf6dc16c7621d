"""Whatever crashes between whichever two file operations: what was acknowledged is there, and its entry too."""

import contextlib
import errno
import os
import shutil
import stat
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import mkdtemp
from typing import Any
from unittest import mock

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from server._atomic_json import put_in_place
from server.data_folder import DataFolder
from server.ids import new_id
from server.stores import activity_log
from server.stores.analysis_runs import AnalysisRuns
from server.stores.checklists import ItemState
from server.stores.errors import NotFoundError
from server.stores.leftovers import sweep
from server.stores.model_documents import log_of, recover
from server.stores.model_store import ModelStore
from server.stores.review_store import ReviewStore
from server.stores.verify import verify
from tests.stores.crashing import CrashError, crash_after
from tests.stores.making import make_model

# Often in the middle of a change, now and then more than any change makes.
OPERATIONS = st.integers(0, 16) | st.just(100)


def changes(data: DataFolder, model_id: str) -> dict[str, Callable[[], Any]]:
    """Each kind of change, on a model with a ticket, a design review and a checklist item; prepared, not made."""
    reviews = ReviewStore(data)
    ticket = reviews.create_ticket(model_id, title="a", text="b", author="ann").content.id
    design_review = reviews.design_reviews.create(
        model_id, title="r", author="ann", participants=["bob"], ticket_ids=[ticket]
    ).content.id
    item = reviews.checklists.add(model_id, "look", who="ann")[0].id
    run = new_id()
    return {
        "ticket.created": lambda: reviews.create_ticket(model_id, title="n", text="", author="ann"),
        "ticket.changed": lambda: reviews.change_ticket(model_id, ticket, title="c", who="bob"),
        "ticket.replied": lambda: reviews.add_reply(model_id, ticket, text="yes", author="bob"),
        "design_review.created": lambda: reviews.design_reviews.create(
            model_id, title="s", author="ann", participants=[], ticket_ids=[]
        ),
        "design_review.changed": lambda: reviews.design_reviews.change(
            model_id, design_review, {"title": "t"}, who="bob"
        ),
        "design_review.removed": lambda: reviews.design_reviews.remove(model_id, design_review, who="bob"),
        "checklist.item_added": lambda: reviews.checklists.add(model_id, "more", who="bob"),
        "checklist.item_changed": lambda: reviews.checklists.change(model_id, item, state=ItemState.DONE, who="bob"),
        "checklist.item_removed": lambda: reviews.checklists.remove(model_id, item, who="bob"),
        "analysis_run.created": lambda: AnalysisRuns(data).add(model_id, run, {"findings": ["x"]}, job_id=run),
        "model.removed": lambda: ModelStore(data).remove(model_id, who="bob"),
    }


CHANGES = (
    "ticket.created",
    "ticket.changed",
    "ticket.replied",
    "design_review.created",
    "design_review.changed",
    "design_review.removed",
    "checklist.item_added",
    "checklist.item_changed",
    "checklist.item_removed",
    "analysis_run.created",
    "model.removed",
)


def told(data: DataFolder, model_id: str) -> list[str]:
    """What the log says was done, but for what `touch` did."""
    return [entry.what for entry in log_of(data, model_id).entries() if entry.who != "eve"]


@pytest.mark.parametrize("how", ["recovered at a start", "recovered by the next change"])
@pytest.mark.parametrize("what", CHANGES)
def test_a_change_is_made_with_its_entry_or_not_at_all(data: DataFolder, what: str, how: str) -> None:
    operations = 0
    made = not_made = 0
    while True:
        model_id = make_model(data, str(operations))
        change = changes(data, model_id)[what]
        before = told(data, model_id)
        with crash_after(operations) as crash:
            change()
        after_crash = verify(data)
        assert after_crash.is_good, after_crash.findings
        if how == "recovered at a start":
            recover(data)
        else:
            touch(data, model_id)
        assert verify(data).findings == []
        after = told(data, model_id)
        assert after[: len(before)] == before
        if what in after[len(before) :]:
            made += 1
        else:
            not_made += 1
        if not crash.crashed:
            assert what in after[len(before) :], "it was acknowledged"
            break
        operations += 1
    assert made >= 2 and not_made >= 2, "the crashes were on both sides of the decision"


def touch(data: DataFolder, model_id: str) -> None:
    """Another change of the model, if it still is there."""
    with contextlib.suppress(NotFoundError):
        ReviewStore(data).create_ticket(model_id, title="touched", text="", author="eve")


def test_an_interruption_after_the_rename_keeps_the_entry(data: DataFolder) -> None:
    """A thread can be interrupted between any two bytecodes; unlike a dead process, it cleans up."""
    model_id = make_model(data)
    store = ReviewStore(data)
    id_ = store.create_ticket(model_id, title="a", text="", author="ann").content.id

    def interrupted(staged: Path, path: Path, **options: bool) -> None:
        put_in_place(staged, path, **options)
        raise KeyboardInterrupt

    with (
        mock.patch("server.stores.model_documents.put_in_place", interrupted),
        pytest.raises(KeyboardInterrupt),
    ):
        store.change_ticket(model_id, id_, title="b", who="ann")
    assert store.get_ticket(model_id, id_).content.title == "b"
    assert told(data, model_id) == ["model.created", "ticket.created", "ticket.changed"]
    assert verify(data).findings == []


@pytest.mark.parametrize("failing", ["os.link", "pathlib.Path.replace", "server.stores.activity_log._write"])
def test_a_change_that_fails_leaves_no_entry(data: DataFolder, failing: str) -> None:
    model_id = make_model(data)
    store = ReviewStore(data)
    id_ = store.create_ticket(model_id, title="a", text="", author="ann").content.id
    full = mock.patch(failing, side_effect=OSError(errno.ENOSPC, "No space left on device"))
    with full, pytest.raises(OSError, match="No space"):
        store.change_ticket(model_id, id_, title="b", who="ann")
    assert store.get_ticket(model_id, id_).revision == 1
    assert told(data, model_id) == ["model.created", "ticket.created"]
    assert verify(data).findings == []
    assert store.change_ticket(model_id, id_, title="c", who="ann").revision == 2
    assert verify(data).findings == []


def kind_of(descriptor: int) -> str:
    return "folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file"


@contextmanager
def file_operations() -> Iterator[list[str]]:
    """What the block does to files, in its order."""
    done: list[str] = []

    def noted(name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **options: Any) -> Any:  # noqa: ANN401 - as the real one
            done.append(f"fsync {kind_of(args[0])}" if name == "fsync" else name)
            return real(*args, **options)

        return call

    with ExitStack() as stack:
        for name in ("fsync", "link", "replace", "unlink"):
            stack.enter_context(mock.patch.object(os, name, noted(name, getattr(os, name))))
        stack.enter_context(mock.patch.object(activity_log, "_write", noted("log", activity_log._write)))
        yield done


# The first unlink is of the version before the last, the second of the staged file, which is not there any more.
IN_PLACE = ["unlink", "link", "replace", "unlink", "fsync folder"]


@pytest.mark.parametrize(
    ("what", "order"),
    [
        ("ticket.changed", ["fsync file", "log", "fsync file", *IN_PLACE]),
        # The log does not have a run's content: the name of the file that has it must last before.
        ("analysis_run.created", ["fsync file", "fsync folder", "log", "fsync file", *IN_PLACE]),
        ("design_review.removed", ["log", "fsync file", "unlink", "unlink", "fsync folder"]),
    ],
)
def test_each_step_is_durable_before_the_next(data: DataFolder, what: str, order: list[str]) -> None:
    change = changes(data, make_model(data))[what]
    with file_operations() as done:
        change()
    assert done[: len(order)] == order


def test_an_entry_is_durable_before_its_document_is_made_of_it(data: DataFolder) -> None:
    change = changes(data, make_model(data))["ticket.changed"]
    # filelock's mkdir, the new version's fsync, and both halves of the log's line; not the log's fsync.
    with crash_after(4) as crash:
        change()
    assert crash.crashed
    assert [finding.what for finding in verify(data).findings] == ["its last change was interrupted"]
    with file_operations() as done:
        assert recover(data) == 1
    assert done[:4] == ["fsync file", "fsync folder", "fsync file", "unlink"], "the log, the folder, the new version"
    assert done[4:7] == ["link", "replace", "unlink"]


def test_a_removal_that_was_decided_is_completed_by_a_change_which_finds_no_model(data: DataFolder) -> None:
    model_id = make_model(data)
    gone = mock.patch("server.stores.model_store.move_away", side_effect=CrashError)
    kept = mock.patch("server.stores.activity_log._truncate", side_effect=CrashError)
    with gone, kept, pytest.raises(CrashError):
        ModelStore(data).remove(model_id, who="ann")
    assert [finding.what for finding in verify(data).findings] == ["its last change was interrupted"]
    with pytest.raises(NotFoundError, match="model"):
        ReviewStore(data).checklists.add(model_id, "look", who="bob")
    assert list(data.models.iterdir()) == []
    assert told(data, model_id) == ["model.created", "model.removed"]


@pytest.mark.parametrize("operations", range(30))
def test_a_crash_in_an_upload_or_in_its_recovery(data: DataFolder, operations: int) -> None:
    with crash_after(operations) as crash:
        model_id = make_model(data)
    with crash_after(3):
        sweep(data, older_than_seconds=0)
    sweep(data, older_than_seconds=0)
    assert verify(data).findings == []
    listed = [model.id for model in ModelStore(data).list(limit=10).items]
    assert len(listed) <= 1
    if not crash.crashed:
        assert listed == [model_id]
    again = make_model(data)
    assert [model.id for model in ModelStore(data).list(limit=10).items] == [again]
    assert listed in ([], [again])


class Crashing(RuleBasedStateMachine):
    """Changes one after the other, each perhaps cut short by a crash; after each, everything fits together."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(mkdtemp(prefix="rapiddraft-"))
        self.data = DataFolder(self.folder / "data")
        self.data.prepare()
        self.reviews = ReviewStore(self.data)
        self.model_id = make_model(self.data)
        # Acknowledged: what each ticket was last said to be. A change that crashed may be made or not.
        self.tickets: dict[str, set[str]] = {}
        self.begun: set[str] = set()
        self.replies: dict[str, set[str]] = {}

    def teardown(self) -> None:
        shutil.rmtree(self.folder)

    @rule(operations=OPERATIONS, title=st.text(max_size=5))
    def create(self, operations: int, title: str) -> None:
        self.begun.add(title)
        with crash_after(operations):
            ticket = self.reviews.create_ticket(self.model_id, title=title, text="", author="ann").content
            self.tickets[ticket.id] = {title}
            self.replies[ticket.id] = set()

    @rule(operations=OPERATIONS, title=st.text(max_size=5), which=st.integers(0, 9))
    def change(self, operations: int, title: str, which: int) -> None:
        if not self.tickets:
            return
        ticket_id = sorted(self.tickets)[which % len(self.tickets)]
        self.tickets[ticket_id].add(title)
        with crash_after(operations):
            self.reviews.change_ticket(self.model_id, ticket_id, title=title, who="ann")
            self.tickets[ticket_id] = {title}

    @rule(operations=OPERATIONS, which=st.integers(0, 9))
    def reply(self, operations: int, which: int) -> None:
        if not self.tickets:
            return
        ticket_id = sorted(self.tickets)[which % len(self.tickets)]
        with crash_after(operations):
            reply = self.reviews.add_reply(self.model_id, ticket_id, text="a", author="ann")
            self.replies[ticket_id].add(reply.id)

    @rule(operations=OPERATIONS)
    def add_run(self, operations: int) -> None:
        with crash_after(operations):
            AnalysisRuns(self.data).add(self.model_id, new_id(), {"findings": []}, job_id=new_id())

    @rule(operations=OPERATIONS)
    def start_again(self, operations: int) -> None:
        with crash_after(operations):
            sweep(self.data, older_than_seconds=0)

    @invariant()
    def nothing_bad_is_found(self) -> None:
        assert verify(self.data).is_good

    @invariant()
    def what_was_acknowledged_is_there(self) -> None:
        there = {ticket.id: ticket for ticket in self.reviews.list_tickets(self.model_id, limit=1000).items}
        for ticket_id, titles in self.tickets.items():
            assert there[ticket_id].title in titles
            assert self.replies[ticket_id] <= {reply.id for reply in there[ticket_id].replies}
        assert {ticket.title for ticket in there.values()} <= self.begun.union(*self.tickets.values())

    @rule()
    def recovered_all_fits(self) -> None:
        recover(self.data)
        assert verify(self.data).findings == []
        said = {entry.document: entry.revision for entry in log_of(self.data, self.model_id).entries()}
        for ticket_id in self.tickets:
            assert self.reviews.get_ticket(self.model_id, ticket_id).revision == said[f"tickets/{ticket_id}"]


TestCrashing = Crashing.TestCase
TestCrashing.settings = settings(
    max_examples=60, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
)
