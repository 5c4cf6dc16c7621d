"""Jobs: one document for each review that was asked for, written before anything is done about it.

docs/contracts/jobs.md has the states, who may change them, and what a crash between two changes leaves.
"""

import logging
import os
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from itertools import takewhile
from pathlib import Path
from typing import Literal
from urllib.parse import quote

from pydantic import BaseModel, Field

from server._atomic_json import read_json, with_file_lock, write_json_atomic
from server.clock import now
from server.data_folder import DataFolder
from server.ids import first_id_at, is_id, new_id
from server.observability import metrics, tracing
from server.review_options import LimitSet, Material, Processes
from server.stores.documents import Document, Documents, Kind
from server.stores.errors import (
    DamagedDocumentError,
    IllegalTransitionError,
    NewerDocumentError,
    NotFoundError,
)
from server.stores.model_store import require_model
from server.stores.paging import Page, ids_in, newest_in, page_of
from workers.file_broker import wake

log = logging.getLogger(__name__)


PART_FACTS = "part-facts"

JobKind = Literal["review", "part_facts", "report", "candidate"]


class JobState(StrEnum):
    """Where a job is on its way."""

    QUEUED = "queued"
    RUNNING = "running"
    RETRYING = "retrying"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    DEAD = "dead"
    CANCELLED = "cancelled"

    @property
    def is_final(self) -> bool:
        """Whether the job has ended; only an operator can bring one back."""
        return not TRANSITIONS[self]


_ENDS_WITHOUT_RESULT = frozenset({JobState.FAILED, JobState.DEAD, JobState.CANCELLED})

# Running goes to running when a message is delivered again because its first worker went away; queued and
# retrying go to themselves when the message itself is lost and another is sent; retrying goes to succeeded
# when the attempt before turns out to have kept its run.
TRANSITIONS: Mapping[JobState, frozenset[JobState]] = {
    JobState.QUEUED: _ENDS_WITHOUT_RESULT | {JobState.QUEUED, JobState.RUNNING},
    JobState.RUNNING: _ENDS_WITHOUT_RESULT | {JobState.RUNNING, JobState.RETRYING, JobState.SUCCEEDED},
    JobState.RETRYING: _ENDS_WITHOUT_RESULT | {JobState.RETRYING, JobState.RUNNING, JobState.SUCCEEDED},
    JobState.SUCCEEDED: frozenset(),
    JobState.FAILED: frozenset(),
    JobState.DEAD: frozenset(),
    JobState.CANCELLED: frozenset(),
}


@dataclass
class JobUnderWayError(Exception):
    """A job cannot be brought back while another does the same."""

    job_id: str
    under_way: str

    def __str__(self) -> str:
        return f"Job {self.job_id} cannot be retried: job {self.under_way} is reviewing the same part."


class JobError(BaseModel):
    """Why a job ended without a result."""

    code: str = Field(description="Stable, machine-readable name.")
    title: str
    detail: str = Field(description="What was found.")
    advice: str = Field(description="What to do about it.")


class JobChange(BaseModel):
    """One change of a job's state."""

    state: JobState
    at: datetime
    attempt: int
    reason: str
    code: str | None = Field(None, description="Name of the error that led to it.")


class Job(BaseModel):
    """A review that was asked for, and what became of it."""

    id: str = Field(description="ULID; the run that the job leads to has the same one.")
    kind: JobKind = Field(
        "review", description="A review, only the part's facts, the report of a review, or an edit for a finding."
    )
    about: str | None = Field(None, description="The run that is reported, or the candidate session of an edit.")
    finding: str | None = Field(None, description="The finding that is to be cleared, for an edit.")
    model_id: str
    process: Processes
    limits: LimitSet
    material: Material | None = Field(None, description="What the part is made of, if the review was asked for it.")
    state: JobState
    stage: str | None = Field(None, description="What the review is doing while it runs.")
    attempts: int = Field(0, description="How often a worker began it.")
    run_id: str | None = Field(None, description="The analysis run, once it succeeded.")
    engine: str | None = Field(
        None, description="Digest of the engine and the rules that made the run; null if that is not known for sure."
    )
    error: JobError | None = None
    request_id: str
    identity: str
    traceparent: str | None = Field(None, description="W3C trace context of the request, if it had one.")
    created_at: datetime
    updated_at: datetime
    history: list[JobChange]

    @property
    def is_dead_letter(self) -> bool:
        """Whether it ended without a result and an operator may retry or discard it."""
        return self.state in (JobState.FAILED, JobState.DEAD)

    @property
    def tries(self) -> int:
        """How often a worker began it since it was asked for, or brought back by an operator."""
        return sum(change.state is JobState.RUNNING for change in self._since_queued())

    @property
    def was_starved(self) -> bool:
        """Whether it timed out once because the machine was loaded."""
        return any(change.code == "timed_out" for change in self._since_queued())

    def _since_queued(self) -> Iterable[JobChange]:
        return takewhile(lambda change: change.state is not JobState.QUEUED, reversed(self.history))


