"""Typed documents: one JSON file each, with a version of its schema, a revision and a checksum.

On disk: {"document": kind, "version": 1, "revision": 3, "sha256": …, "content": {…}}. A file without that
frame is from before there was one: it counts as version 1 and revision 1.
"""

import hashlib
import json
import logging
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Generic, TypeVar

from pydantic import BaseModel

from server._atomic_json import fsync_folder, previous_of, with_file_lock, write_json_atomic
from server.data_folder import DataFolder
from server.stores import damage
from server.stores.errors import (
    AlreadyExistsError,
    DamagedDocumentError,
    MisshapenDocumentError,
    NewerDocumentError,
    NotFoundError,
    RevisionConflictError,
)

log = logging.getLogger(__name__)

T = TypeVar("T", bound=BaseModel)

Migration = Callable[[dict[str, Any]], dict[str, Any]]


@dataclass(frozen=True)
class Stored:
    """A document as it is on disk, its frame checked, its content not looked at."""

    kind: str
    version: int
    revision: int
    content: dict[str, Any]
    has_checksum: bool = True

    @property
    def sha256(self) -> str:
        """Over everything else in the frame, whatever the order of the members."""
        rest = [self.kind, self.version, self.revision, self.content]
        return hashlib.sha256(json.dumps(rest, sort_keys=True, separators=(",", ":")).encode()).hexdigest()

    def framed(self) -> dict[str, Any]:
        """What to write."""
        return {
            "document": self.kind,
            "version": self.version,
            "revision": self.revision,
            "sha256": self.sha256,
            "content": self.content,
        }


def read_stored(path: Path, kind: str) -> Stored:
    """The document at `path`. Raises FileNotFoundError, and DamagedDocumentError if it is not as it was written."""
    return unframed(path.name, path.read_bytes(), kind)


def unframed(name: str, content: bytes, kind: str) -> Stored:
    """The document in the bytes of a file of that name. Raises DamagedDocumentError."""
    try:
        frame = json.loads(content)
    except ValueError as error:
        raise DamagedDocumentError(name, f"it is not JSON ({error})") from error
    if not isinstance(frame, dict):
        raise DamagedDocumentError(name, "it is not a JSON object")
    if "document" not in frame:
        return Stored(kind, 1, 1, frame, has_checksum=False)
    try:
        stored = Stored(frame["document"], int(frame["version"]), int(frame["revision"]), frame["content"])
        sha256 = frame["sha256"]
    except (KeyError, TypeError, ValueError) as error:
        raise DamagedDocumentError(name, f"its frame is not whole ({error})") from error
    if stored.sha256 != sha256:
        raise DamagedDocumentError(name, "its content does not have the checksum that it was written with")
    if stored.kind != kind:
        raise DamagedDocumentError(name, f"it is a document of the kind {stored.kind}, not {kind}")
    return stored


@dataclass(frozen=True)
class Document(Generic[T]):
    """What a document holds, and its revision: 1 when it is made, one more with each write."""

    content: T
    revision: int


@dataclass(frozen=True)
class Kind(Generic[T]):
    """A kind of document: its name (the trade's word), what it holds, and how it came to be so.

    `migrations[n]` makes content of version n into that of version n + 1; it must be a pure function.
    """

    name: str
    content: type[T]
    version: int = 1
    migrations: Mapping[int, Migration] = field(default_factory=dict)

    def of(self, content: T, revision: int) -> Stored:
        """`content` as it is put on disk."""
        return Stored(self.name, self.version, revision, content.model_dump(mode="json"))

    def read(self, path: Path) -> Document[T]:
        """Raises FileNotFoundError, DamagedDocumentError and NewerDocumentError."""
        return self.understand(path, read_stored(path, self.name))

    def understand(self, path: Path, stored: Stored) -> Document[T]:
        """What `stored` says, brought to the present version. Raises DamagedDocumentError, NewerDocumentError."""
        if stored.version > self.version:
            raise NewerDocumentError(path.name, stored.version, self.version)
        content = stored.content
        try:
            for version in range(stored.version, self.version):
                content = self.migrations[version](content)
            return Document(self.content.model_validate(content), stored.revision)
        except (ValueError, TypeError, LookupError, AttributeError) as error:
            kind_of_error = MisshapenDocumentError if stored.has_checksum else DamagedDocumentError
            raise kind_of_error(path.name, f"it does not hold a {self.name} ({error})") from error


