"""Analysis runs: every review that was made, kept as it was made.

What a review is sent as, and what a listing shows of it, are in the cache besides: to parse a large one takes longer
than a reader should wait.
"""

from datetime import datetime
from typing import Any

from pydantic import BaseModel, Field

from rapiddraft import __version__
from server._atomic_json import encode_json
from server.clock import now
from server.data_folder import DataFolder
from server.stores import reports
from server.stores.activity_log import ActivityLog
from server.stores.documents import Kind
from server.stores.errors import NotFoundError
from server.stores.model_documents import ModelDocuments, require_model, unlink
from server.stores.paging import Page, page_of
from workers.content_cache import ContentCache


class AnalysisRun(BaseModel):
    """A review with when and for which job it was made."""

    id: str
    model_id: str
    job_id: str
    created_at: datetime
    review: dict[str, Any]


class AnalysisRunSummary(BaseModel):
    """What a listing shows of a run."""

    id: str
    model_id: str
    job_id: str
    created_at: datetime
    process: str | None = None
    limits: str | None = None
    material: dict[str, Any] | None = None
    engine: dict[str, Any] | None = None
    summary: dict[str, Any] | None = Field(None, description="Counts, verdict and score of the review.")


RUN_KIND = Kind("analysis run", AnalysisRun)


class AnalysisRuns:
    """The runs in one data folder; none is ever changed."""

    def __init__(self, data: DataFolder, cache_mb: int = 0) -> None:
        """`cache_mb` bounds the cache, in MiB; with 0 every review that is read is rendered."""
        self._data = data
        self._documents = ModelDocuments(data, RUN_KIND, "runs", content_in_log=False)
        self._cache = ContentCache(data.cache, cache_mb * 1024 * 1024)

    def add(
        self, model_id: str, run_id: str, review: dict[str, Any], *, job_id: str, who: str = "worker"
    ) -> AnalysisRun:
        """Keep a review; durable when this returns. `who` is the identity that asked for it.

        Raises AlreadyExistsError (the run stays as it was), NotFoundError if the model is gone, OSError and
        LockTimeoutError.
        """
        run = AnalysisRun(id=run_id, model_id=model_id, job_id=job_id, created_at=now(), review=review)
        kept = self._documents.create(model_id, run_id, run, who=who).content
        self._render(kept)
        return kept

    def remove_locked(self, model_log: ActivityLog, run_id: str, *, who: str) -> None:
        """Remove a run with its report, which the activity log tells of; for who holds the model's lock."""
        model_id = model_log.model_id
        path = self._documents.path(model_id, run_id)
        reports.remove_locked(self._data, model_id, run_id)
        self._documents.remove_locked(model_log, run_id, lambda: unlink(path), who=who)
        for key in (_cache_key(model_id, run_id), _summary_key(model_id, run_id)):
            self._cache.remove(key)

    def get(self, model_id: str, run_id: str) -> AnalysisRun:
        """Raises NotFoundError, DamagedDocumentError and NewerDocumentError."""
        return self._documents.read(model_id, run_id).content

    def require(self, model_id: str, run_id: str) -> None:
        """Raises NotFoundError unless the run exists; costs one `stat`."""
        if not self._documents.path(model_id, run_id).exists():
            require_model(self._data, model_id)
            raise NotFoundError(RUN_KIND.name, run_id)

    def rendered(self, model_id: str, run_id: str) -> bytes:
        """The review as it is sent, in JSON. Raises as `get`."""
        self.require(model_id, run_id)
        rendered = self._cache.get(_cache_key(model_id, run_id))
        return self._render(self.get(model_id, run_id)) if rendered is None else rendered

    def _render(self, run: AnalysisRun) -> bytes:
        rendered = encode_json(run.review)
        self._put(run, _cache_key(run.model_id, run.id), rendered)
        return rendered

    def list(self, model_id: str, *, limit: int, cursor: str | None = None) -> Page[AnalysisRunSummary]:
        """Newest first. Raises NotFoundError for the model. A damaged document is left out and logged."""
        ids = self._documents.ids(model_id)
        return page_of(ids, lambda run_id: self._summary(model_id, run_id), limit=limit, cursor=cursor)

    def _summary(self, model_id: str, run_id: str) -> AnalysisRunSummary | None:
        cached = self._cache.get(_summary_key(model_id, run_id))
        if cached is not None and self._documents.path(model_id, run_id).exists():
            return AnalysisRunSummary.model_validate_json(cached)
        document = self._documents.readable(model_id, run_id)
        return None if document is None else self._summarise(document.content)

    def _summarise(self, run: AnalysisRun) -> AnalysisRunSummary:
        summary = AnalysisRunSummary.model_validate(run.review | run.model_dump(exclude={"review"}))
        self._put(run, _summary_key(run.model_id, run.id), summary.model_dump_json().encode())
        return summary

    def _put(self, run: AnalysisRun, key: str, content: bytes) -> None:
        self._cache.put(key, content)
        # The model's removal empties the cache of it; this may have come after that.
        if not self._documents.path(run.model_id, run.id).exists():
            self._cache.remove(key)


def _cache_key(model_id: str, run_id: str) -> str:
    return f"{model_id}-{run_id}"


def _summary_key(model_id: str, run_id: str) -> str:
    # Another version may show more of a run.
    return f"{model_id}-{run_id}-summary-{__version__}"