@dataclass(frozen=True)
class _InFlight:
    """The latest job for each configuration that a model was to be reviewed in; it may have ended since."""

    path: Path
    jobs: dict[str, str]


JOB_KIND = Kind("job", Job)


class ReviewJobs:
    """The jobs in one data folder.

    Everything that reads a job raises NotFoundError, DamagedDocumentError and NewerDocumentError; everything
    that writes one is durable when it returns, and raises OSError and LockTimeoutError as well.
    """

    def __init__(self, data: DataFolder) -> None:
        self.data = data
        self._documents = Documents(data, JOB_KIND)

    def ask(
        self,
        model_id: str,
        process: Processes,
        limits: LimitSet,
        *,
        request_id: str,
        identity: str,
        material: Material | None = None,
        kind: JobKind = "review",
        about: str | None = None,
        finding: str | None = None,
        shares: Callable[[Job], bool] = lambda latest: not latest.state.is_final,
        check: Callable[[Job], None] = lambda _new: None,
    ) -> tuple[Job, bool]:
        """The job for this review, and whether it is new: the latest one is taken if `shares` says so of it, which
        is while it is under way. Nothing is written down of a new one that `check` raises anything about.

        Raises NotFoundError for the model too, and what `check` raises.
        """
        with self._in_flight(model_id) as in_flight:
            job = _new_job(model_id, process, limits, material, request_id=request_id, identity=identity)
            job = job.model_copy(update={"kind": kind, "about": about, "finding": finding})
            latest = self._named(in_flight, _configuration(job))
            if latest is not None and shares(latest):
                return latest, False
            check(job)
            # Named before it is written: a name without a job is harmless, but a job without a name could
            # be joined by nobody.
            self._name(in_flight, job)
            self._documents.create(self._path(job.id), job)
        metrics.job_changed(job.kind, job.state.value, None)
        return job, True

    def latest(
        self, model_id: str, process: Processes, limits: LimitSet, *, material: Material | None = None
    ) -> Job | None:
        """The latest job for this review, whatever became of it. Raises NotFoundError for the model.

        Takes no lock and writes nothing; another may be asked for in this very moment.
        """
        return self._named(self._read_in_flight(model_id), _review_of(process, limits, material))

    def latest_about(self, model_id: str, kind: JobKind, about: str) -> Job | None:
        """The same for the job of a kind that is about one thing, say the report of a run."""
        return self._named(self._read_in_flight(model_id), f"{kind}:{about}")

    def latest_for_facts(self, model_id: str) -> Job | None:
        """The same for the job that was to measure the model's facts."""
        return self._named(self._read_in_flight(model_id), PART_FACTS)

    def create(self, model_id: str, process: Processes, limits: LimitSet, *, request_id: str, identity: str) -> Job:
        """Write down that a review is wanted, whatever else is under way."""
        job = _new_job(model_id, process, limits, None, request_id=request_id, identity=identity)
        return self._documents.create(self._path(job.id), job).content

    def get(self, job_id: str) -> Job:
        """The job as it is now."""
        return self.document(job_id).content

    def document(self, job_id: str) -> Document[Job]:
        """The job with the revision of its document."""
        return self._documents.read(self._path(job_id))

    def version(self, job_id: str) -> object:
        """Equal to what it was before if the job has not changed since; costs one `stat`. Raises NotFoundError."""
        try:
            status = self._path(job_id).stat()
        except FileNotFoundError:
            raise NotFoundError("job", job_id) from None
        return status.st_ino, status.st_mtime_ns

    def changes(self) -> Iterator[tuple[str, float]]:
        """All jobs, in no order, each with the Unix time at which its document was last written."""
        with os.scandir(self.data.jobs) as entries:
            for entry in entries:
                job_id = entry.name.removesuffix(".json")
                if job_id != entry.name and is_id(job_id):
                    with suppress(FileNotFoundError):  # removed meanwhile
                        yield job_id, entry.stat().st_mtime

    def ids(self) -> list[str]:
        """All jobs, newest first."""
        return ids_in(self.data.jobs, ".json")

    def newest(self, most: int) -> tuple[Collection[str], int]:
        """The latest jobs, newest first, at most so many, and how many there are."""
        return newest_in(self.data.jobs, ".json", most)

    def list(
        self,
        *,
        limit: int,
        cursor: str | None = None,
        model_id: str | None = None,
        state: JobState | None = None,
        code: str | None = None,
        since: datetime | None = None,
    ) -> Page[Job]:
        """Newest first: those of one model, in one state, with one error code, asked for since a moment.

        A damaged document is left out and logged.
        """

        def wanted(job: Job) -> bool:
            return (
                model_id in (None, job.model_id)
                and state in (None, job.state)
                and code in (None, job.error.code if job.error else None)
            )

        def load(job_id: str) -> Job | None:
            job = self.if_readable(job_id)
            return job if job and wanted(job) else None

        ids = self.ids()
        if since is not None:
            first = first_id_at(since)
            ids = [job_id for job_id in ids if job_id >= first]
        return page_of(ids, load, limit=limit, cursor=cursor)

    def transition(
        self,
        job_id: str,
        state: JobState,
        *,
        reason: str,
        run_id: str | None = None,
        engine: str | None = None,
        error: JobError | None = None,
        code: str | None = None,
        revision: int | None = None,
    ) -> Job:
        """Move a job on and wake who waits for it; `code` names the error that led to this, if one did.

        Going to RUNNING begins the next attempt. Raises IllegalTransitionError, and RevisionConflictError
        if `revision` is given and the job has changed since.
        """

        def moved(job: Job) -> Job:
            if state not in TRANSITIONS[job.state]:
                raise IllegalTransitionError(f"Job {job_id} is {job.state}; it cannot become {state}.")
            return _moved(job, state, reason, code=code or (error.code if error else None)).model_copy(
                update={"run_id": run_id, "engine": engine, "error": error}
            )

        return self._move(job_id, moved, expected=None if revision is None else (revision,))

    def bring_back(self, job_id: str, *, reason: str) -> Job:
        """Queue a dead letter again, with all its attempts before it.

        Raises IllegalTransitionError if it is none, JobUnderWayError if its part is being reviewed in the same
        configuration, and NotFoundError for the model too.
        """

        def back(job: Job) -> Job:
            _check_dead_letter(job, "retried")
            return _moved(job, JobState.QUEUED, reason).model_copy(update={"error": None})

        job = self.get(job_id)
        with self._in_flight(job.model_id) as in_flight:
            latest = self._named(in_flight, _configuration(job))
            if latest is not None and latest.id != job_id and not latest.state.is_final:
                raise JobUnderWayError(job_id, latest.id)
            self._name(in_flight, job)
            return self._move(job_id, back)

    def discard(self, job_id: str, *, reason: str) -> Job:
        """Take a job off the dead letters for good; it becomes CANCELLED and keeps its error.

        Raises IllegalTransitionError if it is none.
        """

        def discarded(job: Job) -> Job:
            _check_dead_letter(job, "discarded")
            return _moved(job, JobState.CANCELLED, reason)

        return self._move(job_id, discarded)

    def remove(self, job_id: str, may_go: Callable[[Job], bool]) -> bool:
        """Remove a job if `may_go` says so of it, and say whether it is gone. Nobody can bring it back meanwhile."""
        with ExitStack() as locks:
            with suppress(NotFoundError):  # the model's: then nobody can
                locks.enter_context(self._in_flight(self.get(job_id).model_id))
            return self._documents.remove(self._path(job_id), may_go)

    def in_flight_ids(self, model_id: str) -> Collection[str]:
        """The latest job of each configuration of a model. Raises NotFoundError for the model."""
        return self._read_in_flight(model_id).jobs.values()

    def set_stage(self, job_id: str, stage: str) -> None:
        """Say what a running job is doing; no effect on one that is not running."""

        def staged(job: Job) -> Job:
            if job.state is not JobState.RUNNING:
                return job
            return job.model_copy(update={"stage": stage, "updated_at": now()})

        self._change(job_id, staged)

    def _move(self, job_id: str, move: Callable[[Job], Job], expected: Collection[int] | None = None) -> Job:
        job = self._change(job_id, move, expected)
        metrics.job_changed(job.kind, job.state.value, job.history[-1].code)
        return job

    def _change(self, job_id: str, change: Callable[[Job], Job], expected: Collection[int] | None = None) -> Job:
        job = self._documents.change(self._path(job_id), change, expected=expected).content
        wake(self.data.wake)
        log.debug("job changed", extra={"job_id": job.id, "state": job.state.value})
        return job

    def _path(self, job_id: str) -> Path:
        return self.data.jobs / f"{job_id}.json"

    def if_readable(self, job_id: str) -> Job | None:
        """The job, or None if it is gone, or damaged, which is logged."""
        try:
            return self.get(job_id)
        except NotFoundError:
            return None
        except (DamagedDocumentError, NewerDocumentError) as error:
            log.error("the job's document cannot be read", extra={"job_id": job_id, "error": str(error)})
            return None

    # -- one job for the same part in the same configuration ------------------------------------------------

    @contextmanager
    def _in_flight(self, model_id: str) -> Iterator[_InFlight]:
        """What is under way for a model; nobody else can add to it. Raises NotFoundError for the model."""
        require_model(self.data, model_id)
        with with_file_lock(self._in_flight_path(model_id)):
            yield self._read_in_flight(model_id)

    def _read_in_flight(self, model_id: str) -> _InFlight:
        require_model(self.data, model_id)
        path = self._in_flight_path(model_id)
        try:
            jobs = read_json(path)
        except FileNotFoundError:
            jobs = {}
        except ValueError as error:
            log.error("it is not known what is under way; a review may be done twice", extra={"error": str(error)})
            jobs = {}
        return _InFlight(path, jobs)

    def _in_flight_path(self, model_id: str) -> Path:
        return self.data.model(model_id) / "jobs-in-flight.json"

    def _named(self, in_flight: _InFlight, configuration: str) -> Job | None:
        job_id = in_flight.jobs.get(configuration)
        return self.if_readable(job_id) if job_id else None

    def _name(self, in_flight: _InFlight, job: Job) -> None:
        jobs = in_flight.jobs | {_configuration(job): job.id}
        write_json_atomic(in_flight.path, jobs)


