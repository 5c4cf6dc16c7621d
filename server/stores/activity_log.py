"""The activity log of one model: a line for each change, each with the hash of the line before.

A line is a JSON object whose last member is `hash`, the SHA-256 of the line without that member. The first
line's `previous` is the SHA-256 of the model's id, so a log cannot pass for that of another model.
Lines are only ever added, by whoever holds the model's lock, and are durable before the change that they
tell of is made. So at most one line, the last, can be torn by a crash, and nobody was ever told of it.
"""

import hashlib
import json
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from io import FileIO
from pathlib import Path
from typing import BinaryIO

from pydantic import BaseModel, Field, ValidationError

from server._atomic_json import encode_json, fsync_folder
from server.clock import now
from server.observability.logging import current_log_ids
from server.stores.differences import Difference as Difference
from server.stores.errors import DamagedDocumentError

log = logging.getLogger(__name__)

FILE = "activity.jsonl"

_READ_BACK_BYTES = 8192


class Entry(BaseModel):
    """One change of one document."""

    sequence: int = Field(description="1 for the first entry of a model, and one more for each.")
    time: datetime
    who: str = Field(description="Identity that made the change.")
    what: str = Field(description="What was done, as in `ticket.created`.")
    document: str = Field(description="What it was done to, as in `tickets/<id>`.")
    kind: str
    version: int = Field(description="Version of the document's schema.")
    revision: int = Field(description="Revision that the document has after the change.")
    document_sha256: str | None = Field(description="Checksum of the document after the change; null if removed.")
    changes: list[Difference] = Field(
        description="Each place that changed, as a JSON pointer, with its value before and after."
    )
    staged: str | None = Field(None, description="File that held the document until the change was made.")
    request_id: str | None = Field(description="The request that the change was part of.")
    previous: str = Field(description="Hash of the entry before.")
    hash: str = Field(description="SHA-256 of this entry's line without this member.")


class BadLineError(Exception):
    """A line of a log is not as it was written; the text says why."""


@dataclass(frozen=True)
class Line:
    """A line of a log, by its number from 1, and where in the file it begins and ends."""

    number: int
    start: int
    end: int
    content: bytes


class ActivityLog:
    """The log in one file. What writes needs the model's lock."""

    def __init__(self, path: Path, model_id: str) -> None:
        """For writing, make one under the lock and forget it with the lock: it remembers the last entry."""
        self.path = path
        self.model_id = model_id
        self._known_last: Entry | None = None

    @property
    def genesis(self) -> str:
        """What stands in for the hash before the first line."""
        return hashlib.sha256(self.model_id.encode()).hexdigest()

    def last(self) -> Entry | None:
        """The last entry, None if there is none yet; a torn last line is removed first.

        Raises OSError, and DamagedDocumentError if the line before a torn one is bad too: that is not what
        a crash leaves.
        """
        if self._known_last is None and self.path.exists():
            with self.path.open("r+b") as file:
                self._known_last = self._last(file)
        return self._known_last

    def _last(self, file: BinaryIO) -> Entry | None:
        line, tail = _last_line(file, file.seek(0, os.SEEK_END))
        if tail:
            # Without its newline it was never durable, so nobody was told of it.
            self._cut_off(file, tail)
        if line is None:
            return None
        try:
            return parse(line.content)
        except BadLineError as bad:
            self._cut_off(file, line)
            before, _ = _last_line(file, line.start)
            try:
                return parse(before.content) if before else None
            except BadLineError:
                raise DamagedDocumentError(FILE, f"its last two lines are bad ({bad})") from bad

    def _cut_off(self, file: BinaryIO, line: Line) -> None:
        """Remove a torn line from the end; its bytes stay beside, in case they are not what they seem."""
        log.warning("a torn line is cut off the activity log", extra={"model_id": self.model_id, "at": line.start})
        kept = self.path.with_name(f"{FILE}.torn-{now():%Y%m%dT%H%M%S.%fZ}")
        kept.write_bytes(line.content)
        _truncate(file, line.start)

    def sync(self) -> None:
        """Make what is in the file durable, whoever wrote it. Raises OSError."""
        with self.path.open("rb") as file:
            os.fsync(file.fileno())

    @contextmanager
    def appended(self, entry: Entry) -> Iterator["Taken"]:
        """Add `entry`, durable when the block begins, and taken back when the block raises.

        The block says `keep()` once the change is made. Raises OSError, and then nothing is added.
        """
        is_new = not self.path.exists()
        with self.path.open("ab", buffering=0) as file:
            start = file.tell()
            taken = Taken()
            try:
                _write(file, line_of(entry))
                os.fsync(file.fileno())
                if is_new:
                    fsync_folder(self.path.parent)
                yield taken
                self._known_last = entry
            except BaseException:
                if taken.kept:
                    self._known_last = entry
                else:
                    _truncate(file, start)
                raise

    def lines(self) -> Iterator[Line]:
        """All whole lines, oldest first; a torn last one is left out. None if there is no log."""
        if not self.path.exists():
            return
        with self.path.open("rb") as file:
            start = 0
            for number, content in enumerate(file, 1):
                if content.endswith(b"\n"):
                    yield Line(number, start, start + len(content), content)
                start += len(content)

    def entries(self) -> Iterator[Entry]:
        """All entries, oldest first, up to the first bad line."""
        for line in self.lines():
            try:
                yield parse(line.content)
            except BadLineError:
                return

    def newest_first(self, before: int | None = None) -> Iterator[tuple[Entry, int]]:
        """Entries that end at or before the byte `before` (all, if None), each with where it begins.

        Raises FileNotFoundError, ValueError if no line ends there, and DamagedDocumentError.
        """
        with self.path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            end = size if before is None else before
            line, tail = _last_line(file, end) if end <= size else (None, None)
            if before is not None and (end > size or tail):
                raise ValueError(before)
            while line is not None:
                try:
                    yield parse(line.content), line.start
                except BadLineError as bad:
                    if line.end != size:  # else it is torn, or being written at this moment
                        raise DamagedDocumentError(FILE, f"the line at byte {line.start} is bad: {bad}") from bad
                line, _ = _last_line(file, line.start)


