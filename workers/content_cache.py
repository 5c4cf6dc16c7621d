"""A bounded cache of bytes that processes share: a file an entry in one folder, the least recently used goes first.

Whoever kills its users, or deletes the folder, costs a miss and no more. Nothing is fsynced: what a power loss leaves
is told by a checksum at the end of each entry, and is a miss.

How much is there stands in a file beside the entries, so that keeping one does not look at all of them. It is added to
before an entry gets its name: whoever is killed in between leaves it too large, never too small. What else goes wrong
with it (a power loss, entries removed by hand) is put right at the next look at the folder, which comes after ten
minutes at the latest.

Why not `diskcache`: unmaintained since 2023, it keeps no checksum, and its SQLite file would be open in forked
children that are killed with -9.
"""

import hashlib
import logging
import os
import re
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from pickle import PickleBuffer
from typing import BinaryIO

from filelock import FileLock, Timeout

log = logging.getLogger(__name__)

_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,199}")
_CHECKSUM_BYTES = 32
_PRIVATE = 0o700
# No entry takes so long to write: what is older was left by a writer that was killed.
_LEFT_BEHIND_SECONDS = 600.0
_LOOK_EVERY_SECONDS = 600.0
# A look leaves so much of the room in use at most, so that many entries fit until the next.
_FILLED_AFTER_A_LOOK = 0.9
_TOTAL, _TOTAL_LOCK, _TURN_SECONDS = ".total", ".total.lock", 5.0


