"""A queue that takes no more than so many new messages."""

import threading
from pathlib import Path

import dramatiq
import pytest

from workers.file_broker import Bound, FileBroker, QueueFullError
from workers.file_broker.storage import Storage

from .support import SetClock, message, running_worker, wait_until

NEW = {"is_new": True}


def test_the_queue_takes_so_many_and_then_again_when_one_is_answered(storage: Storage) -> None:
    bound = Bound(of_all=3)
    for name in "abc":
        storage.enqueue("q", name, b"", bound=bound)
    [held] = storage.claim("q", "owner", limit=1, lease_ms=1000)
    with pytest.raises(QueueFullError, match="3 messages") as refused:
        storage.enqueue("q", "d", b"", bound=bound)
    assert refused.value.waiting == 3
    storage.ack(held)
    storage.enqueue("q", "d", b"", bound=bound)
    assert storage.message_ids(["q"]) == {"b", "c", "d"}


def test_a_group_that_has_its_share_takes_nothing_from_another(storage: Storage) -> None:
    bound = Bound(of_all=10, of_group=2)
    for name in "ab":
        storage.enqueue("q", name, b"", group="A", bound=bound)
    with pytest.raises(QueueFullError, match="same group") as refused:
        storage.enqueue("q", "c", b"", group="A", bound=bound)
    assert refused.value.waiting == 2
    storage.enqueue("q", "d", b"", group="B", bound=bound)


def test_who_has_nothing_in_a_full_queue_is_let_in_once(storage: Storage) -> None:
    bound = Bound(of_all=2, of_group=2)
    for name in "ab":
        storage.enqueue("q", name, b"", group="A", bound=bound)
    storage.enqueue("q", "c", b"", group="B", bound=bound)
    with pytest.raises(QueueFullError, match="3 messages"):
        storage.enqueue("q", "d", b"", group="B", bound=bound)


def test_what_goes_after_a_message_takes_no_room_from_it(storage: Storage) -> None:
    bound = Bound(of_all=2)
    for name in "ab":
        storage.enqueue("q", name, b"", priority=10, bound=bound)
    storage.enqueue("q", "urgent", b"", priority=0, bound=bound)
    with pytest.raises(QueueFullError):
        storage.enqueue("q", "c", b"", priority=10, bound=bound)


def test_queues_are_bounded_apart_but_with_what_is_delayed(storage: Storage, clock: SetClock) -> None:
    bound = Bound(of_all=2)
    storage.enqueue("other", "a", b"", bound=bound)
    storage.enqueue("q", "b", b"", bound=bound)
    storage.enqueue("q.DQ", "c", b"", due_at=clock.unix_ms + 1000)
    with pytest.raises(QueueFullError):
        storage.enqueue("q", "d", b"", bound=bound)


def test_to_look_first_says_the_same_and_changes_nothing(storage: Storage) -> None:
    bound = Bound(of_group=1)
    storage.check_bound("q", bound, group="A", priority=0)
    storage.enqueue("q", "a", b"", group="A", bound=bound)
    with pytest.raises(QueueFullError):
        storage.check_bound("q", bound, group="A", priority=0)
    storage.check_bound("q", bound, group="B", priority=0)
    assert storage.message_ids(["q"]) == {"a"}


def test_the_bound_is_exact_however_many_send_at_once(path: Path) -> None:
    Storage(path, max_deliveries=5).close()
    refusals: list[QueueFullError] = []
    start = threading.Barrier(4)

    def send(sender: int) -> None:
        storage = Storage(path, max_deliveries=5)  # a connection and a lock of its own, as in another process
        start.wait()
        for number in range(20):
            try:
                storage.enqueue("q", f"{sender}-{number}", b"", bound=Bound(of_all=37))
            except QueueFullError as error:
                refusals.append(error)
        storage.close()

    threads = [threading.Thread(target=send, args=(sender,)) for sender in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(Storage(path, max_deliveries=5).message_ids(["q"])) == 37
    assert len(refusals) == 4 * 20 - 37


def full_broker(path: Path) -> FileBroker:
    """A broker that takes one new message."""
    # With a lease so long, a retry that was refused is not made up for by another delivery of its original.
    broker = FileBroker(path, lease_seconds=600, bound=Bound(of_all=1))
    broker.declare_queue("reviews")
    dramatiq.set_broker(broker)
    return broker


def test_only_new_work_is_refused(path: Path) -> None:
    broker = full_broker(path)
    broker.check_room(message())
    broker.enqueue(message().copy(options=NEW))
    with pytest.raises(QueueFullError):
        broker.check_room(message())
    with pytest.raises(QueueFullError):
        broker.enqueue(message().copy(options=NEW))
    broker.enqueue(message())
    broker.enqueue(message().copy(options=NEW), delay=1000)
    assert broker.counts("reviews").waiting == 2
    assert broker.counts("reviews").delayed == 1
    broker.close()


def test_a_retry_is_never_refused(path: Path) -> None:
    """It is written while its original is still held: there is no room for a new one then."""
    broker = full_broker(path)
    tries: list[int] = []

    @dramatiq.actor(queue_name="reviews", min_backoff=1, max_backoff=2)
    def fails_once() -> None:
        tries.append(1)
        if len(tries) == 1:
            raise ValueError

    broker.enqueue(fails_once.message().copy(options=NEW))
    with running_worker(broker, threads=1):
        wait_until(lambda: len(tries) == 2)
        broker.join("reviews", timeout=20_000)
    assert broker.dead_letters("reviews") == []
    broker.close()
