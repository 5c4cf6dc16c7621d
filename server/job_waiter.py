"""Requests that follow a job, without a thread for each: the worker wakes us when a job changed."""

import asyncio
import logging
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import chain
from pathlib import Path

import anyio.to_thread

from server.stores.dfm_review_jobs import Job, ReviewJobs
from server.stores.errors import NotFoundError
from workers.file_broker import Wakeup

log = logging.getLogger(__name__)

# A wake-up can be missed (it is one datagram); this is how late a missed one is noticed.
SAFETY_POLL_SECONDS = 1.0


class DrainingError(Exception):
    """This process stops: whoever follows a job must go on in another."""


class Follower:
    """Is told of each change of one job; of several in quick succession, perhaps only of the last."""

    def __init__(self) -> None:
        self._news: asyncio.Queue[Job | Exception] = asyncio.Queue()

    async def next(self, seconds: float | None = None) -> Job:
        """The job when it has changed; at the first call, the job as it is.

        Raises TimeoutError after `seconds`, NotFoundError once the job is gone, and DrainingError.
        """
        # Not `wait_for`, which has a task of its own for each call.
        async with asyncio.timeout(seconds):
            news = await self._news.get()
        if isinstance(news, Exception):
            raise news
        return news

    def tell(self, news: Job | Exception) -> None:
        """Pass on the job as it is now, or why it cannot be followed."""
        self._news.put_nowait(news)


class JobWaiter:
    """Tells coroutines of one event loop how their jobs get on."""

    def __init__(self, jobs: ReviewJobs, folder: Path) -> None:
        """`folder` is where the sockets of waiters are. Raises OSError if none can be bound there."""
        self._jobs = jobs
        self._wakeup = Wakeup(folder)
        self._changed = asyncio.Event()
        self._followers: defaultdict[str, set[Follower]] = defaultdict(set)
        self._seen: dict[str, object] = {}  # versions, of which the followers have been told
        self._task: asyncio.Task[None] | None = None
        self._draining = False
        # Of its own: who waits for a job must hear of it while all other threads are held.
        self._thread = anyio.CapacityLimiter(1)

    def start(self) -> None:
        """Begin to listen, on the running event loop."""
        asyncio.get_running_loop().add_reader(self._wakeup.fileno(), self._on_wakeup)
        self._task = asyncio.create_task(self._watch())

    def drain(self) -> None:
        """Tell all who follow a job, now or later, that this process stops."""
        self._draining = True
        for follower in chain.from_iterable(self._followers.values()):
            follower.tell(DrainingError())

    async def close(self) -> None:
        """Stop listening."""
        asyncio.get_running_loop().remove_reader(self._wakeup.fileno())
        if self._task:
            self._task.cancel()
            await asyncio.wait([self._task])
        self._wakeup.close()

    async def wait(self, job_id: str, seconds: float) -> Job | None:
        """The job once it has ended; None if it has not within `seconds` or before `drain`. Raises NotFoundError."""
        try:
            async with asyncio.timeout(seconds), self.follow(job_id) as follower:
                while not (job := await follower.next()).state.is_final:
                    pass
                return job
        except (TimeoutError, DrainingError):
            return None

    @asynccontextmanager
    async def follow(self, job_id: str) -> AsyncIterator[Follower]:
        """Be told how a job gets on, from now on."""
        follower = Follower()
        if self._draining:
            follower.tell(DrainingError())
        self._followers[job_id].add(follower)
        self._seen.pop(job_id, None)  # so that this one is told how it is now
        self._changed.set()
        try:
            yield follower
        finally:
            self._followers[job_id].discard(follower)
            if not self._followers[job_id]:
                del self._followers[job_id]
                self._seen.pop(job_id, None)

    def _on_wakeup(self) -> None:
        self._wakeup.drain()
        self._changed.set()

    async def _watch(self) -> None:
        while True:
            try:
                await asyncio.wait_for(self._changed.wait(), SAFETY_POLL_SECONDS if self._followers else None)
            except TimeoutError:
                log.debug("no wake-up for a while; looking anyway")
            self._changed.clear()
            seen = dict.fromkeys(self._followers) | self._seen
            news = await anyio.to_thread.run_sync(self._look, seen, limiter=self._thread)
            for job_id, (version, outcome) in news.items():
                self._tell(job_id, version, outcome)

    def _look(self, seen: dict[str, object]) -> dict[str, tuple[object, Job | Exception]]:
        """Which of the followed jobs have changed since they were `seen`. Reads those, and no others."""
        news: dict[str, tuple[object, Job | Exception]] = {}
        for job_id, known in seen.items():
            try:
                version = self._jobs.version(job_id)
                if version != known:
                    news[job_id] = version, self._jobs.get(job_id)
            except NotFoundError as error:
                news[job_id] = None, error
            except Exception:
                log.exception("cannot read a job that is followed", extra={"job_id": job_id})
        return news

    def _tell(self, job_id: str, version: object, outcome: Job | Exception) -> None:
        if job_id in self._followers:
            self._seen[job_id] = version
            for follower in self._followers[job_id]:
                follower.tell(outcome)
