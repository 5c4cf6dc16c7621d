"""Ten threads in each of four processes write to one model at once: nothing is lost, doubled or damaged."""

import multiprocessing
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.pool import Pool
from multiprocessing.synchronize import Barrier
from pathlib import Path

import pytest

from server.data_folder import DataFolder
from server.stores.model_store import ModelStore
from server.stores.review_store import ReviewStore
from server.stores.verify import verify
from tests.faults import campaign
from tests.faults.holding import unreadable
from tests.server.conftest import step

PROCESSES, THREADS = 4, 10
REPEATS = campaign.size(full=200, short=3)

pytestmark = pytest.mark.faults

_together: Barrier


def _take(barrier: Barrier) -> None:
    global _together
    _together = barrier


@pytest.fixture(scope="session")
def four_processes() -> Iterator[Pool]:
    context = multiprocessing.get_context("spawn")
    with context.Pool(PROCESSES, _take, (context.Barrier(PROCESSES),)) as pool:
        yield pool


def _work(root: Path, model_id: str, ticket_id: str, process: int) -> list[tuple[str, str]]:
    """A ticket and a reply from each thread; their ids."""
    store = ReviewStore(DataFolder(root))

    def write(thread: int) -> tuple[str, str]:
        name = f"{process}/{thread}"
        ticket = store.create_ticket(model_id, title=name, text="", author="admin").content
        return ticket.id, store.add_reply(model_id, ticket_id, text=name, author="admin").id

    _together.wait(60)
    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(write, range(THREADS)))


@pytest.mark.parametrize("repeat", range(REPEATS))
def test_ten_threads_in_four_processes_lose_nothing(four_processes: Pool, tmp_path: Path, repeat: int) -> None:
    data = DataFolder(tmp_path)
    data.prepare()
    part = ModelStore(data).receive(1 << 20)
    part.write(step(str(repeat)))
    model_id = ModelStore(data).keep(part, "part.step", "admin")[0].id
    part.close()
    store = ReviewStore(data)
    shared = store.create_ticket(model_id, title="shared", text="", author="admin").content.id

    work = [(tmp_path, model_id, shared, process) for process in range(PROCESSES)]
    written = [pair for pairs in four_processes.starmap(_work, work, chunksize=1) for pair in pairs]

    names = {f"{process}/{thread}" for process in range(PROCESSES) for thread in range(THREADS)}
    tickets = {ticket.id: ticket.title for ticket in store.list_tickets(model_id, limit=1000).items}
    assert tickets.keys() == {shared, *(ticket for ticket, _ in written)}
    assert sorted(tickets.values()) == sorted({"shared", *names})
    replies = store.get_ticket(model_id, shared).content.replies
    assert {reply.id for reply in replies} == {reply for _, reply in written}
    assert sorted(reply.text for reply in replies) == sorted(names)
    assert not unreadable(tmp_path)
    checked = verify(data)
    assert not checked.findings
    assert checked.entries == 2 + 2 * PROCESSES * THREADS
