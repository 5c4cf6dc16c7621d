"""One SQLite file that several processes write to, and what must be right about that.

- One connection a process, behind a lock: SQLite lets one writer in at a time anyway, and this way the
  threads of a process queue up in memory. Nothing of it is carried over a fork.
- Every write holds a lock file as well. Waiting for it is faster and fairer than SQLite's own back-off, and
  it keeps checkpoints (which run inside a commit) and commits of other processes apart, without which every
  SQLite before 3.51.3 can lose committed rows (https://sqlite.org/wal.html#walresetbug).
- No read cursor stays open, for it would keep the write-ahead log from being used again.
- A file that is missing, foreign or damaged is refused, not made anew: only `create` makes one.
"""

import errno
import fcntl
import os
import secrets
import shutil
import sqlite3
import threading
import time
import weakref
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

from .errors import FileBrokerError, QueueDiskFullError, QueueFileBusyError, QueueFileLostError, QueueFileRefusedError

BUSY_SECONDS = 30.0
LOCK_POLL_SECONDS = 0.0002
# The log is reset when everything in it has been copied and no reader is in it. Readers without a gap can
# put that off; from this size on the writer waits for them a moment, and the file is cut again.
LOG_LIMIT_BYTES = 16 * 1024 * 1024
LOG_KEPT_BYTES = 8 * 1024 * 1024
LOG_RESET_WAIT_MS = 50
# A sync of a file that has grown waits for the file system's journal as well, and takes twice as long or more.
# So the log is made as long as it gets between two checkpoints (1000 pages) before it is used.
LOG_FIRST_BYTES = 5 * 1024 * 1024
COMMITS_PER_LOG_CHECK = 64

Parameters = Mapping[str, Any] | Sequence[Any]