class Taken:
    """Whether an entry stays when what follows it fails."""

    def __init__(self) -> None:
        self.kept = False

    def keep(self) -> None:
        self.kept = True


def next_entry(after: Entry | None, genesis: str, **fields: object) -> Entry:
    """The entry that follows `after`, of now and of this request, with its hash."""
    values = {
        "sequence": after.sequence + 1 if after else 1,
        "time": now(),
        "request_id": current_log_ids().get("request_id"),
        "previous": after.hash if after else genesis,
        "hash": "",
        **fields,
    }
    entry = Entry.model_validate(values)
    return entry.model_copy(update={"hash": hashlib.sha256(_body(entry)).hexdigest()})


def _body(entry: Entry) -> bytes:
    return encode_json(entry.model_dump(mode="json", exclude={"hash"}))


def _hash_member(hash_: str) -> bytes:
    return b',"hash":"%s"}\n' % hash_.encode()


def line_of(entry: Entry) -> bytes:
    """The entry as it is in the file."""
    return _body(entry)[:-1] + _hash_member(entry.hash)


def parse(line: bytes) -> Entry:
    """The entry in a line. Raises BadLineError."""
    try:
        entry = Entry.model_validate(json.loads(line))
    except (ValueError, ValidationError) as error:
        raise BadLineError("it is not an entry") from error
    member = _hash_member(entry.hash)
    # Over the bytes themselves, so that nothing in how they are read matters.
    body = line.removesuffix(member) + b"}"
    if not line.endswith(member) or hashlib.sha256(body).hexdigest() != entry.hash:
        raise BadLineError("its hash is not that of its content")
    return entry


def _write(file: FileIO, content: bytes) -> None:
    remaining = memoryview(content)
    while remaining:
        remaining = remaining[file.write(remaining) :]


def _truncate(file: FileIO | BinaryIO, size: int) -> None:
    os.ftruncate(file.fileno(), size)
    os.fsync(file.fileno())


def _last_line(file: BinaryIO, end: int) -> tuple[Line | None, Line | None]:
    """The last whole line before byte `end`, and what follows it without a newline, if anything does."""
    content, start = b"", end
    while start > 0 and content.count(b"\n") < 2:
        step = min(start, max(_READ_BACK_BYTES, len(content)))
        start -= step
        file.seek(start)
        content = file.read(step) + content
    whole_to = content.rfind(b"\n") + 1
    tail = Line(0, start + whole_to, end, content[whole_to:]) if whole_to < len(content) else None
    if whole_to == 0:
        return None, tail
    begins = content.rfind(b"\n", 0, whole_to - 1) + 1
    return Line(0, start + begins, start + whole_to, content[begins:whole_to]), tail
