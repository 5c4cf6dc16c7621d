"""Part facts: what was measured of a model, one document beside it, made anew by each refresh."""

from datetime import datetime
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from server.clock import now
from server.data_folder import DataFolder
from server.stores.documents import Document, Documents, Kind
from server.stores.errors import DamagedDocumentError, NotFoundError
from server.stores.model_documents import MODEL, require_model

FILE = "part-facts.json"


class MeasuredFacts(BaseModel):
    """The facts of a model with when and for which job they were measured."""

    model_id: str
    job_id: str
    measured_at: datetime
    facts: dict[str, Any]


PART_FACTS_KIND = Kind("part facts", MeasuredFacts)


class PartFactsStore:
    """The facts of the models in one data folder. They follow from the part, so the activity log has none of them."""

    def __init__(self, data: DataFolder) -> None:
        self.data = data
        self._documents = Documents(data, PART_FACTS_KIND)

    def put(self, model_id: str, job_id: str, facts: dict[str, Any]) -> Document[MeasuredFacts]:
        """Keep the facts instead of those before; durable when this returns.

        Raises NotFoundError if the model is gone, AlreadyExistsError if another was the first in this very
        moment, OSError and LockTimeoutError.
        """
        measured = MeasuredFacts(model_id=model_id, job_id=job_id, measured_at=now(), facts=facts)
        require_model(self.data, model_id)
        path = self._path(model_id)
        try:
            try:
                return self._documents.change(path, lambda _before: measured)
            except (NotFoundError, DamagedDocumentError):  # the first, or what was there could not be restored
                return self._documents.create(path, measured)
        except FileNotFoundError:  # the model was removed meanwhile
            raise NotFoundError(MODEL, model_id) from None

    def document(self, model_id: str) -> Document[MeasuredFacts]:
        """The facts and their revision.

        Raises NotFoundError, for the model too, DamagedDocumentError and NewerDocumentError.
        """
        require_model(self.data, model_id)
        return self._documents.read(self._path(model_id))

    def _path(self, model_id: str) -> Path:
        return self.data.model(model_id) / FILE