class ContentCache:
    """The entries in `folder`, together at most `max_bytes`; with 0 nothing is kept. Safe for threads and processes.

    Besides them the folder has, for the time, what is being written. When an entry does not fit, those used least
    recently go until nine tenths of the room are in use; what was removed until then still counts as being there.
    Keys are names of up to 200 letters, digits and `._+-`; a method raises ValueError for another.
    """

    def __init__(self, folder: Path, max_bytes: int) -> None:
        self.folder = folder
        self.max_bytes = max_bytes

    def get(self, key: str) -> bytes | None:
        """What was put under `key`, or None; one that is damaged is removed."""
        path = self._path(key)
        if not self.max_bytes:
            return None
        try:
            with path.open("rb") as file:
                _mark_used(file.fileno())
                content = file.read(max(0, os.fstat(file.fileno()).st_size - _CHECKSUM_BYTES))
                checksum = file.read()
        except FileNotFoundError:
            return None
        except OSError as error:
            log.warning("an entry of the cache cannot be read", extra={"key": key, "error": str(error)})
            return None
        if hashlib.sha256(content).digest() != checksum:
            log.warning("an entry of the cache is damaged; it is removed", extra={"key": key})
            self._unlink(path)
            return None
        return content

    def has(self, key: str) -> bool:
        """Whether something is kept under `key`, be it damaged or not; costs one `stat`."""
        return bool(self.max_bytes) and self._path(key).exists()

    def put(self, key: str, content: bytes) -> None:
        """Keep `content` under `key`, in place of what was there. A disk that refuses is logged, not raised."""
        if self.max_bytes:
            with self.adding(key) as entry:
                entry.write(content)

    @contextmanager
    def adding(self, key: str, most: int | None = None) -> Iterator["Entry"]:
        """An entry to write to piece by piece, kept under `key` after the block, unless that raises.

        One of more than `most` bytes is given up at the write that is one too many, and so is one that the disk
        refuses; that is logged, and ends the block without an exception.
        """
        path = self._path(key)
        limit = self.max_bytes if most is None else min(most, self.max_bytes)
        staged = path.with_name(f".{key}.{secrets.token_hex(6)}.tmp")
        try:
            self.folder.mkdir(mode=_PRIVATE, parents=True, exist_ok=True)
            opened = staged.open("xb", buffering=0)
        except OSError as error:
            log.warning("not kept in the cache", extra={"key": key, "error": str(error)})
            with suppress(EntryTooLargeError), Path(os.devnull).open("wb", buffering=0) as nowhere:
                yield Entry(nowhere, limit - _CHECKSUM_BYTES)
            return
        try:
            with opened as file:
                entry = Entry(file, limit - _CHECKSUM_BYTES)
                yield entry
                entry.close()
            self._keep(staged, path)
        except EntryTooLargeError:
            log.info("not kept in the cache: it is too large", extra={"key": key, "limit_bytes": limit})
        except OSError as error:
            log.warning("not kept in the cache", extra={"key": key, "error": str(error)})
        finally:
            self._unlink(staged)

    def remove(self, prefix: str) -> None:
        """Remove every entry whose key begins with `prefix`, which ends where a part of the key does: `abc-`."""
        for entry in self._files():
            if entry.name.startswith(self._checked(prefix)):
                self._unlink(Path(entry.path))

    @contextmanager
    def filling(self, key: str, seconds: float) -> Iterator[None]:
        """Of several that miss `key`, one at a time enters this; it looks again whether the entry is there by then.

        Enters without its turn after `seconds`. A turn ends with the process that has it, however that ends.
        """
        path = self._path(key)
        lock_file = path.with_name(f".{key}.lock")
        lock = FileLock(lock_file, timeout=seconds, thread_local=False, poll_interval=0.01, fallback_to_soft=False)
        has_turn = False
        try:
            if self.max_bytes:
                self.folder.mkdir(mode=_PRIVATE, parents=True, exist_ok=True)
                lock.acquire()
                has_turn = True
        except (Timeout, OSError) as error:
            log.warning("filled without a turn", extra={"key": key, "error": str(error)})
        try:
            yield
        finally:
            if has_turn:
                # While it is held, as the last thing: who waits on a file without a name makes a new one.
                self._unlink(lock_file)
                lock.release()

    def _path(self, key: str) -> Path:
        return self.folder / self._checked(key)

    @staticmethod
    def _checked(key: str) -> str:
        if not _KEY.fullmatch(key):
            raise ValueError(f"{key!r} cannot name an entry of the cache")
        return key

    def _keep(self, staged: Path, path: Path) -> None:
        """Give a written entry its name, once there is room for it. Raises OSError."""
        size = staged.stat().st_size
        with FileLock(self.folder / _TOTAL_LOCK, timeout=_TURN_SECONDS, poll_interval=0.005, fallback_to_soft=False):
            looked, total = self._noted()
            total += size - _size(path)
            if total > self.max_bytes or not 0 <= time.time() - looked < _LOOK_EVERY_SECONDS:
                looked, total = time.time(), size + self._make_room(size, path.name)
            (self.folder / _TOTAL).write_text(f"{looked} {total}")
            staged.replace(path)

    def _noted(self) -> tuple[float, int]:
        """(when all entries were looked at, how many bytes there were in all since, at most); (0, 0) if never."""
        try:
            looked, total = (self.folder / _TOTAL).read_text().split(" ")
            return float(looked), int(total)
        except (FileNotFoundError, ValueError):  # it is made by the first, and half-written by one that was killed
            return 0.0, 0

    def _make_room(self, size: int, key: str) -> int:
        """Remove what was not used for longest until `size` bytes fit, and what killed writers left.

        Returns how many bytes the other entries than `key` have then.
        """
        entries, total = [], 0
        for file in self._files():
            with suppress(FileNotFoundError):  # another process removes too
                status = file.stat()
                if not file.name.startswith(".") and file.name != key:
                    entries.append((status.st_mtime_ns, status.st_size, file.path))
                    total += status.st_size
                elif file.name.endswith(".tmp") and status.st_mtime < time.time() - _LEFT_BEHIND_SECONDS:
                    self._unlink(Path(file.path))
        for _used, entry_size, path in sorted(entries):
            if total + size <= self.max_bytes * _FILLED_AFTER_A_LOOK:
                break
            self._unlink(Path(path))
            total -= entry_size
        return total

    def _files(self) -> list["os.DirEntry[str]"]:
        try:
            with os.scandir(self.folder) as files:
                return list(files)
        except FileNotFoundError:
            return []

    @staticmethod
    def _unlink(path: Path) -> None:
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            log.warning("cannot be removed from the cache", extra={"key": path.name, "error": str(error)})


class EntryTooLargeError(Exception):
    """An entry grew beyond what is kept of one."""


class Entry:
    """An entry on its way into the cache, for `pickle.dump` and the like."""

    def __init__(self, file: BinaryIO, most: int) -> None:
        self._file = file
        self._left = most
        self._checksum = hashlib.sha256()

    def write(self, piece: bytes | memoryview | PickleBuffer) -> int:
        """Append `piece`. Raises EntryTooLargeError, and OSError where the disk refuses."""
        content = PickleBuffer(piece).raw()
        self._left -= len(content)
        if self._left < 0:
            raise EntryTooLargeError
        self._checksum.update(content)
        self._write_all(content)
        return len(content)

    def close(self) -> None:
        """Append the checksum; nothing is written after that."""
        self._write_all(memoryview(self._checksum.digest()))
        _mark_used(self._file.fileno())

    def _write_all(self, content: memoryview) -> None:
        while content:
            content = content[self._file.write(content) :]


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _mark_used(descriptor: int) -> None:
    now = time.time_ns()  # finer than the system's own stamp, which is the same for some milliseconds
    os.utime(descriptor, ns=(now, now))
