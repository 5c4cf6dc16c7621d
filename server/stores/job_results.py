"""What a job leads to, and whether it is kept already: an analysis run, or the model's part facts."""

from typing import Any

from server.data_folder import DataFolder
from server.stores.analysis_runs import AnalysisRuns
from server.stores.dfm_review_jobs import Job
from server.stores.errors import AlreadyExistsError, DamagedDocumentError, NotFoundError
from server.stores.part_facts import PartFactsStore


class JobResults:
    """The results of jobs in one data folder."""

    def __init__(self, data: DataFolder, cache_mb: int = 0) -> None:
        """`cache_mb` bounds the cache that reviews are kept in as they are sent; 0 for who keeps none."""
        self.runs = AnalysisRuns(data, cache_mb)
        self.part_facts = PartFactsStore(data)

    def keep(self, job: Job, result: dict[str, Any]) -> bool:
        """Keep the result; durable when this returns. Raises as the stores do.

        False where another attempt has kept its own, which stays.
        """
        try:
            if job.kind == "part_facts":
                self.part_facts.put(job.model_id, job.id, result)
            else:
                self.runs.add(job.model_id, job.id, result, job_id=job.id, who=job.identity)
        except AlreadyExistsError:
            return False
        return True

    def is_kept(self, job: Job) -> bool:
        """Whether an earlier attempt kept the result, and was lost before it could say so."""
        try:
            if job.kind == "part_facts":
                return self.part_facts.document(job.model_id).content.job_id == job.id
            self.runs.get(job.model_id, job.id)
        except NotFoundError:
            return False
        except DamagedDocumentError:
            if job.kind == "part_facts":
                return False  # they are measured again
            raise
        return True

    def run_id(self, job: Job) -> str | None:
        """The id of the run that the job leads to, if it leads to one."""
        return job.id if job.kind == "review" else None
