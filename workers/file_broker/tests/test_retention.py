"""What keeps the file small, and a due message in one place, while the queue goes on."""

import logging
from pathlib import Path

import pytest

from workers.file_broker import FileBroker, QueueFileBusyError, housekeeping, queue_file
from workers.file_broker.housekeeping import Housekeeping
from workers.file_broker.storage import Storage

from .support import SetClock, message

HOUR_MS = 3_600_000


def bury(storage: Storage, *bodies: bytes) -> None:
    """Make dead letters of these, the first one dying first."""
    for body in bodies:
        storage.enqueue("q", body.decode(), body)
        [claim] = storage.claim("q", "a", limit=1, lease_ms=1000)
        assert storage.reject(claim, "failed")


def letters(storage: Storage) -> list[bytes]:
    return [letter.body for letter in storage.dead_letters(["q"])]


def test_dead_letters_end_with_their_age(storage: Storage, clock: SetClock) -> None:
    bury(storage, b"old")
    clock.go(HOUR_MS)
    bury(storage, b"new")
    assert storage.trim_dead_letters(seconds=3600.001, count=None, step=10) == 0
    assert storage.trim_dead_letters(seconds=3600, count=None, step=10) == 1
    assert letters(storage) == [b"new"]


def test_the_newest_dead_letters_are_kept(storage: Storage, clock: SetClock) -> None:
    for body in (b"1", b"2", b"3", b"4"):
        bury(storage, body)
        clock.go(1)
    assert storage.trim_dead_letters(seconds=None, count=4, step=10) == 0
    assert storage.trim_dead_letters(seconds=None, count=2, step=10) == 2
    assert letters(storage) == [b"3", b"4"]
    assert storage.trim_dead_letters(seconds=None, count=0, step=10) == 2


def test_no_more_than_a_step_is_removed_at_once(storage: Storage, clock: SetClock) -> None:
    bury(storage, b"1", b"2", b"3", b"4", b"5")
    clock.go(HOUR_MS)
    assert [storage.trim_dead_letters(seconds=1, count=None, step=2) for _ in range(4)] == [2, 2, 1, 0]


def test_dead_letters_are_kept_for_ever_by_default(path: Path) -> None:
    broker = FileBroker(path)
    bury(broker.storage, b"old")
    broker.storage.clock = SetClock()
    broker.storage.clock.unix_ms += 100 * 365 * 24 * HOUR_MS
    broker.housekeeping._due_at = 0
    broker.housekeeping.step()
    assert letters(broker.storage) == [b"old"]
    broker.close()


def test_a_worker_that_waits_removes_what_is_too_much(path: Path) -> None:
    broker = FileBroker(path, dead_letter_limit=1)
    broker.declare_queue("q")
    bury(broker.storage, b"1", b"2")
    broker.housekeeping._due_at = 0
    consumer = broker.consume("q", timeout=0)
    assert next(consumer) is None
    assert letters(broker.storage) == [b"2"]
    consumer.close()
    broker.close()


def test_the_file_shrinks_in_steps_after_a_backlog_while_messages_come_and_go(path: Path, storage: Storage) -> None:
    megabyte = 1024 * 1024
    for _ in range(20):
        storage.enqueue("q", "id", b"x" * megabyte)
    for claim in storage.claim("q", "a", limit=20, lease_ms=1000):
        storage.ack(claim)
    storage.tidy_file(free_bytes=1 << 40, step_bytes=0)
    before = path.stat().st_size
    assert before > 20 * megabyte

    storage.enqueue("q", "id", b"stays")
    steps = 0
    while storage.tidy_file(free_bytes=4 * megabyte, step_bytes=megabyte):
        steps += 1
        storage.enqueue("other", "id", b"comes and goes")
        [claim] = storage.claim("other", "a", limit=2, lease_ms=1000)
        assert storage.ack(claim)
    assert 15 <= steps <= 20
    assert 4 * megabyte < path.stat().st_size < 6 * megabyte
    storage._file.check()
    assert len(storage.message_ids(["q"])) == 1


