"""Tickets in documents of their own: those of before split up, damage healed, none lost by many at once."""

import json
from concurrent.futures import ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest

from server._atomic_json import previous_of
from server.data_folder import DataFolder
from server.ids import new_id
from server.stores import damage
from server.stores.errors import DamagedDocumentError, NotFoundError, RevisionConflictError
from server.stores.model_documents import log_of
from server.stores.review_store import ReviewStore, TicketStatus
from server.stores.verify import verify
from tests.stores.crashing import crash_after
from tests.stores.making import make_model

PROCESSES, THREADS, EACH = 4, 10, 2
OLD = json.loads((Path(__file__).parent / "old_documents" / "tickets.json").read_bytes())


@pytest.fixture
def store(data: DataFolder) -> ReviewStore:
    return ReviewStore(data)


@pytest.fixture
def model_id(data: DataFolder) -> str:
    return make_model(data)


def put_old_tickets(data: DataFolder, model_id: str) -> None:
    (data.model(model_id) / "tickets.json").write_text(json.dumps(OLD))


def test_old_tickets_are_split_up_when_first_touched(data: DataFolder, store: ReviewStore, model_id: str) -> None:
    put_old_tickets(data, model_id)
    listed = store.list_tickets(model_id, limit=10).items
    assert {ticket.id: ticket.model_dump(mode="json") for ticket in listed} == OLD["tickets"]
    assert not (data.model(model_id) / "tickets.json").exists()
    assert [entry.what for entry in log_of(data, model_id).entries()][1:] == ["ticket.split_off"] * len(OLD["tickets"])
    assert verify(data).findings == []
    changed = store.change_ticket(model_id, listed[0].id, status=TicketStatus.CLOSED, who="ann")
    assert changed.revision == 2


@pytest.mark.parametrize("operations", range(0, 40, 3))
def test_splitting_up_goes_on_after_a_crash(
    data: DataFolder, store: ReviewStore, model_id: str, operations: int
) -> None:
    put_old_tickets(data, model_id)
    with crash_after(operations):
        store.list_tickets(model_id, limit=10)
    assert verify(data).is_good
    listed = store.list_tickets(model_id, limit=10).items
    assert {ticket.id: ticket.model_dump(mode="json") for ticket in listed} == OLD["tickets"]
    assert verify(data).findings == []


def test_old_tickets_touched_by_many_at_once(data: DataFolder, store: ReviewStore, model_id: str) -> None:
    put_old_tickets(data, model_id)
    with ThreadPoolExecutor(THREADS) as pool:
        pages = list(pool.map(lambda _: store.list_tickets(model_id, limit=10), range(THREADS)))
    assert {len(page.items) for page in pages} == {len(OLD["tickets"])}
    assert verify(data).findings == []


def test_tickets_of_a_model_that_is_not_there(store: ReviewStore) -> None:
    with pytest.raises(NotFoundError, match="model"):
        store.list_tickets(new_id(), limit=10)


@pytest.mark.parametrize("previous", ["good", "gone", "damaged"])
@pytest.mark.parametrize("found_by", ["reading", "changing", "listing", "the next change of another"])
def test_a_damaged_ticket_is_restored_to_its_last_word(
    data: DataFolder, store: ReviewStore, model_id: str, previous: str, found_by: str
) -> None:
    id_ = store.create_ticket(model_id, title="a", text="t", author="ann").content.id
    store.change_ticket(model_id, id_, title="b", who="ann")
    reply = store.add_reply(model_id, id_, text="c", author="bob")
    path = data.model(model_id) / "tickets" / f"{id_}.json"
    path.write_bytes(b"\0" * 99)
    if previous == "gone":
        previous_of(path).unlink()
    if previous == "damaged":
        previous_of(path).write_bytes(b"{}")
    if found_by == "changing":
        store.change_ticket(model_id, id_, status=TicketStatus.CLOSED, who="ann")
    elif found_by == "listing":
        assert len(store.list_tickets(model_id, limit=10).items) == 1
    elif found_by != "reading":
        store.create_ticket(model_id, title="other", text="", author="ann")
    document = store.get_ticket(model_id, id_)
    assert (document.content.title, document.content.replies) == ("b", [reply])
    assert document.revision == (4 if found_by == "changing" else 3)
    [note] = damage.notes(data)
    assert note.restored and (path.parent / note.kept_as).read_bytes() == b"\0" * 99
    assert verify(data).findings == []


def test_one_that_cannot_be_restored_does_not_stop_the_others(
    data: DataFolder, store: ReviewStore, model_id: str
) -> None:
    put_old_tickets(data, model_id)
    first, *others = store.list_tickets(model_id, limit=10).items
    store.change_ticket(model_id, first.id, title="b", who="ann")
    folder = data.model(model_id)
    (folder / "activity.jsonl").unlink()  # as if it had been from before there was a log
    store.change_ticket(model_id, first.id, title="c", who="ann")
    path = folder / "tickets" / f"{first.id}.json"
    path.write_bytes(b"")
    previous_of(path).unlink()
    with pytest.raises(DamagedDocumentError):
        store.get_ticket(model_id, first.id)
    store.create_ticket(model_id, title="new", text="", author="ann")
    assert len(store.list_tickets(model_id, limit=10).items) == len(others) + 1
    assert not verify(data).is_good


def _write(root: Path, model_id: str, shared: str, process: int) -> list[str]:
    store = ReviewStore(DataFolder(root))

    def write(number: int) -> str:
        store.add_reply(model_id, shared, text=f"{process}/{number}", author="ann")
        while True:
            document = store.get_ticket(model_id, shared)
            title = str(int(document.content.title) + 1)
            try:
                store.change_ticket(model_id, shared, title=title, who="ann", expected=frozenset({document.revision}))
            except RevisionConflictError:
                continue
            return store.create_ticket(model_id, title=f"{process}/{number}", text="", author="ann").content.id

    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(write, range(THREADS * EACH)))


def test_ten_threads_in_four_processes_on_one_model(data: DataFolder, store: ReviewStore, model_id: str) -> None:
    shared = store.create_ticket(model_id, title="0", text="", author="ann").content.id
    work: list[Any] = [(data.root, model_id, shared, process) for process in range(PROCESSES)]
    with get_context("spawn").Pool(PROCESSES) as pool:
        created = [id_ for ids in pool.starmap(_write, work, chunksize=1) for id_ in ids]
    count = PROCESSES * THREADS * EACH
    document = store.get_ticket(model_id, shared)
    assert document.content.title == str(count), "no change was made on what was no longer there"
    assert len({reply.text for reply in document.content.replies}) == count
    assert document.revision == 1 + 2 * count
    listed = {ticket.id for ticket in store.list_tickets(model_id, limit=1000).items}
    assert listed == {shared, *created}
    assert [entry.sequence for entry in log_of(data, model_id).entries()] == list(range(1, 3 * count + 3))
    assert verify(data).findings == []
    assert list(data.root.rglob("*.lock")) == list(data.root.rglob("*.tmp")) == []
