"""What is kept for how long: nothing is removed unless a setting says so, and never what something else names.

| what | removed when | but never |
|---|---|---|
| an analysis run | it is too old, too many of its model are newer, or newer ones take all the space there is | the latest of its configuration; one that a ticket or a candidate session names; one whose job has not ended or is what the next who asks for this review is answered from |
| a job | it ended too long ago, or newer ones take all the space | one whose run is kept, and the latest for its configuration |
| the activity log of a removed model | it was removed too long ago | |

A run has the id of its job: the space is for both together, and what is older than the oldest id that fits is outdated.
A design review names tickets, and a ticket is never removed. The removal of a run has its entry in the activity log.
"""  # noqa: E501 - a table

import logging
import os
import shutil
import time
from collections import Counter
from collections.abc import Generator, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path

from server._atomic_json import LockTimeoutError, with_file_lock
from server.clock import now
from server.data_folder import DataFolder
from server.ids import first_id_at, is_id
from server.settings import Settings
from server.stores import activity_log, reports
from server.stores.activity_log import ActivityLog
from server.stores.analysis_runs import AnalysisRuns, AnalysisRunSummary
from server.stores.dfm_candidate_session_store import CANDIDATE_SESSION_KIND, CandidateSession
from server.stores.dfm_review_jobs import Job, ReviewJobs
from server.stores.documents import Kind
from server.stores.errors import DamagedDocumentError, NewerDocumentError, NotFoundError
from server.stores.model_documents import MODEL, locked_model
from server.stores.paging import ids_in
from server.stores.review_store import OLD_TICKETS, TICKET_KIND, Ticket

log = logging.getLogger(__name__)

WHO = "retention"
RUN, JOB, REMOVED_MODEL = "analysis run", "job", "removed model"

# So little at once that the worker's other work never waits for it.
LOOKS_A_STEP = 500
REMOVALS_A_STEP = 50
PAUSE_SECONDS = 3600.0

_CANNOT_BE_READ = (NotFoundError, DamagedDocumentError, NewerDocumentError)


@dataclass(frozen=True)
class Retention:
    """How long things are kept; None: for ever."""

    jobs: timedelta | None = None
    runs: timedelta | None = None
    runs_per_model: int | None = None
    reviews_bytes: int | None = None
    removed_models: timedelta | None = None

    @classmethod
    def of(cls, settings: Settings) -> "Retention":
        """As the settings say; 0 there is None here."""
        return cls(
            jobs=_days(settings.retention_jobs_days),
            runs=_days(settings.retention_runs_days),
            runs_per_model=settings.retention_runs_per_model or None,
            reviews_bytes=settings.retention_reviews_mb * 1_000_000 or None,
            removed_models=_days(settings.retention_removed_models_days),
        )

    @property
    def is_on(self) -> bool:
        """Whether anything is ever removed."""
        return self != Retention()


@dataclass(frozen=True)
class Outdated:
    """Something that is not to be kept any longer."""

    what: str
    id: str
    model_id: str
    since: datetime
    """When it was made, or ended, or was removed."""


