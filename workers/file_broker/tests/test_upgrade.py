"""A file of format 1, in which messages had no group and no turn, goes on as one of format 2."""

import multiprocessing
import os
import signal
import sqlite3
import threading
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import overload

import pytest

from workers.file_broker import FileBroker, QueueFileRefusedError
from workers.file_broker import storage as storage_module
from workers.file_broker.storage import Claim, Storage

FORMAT_1 = """
PRAGMA auto_vacuum = INCREMENTAL; PRAGMA application_id = 0x52445142; PRAGMA user_version = 1;
CREATE TABLE messages (
    id INTEGER PRIMARY KEY AUTOINCREMENT, message_id TEXT NOT NULL, queue TEXT NOT NULL, due_at INTEGER NOT NULL,
    priority INTEGER NOT NULL, body BLOB NOT NULL, deliveries INTEGER NOT NULL DEFAULT 0,
    history TEXT NOT NULL DEFAULT '[]', owner TEXT, lease_until INTEGER
);
CREATE INDEX messages_waiting ON messages (queue, due_at, priority, id) WHERE owner IS NULL;
CREATE INDEX messages_suspect ON messages (queue) WHERE owner IS NULL AND deliveries >= 2;
CREATE INDEX messages_claimed ON messages (lease_until) WHERE owner IS NOT NULL;
CREATE TABLE dead_letters (
    id INTEGER PRIMARY KEY, message_id TEXT NOT NULL, queue TEXT NOT NULL, body BLOB NOT NULL,
    deliveries INTEGER NOT NULL, history TEXT NOT NULL, reason TEXT NOT NULL, died_at INTEGER NOT NULL
);
CREATE INDEX dead_letters_by_age ON dead_letters (died_at);
CREATE TABLE boot (id TEXT NOT NULL);
INSERT INTO boot VALUES ('');
INSERT INTO messages (message_id, queue, due_at, priority, body, owner, lease_until, deliveries) VALUES
    ('one', 'q', 0, 0, x'01', NULL, NULL, 0), ('two', 'q', 0, 0, x'02', NULL, NULL, 0),
    ('last', 'q', 0, 5, x'03', NULL, NULL, 0), ('held', 'q', 0, 0, x'04', 'somebody', 0, 1),
    ('later', 'q.DQ', 1, 0, x'05', NULL, NULL, 0);
INSERT INTO dead_letters VALUES (77, 'dead', 'q', x'06', 5, '[]', 'failed', 1);
PRAGMA journal_mode = WAL;
"""


@pytest.fixture
def old(path: Path) -> Path:
    """A file of format 1 with messages that wait, are held and are delayed, and a dead letter."""
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(FORMAT_1)
    return path


def format_of(path: Path) -> int:
    with closing(sqlite3.connect(path)) as connection:
        [(number,)] = connection.execute("PRAGMA user_version").fetchall()
        return int(number)


def names(claims: list[Claim]) -> list[str]:
    return [claim.message_id for claim in claims]


def check_all_is_there(path: Path) -> None:
    storage = Storage(path, max_deliveries=5)
    storage.enqueue("q", "new of A", b"", group="A")
    storage.enqueue("q", "new", b"")
    storage.enqueue("q", "newer", b"")
    assert storage.message_ids(["q.DQ"]) == {"later"}
    assert storage.release_due("q.DQ", "q") == 1
    order = ["one", "two", "held", "later", "new of A", "new", "newer", "last"]
    assert names(storage.claim("q", "me", limit=10, lease_ms=1000)) == order
    assert [letter.message_id for letter in storage.dead_letters(["q"])] == ["dead"]
    storage.requeue_dead_letter(77, b"")
    assert names(storage.claim("q", "me", limit=10, lease_ms=1000)) == ["dead"]
    storage.close()
    assert format_of(path) == 2


def test_all_messages_and_their_order_are_kept(old: Path) -> None:
    check_all_is_there(old)


def test_an_upgraded_file_is_what_a_new_one_is(old: Path, tmp_path: Path) -> None:
    for path in (old, tmp_path / "new"):
        Storage(path, max_deliveries=5).close()

    def made(path: Path) -> set[tuple[str, ...]]:
        with closing(sqlite3.connect(path)) as connection:
            columns = connection.execute("SELECT name, type, dflt_value FROM pragma_table_info('messages')").fetchall()
            others = connection.execute("SELECT name, sql FROM sqlite_schema WHERE name <> 'messages'").fetchall()
        return {tuple(" ".join(str(cell).split()) for cell in row) for row in [*columns, *others]}

    # Comments are kept in the schema, so the tables that have some are compared by name.
    assert {row[0] for row in made(old)} == {row[0] for row in made(tmp_path / "new")}
    changed = ("messages_waiting", "messages_of_group", "served", "grp", "turn")
    assert {row for row in made(old) if row[0] in changed} == {
        row for row in made(tmp_path / "new") if row[0] in changed
    }


def test_several_may_open_it_at_once(old: Path) -> None:
    start = threading.Barrier(4)
    opened: list[int] = []

    def upgrade() -> None:
        start.wait()
        Storage(old, max_deliveries=5).close()
        opened.append(1)

    threads = [threading.Thread(target=upgrade) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(opened) == 4
    check_all_is_there(old)


class KilledAfter(Sequence[str]):
    """Statements of which so many are executed before the process is killed."""

    def __init__(self, statements: Sequence[str], count: int) -> None:
        self.statements = statements
        self.done = count

    def __len__(self) -> int:
        return len(self.statements)

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[str]: ...
    def __getitem__(self, index: int | slice) -> str | Sequence[str]:
        if index == self.done:
            os.kill(os.getpid(), signal.SIGKILL)
        return self.statements[index]


def upgrade_and_die(path: Path, count: int) -> None:
    storage_module._UPGRADES[1] = KilledAfter(storage_module._UPGRADES[1], count)
    Storage(path, max_deliveries=5)


@pytest.mark.parametrize("count", range(len(storage_module._UPGRADES[1]) + 1))
def test_an_upgrade_that_is_killed_is_made_by_the_next(old: Path, count: int) -> None:
    child = multiprocessing.get_context("fork").Process(target=upgrade_and_die, args=(old, count))
    child.start()
    child.join(30)
    assert child.exitcode == -signal.SIGKILL
    assert format_of(old) == 1
    check_all_is_there(old)


def test_an_older_program_refuses_the_newer_file(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    FileBroker(path).close()
    monkeypatch.setattr(storage_module, "FORMAT_NUMBER", 1)
    monkeypatch.setattr(storage_module, "_UPGRADES", {})
    with pytest.raises(QueueFileRefusedError, match="format 2"):
        FileBroker(path)
