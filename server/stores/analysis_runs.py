"""Analysis runs: every review that was made, kept as it was made."""

import logging
from datetime import datetime
from pathlib import Path
from typing import Any

from pydantic import BaseModel, Field

from server._atomic_json import read_json, with_file_lock, write_json_atomic
from server.clock import now
from server.data_folder import DataFolder
from server.stores.errors import AlreadyExistsError, NotFoundError
from server.stores.model_store import require_model
from server.stores.paging import Page, ids_in, page_of

log = logging.getLogger(__name__)


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
    engine: dict[str, Any] | None = None
    summary: dict[str, Any] | None = Field(None, description="Counts, verdict and score of the review.")


class AnalysisRuns:
    """The runs in one data folder; none is ever changed."""

    def __init__(self, data: DataFolder) -> None:
        self.data = data

    def add(self, model_id: str, run_id: str, review: dict[str, Any], *, job_id: str) -> AnalysisRun:
        """Keep a review; durable when this returns.

        Raises AlreadyExistsError (the run stays as it was), NotFoundError if the model is gone, and
        OSError.
        """
        run = AnalysisRun(id=run_id, model_id=model_id, job_id=job_id, created_at=now(), review=review)
        path = self._path(model_id, run_id)
        require_model(self.data, model_id)
        # The lock is on the folder, so that no lock file stays behind for each run.
        with with_file_lock(path.parent):
            if path.exists():
                raise AlreadyExistsError(f"Run {run_id} exists and cannot be changed.")
            try:
                write_json_atomic(path, run.model_dump(mode="json"))
            except FileNotFoundError:
                raise NotFoundError("model", model_id) from None
        return run

    def get(self, model_id: str, run_id: str) -> AnalysisRun:
        """Raises NotFoundError."""
        try:
            return AnalysisRun.model_validate(read_json(self._path(model_id, run_id)))
        except FileNotFoundError:
            raise NotFoundError("analysis run", run_id) from None

    def list(self, model_id: str, *, limit: int, cursor: str | None = None) -> Page[AnalysisRunSummary]:
        """Newest first. Raises NotFoundError for the model. A damaged document is left out and logged."""
        require_model(self.data, model_id)
        ids = ids_in(self._path(model_id, "").parent, ".json")
        return page_of(ids, lambda run_id: self._summary(model_id, run_id), limit=limit, cursor=cursor)

    def _summary(self, model_id: str, run_id: str) -> AnalysisRunSummary | None:
        try:
            run = self.get(model_id, run_id)
        except NotFoundError:
            return None
        except ValueError as error:
            log.error("the run's document is damaged", extra={"run_id": run_id, "error": str(error)})
            return None
        return AnalysisRunSummary.model_validate(run.review | run.model_dump(exclude={"review"}))

    def _path(self, model_id: str, run_id: str) -> Path:
        return self.data.model(model_id) / "runs" / f"{run_id}.json"
