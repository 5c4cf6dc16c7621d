"""The fixtures that Dramatiq's tests ask for, with FileBroker in the place of every broker."""

from collections.abc import Iterator
from pathlib import Path

import dramatiq
import pytest
from dramatiq import Worker
from dramatiq.brokers.stub import StubBroker
from dramatiq.rate_limits.backends import StubBackend as RateLimiterBackend
from dramatiq.results.backends import StubBackend as ResultBackend

from .adapter import ConformanceBroker, worker
from .not_applicable import RACES

__all__ = [
    "_global_broker",
    "pytest_collection_modifyitems",
    "rabbitmq_broker",
    "rabbitmq_worker",
    "rate_limiter_backend",
    "redis_broker",
    "redis_result_backend",
    "redis_worker",
    "result_backend",
    "stub_broker",
    "stub_worker",
]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Try again what may be too early."""
    for item in items:
        if item.name in RACES:
            item.add_marker(pytest.mark.flaky(reruns=4))


def _broker(path: Path, *, fail_fast: bool) -> Iterator[ConformanceBroker]:
    broker = ConformanceBroker(path, fail_fast=fail_fast)
    broker.emit_after("process_boot")
    dramatiq.set_broker(broker)
    yield broker
    broker.close()


@pytest.fixture(autouse=True)
def _global_broker() -> None:
    """Some tests declare actors without asking for a broker: not on one that an earlier test left."""
    dramatiq.set_broker(StubBroker())


@pytest.fixture
def stub_broker(tmp_path: Path) -> Iterator[ConformanceBroker]:
    """Whose `join` raises what a message failed on."""
    yield from _broker(tmp_path / "queue.sqlite3", fail_fast=True)


@pytest.fixture
def redis_broker(tmp_path: Path) -> Iterator[ConformanceBroker]:
    """Whose `join` only waits."""
    yield from _broker(tmp_path / "queue.sqlite3", fail_fast=False)


@pytest.fixture
def rabbitmq_broker(redis_broker: ConformanceBroker) -> ConformanceBroker:
    """The same, under the name that the tests of that broker use."""
    return redis_broker


@pytest.fixture
def stub_worker(stub_broker: ConformanceBroker) -> Iterator[Worker]:
    """A worker of `stub_broker`."""
    with worker(stub_broker, worker_timeout=100, worker_threads=32) as running:
        yield running


@pytest.fixture
def redis_worker(redis_broker: ConformanceBroker) -> Iterator[Worker]:
    """A worker of `redis_broker`."""
    with worker(redis_broker, worker_threads=32) as running:
        yield running


@pytest.fixture
def rabbitmq_worker(redis_worker: Worker) -> Worker:
    """The same, under the name that the tests of that broker use."""
    return redis_worker


@pytest.fixture
def rate_limiter_backend() -> RateLimiterBackend:
    """Dramatiq's own, in memory: it does not touch the broker."""
    return RateLimiterBackend()  # type: ignore[no-untyped-call]


@pytest.fixture
def result_backend() -> ResultBackend:
    """Dramatiq's own, in memory: results do not go through the broker."""
    return ResultBackend()


@pytest.fixture
def redis_result_backend(result_backend: ResultBackend) -> ResultBackend:
    """The same: the one test that asks for Redis only needs any."""
    return result_backend
