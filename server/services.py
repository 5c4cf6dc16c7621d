"""What one API process works with: the stores, the queue, the token, and what went wrong at its start."""

import logging
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

import anyio.to_thread
from dramatiq import Broker

from server.access import admin_token
from server.access.gate import Gate
from server.access.tokens import Tokens
from server.data_folder import DataFolder
from server.job_waiter import JobWaiter
from server.observability import tracing
from server.settings import Settings
from server.stores import leftovers
from server.stores.analysis_runs import AnalysisRuns
from server.stores.dfm_candidate_session_store import CandidateSessions
from server.stores.dfm_review_jobs import ReviewJobs
from server.stores.model_store import ModelStore
from server.stores.part_facts import PartFactsStore
from server.stores.reports import Reports
from server.stores.review_store import ReviewStore
from workers import actors

if TYPE_CHECKING:
    from server.access.signed_identity import SignedIdentities

log = logging.getLogger(__name__)

_HEALTH_THREADS = 2

T = TypeVar("T")


def _signed(settings: Settings) -> "SignedIdentities | None":
    if not settings.identity_keys:
        return None
    # Only here: cryptography and an HTTP client take 15 MB of every API process.
    from server.access.signed_identity import signed_identities

    return signed_identities(settings)


class Services:
    """Made with the application, started with its event loop.

    A part that cannot start does not end the process: it is named in `startup_errors`, /readyz shows
    it and answers 503.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.data = DataFolder(settings.data_dir)
        self.models = ModelStore(self.data)
        self.jobs = ReviewJobs(self.data)
        self.runs = AnalysisRuns(self.data, settings.cache_mb)
        self.candidate_sessions = CandidateSessions(self.data, self.runs)
        self.part_facts = PartFactsStore(self.data)
        self.reports = Reports(self.data)
        self.reviews = ReviewStore(self.data)
        self.gate = Gate(Tokens(self.data))
        self.signed = _signed(settings)
        self.broker: Broker | None = None
        self.waiter: JobWaiter | None = None
        self.startup_errors: list[str] = []
        # Of its own, so that /readyz answers while all others hold a thread.
        self.health_threads = anyio.CapacityLimiter(_HEALTH_THREADS)

    async def start(self) -> None:
        """Make the data folder and the token if they are not there, and open the queue."""
        threads = anyio.to_thread.current_default_thread_limiter()
        threads.total_tokens = self.settings.threadpool_size
        # Nothing is served yet, so this may block the event loop.
        self._try("data folder", self.data.prepare)
        self.gate.admin_token = self._try("admin token", lambda: admin_token.load_or_make(self.data.admin_token))
        tracing.configure(self.settings.otlp_endpoint, "api")
        self.broker = self._try("queue", lambda: actors.build_broker(self.settings))
        self.waiter = self._try("wake-up socket", lambda: JobWaiter(self.jobs, self.data.wake))
        if self.waiter:
            self.waiter.start()
        log.info("started", extra={"threads": threads.total_tokens})
        if not self.startup_errors:
            threading.Thread(target=leftovers.sweep, args=(self.data,), name="sweep", daemon=True).start()

    def drain(self) -> None:
        """Have the requests that wait for a job come to an end: this process stops."""
        log.info("draining")
        if self.waiter:
            self.waiter.drain()

    async def close(self) -> None:
        """Let go of the queue and the socket, and send the last spans."""
        if self.waiter:
            await self.waiter.close()
        if self.broker:
            self.broker.close()
        await anyio.to_thread.run_sync(tracing.close)

    def _try(self, what: str, start: Callable[[], T]) -> T | None:
        try:
            return start()
        except Exception as error:
            log.exception("cannot start", extra={"what": what})
            self.startup_errors.append(f"{what}: {error}")
            return None
