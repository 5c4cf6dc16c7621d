"""Requests that wait for a job, without a thread for each: the worker wakes us when a job changed."""

import asyncio
import logging
from collections import defaultdict
from pathlib import Path

from starlette.concurrency import run_in_threadpool

from server.stores.dfm_review_jobs import Job, ReviewJobs
from server.stores.errors import NotFoundError
from workers.file_broker import Wakeup

log = logging.getLogger(__name__)

# A wake-up can be missed (it is one datagram); this is how late a missed one is noticed.
SAFETY_POLL_SECONDS = 1.0


class JobWaiter:
    """Tells coroutines of one event loop when their jobs have ended."""

    def __init__(self, jobs: ReviewJobs, folder: Path) -> None:
        """`folder` is where the sockets of waiters are. Raises OSError if none can be bound there."""
        self._jobs = jobs
        self._wakeup = Wakeup(folder)
        self._changed = asyncio.Event()
        self._waiting: defaultdict[str, set[asyncio.Future[Job]]] = defaultdict(set)
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to listen, on the running event loop."""
        asyncio.get_running_loop().add_reader(self._wakeup.fileno(), self._on_wakeup)
        self._task = asyncio.create_task(self._watch())

    async def close(self) -> None:
        """Stop listening."""
        asyncio.get_running_loop().remove_reader(self._wakeup.fileno())
        if self._task:
            self._task.cancel()
            await asyncio.wait([self._task])
        self._wakeup.close()

    async def wait(self, job_id: str, seconds: float) -> Job | None:
        """The job once it has ended, or None if it has not within `seconds`. Raises NotFoundError."""
        future: asyncio.Future[Job] = asyncio.get_running_loop().create_future()
        self._waiting[job_id].add(future)
        self._changed.set()  # it may have ended before we began to listen
        try:
            return await asyncio.wait_for(future, seconds)
        except TimeoutError:
            return None
        finally:
            self._waiting[job_id].discard(future)
            if not self._waiting[job_id]:
                del self._waiting[job_id]

    def _on_wakeup(self) -> None:
        self._wakeup.drain()
        self._changed.set()

    async def _watch(self) -> None:
        while True:
            try:
                await asyncio.wait_for(self._changed.wait(), SAFETY_POLL_SECONDS if self._waiting else None)
            except TimeoutError:
                log.debug("no wake-up for a while; looking anyway")
            self._changed.clear()
            for job_id in list(self._waiting):
                await self._look(job_id)

    async def _look(self, job_id: str) -> None:
        try:
            job = await run_in_threadpool(self._jobs.get, job_id)
        except NotFoundError as error:
            self._tell(job_id, error)
        except (OSError, ValueError):
            log.exception("cannot read a job that is waited for", extra={"job_id": job_id})
        else:
            if job.state.is_final:
                self._tell(job_id, job)

    def _tell(self, job_id: str, outcome: Job | Exception) -> None:
        for future in self._waiting.get(job_id, ()):
            if future.done():
                continue
            if isinstance(outcome, Exception):
                future.set_exception(outcome)
            else:
                future.set_result(outcome)