class QueueFile:
    """The SQLite file at `path`, recognised by its application id and format number.

    `upgrades` has the statements that lead from an older format to this one: whoever opens such a file upgrades
    it first, in one transaction.

    Every method may be called from any thread, and in a forked child. Every method raises
    QueueFileRefusedError (the file is foreign or damaged), QueueFileLostError, QueueFileBusyError or
    QueueDiskFullError when the file cannot be used.
    """

    def __init__(
        self,
        path: Path,
        *,
        application_id: int,
        format_number: int,
        upgrades: Mapping[int, Sequence[str]] | None = None,
    ) -> None:
        self.path = path
        self.application_id = application_id
        self.format_number = format_number
        self.upgrades = upgrades or {}
        self._log_path = path.with_name(f"{path.name}-wal")
        self._lock_path = path.with_name(f"{path.name}.lock")
        self._connection: sqlite3.Connection | None = None
        self._identity = (0, 0)
        self._lock_descriptor: int | None = None
        self._lock = threading.Lock()
        self._abandoned: list[sqlite3.Connection] = []
        self._durable: bool | None = None  # what the connection is set to
        self._commits = 0
        self._log_reset_at = LOG_LIMIT_BYTES
        _all_files.add(self)

    def create(self, schema: str) -> None:
        """Make the file with this schema, unless it exists already.

        It is made under another name and then given its own, so that nobody ever sees half a queue, and
        an empty file is always a damaged one.
        """
        temporary = self.path.with_name(f".{self.path.name}.{secrets.token_hex(6)}.tmp")
        with self._errors_explained():
            if self.path.exists():
                return
            if self._log_path.exists():  # SQLite would play a log without its file into the new one
                raise QueueFileRefusedError(f"{self.path} is missing, but {self._log_path.name} is there; restore it.")
            self.path.parent.mkdir(parents=True, exist_ok=True)
            try:
                with closing(sqlite3.connect(temporary, isolation_level=None)) as connection:
                    connection.executescript(
                        f"PRAGMA auto_vacuum = INCREMENTAL; PRAGMA application_id = {self.application_id};"
                        f"PRAGMA user_version = {self.format_number}; {schema}; PRAGMA journal_mode = WAL;"
                    )
                temporary.chmod(0o600)
                with suppress(FileExistsError):  # another process was first: its file it is
                    self.path.hardlink_to(temporary)
                _fsync_folder(self.path.parent)
            finally:
                temporary.unlink(missing_ok=True)

    def check(self) -> None:
        """Raise QueueFileRefusedError if the file is damaged. Reads all of it: meant for the start."""
        [(verdict,)] = self.read("PRAGMA quick_check(1)")
        if verdict != "ok":
            raise QueueFileRefusedError(f"{self.path} is damaged ({verdict}); move it away or restore it.")

    def check_room(self, reserved_bytes: int) -> None:
        """Raise QueueDiskFullError if less than this is free on the file's disk."""
        with self._errors_explained():
            free = shutil.disk_usage(self.path.parent).free
        if free < reserved_bytes:
            raise QueueDiskFullError(
                f"Only {free} bytes are free for {self.path}; {reserved_bytes} are kept in reserve."
            )

    def read(self, sql: str, parameters: Parameters = ()) -> list[Any]:
        """All rows of a query."""
        with self._connected() as connection:
            return connection.execute(sql, parameters).fetchall()

    @contextmanager
    def transaction(self, *, durable: bool) -> Iterator[sqlite3.Connection]:
        """The only transaction that writes to the file at this moment; rolled back on any exception.

        If `durable`, it is on disk when the block has been left.
        """
        with self._connected() as connection, self._sole_writer():
            _roll_back(connection)  # what Dramatiq's exceptions, thrown into threads, may have left
            self._set_durable(connection, durable)
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                _roll_back(connection)
                raise
            self._commits += 1
            if self._commits % COMMITS_PER_LOG_CHECK == 0:
                with suppress(OSError, sqlite3.Error):  # the commit stands, and a later one looks again
                    self._bound_log(connection)

    def shrink(self, *, free_bytes: int, step_bytes: int) -> int:
        """Give up to `step_bytes` of what is free in the file beyond `free_bytes` back; say how many."""
        [(page_bytes,)] = self.read("PRAGMA page_size")
        [(free_pages,)] = self.read("PRAGMA freelist_count")
        pages = min(free_pages * page_bytes - free_bytes, step_bytes) // page_bytes
        if pages <= 0:
            return 0
        with self._connected() as connection, self._sole_writer():
            self._set_durable(connection, False)
            # `execute` would stop after the first page, for each is a row to it.
            connection.executescript(f"PRAGMA incremental_vacuum({pages})")
        return int(pages * page_bytes)

    def checkpoint(self) -> None:
        """Copy what is in the log into the file, as far as no reader is in the way. Waits for none."""
        with self._connected() as connection, self._sole_writer():
            connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()

    def close(self) -> None:
        """Close the file. The next use opens it again."""
        with self._lock:
            self._disconnect()

    @contextmanager
    def _connected(self) -> Iterator[sqlite3.Connection]:
        with self._lock, self._errors_explained():
            identity = _identity(self.path)
            if self._connection is None or self._identity != identity:
                # Going on with a file that was replaced would accept what nobody ever sees.
                self._abandon_connection()
                self._connection, self._identity, self._durable = self._open(), identity, None
            yield self._connection

    def _open(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            f"{self.path.resolve().as_uri()}?mode=rw",
            uri=True,
            timeout=BUSY_SECONDS,
            isolation_level=None,
            check_same_thread=False,
        )
        try:
            if self._format_of(connection) in self.upgrades:
                self._upgrade(connection)
            connection.execute(f"PRAGMA journal_size_limit = {LOG_KEPT_BYTES}").fetchall()
        except BaseException:
            connection.close()
            raise
        return connection

    def _format_of(self, connection: sqlite3.Connection) -> int:
        """The format of the file, if it is one that can be read or upgraded."""
        [(application_id,)] = connection.execute("PRAGMA application_id").fetchall()
        [(format_number,)] = connection.execute("PRAGMA user_version").fetchall()
        if application_id != self.application_id:
            raise QueueFileRefusedError(f"{self.path} is not a queue file; it is left as it is.")
        if format_number != self.format_number and format_number not in self.upgrades:
            raise QueueFileRefusedError(
                f"{self.path} has format {format_number}, but format {self.format_number} is read here."
            )
        return int(format_number)

    def _upgrade(self, connection: sqlite3.Connection) -> None:
        with self._sole_writer():
            connection.execute("BEGIN IMMEDIATE")
            try:
                for statement in self.upgrades.get(self._format_of(connection), ()):  # none: somebody was faster
                    connection.execute(statement)
                connection.execute(f"PRAGMA user_version = {self.format_number}")
                connection.execute("COMMIT")
            except BaseException:
                _roll_back(connection)
                raise

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        if self._lock_descriptor is not None:
            os.close(self._lock_descriptor)
            self._lock_descriptor = None

    @contextmanager
    def _sole_writer(self) -> Iterator[None]:
        if self._lock_descriptor is None:
            self._lock_descriptor = os.open(self._lock_path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        deadline = time.monotonic() + BUSY_SECONDS
        while not _try_lock(self._lock_descriptor):
            if time.monotonic() > deadline:
                raise QueueFileBusyError(f"{self.path} stayed locked by another process for {BUSY_SECONDS:g} s.")
            time.sleep(LOCK_POLL_SECONDS)
        try:
            yield
        finally:
            fcntl.flock(self._lock_descriptor, fcntl.LOCK_UN)

    def _lengthen_log(self, connection: sqlite3.Connection) -> None:
        """Write pages to the log and take them back: what is rolled back leaves the log as long as it got."""
        if self._log_path.exists() and self._log_path.stat().st_size >= LOG_FIRST_BYTES:
            return
        [(cache_size,)] = connection.execute("PRAGMA cache_size").fetchall()
        connection.execute("PRAGMA cache_size = 10")  # else they would stay in memory
        with suppress(sqlite3.Error):  # no room: then it grows as it is used
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("CREATE TABLE log_length (bytes BLOB)")
            connection.execute("INSERT INTO log_length VALUES (zeroblob(?))", (LOG_FIRST_BYTES,))
        _roll_back(connection)
        connection.execute(f"PRAGMA cache_size = {cache_size}")

    def _set_durable(self, connection: sqlite3.Connection, durable: bool) -> None:
        if self._durable is None:  # the first write of this connection
            self._lengthen_log(connection)
        if self._durable != durable:
            connection.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
            self._durable = durable

    def _bound_log(self, connection: sqlite3.Connection) -> None:
        size = self._log_path.stat().st_size
        if size < LOG_LIMIT_BYTES:
            self._log_reset_at = LOG_LIMIT_BYTES
        elif size >= self._log_reset_at:
            self._log_reset_at = size + LOG_LIMIT_BYTES // 8  # if a reader stays in the way, writers get some peace
            connection.execute(f"PRAGMA busy_timeout = {LOG_RESET_WAIT_MS}")
            connection.execute("PRAGMA wal_checkpoint(RESTART)").fetchall()
            connection.execute(f"PRAGMA busy_timeout = {int(BUSY_SECONDS * 1000)}")

    @contextmanager
    def _errors_explained(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.ProgrammingError, sqlite3.IntegrityError):
            raise
        except (sqlite3.DatabaseError, OSError) as error:
            raise _explained(error, self.path) from error

    def _abandon_connection(self) -> None:
        """Leave a parent's connection, or one to a replaced file, open for ever.

        To close it could end the parent's locks, or remove the log of the file that is there now.
        """
        if self._connection is not None:
            self._abandoned.append(self._connection)
            self._connection = None

    def _leave_parent(self) -> None:
        """Start anew in a forked child."""
        self._abandon_connection()
        if self._lock_descriptor is not None:
            os.close(self._lock_descriptor)  # else the parent's lock would outlive the parent
            self._lock_descriptor = None
        self._lock = threading.Lock()


_all_files: "weakref.WeakSet[QueueFile]" = weakref.WeakSet()


def _leave_parents() -> None:
    for file in list(_all_files):
        file._leave_parent()


os.register_at_fork(after_in_child=_leave_parents)


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _roll_back(connection: sqlite3.Connection) -> None:
    if connection.in_transaction:
        with suppress(sqlite3.Error):  # the error that led here is the one to report
            connection.execute("ROLLBACK")


def _identity(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_dev, status.st_ino


def _fsync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _explained(error: sqlite3.Error | OSError, path: Path) -> FileBrokerError:
    name = getattr(error, "sqlite_errorname", "")
    if name.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB")):
        return QueueFileRefusedError(f"{path} is damaged or not a queue file ({error}); it is left as it is.")
    if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return QueueFileBusyError(f"{path} stayed locked by another process for {BUSY_SECONDS:g} s.")
    if name.startswith("SQLITE_FULL") or getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT):
        return QueueDiskFullError(f"No room left to write to {path}.")
    return QueueFileLostError(f"{path} cannot be used ({error}).")
