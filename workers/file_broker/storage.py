"""The queue in its SQLite file: the whole of its SQL is on this page.

A message is a row of `messages` from its enqueue to its answer; while somebody works on it the row has an
owner and a lease. Rows that nobody could answer move to `dead_letters`. One connection a process, behind a
lock: SQLite lets one writer in at a time anyway, and this way the threads of a process queue up in memory
instead of sleeping on `database is locked`. All transactions are short, and none leaves a cursor open, for
an open one keeps the write-ahead log from being reused.

What is promised is on disk before the call returns (`durable`: synchronous=FULL): a message accepted, an
operator's order. A claim, a renewal or an answer is written without waiting for the disk: it survives the
death of any process, and if a power loss undoes it, the message is delivered once more, which is all that
at-least-once delivery allows for. The order of the changes is kept in either case.
"""

import json
import os
import secrets
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dramatiq.errors import BrokerError

from .clock import Clock
from .errors import (
    DeadLetterNotFoundError,
    QueueDiskFullError,
    QueueFileBusyError,
    QueueFileLostError,
    QueueFileRefusedError,
)

APPLICATION_ID = 0x52445142  # "RDQB", in bytes 68 to 71 of the file
SCHEMA_VERSION = 1
BUSY_SECONDS = 30.0
JOURNAL_SIZE_LIMIT = 8 * 1024 * 1024

# `due_at` is 0 for a message that need not wait, so one index serves both kinds of queue: without delay
# it orders by priority and age, with delay by due time. AUTOINCREMENT never gives a number twice, so a
# late answer cannot hit another message.
_SCHEMA = f"""
PRAGMA auto_vacuum = INCREMENTAL;
PRAGMA application_id = {APPLICATION_ID};
PRAGMA user_version = {SCHEMA_VERSION};
CREATE TABLE messages (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    queue TEXT NOT NULL,
    due_at INTEGER NOT NULL,                -- Unix time in ms, 0: at once
    priority INTEGER NOT NULL,              -- lower goes first
    body BLOB NOT NULL,
    deliveries INTEGER NOT NULL DEFAULT 0,  -- how often it was handed out
    history TEXT NOT NULL DEFAULT '[]',     -- JSON: what became of each delivery without an answer
    owner TEXT,                             -- who works on it
    lease_until INTEGER                     -- ms since this boot
);
CREATE INDEX messages_waiting ON messages (queue, due_at, priority, id) WHERE owner IS NULL;
CREATE INDEX messages_claimed ON messages (lease_until) WHERE owner IS NOT NULL;
CREATE TABLE dead_letters (
    id INTEGER PRIMARY KEY,                 -- the number it had as a message
    queue TEXT NOT NULL,
    body BLOB NOT NULL,
    deliveries INTEGER NOT NULL,
    history TEXT NOT NULL,
    reason TEXT NOT NULL,
    died_at INTEGER NOT NULL                -- Unix time in ms
);
CREATE INDEX dead_letters_by_queue ON dead_letters (queue);
CREATE TABLE boot (id TEXT NOT NULL);       -- the boot that every lease belongs to
INSERT INTO boot VALUES ('');
"""

_HAS_WORK = """
SELECT EXISTS (SELECT 1 FROM messages WHERE owner IS NULL AND queue = :queue AND due_at <= :time_of_day)
    OR EXISTS (SELECT 1 FROM messages WHERE owner IS NOT NULL AND lease_until <= :since_boot)
"""
_CLAIM = """
UPDATE messages SET owner = :owner, lease_until = :lease_until, deliveries = deliveries + 1
WHERE id IN (
    SELECT id FROM messages WHERE owner IS NULL AND queue = :queue AND due_at <= :time_of_day
    ORDER BY due_at, priority, id LIMIT :limit
)
RETURNING due_at, priority, id, body, deliveries
"""
_HELD = "id = :id AND owner = :owner AND deliveries = :deliveries"
_BURY = """
INSERT INTO dead_letters (id, queue, body, deliveries, history, reason, died_at)
SELECT id, queue, coalesce(:body, body), deliveries, history, :reason, :time_of_day
FROM messages WHERE id = :id
"""


@dataclass(frozen=True, slots=True)
class Claim:
    """A message handed out to `owner`; `deliveries` tells this claim from a later one of the same owner."""

    id: int
    owner: str
    deliveries: int
    body: bytes


@dataclass(frozen=True, slots=True)
class DeadLetterRow:
    """A message that nobody will deliver again unless an operator says so."""

    id: int
    queue: str
    body: bytes
    deliveries: int
    history: list[dict[str, Any]]
    reason: str
    died_at: int


