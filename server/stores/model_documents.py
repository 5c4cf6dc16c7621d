"""The documents of a model, each change of one in the model's activity log.

All that writes to a model holds one lock, the model's. A change is made in this order: the new version is
written beside the old one and made durable; then its entry is added to the log and made durable, which
decides that it is made; then the new version gets the document's name. A crash between the last two leaves
an entry whose document is a revision behind: whoever next takes the lock completes it (`recover` does so for
all models), from what the entry says has changed. See docs/contracts/persistence.md.
"""

import logging
import os
import shutil
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Generic, TypeVar

from pydantic import BaseModel

from server._atomic_json import (
    LockTimeoutError,
    fsync_folder,
    previous_of,
    put_in_place,
    staged_json,
    with_file_lock,
    write_json_atomic,
)
from server.data_folder import DataFolder
from server.stores import activity_log, damage
from server.stores.activity_log import ActivityLog, Entry
from server.stores.differences import applied, differences
from server.stores.documents import Document, Kind, Stored, check_revision, read_stored
from server.stores.errors import (
    AlreadyExistsError,
    DamagedDocumentError,
    MisshapenDocumentError,
    NewerDocumentError,
    NotFoundError,
)
from server.stores.paging import ids_in

log = logging.getLogger(__name__)

T = TypeVar("T", bound=BaseModel)

MODEL = "model"


def require_model(data: DataFolder, model_id: str) -> None:
    """Raises NotFoundError unless the model exists."""
    if not _model_file(data, model_id).exists():
        raise NotFoundError(MODEL, model_id)


def log_of(data: DataFolder, model_id: str) -> ActivityLog:
    """The model's log; that of a removed model too. Raises NotFoundError if there never was such a model."""
    for folder in (data.model(model_id), data.removed_model(model_id)):
        if (folder / activity_log.FILE).exists():
            return ActivityLog(folder / activity_log.FILE, model_id)
    require_model(data, model_id)  # one from before there were logs
    return ActivityLog(data.model(model_id) / activity_log.FILE, model_id)


@contextmanager
def locked_model(data: DataFolder, model_id: str) -> Iterator[ActivityLog]:
    """Hold the model's lock, its last change complete.

    Raises NotFoundError, LockTimeoutError, OSError, and DamagedDocumentError for a log that cannot go on.
    """
    folder = data.model(model_id)
    model_log = ActivityLog(folder / activity_log.FILE, model_id)
    require_model(data, model_id)
    try:
        with with_file_lock(folder / activity_log.FILE):
            require_model(data, model_id)
            _complete(data, model_log)
            require_model(data, model_id)
            yield model_log
    except FileNotFoundError:
        require_model(data, model_id)  # it was removed while this waited for the lock
        raise


