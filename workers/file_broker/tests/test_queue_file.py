"""Files that are foreign, damaged, lost, full or shared."""

import os
import sqlite3
import threading
from pathlib import Path

import pytest
from dramatiq.errors import BrokerConnectionError

from workers.file_broker import (
    FileBroker,
    QueueDiskFullError,
    QueueFileBusyError,
    QueueFileLostError,
    QueueFileRefusedError,
    queue_file,
)
from workers.file_broker.storage import Storage

from .support import message

TRANSIENT = (QueueDiskFullError, QueueFileBusyError, QueueFileLostError)


def refused(path: Path) -> str:
    """The error that opening gives, after checking that the file was left as it is."""
    before = path.read_bytes()
    with pytest.raises(QueueFileRefusedError) as caught:
        FileBroker(path)
    assert path.read_bytes() == before
    return str(caught.value)


def test_a_foreign_database_is_refused(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE accounts (id)")
    connection.close()
    assert "is not a queue file" in refused(path)


def test_a_file_that_is_no_database_is_refused(path: Path) -> None:
    path.write_text("a letter to my grandmother, and quite a long one, " * 100)
    assert "is left as it is" in refused(path)


def test_an_empty_file_is_refused(path: Path) -> None:
    path.write_bytes(b"")
    refused(path)


def test_another_format_is_refused(path: Path) -> None:
    FileBroker(path).close()
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    assert "format 99" in refused(path)


def test_a_damaged_page_is_found_at_the_start(path: Path) -> None:
    broker = FileBroker(path)
    broker.declare_queue("reviews")
    for _ in range(200):
        broker.enqueue(message("review", "reviews", "x" * 500))
    broker.close()
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 8192] = os.urandom(8192)
    path.write_bytes(content)
    assert "damaged" in refused(path)


def test_a_log_without_its_file_is_refused(path: Path) -> None:
    path.with_name(f"{path.name}-wal").write_bytes(b"accepted messages")
    with pytest.raises(QueueFileRefusedError, match="is missing"):
        FileBroker(path)
    assert not path.exists()


def test_a_removed_file_is_noticed_and_not_made_anew(path: Path, broker: FileBroker) -> None:
    broker.enqueue(message())
    path.unlink()
    with pytest.raises(QueueFileLostError):
        broker.enqueue(message())
    assert not path.exists()


def test_a_file_that_came_back_is_used_again(path: Path, broker: FileBroker) -> None:
    broker.enqueue(message())
    away = path.with_name("away")
    path.rename(away)
    with pytest.raises(QueueFileLostError):
        broker.message_ids("reviews")
    away.rename(path)
    broker.enqueue(message())
    assert len(broker.message_ids("reviews")) == 2


def test_a_file_put_in_its_place_is_the_one_that_is_written_to(path: Path, broker: FileBroker) -> None:
    broker.enqueue(message())
    FileBroker(path.with_name("other")).close()
    path.with_name("other").rename(path)
    path.with_name(f"{path.name}-wal").unlink()
    path.with_name(f"{path.name}-shm").unlink()
    sent = broker.enqueue(message())
    assert broker.message_ids("reviews") == {sent.message_id}


def test_what_may_pass_is_a_connection_error_to_dramatiq() -> None:
    assert all(issubclass(error, BrokerConnectionError) for error in TRANSIENT)
    assert not issubclass(QueueFileRefusedError, BrokerConnectionError)


def test_a_full_disk_is_a_clear_error_and_loses_nothing(broker: FileBroker) -> None:
    accepted = {broker.enqueue(message()).message_id}
    with broker.storage._file._connected() as connection:
        [(pages,)] = connection.execute("PRAGMA page_count").fetchall()
        connection.execute(f"PRAGMA max_page_count = {pages + 20}").fetchall()
    with pytest.raises(QueueDiskFullError, match="No room left"):
        for _ in range(100):
            accepted.add(broker.enqueue(message("review", "reviews", "x" * 4000)).message_id)
    assert broker.message_ids("reviews") == accepted
    assert len(accepted) > 1
    with broker.storage._file._connected() as connection:
        connection.execute("PRAGMA max_page_count = 1000000").fetchall()
    broker.enqueue(message("review", "reviews", "x" * 4000))  # there is room again


def test_what_was_accepted_can_be_answered_while_new_messages_are_refused(broker: FileBroker) -> None:
    broker.enqueue(message())
    broker.storage.reserved_bytes = 1 << 60
    with pytest.raises(QueueDiskFullError, match="in reserve"):
        broker.enqueue(message())
    consumer = broker.consume("reviews", timeout=50)
    taken = next(consumer)
    assert taken is not None
    consumer.ack(taken)
    consumer.close()
    assert broker.message_ids("reviews") == set()


def test_a_file_that_another_program_keeps_locked_is_a_clear_error(
    path: Path, broker: FileBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue_file, "BUSY_SECONDS", 0.1)
    broker.storage.close()
    foreign = sqlite3.connect(path, isolation_level=None)
    foreign.execute("BEGIN IMMEDIATE")
    with pytest.raises(QueueFileBusyError):
        broker.enqueue(message())
    foreign.execute("ROLLBACK")
    foreign.close()
    broker.enqueue(message())
    assert len(broker.message_ids("reviews")) == 1


def test_the_log_stays_bounded_while_readers_never_leave_a_gap(path: Path, broker: FileBroker) -> None:
    log = path.with_name(f"{path.name}-wal")
    stop = threading.Event()

    def read_in_turns() -> None:
        connections = [sqlite3.connect(path, isolation_level=None) for _ in range(2)]
        connections[0].execute("BEGIN").execute("SELECT count(*) FROM messages").fetchall()
        while not stop.is_set():  # the one starts before the other ends
            connections.reverse()
            connections[0].execute("BEGIN").execute("SELECT count(*) FROM messages").fetchall()
            connections[1].execute("COMMIT")
        for connection in connections:
            connection.close()

    reader = threading.Thread(target=read_in_turns)
    reader.start()
    try:
        for _ in range(2500):  # 100 MB of log
            broker.enqueue(message("review", "reviews", "x" * 20_000))
    finally:
        stop.set()
        reader.join()
    assert log.stat().st_size < queue_file.LOG_LIMIT_BYTES * 3


def test_threads_share_one_storage(storage: Storage) -> None:
    def enqueue_many() -> None:
        for _ in range(50):
            storage.enqueue("q", "id", b"1")

    threads = [threading.Thread(target=enqueue_many) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert storage.counts(["q"]).waiting == 400


def test_an_interrupted_transaction_changes_nothing_and_lets_others_in(path: Path, storage: Storage) -> None:
    other = Storage(path, max_deliveries=5, clock=storage.clock)
    with pytest.raises(KeyboardInterrupt), storage._file.transaction(durable=True) as connection:
        connection.execute(
            "INSERT INTO messages (message_id, queue, due_at, priority, body) VALUES ('', 'q', 0, 0, '')"
        )
        raise KeyboardInterrupt
    other.enqueue("q", "id", b"1")
    storage.enqueue("q", "id", b"2")
    assert storage.counts(["q"]).waiting == 2
    other.close()


def test_the_file_is_private(path: Path, broker: FileBroker) -> None:
    broker.enqueue(message())
    assert {file.stat().st_mode & 0o077 for file in path.parent.glob(f"{path.name}*") if file.is_file()} == {0}