def test_what_the_log_has_is_in_the_file_after_tidying(path: Path, storage: Storage) -> None:
    storage.enqueue("q", "id", b"a body to look for" * 10)
    assert b"a body to look for" not in path.read_bytes()
    storage.tidy_file(free_bytes=0, step_bytes=0)
    assert b"a body to look for" in path.read_bytes()


def test_housekeeping_goes_on_soon_while_there_is_more_to_do(storage: Storage, clock: SetClock) -> None:
    keeping = Housekeeping(storage, seconds=1, count=None)
    bury(storage, b"1")
    clock.go(HOUR_MS)
    keeping.step()
    assert letters(storage) == [b"1"], "not yet: the process has only just started"
    keeping._due_at = before = 0.0
    keeping.step()
    assert letters(storage) == []
    soon = keeping._due_at - before
    keeping._due_at = 0.0
    keeping.step()
    assert keeping._due_at - soon > housekeeping.PAUSE_SECONDS / 2


def test_housekeeping_that_fails_does_not_disturb_who_called_it(
    storage: Storage, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def busy(**_limits: object) -> int:
        raise QueueFileBusyError("stayed locked")

    monkeypatch.setattr(storage, "tidy_file", busy)
    keeping = Housekeeping(storage, seconds=None, count=None)
    keeping._due_at = 0.0
    with caplog.at_level(logging.WARNING):
        keeping.step()
    assert "stayed locked" in caplog.text
    assert keeping._due_at > 0


def test_the_log_is_long_before_it_is_used(path: Path, storage: Storage) -> None:
    log = path.with_name(f"{path.name}-wal")
    storage.enqueue("q", "id", b"1")
    long = log.stat().st_size
    assert long >= queue_file.LOG_FIRST_BYTES
    for _ in range(200):
        storage.enqueue("q", "id", b"1")
    assert log.stat().st_size == long
    assert storage._file.read("SELECT name FROM sqlite_master WHERE name LIKE '%length%'") == []


def test_a_due_message_is_never_out_of_sight(storage: Storage, clock: SetClock) -> None:
    """It moves in one change, keeps its number, and goes before what was accepted after it."""
    later = storage.enqueue("q.DQ", "later", b"", due_at=clock.unix_ms + 1000)
    due = storage.enqueue("q.DQ", "due", b"", due_at=clock.unix_ms + 500)
    younger = storage.enqueue("q", "younger", b"")
    assert storage.release_due("q.DQ", "q") == 0
    clock.go(500)
    assert storage.release_due("q.DQ", "q") == 1
    assert storage.release_due("q.DQ", "q") == 0
    assert storage.message_ids(["q.DQ"]) == {"later"}
    claims = storage.claim("q", "a", limit=10, lease_ms=1000)
    assert [claim.id for claim in claims] == [due, younger]
    assert all(claim.deliveries == 1 for claim in claims), "the move was counted as a delivery"
    assert later not in {claim.id for claim in claims}


def test_a_due_message_is_delivered_as_if_it_had_not_been_delayed(broker: FileBroker) -> None:
    sent = broker.enqueue(message("review", "reviews", 1), delay=1)
    delayed = broker.consume("reviews.DQ", timeout=50)
    while broker.storage.message_ids(["reviews.DQ"]):
        assert next(delayed) is None, "the consumer of a delay queue hands out nothing"
    consumer = broker.consume("reviews", timeout=20_000)
    taken = next(consumer)
    assert taken is not None
    assert (taken.message_id, taken.queue_name, taken.args, taken.options) == (sent.message_id, "reviews", (1,), {})
    consumer.ack(taken)
    assert broker.message_ids("reviews") == set()
    delayed.close()
    consumer.close()


def test_a_delayed_message_that_died_can_be_delivered_again(broker: FileBroker) -> None:
    sent = broker.enqueue(message(), delay=1)
    while not broker.storage.release_due("reviews.DQ", "reviews"):
        pass
    [claim] = broker.storage.claim("reviews", "a", limit=1, lease_ms=1000)
    broker.storage.reject(claim, "delivered 5 times without an answer")
    broker.requeue_dead_letter(claim.id)
    consumer = broker.consume("reviews", timeout=20_000)
    taken = next(consumer)
    assert taken is not None and (taken.message_id, taken.queue_name) == (sent.message_id, "reviews")
    consumer.close()