class ModelDocuments(Generic[T]):
    """Documents of one kind in the models' folders, each named by an id.

    Everything that writes is durable when it returns, the log's entry included, and raises NotFoundError,
    OSError and LockTimeoutError. Everything that reads raises NotFoundError, NewerDocumentError, and
    DamagedDocumentError for a damaged document that can be restored neither from its previous version nor
    from the log.
    """

    def __init__(self, data: DataFolder, kind: Kind[T], folder: str = ".", *, content_in_log: bool = True) -> None:
        """`content_in_log` is for all but large documents that never change: the log only has their checksum."""
        self.data = data
        self.kind = kind
        self.folder = folder
        self.content_in_log = content_in_log

    def path(self, model_id: str, id_: str) -> Path:
        """Where the document is."""
        return self.data.model(model_id) / self.folder / f"{id_}.json"

    def ids(self, model_id: str) -> list[str]:
        """Newest first. Raises NotFoundError for the model."""
        require_model(self.data, model_id)
        return ids_in(self.data.model(model_id) / self.folder, ".json")

    def create(self, model_id: str, id_: str, content: T, *, who: str) -> Document[T]:
        """Make a new document. Raises AlreadyExistsError."""
        with locked_model(self.data, model_id) as model_log:
            return self.create_locked(model_log, id_, content, who=who)

    def create_locked(
        self, model_log: ActivityLog, id_: str, content: T, *, who: str, what: str = "created"
    ) -> Document[T]:
        """`create`, for who holds the lock."""
        path = self.path(model_log.model_id, id_)
        if path.exists():
            raise AlreadyExistsError(f"The {self.kind.name} {id_} exists.")
        return self._write(model_log, path, None, self.kind.of(content, 1), who=who, what=what)

    def read(self, model_id: str, id_: str) -> Document[T]:
        """The document; takes no lock unless it is damaged."""
        path = self.path(model_id, id_)
        try:
            return self.kind.read(path)
        except (FileNotFoundError, NotADirectoryError):
            require_model(self.data, model_id)
            raise NotFoundError(self.kind.name, id_) from None
        except MisshapenDocumentError:
            raise
        except DamagedDocumentError:
            with locked_model(self.data, model_id) as model_log:
                return self.kind.understand(path, self._stored(model_log, path))

    def readable(self, model_id: str, id_: str) -> Document[T] | None:
        """The document, for listings: None if it is gone, or cannot be read, which is logged."""
        try:
            return self.read(model_id, id_)
        except NotFoundError:
            return None
        except (DamagedDocumentError, NewerDocumentError) as error:
            log.error("a document is left out", extra={"model_id": model_id, "reason": str(error)})
            return None

    def change(
        self,
        model_id: str,
        id_: str,
        change: Callable[[T], T],
        *,
        who: str,
        what: str = "changed",
        expected: Collection[int] | None = None,
        default: T | None = None,
    ) -> Document[T]:
        """Write what `change` makes of the content; nothing if it changes nothing.

        A document that is not there counts as `default` at revision 0, if that is given. Raises
        RevisionConflictError if it is at none of the `expected` revisions, and whatever `change` raises.
        """
        path = self.path(model_id, id_)
        with locked_model(self.data, model_id) as model_log:
            stored = self._stored_or_none(model_log, path) if default is not None else self._stored(model_log, path)
            if stored is not None:
                document = self.kind.understand(path, stored)
            else:
                assert default is not None
                document = Document(default, 0)
            check_revision(self.kind.name, id_, document.revision, expected)
            content = change(document.content)
            if content == document.content and stored is not None:
                return document
            after = self.kind.of(content, document.revision + 1)
            return self._write(model_log, path, stored, after, who=who, what=what)

    def remove(self, model_id: str, id_: str, *, who: str, expected: Collection[int] | None = None) -> None:
        """Remove a document; the log keeps what it held. Raises RevisionConflictError."""
        path = self.path(model_id, id_)
        with locked_model(self.data, model_id) as model_log:
            stored = self._stored(model_log, path)
            check_revision(self.kind.name, id_, stored.revision, expected)
            self.remove_locked(model_log, id_, lambda: unlink(path), who=who)

    def remove_locked(self, model_log: ActivityLog, id_: str, take_away: Callable[[], None], *, who: str) -> None:
        """Log the removal and have `take_away` do it, durably; for who holds the lock."""
        path = self.path(model_log.model_id, id_)
        entry = self._entry(model_log, path, self._stored(model_log, path), None, who=who, what="removed")
        with model_log.appended(entry) as taken:
            try:
                take_away()
            finally:
                if not path.exists():
                    taken.keep()

    def _write(
        self, model_log: ActivityLog, path: Path, before: Stored | None, after: Stored, *, who: str, what: str
    ) -> Document[T]:
        if not path.parent.exists():
            path.parent.mkdir()
            fsync_folder(path.parent.parent)
        with staged_json(path, after.framed()) as staged:
            entry = self._entry(model_log, path, before, after, who=who, what=what, staged=staged)
            if entry.staged:
                fsync_folder(path.parent)  # the log does not have its content, so its name must last
            with model_log.appended(entry) as taken:
                try:
                    put_in_place(staged, path, keep_previous=True)
                finally:
                    # Whatever interrupted it, even between two bytecodes: what counts is the disk.
                    if not staged.exists():
                        taken.keep()
        fsync_folder(path.parent)
        return self.kind.understand(path, after)

    def _entry(
        self,
        model_log: ActivityLog,
        path: Path,
        before: Stored | None,
        after: Stored | None,
        *,
        who: str,
        what: str,
        staged: Path | None = None,
    ) -> Entry:
        in_log = self.content_in_log
        latest = after or before
        assert latest is not None
        return activity_log.next_entry(
            model_log.last(),
            model_log.genesis,
            who=who,
            what=f"{self.kind.name.replace(' ', '_')}.{what}",
            document=_document_name(model_log, path),
            kind=self.kind.name,
            version=latest.version,
            revision=after.revision if after else latest.revision + 1,
            document_sha256=after.sha256 if after else None,
            changes=_changes(before, after) if in_log else [],
            staged=None if in_log or staged is None else staged.name,
        )

    def _stored_or_none(self, model_log: ActivityLog, path: Path) -> Stored | None:
        return self._stored(model_log, path) if path.exists() else None

    def _stored(self, model_log: ActivityLog, path: Path) -> Stored:
        """What is on disk, restored if need be; call it with the lock."""
        try:
            stored = read_stored(path, self.kind.name)
            self.kind.understand(path, stored)
        except FileNotFoundError:
            raise NotFoundError(self.kind.name, path.stem) from None
        except (MisshapenDocumentError, NewerDocumentError):
            raise
        except DamagedDocumentError as error:
            return _restore(self.data, model_log, path, self.kind.name, error)
        return stored