def check_revision(kind: str, id_: str, revision: int, expected: Collection[int] | None) -> None:
    """Raises RevisionConflictError unless `revision` is one of `expected`, or any will do."""
    if expected is not None and revision not in expected:
        raise RevisionConflictError(kind, id_, revision)


class Documents(Generic[T]):
    """Documents of one kind, each under a lock of its own. The file's name without `.json` is the id.

    Everything that writes is durable when it returns, keeps the version before beside (`….prev`), and
    raises OSError and LockTimeoutError. Everything that reads raises NotFoundError, NewerDocumentError, and
    DamagedDocumentError for a damaged document that has no version before; one that has is restored.
    """

    def __init__(self, data: DataFolder, kind: Kind[T]) -> None:
        self.data = data
        self.kind = kind

    def create(self, path: Path, content: T) -> Document[T]:
        """Make a new document. Raises AlreadyExistsError, and FileNotFoundError if its folder is gone."""
        with with_file_lock(path):
            if path.exists():
                raise AlreadyExistsError(f"The {self.kind.name} {path.stem} exists.")
            return self._write(path, content, 1)

    def read(self, path: Path) -> Document[T]:
        """The document; takes no lock unless it is damaged."""
        try:
            return self.kind.read(path)
        except FileNotFoundError:
            raise NotFoundError(self.kind.name, path.stem) from None
        except MisshapenDocumentError:
            raise
        except DamagedDocumentError:
            with with_file_lock(path):
                return self._read_or_restore(path)

    def change(self, path: Path, change: Callable[[T], T], *, expected: Collection[int] | None = None) -> Document[T]:
        """Write what `change` makes of the content; nothing if it returns the very same object.

        Raises RevisionConflictError if the document is at none of the `expected` revisions, and whatever
        `change` raises; then nothing is written.
        """
        with with_file_lock(path):
            document = self._read_or_restore(path)
            check_revision(self.kind.name, path.stem, document.revision, expected)
            content = change(document.content)
            if content is document.content:
                return document
            return self._write(path, content, document.revision + 1)

    def remove(self, path: Path, may_go: Callable[[T], bool]) -> bool:
        """Remove the document if `may_go` says so of it, and say whether it is gone."""
        with with_file_lock(path):
            if not may_go(self._read_or_restore(path).content):
                return False
            previous_of(path).unlink(missing_ok=True)  # first: it must not come back without what came after
            path.unlink()
            fsync_folder(path.parent)
            return True

    def _write(self, path: Path, content: T, revision: int) -> Document[T]:
        write_json_atomic(path, self.kind.of(content, revision).framed(), keep_previous=True)
        return Document(content, revision)

    def _read_or_restore(self, path: Path) -> Document[T]:
        """Call it with the lock."""
        try:
            return self.kind.read(path)
        except FileNotFoundError:
            raise NotFoundError(self.kind.name, path.stem) from None
        except MisshapenDocumentError:
            raise
        except DamagedDocumentError as error:
            restored = self._from_previous(path)
            damage.quarantine(self.data, path, error.reason, restored=restored.framed() if restored else None)
            if restored is None:
                raise
            return self.kind.understand(path, restored)

    def _from_previous(self, path: Path) -> Stored | None:
        try:
            previous = read_stored(previous_of(path), self.kind.name)
            self.kind.understand(path, previous)
        except (FileNotFoundError, DamagedDocumentError, NewerDocumentError):
            return None
        # The damaged one had the next revision: no revision ever names two different contents.
        return replace(previous, revision=previous.revision + 2)
