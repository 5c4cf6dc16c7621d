"""The only writer of JSON documents: every document is whole on disk, whatever is killed when."""

import json
import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from server.observability import metrics

LOCK_WAIT_SECONDS = 10.0


class LockTimeoutError(Exception):
    """Another process held a document's lock for too long."""


def read_json(path: Path) -> Any:  # noqa: ANN401 - a JSON document may be any value
    """Return the document at `path`.

    Raises FileNotFoundError if there is none, and ValueError (of which json.JSONDecodeError and
    UnicodeDecodeError are kinds) if it is damaged.
    """
    return json.loads(path.read_bytes())


def encode_json(document: Any) -> bytes:  # noqa: ANN401
    """The bytes of a document on disk; the same again for what `json.loads` makes of them.

    Raises TypeError or ValueError for what is not JSON; NaN is refused.
    """
    return json.dumps(document, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()


def write_json_atomic(path: Path, document: Any, *, keep_previous: bool = False) -> None:  # noqa: ANN401
    """Replace the document at `path`; when this returns, the new one survives a power loss.

    A reader sees the old document or the new one, never a part. With `keep_previous` the old one stays
    as `previous_of(path)`. Raises OSError (disk full, read-only, …) and TypeError or ValueError (not
    JSON; NaN is refused), and then leaves the old one.
    """
    with staged_json(path, document) as staged:
        put_in_place(staged, path, keep_previous=keep_previous)
    fsync_folder(path.parent)


@contextmanager
def staged_json(path: Path, document: Any) -> Iterator[Path]:  # noqa: ANN401
    """A file beside `path` with the bytes of a document, durable; gone after the block unless put in place.

    Its name is not durable: after a power loss it may be gone. Raises as `write_json_atomic`.
    """
    content = encode_json(document)
    staged = path.with_name(f".{path.name}.{secrets.token_hex(6)}.tmp")
    try:
        with staged.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        yield staged
    finally:
        staged.unlink(missing_ok=True)


def put_in_place(staged: Path, path: Path, *, keep_previous: bool = False) -> None:
    """Give a staged file the name `path`, in one step; durable once the folder is fsynced. Raises OSError."""
    if keep_previous:
        _keep_previous(path)
    staged.replace(path)


def previous_of(path: Path) -> Path:
    """Where the version of a document before the one at `path` is kept."""
    return path.with_name(f"{path.name}.prev")


def _keep_previous(path: Path) -> None:
    # A second name for the old bytes, which were made durable when they were written: it costs no fsync.
    # At every moment `path` is whole, and so is what has the other name, if anything has.
    previous = previous_of(path)
    previous.unlink(missing_ok=True)
    with suppress(FileNotFoundError):  # a new document has no old one
        os.link(path, previous)


def fsync_folder(folder: Path) -> None:
    """Make renames and new names in `folder` durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def with_file_lock(path: Path, timeout: float = LOCK_WAIT_SECONDS) -> Iterator[None]:
    """Hold the lock of the document at `path` (the file `path` + `.lock`) against threads and processes.

    Raises LockTimeoutError after `timeout` seconds, and FileNotFoundError if the folder goes away while this
    waits. The lock dies with its holder, and its file is there only while someone holds it or waits.
    """
    lock_file = Path(f"{path}.lock")
    lock = FileLock(lock_file, timeout=timeout, thread_local=False, poll_interval=0.005, fallback_to_soft=False)
    started = time.perf_counter()
    try:
        lock.acquire()
    except Timeout as error:
        metrics.lock_timed_out()
        raise LockTimeoutError(f"{path.name} stayed locked by another request for {timeout:g} s; try again.") from error
    metrics.lock_waited(time.perf_counter() - started)
    try:
        yield
    finally:
        # Unlinked while it is held, as the very last thing: who waits on the file sees that it has no name any
        # more and starts over, and who comes now makes a new one and finds the work done.
        try:
            lock_file.unlink(missing_ok=True)
        finally:
            lock.release()
