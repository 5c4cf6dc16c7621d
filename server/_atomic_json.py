"""The only writer of JSON documents: every document is whole on disk, whatever is killed when."""

import json
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

LOCK_WAIT_SECONDS = 10.0


class LockTimeoutError(Exception):
    """Another process held a document's lock for too long."""


def read_json(path: Path) -> Any:  # noqa: ANN401 - a JSON document may be any value
    """Return the document at `path`.

    Raises FileNotFoundError if there is none, and json.JSONDecodeError if it is damaged.
    """
    return json.loads(path.read_bytes())


def write_json_atomic(path: Path, document: Any) -> None:  # noqa: ANN401
    """Replace the document at `path`; when this returns, the new one survives a power loss.

    A reader sees the old document or the new one, never a part. Raises OSError (disk full,
    read-only, …) and TypeError or ValueError (not JSON; NaN is refused), and then leaves the old one.
    """
    content = json.dumps(document, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(6)}.tmp")
    try:
        with temporary.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    fsync_folder(path.parent)


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

    Raises LockTimeoutError after `timeout` seconds. The lock dies with its holder.
    """
    lock = FileLock(f"{path}.lock", timeout=timeout, thread_local=False, poll_interval=0.005, fallback_to_soft=False)
    try:
        lock.acquire()
    except Timeout as error:
        raise LockTimeoutError(f"{path.name} stayed locked by another request for {timeout:g} s; try again.") from error
    try:
        yield
    finally:
        lock.release()