class Pruner:
    """Finds what is outdated in one data folder, and removes it."""

    def __init__(self, data: DataFolder, retention: Retention, cache_mb: int = 0) -> None:
        self._data = data
        self._retention = retention
        self._jobs = ReviewJobs(data)
        self._runs = AnalysisRuns(data, cache_mb)
        self._looking: Iterator[Outdated | None] | None = None
        self._due_at = time.monotonic()

    def step(self) -> None:
        """Do a little, if it is time to: to be called often. Only one process prunes at a time."""
        if not self._retention.is_on or time.monotonic() < self._due_at:
            return
        try:
            with with_file_lock(self._data.run / "retention", timeout=0):
                self._step()
        except LockTimeoutError:
            return
        except OSError as error:
            log.warning("cannot remove what is outdated", extra={"error": str(error)})
            self._rest()

    def prune(self) -> Counter[str]:
        """Remove all that is outdated now; how many of each. Raises OSError, and LockTimeoutError if another does."""
        with with_file_lock(self._data.run / "retention"):
            return self._remove(list(self.outdated()))

    def outdated(self) -> Iterator[Outdated]:
        """All that is outdated now; removes nothing."""
        return (found for found in self._look(now()) if found is not None)

    def _step(self) -> None:
        self._looking = self._looking or self._look(now())
        looked_at = 0
        found: list[Outdated] = []
        for seen in islice(self._looking, LOOKS_A_STEP):
            looked_at += 1
            if seen is not None:
                found.append(seen)
            if len(found) == REMOVALS_A_STEP:
                break
        self._remove(found)
        if looked_at < LOOKS_A_STEP and len(found) < REMOVALS_A_STEP:
            self._rest()

    def _rest(self) -> None:
        self._looking = None
        self._due_at = time.monotonic() + PAUSE_SECONDS

    def _remove(self, found: list[Outdated]) -> Counter[str]:
        removed: Counter[str] = Counter()
        by_name = {RUN: self._remove_run, JOB: self._remove_job, REMOVED_MODEL: self._remove_log}
        for outdated in found:
            try:
                removed[outdated.what] += by_name[outdated.what](outdated)
            except (FileNotFoundError, LockTimeoutError, *_CANNOT_BE_READ) as error:
                log.warning("is kept after all", extra={"what": outdated.what, "id": outdated.id, "why": str(error)})
        if total := removed.total():
            log.info("outdated things removed", extra={"count": total, "counts": dict(removed)})
        return removed

    # -- what is outdated -------------------------------------------------------------------------------

    def _look(self, at: datetime) -> Iterator[Outdated | None]:
        """One after the other; None for what stays."""
        no_room = yield from self._newest_without_room()
        going: set[str] = set()
        for model_id in ids_in(self._data.models):
            yield None
            for run in self._outdated_runs(model_id, at, no_room):
                going.add(run.id)
                yield run
        if self._retention.jobs is not None or no_room:
            before = at - self._retention.jobs if self._retention.jobs else None
            for job_id in _candidates(self._jobs.ids(), before, no_room):
                yield self._outdated_job(job_id, before, no_room, going)
        if self._retention.removed_models is not None:
            before = at - self._retention.removed_models
            for model_id in _older(ids_in(self._data.removed_models), before):
                yield self._outdated_log(model_id, before)

    def _newest_without_room(self) -> Generator[None, None, str]:
        """The newest id that, with all that is newer, takes more than there is room for; "" if there is none."""
        if self._retention.reviews_bytes is None:
            return ""
        sizes = Counter(_sizes_in(self._data.jobs))
        for model_id in ids_in(self._data.models):
            yield None
            sizes.update(_sizes_in(self._data.model(model_id) / "runs"))
            sizes.update(reports.sizes_of(self._data, model_id))
        newest_first = sorted(sizes, reverse=True)
        taken = 0
        for id_ in newest_first:
            taken += sizes[id_]
            if taken > self._retention.reviews_bytes:
                return id_
        return ""

    def _outdated_runs(self, model_id: str, at: datetime, no_room: str) -> list[Outdated]:
        """The runs of a model that may go; none if that cannot be told."""
        keep = self._retention
        ids = ids_in(self._data.model(model_id) / "runs", ".json")
        too_many = set(ids[keep.runs_per_model :]) if keep.runs_per_model else set()
        before = at - keep.runs if keep.runs else None
        candidates = too_many | set(_candidates(ids, before, no_room))
        if not candidates:
            return []
        try:
            summaries = self._runs.list(model_id, limit=len(ids)).items
            needed = _latest_of_each(summaries) | self._named(model_id) | self._unfinished(candidates)
        except (LockTimeoutError, *_CANNOT_BE_READ) as error:
            log.warning("all runs of a model are kept", extra={"model_id": model_id, "why": str(error)})
            return []
        return [
            Outdated(RUN, run.id, model_id, run.created_at)
            for run in summaries
            if run.id in candidates - needed
            and (run.id in too_many or run.id <= no_room or (before is not None and run.created_at <= before))
        ]

    def _outdated_job(self, job_id: str, before: datetime | None, no_room: str, going: set[str]) -> Outdated | None:
        job = self._jobs.if_readable(job_id)
        if job is None or not job.state.is_final or self._is_needed(job, going):
            return None
        if job.id > no_room and (before is None or job.updated_at > before):
            return None
        return Outdated(JOB, job.id, job.model_id, job.updated_at)

    def _outdated_log(self, model_id: str, before: datetime) -> Outdated | None:
        """A log goes by when its model was removed, which its last entry says; one that does not say so stays."""
        folder = self._data.removed_model(model_id)
        try:
            newest = next(ActivityLog(folder / activity_log.FILE, model_id).newest_first(), None)
        except (FileNotFoundError, DamagedDocumentError):
            return None
        if newest is None or newest[0].what != f"{MODEL}.removed" or newest[0].time > before:
            return None
        return Outdated(REMOVED_MODEL, model_id, model_id, newest[0].time)

    def _named(self, model_id: str) -> set[str]:
        """The runs of a model that something else names. Raises what reading that raises."""
        folder = self._data.model(model_id)
        if (folder / OLD_TICKETS).exists():
            raise DamagedDocumentError(OLD_TICKETS, "it is not split up yet; open the model's tickets once")
        named = set(self._jobs.in_flight_ids(model_id))
        named |= _run_ids(self._data, model_id, "tickets", TICKET_KIND)
        return named | _run_ids(self._data, model_id, "candidate-sessions", CANDIDATE_SESSION_KIND)

    def _unfinished(self, run_ids: set[str]) -> set[str]:
        """Runs whose jobs have not said yet that they succeeded, or cannot be read."""
        unfinished = set()
        for run_id in run_ids:
            try:
                if not self._jobs.get(run_id).state.is_final:
                    unfinished.add(run_id)
            except NotFoundError:
                continue
            except (DamagedDocumentError, NewerDocumentError):
                unfinished.add(run_id)
        return unfinished

    def _is_needed(self, job: Job, going: set[str]) -> bool:
        folder = self._data.model(job.model_id)
        if not (folder / f"{MODEL}.json").exists():
            return False
        has_run = (folder / "runs" / f"{job.id}.json").exists() and job.id not in going
        return has_run or job.id in self._jobs.in_flight_ids(job.model_id)

    # -- removing it; what may have changed since it was found is looked at again, under the lock ------------

    def _remove_run(self, run: Outdated) -> bool:
        with locked_model(self._data, run.model_id) as model_log:
            if run.id in self._named(run.model_id) | self._unfinished({run.id}):
                return False
            self._runs.remove_locked(model_log, run.id, who=WHO)
        return True

    def _remove_job(self, job: Outdated) -> bool:
        def may_go(there: Job) -> bool:
            return there.updated_at == job.since and there.state.is_final and not self._is_needed(there, set())

        return self._jobs.remove(job.id, may_go)

    def _remove_log(self, removed: Outdated) -> bool:
        shutil.rmtree(self._data.removed_model(removed.model_id))
        return True