class Storage:
    """The queues in the file at `path`, which is created if absent.

    Every method may be called from any thread, and in a forked child. Every method raises
    QueueFileRefusedError (the file is foreign or damaged), QueueFileLostError, QueueFileBusyError or
    QueueDiskFullError when the file cannot be used.
    """

    def __init__(self, path: Path, *, max_deliveries: int, clock: Clock | None = None) -> None:
        self.path = path
        self.max_deliveries = max_deliveries
        self.clock = clock or Clock()
        self._connection: sqlite3.Connection | None = None
        self._file = (0, 0)
        self._lock = threading.Lock()
        self._pid = os.getpid()
        self._abandoned: list[sqlite3.Connection | None] = []
        if not path.exists():
            _create(path)
        self.check()
        self._adopt_boot()

    def check(self) -> None:
        """Raise QueueFileRefusedError if the file is damaged. Reads all of it: meant for the start."""
        with self._connected() as connection:
            [(verdict,)] = connection.execute("PRAGMA quick_check(1)").fetchall()
        if verdict != "ok":
            raise QueueFileRefusedError(f"{self.path} is damaged ({verdict}); move it away or restore it.")

    def close(self) -> None:
        """Close the file. The next use opens it again."""
        with self._lock:
            if self._connection is not None and self._pid == os.getpid():
                self._connection.close()
                self._connection = None

    # -- messages ---------------------------------------------------------------------------------------

    def enqueue(self, queue: str, body: bytes, *, priority: int = 0, due_at: int = 0) -> int:
        """Add a message and return its number. It is on disk when this returns."""
        with self._transaction(durable=True) as connection:
            [(number,)] = connection.execute(
                "INSERT INTO messages (queue, due_at, priority, body) VALUES (?, ?, ?, ?) RETURNING id",
                (queue, due_at, priority, body),
            ).fetchall()
        return int(number)

    def claim(self, queue: str, owner: str, *, limit: int, lease_ms: int) -> list[Claim]:
        """Take up to `limit` messages that are due, in the order of the queue, for `lease_ms`."""
        now = {"time_of_day": self.clock.time_of_day(), "since_boot": self.clock.since_boot()}
        if limit <= 0 or not self._read(_HAS_WORK, {"queue": queue, **now})[0][0]:
            return []
        lease = {"owner": owner, "lease_until": now["since_boot"] + lease_ms, "limit": limit}
        with self._transaction(durable=False) as connection:
            self._take_back_expired(connection, now)
            rows = connection.execute(_CLAIM, {"queue": queue, **now, **lease}).fetchall()
        return [
            Claim(number, owner, deliveries, body)
            for _due, _priority, number, body, deliveries in sorted(rows)
        ]

    def renew(self, owner: str, numbers: Iterable[int], *, lease_ms: int) -> set[int]:
        """Make these leases run out `lease_ms` from now; return the messages that `owner` still has."""
        row = {
            "owner": owner,
            "numbers": json.dumps(list(numbers)),
            "lease_until": self.clock.since_boot() + lease_ms,
        }
        with self._transaction(durable=False) as connection:
            rows = connection.execute(
                "UPDATE messages SET lease_until = :lease_until"
                " WHERE owner = :owner AND id IN (SELECT value FROM json_each(:numbers)) RETURNING id",
                row,
            ).fetchall()
        return {number for (number,) in rows}

    def ack(self, claim: Claim) -> bool:
        """Remove an answered message. False if the claim has been lost, and then nothing is changed."""
        with self._transaction(durable=False) as connection:
            return connection.execute(f"DELETE FROM messages WHERE {_HELD}", _key(claim)).rowcount == 1

    def reject(self, claim: Claim, reason: str, body: bytes | None = None) -> bool:
        """Move a message to the dead letters, as `body` if given. False if the claim has been lost."""
        with self._transaction(durable=False) as connection:
            if not connection.execute(f"SELECT 1 FROM messages WHERE {_HELD}", _key(claim)).fetchall():
                return False
            self._bury(connection, claim.id, reason, body)
            return True

    def give_back(self, claims: Iterable[Claim]) -> int:
        """Return messages that were never started to their queue, the delivery not counted; say how many."""
        with self._transaction(durable=False) as connection:
            return sum(
                connection.execute(
                    "UPDATE messages SET owner = NULL, lease_until = NULL, deliveries = deliveries - 1"
                    f" WHERE {_HELD}",
                    _key(claim),
                ).rowcount
                for claim in claims
            )

    def next_due(self, queue: str) -> int | None:
        """Milliseconds until a waiting message of the queue is due (0: now), None if there is none."""
        [(due_at,)] = self._read(
            "SELECT min(due_at) FROM messages WHERE owner IS NULL AND queue = ?", (queue,)
        )
        return None if due_at is None else max(0, due_at - self.clock.time_of_day())

    def count(self, queues: Sequence[str]) -> int:
        """How many messages of these queues have no answer yet, those being worked on included."""
        [(count,)] = self._read(
            "SELECT count(*) FROM messages WHERE queue IN (SELECT value FROM json_each(?))",
            (json.dumps(queues),),
        )
        return int(count)

    def flush(self, queues: Sequence[str]) -> int:
        """Remove all messages of these queues, those being worked on included; say how many."""
        with self._transaction(durable=True) as connection:
            return connection.execute(
                "DELETE FROM messages WHERE queue IN (SELECT value FROM json_each(?))", (json.dumps(queues),)
            ).rowcount

    # -- dead letters -----------------------------------------------------------------------------------

    def dead_letters(self, queues: Sequence[str]) -> list[DeadLetterRow]:
        """The dead letters of these queues, oldest message first."""
        return self._letters("queue IN (SELECT value FROM json_each(?)) ORDER BY id", json.dumps(queues))

    def dead_letter(self, number: int) -> DeadLetterRow:
        """The dead letter with this number. Raises DeadLetterNotFoundError."""
        for letter in self._letters("id = ?", number):
            return letter
        raise DeadLetterNotFoundError(f"There is no dead letter {number}.")

    def _letters(self, which: str, parameter: str | int) -> list[DeadLetterRow]:
        rows = self._read(
            f"SELECT id, queue, body, deliveries, history, reason, died_at FROM dead_letters WHERE {which}",
            (parameter,),
        )
        return [
            DeadLetterRow(number, queue, body, deliveries, json.loads(history), reason, died_at)
            for number, queue, body, deliveries, history, reason, died_at in rows
        ]

    def requeue_dead_letter(self, number: int, body: bytes, *, priority: int = 0, due_at: int = 0) -> int:
        """Deliver a dead letter again, as `body`, under a new number. Raises DeadLetterNotFoundError."""
        with self._transaction(durable=True) as connection:
            event = self._event("requeued from the dead letters")
            rows = connection.execute(
                "INSERT INTO messages (queue, due_at, priority, body, history)"
                " SELECT queue, ?, ?, ?, json_insert(history, '$[#]', json(?)) FROM dead_letters WHERE id = ?"
                " RETURNING id",
                (due_at, priority, body, event, number),
            ).fetchall()
            self._remove_dead_letter(connection, number)
        return int(rows[0][0])

    def purge_dead_letter(self, number: int) -> None:
        """Remove a dead letter for good. Raises DeadLetterNotFoundError."""
        with self._transaction(durable=True) as connection:
            self._remove_dead_letter(connection, number)

    @staticmethod
    def _remove_dead_letter(connection: sqlite3.Connection, number: int) -> None:
        if connection.execute("DELETE FROM dead_letters WHERE id = ?", (number,)).rowcount == 0:
            raise DeadLetterNotFoundError(f"There is no dead letter {number}.")

    def _bury(
        self, connection: sqlite3.Connection, number: int, reason: str, body: bytes | None = None
    ) -> None:
        row = {"id": number, "reason": reason, "body": body, "time_of_day": self.clock.time_of_day()}
        connection.execute(_BURY, row)
        connection.execute("DELETE FROM messages WHERE id = ?", (number,))

    # -- leases that ran out ----------------------------------------------------------------------------

    def _take_back_expired(self, connection: sqlite3.Connection, now: dict[str, int]) -> None:
        rows = connection.execute(
            "SELECT id, owner, deliveries FROM messages"
            " WHERE owner IS NOT NULL AND lease_until <= :since_boot",
            now,
        ).fetchall()
        for number, owner, deliveries in rows:
            event = self._event("lease ran out", owner=owner, delivery=deliveries)
            connection.execute(
                "UPDATE messages SET owner = NULL, lease_until = NULL,"
                " history = json_insert(history, '$[#]', json(?)) WHERE id = ?",
                (event, number),
            )
            if deliveries >= self.max_deliveries:
                self._bury(connection, number, f"delivered {deliveries} times without an answer")

    def _adopt_boot(self) -> None:
        """Let the leases of an earlier boot run out: their holders are gone, and their clock with them."""
        boot = self.clock.boot_id()
        if self._read("SELECT id FROM boot") == [(boot,)]:
            return
        with self._transaction(durable=True) as connection:
            if connection.execute("SELECT id FROM boot").fetchall() != [(boot,)]:
                connection.execute("UPDATE messages SET lease_until = 0 WHERE owner IS NOT NULL")
                connection.execute("UPDATE boot SET id = ?", (boot,))

    def _event(self, what: str, **details: str | int) -> str:
        return json.dumps({"at": self.clock.time_of_day(), "event": what, **details})

    # -- the connection ---------------------------------------------------------------------------------

    def _read(self, sql: str, parameters: dict[str, Any] | tuple[Any, ...] = ()) -> list[Any]:
        with self._connected() as connection:
            return connection.execute(sql, parameters).fetchall()

    @contextmanager
    def _transaction(self, *, durable: bool) -> Iterator[sqlite3.Connection]:
        with self._connected() as connection:
            _roll_back(connection)  # what Dramatiq's exceptions, thrown into threads, may have left
            connection.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                _roll_back(connection)
                raise

    @contextmanager
    def _connected(self) -> Iterator[sqlite3.Connection]:
        if self._pid != os.getpid():
            self._leave_parent()
        with self._lock:
            try:
                yield self._connection_to_file()
            except (sqlite3.DatabaseError, OSError) as error:
                if isinstance(error, sqlite3.ProgrammingError | sqlite3.IntegrityError):
                    raise
                raise _explained(error, self.path) from error

    def _connection_to_file(self) -> sqlite3.Connection:
        """The connection, opened again if the file has been replaced: going on with a removed file would
        accept messages that nobody ever sees.
        """
        file = _identity(self.path)
        if self._connection is None or self._file != file:
            if self._connection is not None:
                self._connection.close()
                self._connection = None
            self._connection, self._file = _open(self.path), file
        return self._connection

    def _leave_parent(self) -> None:
        """Start anew in a forked child: to use or close the parent's connection would damage the file."""
        self._abandoned.append(self._connection)
        self._connection = None
        self._lock = threading.Lock()
        self._pid = os.getpid()


