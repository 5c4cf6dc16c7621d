"""Models: the parts that were uploaded, each in a folder of its own, the same bytes only once.

A model exists if and only if its model.json does. It is written last, after part.step and the entry
in models-by-sha256 are durable; a model is removed by renaming its folder away, in one step, and its
activity log stays in removed-models.
"""

import hashlib
import logging
import os
from datetime import datetime
from pathlib import Path

from pydantic import BaseModel, Field

from server._atomic_json import fsync_folder, read_json, with_file_lock, write_json_atomic
from server.clock import now
from server.data_folder import DataFolder
from server.ids import new_id
from server.part_format import HEAD_BYTES, PartFormat, format_of
from server.stores import activity_log
from server.stores.activity_log import ActivityLog
from server.stores.documents import Document, Kind
from server.stores.errors import NotFoundError
from server.stores.model_documents import MODEL, ModelDocuments, leave_only_the_log, locked_model, move_away
from server.stores.model_documents import require_model as require_model
from server.stores.paging import Page, ids_in, page_of
from workers.content_cache import ContentCache

log = logging.getLogger(__name__)


class Model(BaseModel):
    """A part that was uploaded."""

    id: str = Field(description="ULID.")
    name: str = Field(description="The file's name as it was uploaded; only for display.")
    sha256: str = Field(description="Of the file's bytes, in hexadecimal.")
    size_bytes: int
    format: PartFormat = Field(PartFormat.STEP, description="Told from the content, whatever the name.")
    uploaded_at: datetime
    uploaded_by: str = Field(description="Identity that uploaded it first.")


MODEL_KIND = Kind("model", Model)


class TooLargeError(Exception):
    """A part is larger than what is accepted."""


class IncomingPart:
    """A part on its way in: written and hashed in chunks, gone unless it was kept.

    Raises OSError where the disk refuses. Not for use on the event loop: every method blocks.
    """

    def __init__(self, uploads: Path, max_bytes: int) -> None:
        self.path = uploads / new_id()
        self.max_bytes = max_bytes
        self.size = 0
        self.format = PartFormat.STEP  # until it is told
        self._head = b""
        self._sniffed = False
        self._sha256 = hashlib.sha256()
        self._file = self.path.open("xb", buffering=0)

    def write(self, chunk: bytes) -> None:
        """Take the next chunk. Raises TooLargeError, or NotAPartError as soon as that can be told."""
        self.size += len(chunk)
        if self.size > self.max_bytes:
            raise TooLargeError
        if not self._sniffed:
            self._head += chunk[: HEAD_BYTES - len(self._head)]
            if len(self._head) >= HEAD_BYTES:
                self._sniff()
        self._sha256.update(chunk)
        remaining = memoryview(chunk)
        while remaining:
            remaining = remaining[self._file.write(remaining) :]

    def finish(self) -> str:
        """Make the bytes durable and return their SHA-256. Raises NotAPartError."""
        if not self._sniffed:
            self._sniff()
        os.fsync(self._file.fileno())
        return self._sha256.hexdigest()

    def _sniff(self) -> None:
        self._sniffed = True
        self.format = format_of(self._head)

    def close(self) -> None:
        """Forget the part, unless it was kept. Always call this."""
        self._file.close()
        self.path.unlink(missing_ok=True)


class ModelStore:
    """The models in one data folder."""

    def __init__(self, data: DataFolder) -> None:
        self.data = data
        self._documents = ModelDocuments(data, MODEL_KIND)

    def receive(self, max_bytes: int) -> IncomingPart:
        """Begin an upload of at most `max_bytes`; close it in the end."""
        return IncomingPart(self.data.uploads, max_bytes)

    def keep(self, part: IncomingPart, name: str, uploaded_by: str) -> tuple[Model, bool]:
        """The model of a part that was received in full, and whether it is new.

        Bytes that are there already are not stored again. Raises NotAPartError, OSError and
        LockTimeoutError.
        """
        sha256 = part.finish()
        with with_file_lock(self._index(sha256)):
            existing = self._with_sha256(sha256)
            if existing:
                return existing, False
            model = Model(
                id=new_id(),
                name=name,
                sha256=sha256,
                size_bytes=part.size,
                format=part.format,
                uploaded_at=now(),
                uploaded_by=uploaded_by,
            )
            self._store(model, part.path)
            return model, True

    def _store(self, model: Model, file: Path) -> None:
        folder = self.data.model(model.id)
        for name in ("runs", "tickets"):
            (folder / name).mkdir(parents=True)
        file.rename(folder / "part.step")
        fsync_folder(folder)
        fsync_folder(self.data.models)
        write_json_atomic(self._index(model.sha256), {"model_id": model.id})
        # Without the model's lock: nobody else knows of it yet.
        model_log = ActivityLog(folder / activity_log.FILE, model.id)
        self._documents.create_locked(model_log, MODEL, model, who=model.uploaded_by)

    def document(self, model_id: str) -> Document[Model]:
        """The model and its revision. Raises NotFoundError, DamagedDocumentError and NewerDocumentError."""
        return self._documents.read(model_id, MODEL)

    def get(self, model_id: str) -> Model:
        """Raises as `document`."""
        return self.document(model_id).content

    def exists(self, model_id: str) -> bool:
        """Whether the model is there, be it damaged or not; costs one `stat`."""
        try:
            require_model(self.data, model_id)
        except NotFoundError:
            return False
        return True

    def part_file(self, model_id: str) -> Path:
        """Where the model's bytes are."""
        return self.data.model(model_id) / "part.step"

    def list(self, *, limit: int, cursor: str | None = None) -> Page[Model]:
        """Newest first. A damaged document is left out and logged."""
        return page_of(ids_in(self.data.models), self._if_readable, limit=limit, cursor=cursor)

    def _if_readable(self, model_id: str) -> Model | None:
        document = self._documents.readable(model_id, MODEL)
        return document.content if document else None

    def remove(self, model_id: str, *, who: str) -> None:
        """Remove a model and all that belongs to it but its activity log. Raises NotFoundError."""
        model = self.get(model_id)
        index = self._index(model.sha256)
        with with_file_lock(index), locked_model(self.data, model_id) as model_log:
            self._documents.remove_locked(model_log, MODEL, lambda: move_away(self.data, model_id), who=who)
            index.unlink(missing_ok=True)
        try:
            leave_only_the_log(self.data, model_id)
            _forget(self.data, model)
        except OSError as error:
            log.warning("the sweep will remove the rest", extra={"model_id": model_id, "error": str(error)})

    def _index(self, sha256: str) -> Path:
        return self.data.models_by_sha256 / f"{sha256}.json"

    def _with_sha256(self, sha256: str) -> Model | None:
        try:
            return self.get(read_json(self._index(sha256))["model_id"])
        except (FileNotFoundError, NotFoundError):
            return None
        except (ValueError, LookupError, TypeError) as error:
            # The entry only saves space: without it, the bytes are stored once more.
            log.error("an entry by checksum is damaged", extra={"sha256": sha256, "error": str(error)})
            return None


def _forget(data: DataFolder, model: Model) -> None:
    """Empty the cache of a model that is gone: of its reviews, and of its geometry. Raises OSError."""
    cache = ContentCache(data.cache, max_bytes=0)
    for whose in (model.id, model.sha256):
        cache.remove(f"{whose}-")