def _days(number: int) -> timedelta | None:
    return timedelta(days=number) if number else None


def _older(ids: list[str], before: datetime) -> list[str]:
    """Ids made before that moment: nothing is older than its id."""
    first = first_id_at(before)
    return [id_ for id_ in ids if id_ < first]


def _candidates(ids: list[str], before: datetime | None, no_room: str) -> list[str]:
    """Ids of what may have been there before that moment, and of what there is no room for."""
    first = first_id_at(before) if before else ""
    return [id_ for id_ in ids if id_ < first or id_ <= no_room]


def _sizes_in(folder: Path) -> dict[str, int]:
    """What the documents of a folder take, by their ids."""
    sizes = {}
    with suppress(FileNotFoundError), os.scandir(folder) as entries:
        for entry in entries:
            id_ = entry.name.removesuffix(".json")
            if id_ != entry.name and is_id(id_):
                with suppress(FileNotFoundError):  # removed meanwhile
                    sizes[id_] = entry.stat().st_size
    return sizes


def _latest_of_each(runs: list[AnalysisRunSummary]) -> set[str]:
    latest: dict[str, AnalysisRunSummary] = {}
    for run in runs:
        configuration = repr((run.process, run.limits, run.material))
        if configuration not in latest or run.created_at > latest[configuration].created_at:
            latest[configuration] = run
    return {run.id for run in latest.values()}


def _run_ids(data: DataFolder, model_id: str, folder: str, kind: Kind[Ticket] | Kind[CandidateSession]) -> set[str]:
    """The runs that the documents in a folder of a model name. Read as they are, since this may hold the lock."""
    found: set[str] = set()
    for id_ in ids_in(data.model(model_id) / folder, ".json"):
        try:
            run_id = kind.read(data.model(model_id) / folder / f"{id_}.json").content.run_id
        except FileNotFoundError:
            continue
        if run_id:
            found.add(run_id)
    return found
