"""Jobs on a real queue with a real Dramatiq worker and real sandbox children; only the engine is a stand-in."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

import pytest
from dramatiq import Broker, Worker
from dramatiq.brokers.redis import RedisBroker

from server.data_folder import DataFolder
from server.review_options import DEFAULT_LIMITS, DEFAULT_PROCESS
from server.settings import Settings
from server.stores.analysis_runs import AnalysisRuns
from server.stores.dfm_review_jobs import Job, JobState, ReviewJobs
from server.stores.model_store import ModelStore
from tests.job_targets import done_by
from tests.jobs.servers import amqp_url, redis_url
from tests.server.conftest import step
from tests.waiting import until
from workers import actors
from workers.reconciler import Reconciler
from workers.sandbox import Sandbox

REVIEW = "tests.jobs.targets:review"


@dataclass
class Installation:
    """One data folder with a broker."""

    settings: Settings
    data: DataFolder
    broker: Broker

    @property
    def models(self) -> ModelStore:
        return ModelStore(self.data)

    @property
    def jobs(self) -> ReviewJobs:
        return ReviewJobs(self.data)

    @property
    def runs(self) -> AnalysisRuns:
        return AnalysisRuns(self.data)

    @property
    def reconciler(self) -> Reconciler:
        return Reconciler(self.settings, self.broker)

    def upload(self, what: str) -> str:
        """The id of a model whose review does `what` (see tests.jobs.targets)."""
        part = self.models.receive(1 << 20)
        try:
            part.write(step(what))
            return self.models.keep(part, "part.step", "admin")[0].id
        finally:
            part.close()

    def ask(self, what: str) -> Job:
        """A job for a model whose review does `what`, not on the queue yet."""
        wanted = DEFAULT_PROCESS, DEFAULT_LIMITS
        return self.jobs.ask(self.upload(what), *wanted, request_id="req-1", identity="admin")[0]

    def send(self, what: str) -> Job:
        """The same, and on the queue."""
        job = self.ask(what)
        actors.put_on_queue(self.jobs, self.broker, job)
        return job

    def becomes(self, job: Job, state: JobState, seconds: float = 30) -> Job:
        """The job once it is in `state`."""
        until(lambda: self.jobs.get(job.id).state is state, f"the job becomes {state}", seconds)
        return self.jobs.get(job.id)

    def run_ids(self, job: Job) -> list[str]:
        return [run.id for run in self.runs.list(job.model_id, limit=100).items]


def install(settings: Settings) -> Installation:
    data = DataFolder(settings.data_dir)
    data.prepare()
    return Installation(settings, data, actors.build_broker(settings))


@contextmanager
def working(installation: Installation, sandbox: Sandbox) -> Iterator[Worker]:
    """A worker with two threads."""
    worker = Worker(installation.broker, worker_threads=2, worker_timeout=100)
    worker.queue_prefetch = 2
    actor = installation.broker.get_actor("run_review")
    with (
        mock.patch.object(actors, "sandbox", lambda: sandbox),
        done_by("review", REVIEW),
        mock.patch.dict(actor.options, min_backoff=1, max_backoff=50),
    ):
        worker.start()
        try:
            yield worker
        finally:
            worker.stop()


@pytest.fixture(scope="session")
def sandbox() -> Iterator[Sandbox]:
    sandbox = Sandbox(())
    yield sandbox
    sandbox.close()


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path / "data", broker_lease_seconds=2.0)


@pytest.fixture
def installation(settings: Settings) -> Iterator[Installation]:
    installation = install(settings)
    yield installation
    installation.broker.close()


@pytest.fixture
def worker(installation: Installation, sandbox: Sandbox) -> Iterator[Worker]:
    with working(installation, sandbox) as worker:
        yield worker


@pytest.fixture(scope="session")
def _redis() -> Iterator[str]:
    with redis_url() as url:
        yield url


@pytest.fixture(scope="session")
def _rabbitmq() -> Iterator[str]:
    with amqp_url() as url:
        yield url


@pytest.fixture(params=["file", "redis", "rabbitmq"])
def any_installation(request: pytest.FixtureRequest, settings: Settings) -> Iterator[Installation]:
    """An installation on each kind of broker whose server is installed."""
    url = "" if request.param == "file" else request.getfixturevalue(f"_{request.param}")
    installation = install(settings.model_copy(update={"broker_url": url}))
    if isinstance(installation.broker, RedisBroker):
        # So that it looks for dead workers in every command, and takes them for dead soon.
        installation.broker.maintenance_chance = 1_000_000
        installation.broker.heartbeat_timeout = 1000
    installation.broker.flush_all()
    yield installation
    installation.broker.close()


@pytest.fixture
def any_worker(any_installation: Installation, sandbox: Sandbox) -> Iterator[Worker]:
    with working(any_installation, sandbox) as worker:
        yield worker