def _model_file(data: DataFolder, model_id: str) -> Path:
    return data.model(model_id) / f"{MODEL}.json"


def _document_name(model_log: ActivityLog, path: Path) -> str:
    return path.relative_to(model_log.path.parent).with_suffix("").as_posix()


def _changes(before: Stored | None, after: Stored | None) -> list[activity_log.Difference]:
    if before is None:
        assert after is not None
        return [{"path": "", "after": after.content}]
    if after is None:
        return [{"path": "", "before": before.content}]
    return differences(before.content, after.content)


def unlink(path: Path) -> None:
    """Remove a document and its previous version, durably; what `remove_locked` is given."""
    previous_of(path).unlink(missing_ok=True)
    path.unlink(missing_ok=True)
    fsync_folder(path.parent)


def recover(data: DataFolder) -> int:
    """Complete the last change of every model that a crash interrupted; how many. Logs what it cannot do."""
    count = 0
    for model_id in ids_in(data.models):
        try:
            count += _recover(data, model_id)
        except (NotFoundError, LockTimeoutError) as error:
            log.info("a model is left to whoever works on it", extra={"model_id": model_id, "reason": str(error)})
        except (OSError, DamagedDocumentError) as error:
            log.error("a model cannot be recovered", extra={"model_id": model_id, "error": str(error)})
    return count


def _recover(data: DataFolder, model_id: str) -> bool:
    model_log = ActivityLog(data.model(model_id) / activity_log.FILE, model_id)
    require_model(data, model_id)
    with with_file_lock(model_log.path):
        require_model(data, model_id)
        return _complete(data, model_log)


def _complete(data: DataFolder, model_log: ActivityLog) -> bool:
    """Make the last change that the log tells of, if a crash came between its entry and its document."""
    entry = model_log.last()
    if entry is None:
        return False
    path = model_log.path.parent / f"{entry.document}.json"
    try:
        if _is_made(path, entry):
            return False
        damaged = None
    except DamagedDocumentError as error:
        damaged = error
    # Its writer may have been killed before the entry was durable.
    model_log.sync()
    log.warning("an interrupted change is completed", extra={"model_id": model_log.model_id, "what": entry.what})
    if damaged:
        _restore(data, model_log, path, entry.kind, damaged)
    elif entry.document == MODEL and entry.document_sha256 is None:
        move_away(data, model_log.model_id)
    else:
        _make(model_log, path, entry)
    return True


