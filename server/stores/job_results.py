"""What a job leads to, by its kind, and whether it is kept already: a run, part facts, a report, a candidate."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from shutil import rmtree
from typing import Any, Protocol

from server.data_folder import DataFolder
from server.ids import new_id
from server.stores.analysis_runs import AnalysisRuns
from server.stores.candidate_results import CandidateResult
from server.stores.dfm_candidate_session_store import CandidateSessions
from server.stores.dfm_review_jobs import Job, JobKind
from server.stores.errors import AlreadyExistsError, DamagedDocumentError, NotFoundError
from server.stores.part_facts import PartFactsStore
from server.stores.reports import PDF, Reports


class ResultOfAKind(Protocol):
    """What jobs of one kind lead to. Raises as the stores do."""

    def told(self, job: Job, folder: Path) -> dict[str, Any]:
        """What the job's child is told besides the part and the configuration; `folder` is its own, to write to."""

    def keep(self, job: Job, result: dict[str, Any], folder: Path) -> None:
        """Keep what the child returned and left in its folder. Raises AlreadyExistsError if another attempt has."""

    def is_kept(self, job: Job) -> bool:
        """Whether an earlier attempt has."""


class JobResults:
    """The results of jobs in one data folder."""

    def __init__(self, data: DataFolder, cache_mb: int = 0) -> None:
        """`cache_mb` bounds the cache that reviews are kept in as they are sent; 0 for who keeps none."""
        self._data = data
        runs = AnalysisRuns(data, cache_mb)
        self._kinds: Mapping[JobKind, ResultOfAKind] = {
            "review": _Review(runs),
            "part_facts": _PartFacts(PartFactsStore(data)),
            "report": _Report(runs, Reports(data)),
            "candidate": CandidateResult(CandidateSessions(data, runs)),
        }

    @contextmanager
    def folder(self) -> Iterator[Path]:
        """A folder for a job's child to write to, gone afterwards; what a crash leaves of it is swept."""
        folder = self._data.uploads / new_id()
        folder.mkdir()
        try:
            yield folder
        finally:
            rmtree(folder, ignore_errors=True)

    def told(self, job: Job, folder: Path) -> dict[str, Any]:
        """What the job's child is told besides the part and the configuration. Raises NotFoundError."""
        return self._kinds[job.kind].told(job, folder)

    def keep(self, job: Job, result: dict[str, Any], folder: Path) -> bool:
        """Keep the result; durable when this returns. Raises as the stores do.

        False where another attempt has kept its own, which stays.
        """
        try:
            self._kinds[job.kind].keep(job, result, folder)
        except AlreadyExistsError:
            return False
        return True

    def is_kept(self, job: Job) -> bool:
        """Whether an earlier attempt kept the result, and was lost before it could say so."""
        try:
            return self._kinds[job.kind].is_kept(job)
        except NotFoundError:
            return False

    def run_id(self, job: Job) -> str | None:
        """The id of the run that the job leads to, if it leads to one."""
        return job.id if job.kind == "review" else None


class _Review:
    def __init__(self, runs: AnalysisRuns) -> None:
        self._runs = runs

    def told(self, job: Job, folder: Path) -> dict[str, Any]:  # noqa: ARG002 - as a ResultOfAKind has it
        return {}

    def keep(self, job: Job, result: dict[str, Any], folder: Path) -> None:  # noqa: ARG002 - as above
        self._runs.add(job.model_id, job.id, result, job_id=job.id, who=job.identity)

    def is_kept(self, job: Job) -> bool:
        self._runs.get(job.model_id, job.id)
        return True


class _PartFacts:
    def __init__(self, part_facts: PartFactsStore) -> None:
        self._part_facts = part_facts

    def told(self, job: Job, folder: Path) -> dict[str, Any]:  # noqa: ARG002 - as a ResultOfAKind has it
        return {}

    def keep(self, job: Job, result: dict[str, Any], folder: Path) -> None:  # noqa: ARG002 - as above
        self._part_facts.put(job.model_id, job.id, result)

    def is_kept(self, job: Job) -> bool:
        try:
            return self._part_facts.document(job.model_id).content.job_id == job.id
        except DamagedDocumentError:
            return False  # they are measured again


class _Report:
    """`job.about` is the run that is reported."""

    def __init__(self, runs: AnalysisRuns, reports: Reports) -> None:
        self._runs = runs
        self._reports = reports

    def told(self, job: Job, folder: Path) -> dict[str, Any]:
        run_id = _about(job)
        review = folder / "review.json"
        review.write_bytes(self._runs.rendered(job.model_id, run_id))
        output = folder / "output"
        output.mkdir()
        return {"run": str(review), "run_id": run_id, "output": str(output)}

    def keep(self, job: Job, result: dict[str, Any], folder: Path) -> None:  # noqa: ARG002 - as a ResultOfAKind has it
        self._reports.put(job.model_id, _about(job), folder / "output")

    def is_kept(self, job: Job) -> bool:
        return self._reports.path(job.model_id, _about(job), PDF) is not None


def _about(job: Job) -> str:
    if job.about is None:
        raise ValueError(f"Job {job.id} does not say what it is about.")
    return job.about