def _key(claim: Claim) -> dict[str, Any]:
    return {"id": claim.id, "owner": claim.owner, "deliveries": claim.deliveries}


def _create(path: Path) -> None:
    """Make the file under another name, then give it its own: nobody ever sees half a queue, and an empty
    file is always a damaged one.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(6)}.tmp")
    try:
        connection = sqlite3.connect(temporary, isolation_level=None)
        try:
            connection.executescript(f"{_SCHEMA} PRAGMA journal_mode = WAL;")
        finally:
            connection.close()
        temporary.chmod(0o600)
        with suppress(FileExistsError):  # another process was first: its file it is
            path.hardlink_to(temporary)
        _fsync_folder(path.parent)
    except (sqlite3.DatabaseError, OSError) as error:
        raise _explained(error, path) from error
    finally:
        temporary.unlink(missing_ok=True)


def _fsync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _open(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(
        f"{path.resolve().as_uri()}?mode=rw",
        uri=True,
        timeout=BUSY_SECONDS,
        isolation_level=None,
        check_same_thread=False,
    )
    try:
        [(application_id,)] = connection.execute("PRAGMA application_id").fetchall()
        [(version,)] = connection.execute("PRAGMA user_version").fetchall()
        if application_id != APPLICATION_ID:
            raise QueueFileRefusedError(f"{path} is not a queue file of this broker; it is left as it is.")
        if version != SCHEMA_VERSION:
            raise QueueFileRefusedError(
                f"{path} has format {version}, this broker reads format {SCHEMA_VERSION}."
            )
        connection.execute(f"PRAGMA journal_size_limit = {JOURNAL_SIZE_LIMIT}").fetchall()
    except BaseException:
        connection.close()
        raise
    return connection


def _identity(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_dev, status.st_ino


def _roll_back(connection: sqlite3.Connection) -> None:
    if connection.in_transaction:
        with suppress(sqlite3.Error):  # the error that led here is the one to report
            connection.execute("ROLLBACK")


def _explained(error: sqlite3.Error | OSError, path: Path) -> BrokerError:
    name = getattr(error, "sqlite_errorname", "")
    if name.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB")):
        return QueueFileRefusedError(f"{path} is damaged or not a queue file ({error}); it is left as it is.")
    if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return QueueFileBusyError(f"{path} stayed locked by another process for {BUSY_SECONDS:g} s.")
    if name.startswith("SQLITE_FULL") or getattr(error, "errno", None) == 28:
        return QueueDiskFullError(f"No room left to write to {path}.")
    return QueueFileLostError(f"{path} cannot be used ({error}).")