def _is_made(path: Path, entry: Entry) -> bool:
    if entry.document_sha256 is None:
        return not path.exists()
    if entry.revision == 1 or not path.exists():
        return path.exists()
    return read_stored(path, entry.kind).revision >= entry.revision


def _make(model_log: ActivityLog, path: Path, entry: Entry) -> None:
    if entry.document_sha256 is None:
        unlink(path)
        return
    staged = path.with_name(entry.staged) if entry.staged else None
    stored = _latest(model_log, path, entry.kind)
    if staged is not None and staged.exists():
        staged.rename(path)
        fsync_folder(path.parent)
    elif stored is not None and stored.revision == entry.revision:
        path.parent.mkdir(exist_ok=True)
        fsync_folder(path.parent.parent)
        write_json_atomic(path, stored.framed(), keep_previous=True)
    else:
        # Not from a crash: it was there once, and was damaged or taken away. The others are not to suffer.
        log.error("a document is not what the activity log says", extra={"document": str(path)})


def _stored_at(path: Path, kind: str) -> Stored | None:
    try:
        return read_stored(path, kind)
    except (FileNotFoundError, DamagedDocumentError):
        return None


def _latest(model_log: ActivityLog, path: Path, kind: str) -> Stored | None:
    """The latest version that can be made of what is there and of what the log says; None if there is none."""
    bases = (_stored_at(path, kind), _stored_at(previous_of(path), kind), None)
    rebuilt = (_rebuilt(model_log, _document_name(model_log, path), base) for base in bases)
    found = [stored for stored in rebuilt if stored is not None]
    return max(found, key=lambda stored: (stored.revision, stored.has_checksum), default=None)


def _rebuilt(model_log: ActivityLog, document: str, base: Stored | None) -> Stored | None:
    """`base` with all changes that the log tells of after it; from the document's beginning if there is no base."""
    stored = base
    for entry in model_log.entries():
        if entry.document != document or (stored and entry.revision <= stored.revision):
            continue
        after = _with(stored, entry)
        if after is None:
            break
        stored = after
    return stored


def _with(stored: Stored | None, entry: Entry) -> Stored | None:
    """The document after the entry's change; None if the change is not of this version of it."""
    if entry.revision != (stored.revision if stored else 0) + 1:
        return None
    try:
        content = applied(stored.content if stored else None, entry.changes)
    except (LookupError, TypeError, ValueError):
        return None
    after = Stored(entry.kind, entry.version, entry.revision, content)
    return after if after.sha256 == entry.document_sha256 else None


def _restore(data: DataFolder, model_log: ActivityLog, path: Path, kind: str, error: DamagedDocumentError) -> Stored:
    """Put a damaged document aside and its latest version that can be made back in its place.

    Raises `error` if there is none.
    """
    stored = _latest(model_log, path, kind)
    damage.quarantine(data, path, error.reason, restored=stored.framed() if stored else None)
    if stored is None:
        raise error
    return stored


def move_away(data: DataFolder, model_id: str) -> None:
    """Take a model out of the models, in one step; call it with the model's lock.

    Its folder is now in removed-models, where `leave_only_the_log` empties it.
    """
    os.rename(data.model(model_id), data.removed_model(model_id))  # noqa: PTH104 - fails rather than replace a file
    fsync_folder(data.removed_models)
    fsync_folder(data.models)


def leave_only_the_log(data: DataFolder, model_id: str) -> None:
    """Empty what is left of a removed model but for its log. Raises OSError; the sweep tries again."""
    for path in data.removed_model(model_id).iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        elif path.name != activity_log.FILE:
            path.unlink(missing_ok=True)
