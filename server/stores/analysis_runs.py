"""Analysis runs: every review that was made, kept as it was made."""

from datetime import datetime
from typing import Any

from pydantic import BaseModel, Field

from server.clock import now
from server.data_folder import DataFolder
from server.stores.documents import Kind
from server.stores.model_documents import ModelDocuments
from server.stores.paging import Page, page_of


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

    def __init__(self, data: DataFolder) -> None:
        self._documents = ModelDocuments(data, RUN_KIND, "runs", content_in_log=False)

    def add(
        self, model_id: str, run_id: str, review: dict[str, Any], *, job_id: str, who: str = "worker"
    ) -> AnalysisRun:
        """Keep a review; durable when this returns. `who` is the identity that asked for it.

        Raises AlreadyExistsError (the run stays as it was), NotFoundError if the model is gone, OSError and
        LockTimeoutError.
        """
        run = AnalysisRun(id=run_id, model_id=model_id, job_id=job_id, created_at=now(), review=review)
        return self._documents.create(model_id, run_id, run, who=who).content

    def get(self, model_id: str, run_id: str) -> AnalysisRun:
        """Raises NotFoundError, DamagedDocumentError and NewerDocumentError."""
        return self._documents.read(model_id, run_id).content

    def list(self, model_id: str, *, limit: int, cursor: str | None = None) -> Page[AnalysisRunSummary]:
        """Newest first. Raises NotFoundError for the model. A damaged document is left out and logged."""
        ids = self._documents.ids(model_id)
        return page_of(ids, lambda run_id: self._summary(model_id, run_id), limit=limit, cursor=cursor)

    def _summary(self, model_id: str, run_id: str) -> AnalysisRunSummary | None:
        document = self._documents.readable(model_id, run_id)
        if document is None:
            return None
        run = document.content
        return AnalysisRunSummary.model_validate(run.review | run.model_dump(exclude={"review"}))