def _configuration(job: Job) -> str:
    """What one job does for all who ask for it."""
    match job.kind:
        case "review":
            return _review_of(job.process, job.limits, job.material)
        case "part_facts":
            return PART_FACTS
        case _:
            return f"{job.kind}:{job.about}"  # which no process is called


def _review_of(process: Processes, limits: LimitSet, material: Material | None) -> str:
    # A shop may name its limits `a/b`, which is not the material b with the limits a.
    return "/".join(quote(part, safe="") for part in (process, limits, material) if part is not None)


def _new_job(
    model_id: str, process: Processes, limits: LimitSet, material: Material | None, *, request_id: str, identity: str
) -> Job:
    at = now()
    return Job(
        id=new_id(),
        model_id=model_id,
        process=process,
        limits=limits,
        material=material,
        state=JobState.QUEUED,
        request_id=request_id,
        identity=identity,
        traceparent=tracing.current_traceparent(),
        created_at=at,
        updated_at=at,
        history=[JobChange(state=JobState.QUEUED, at=at, attempt=0, reason="requested")],
    )


def _moved(job: Job, state: JobState, reason: str, *, code: str | None = None) -> Job:
    at = now()
    attempts = job.attempts + (state is JobState.RUNNING)
    change = JobChange(state=state, at=at, attempt=attempts, reason=reason, code=code)
    return job.model_copy(
        update={
            "state": state,
            "stage": None,
            "attempts": attempts,
            "updated_at": at,
            "history": [*job.history, change],
        }
    )


def _check_dead_letter(job: Job, what: str) -> None:
    if not job.is_dead_letter:
        raise IllegalTransitionError(f"Job {job.id} is {job.state}; only one that is failed or dead can be {what}.")
