"""Sees to it that every job ends: sends a message again that was lost, and closes what cannot go on.

A job is written down before its message is sent, and a message is answered after the job has moved on; so a
crash, a queue that was emptied, or one that was restored from yesterday leaves jobs without a message, which
no worker will ever hear of. The reconciler looks for them when a worker starts and every few seconds after.
"""

import logging
import threading
import time
from datetime import timedelta

from dramatiq import Broker

from server._atomic_json import LockTimeoutError, with_file_lock
from server.clock import now
from server.data_folder import DataFolder
from server.observability.logging import log_ids
from server.settings import Settings
from server.stores.dfm_review_jobs import Job, JobError, JobState, ReviewJobs
from server.stores.documents import Document
from server.stores.errors import (
    DamagedDocumentError,
    IllegalTransitionError,
    NewerDocumentError,
    NotFoundError,
    RevisionConflictError,
)
from server.stores.job_results import JobResults
from server.stores.retention import Pruner, Retention
from workers import actors, brokers, job_errors

log = logging.getLogger(__name__)

INTERVAL_SECONDS = 10.0
# Between a job's document and its message lies one write to the queue, which may have to wait its turn.
SENDING_SECONDS = 10.0
# A broker that cannot be asked for its messages is given this long to deliver one.
DELIVERY_SECONDS = 600.0
# Files have the time of the kernel's last tick, and one may be written while others are looked at.
SETTLING_SECONDS = 5.0
# So far the clock may stray from one look to the next without having been set.
CLOCK_SET_SECONDS = 1.0
_STOP_SECONDS = 2.0


class Reconciler:
    """Looks after the jobs of one data folder and their messages in one broker."""

    def __init__(self, settings: Settings, broker: Broker) -> None:
        self._settings = settings
        self._broker = broker
        self._data = DataFolder(settings.data_dir)
        self._jobs = ReviewJobs(self._data)
        self._results = JobResults(self._data)
        self._pruner = Pruner(self._data, Retention.of(settings), settings.cache_mb)
        # A job that has not changed since then, and is not among the unfinished, has ended: it is not read again. That
        # so few are remembered keeps memory the same however many jobs there have been.
        self._settled_before = 0.0
        self._unfinished_ids: set[str] = set()
        self._clock_ahead = 0.0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="reconciler", daemon=True)

    def start(self) -> None:
        """Look now and every INTERVAL_SECONDS, in a thread."""
        self._thread.start()

    def stop(self) -> None:
        """Look no more; a look under way may go on for a moment."""
        self._stop.set()
        self._thread.join(_STOP_SECONDS)

    def _run(self) -> None:
        while True:
            try:
                self.look()
                self._pruner.step()
            except Exception:
                log.exception("cannot look after the jobs; trying again")
            if self._stop.wait(INTERVAL_SECONDS):
                return

    def look(self) -> int:
        """Look at all jobs once; how many were moved on. Returns 0 at once while another process looks.

        Raises OSError, and what the broker raises.
        """
        try:
            with with_file_lock(self._data.run / "reconciler", timeout=0):
                return self._look()
        except LockTimeoutError:
            return 0

    def _look(self) -> int:
        stuck = [found for found in self._unfinished() if self._is_overdue(found.content)]
        if not stuck:
            return 0
        # Asked for after the jobs were read: a job whose message was answered since has changed since.
        messages = brokers.live_message_ids(self._broker, actors.QUEUE)
        undelivered = brokers.dead_letter_counts(self._broker, actors.QUEUE)
        moved = 0
        for found in stuck:
            job = found.content
            with log_ids(request_id=job.request_id, job_id=job.id, model_id=job.model_id):
                given_up = max(job.tries, undelivered[job.id]) >= job_errors.MAX_ATTEMPTS
                moved += self._move_on(found, has_message=job.id in messages, given_up=given_up)
        return moved

    def _unfinished(self) -> list[Document[Job]]:
        """Oldest first, as they were asked for."""
        began, clock_ahead = time.time(), time.time() - time.monotonic()
        if abs(clock_ahead - self._clock_ahead) > CLOCK_SET_SECONDS:
            self._settled_before = 0.0  # the times of files before and after cannot be compared
        unfinished: dict[str, Document[Job] | None] = {}
        for job_id, changed in self._jobs.changes():
            if changed < self._settled_before and job_id not in self._unfinished_ids:
                continue
            try:
                found = self._jobs.document(job_id)
            except NotFoundError:
                continue
            except (DamagedDocumentError, NewerDocumentError, LockTimeoutError) as error:
                log.warning("cannot look after a job", extra={"job_id": job_id, "error": str(error)})
                unfinished[job_id] = None  # perhaps next time
                continue
            if not found.content.state.is_final:
                unfinished[job_id] = found
        self._unfinished_ids, self._clock_ahead = set(unfinished), clock_ahead
        self._settled_before = began - SETTLING_SECONDS
        return [found for _, found in sorted(unfinished.items()) if found]

    def _is_overdue(self, job: Job) -> bool:
        """Whether the job has not changed for longer than it takes while all is well."""
        return now() - job.updated_at > timedelta(seconds=self._patience(job))

    def _patience(self, job: Job) -> float:
        if job.state is JobState.RUNNING:
            # By then whoever had it is through with it, and its lease has run out.
            return actors.longest_attempt_seconds(self._settings) + self._settings.broker_lease_seconds
        return SENDING_SECONDS if brokers.can_be_asked(self._broker) else DELIVERY_SECONDS

    def _move_on(self, found: Document[Job], *, has_message: bool, given_up: bool) -> bool:
        job = found.content
        try:
            if not (self._data.model(job.model_id) / "model.json").exists():
                self._close(found, JobState.FAILED, job_errors.model_removed(NotFoundError("model", job.model_id)))
            elif has_message:
                return False
            # A restored backup may have the run of a job that was still queued when it was copied: the attempt that
            # its message begins will find it.
            elif job.state is not JobState.QUEUED and self._results.is_kept(job):
                self._succeed(found)
            elif given_up:
                self._close(found, JobState.DEAD, job_errors.WORKER_LOST_EACH_TIME)
            else:
                self._send_again(found)
        except (RevisionConflictError, IllegalTransitionError, NotFoundError) as error:
            log.info("the job moved on by itself", extra={"reason": str(error)})
            return False
        except LockTimeoutError as error:
            log.warning("cannot look after a job", extra={"error": str(error)})
            return False
        return True

    def _succeed(self, found: Document[Job]) -> None:
        job = found.content
        reason = "an earlier attempt kept the result, and was lost before it could say so"
        run_id = self._results.run_id(job)
        self._jobs.transition(job.id, JobState.SUCCEEDED, reason=reason, run_id=run_id, revision=found.revision)

    def _close(self, found: Document[Job], state: JobState, error: JobError) -> None:
        job = found.content
        self._jobs.transition(job.id, state, reason=error.detail, error=error, revision=found.revision)
        log.warning("a job that could not go on is closed", extra={"state": state.value, "reason": error.detail})

    def _send_again(self, found: Document[Job]) -> None:
        job = found.content
        state = JobState.QUEUED if job.state is JobState.QUEUED else JobState.RETRYING
        reason = f"its message was lost while it was {job.state}; another was sent"
        job = self._jobs.transition(job.id, state, reason=reason, code="message_lost", revision=found.revision)
        # If this fails, the job is overdue again before long.
        actors.enqueue_review(self._broker, job)
        log.warning("a lost message is sent again", extra={"state": state.value})
