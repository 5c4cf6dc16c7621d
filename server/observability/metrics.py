"""Prometheus metrics of what happens, over all processes of the stack. docs/monitoring.md lists them.

No label takes a value that grows with use. prometheus_client is loaded at the first count: the command line, which
hardly counts anything, need not wait for it.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from server.observability.metrics_folder import VARIABLE, add_up_the_dead, unchanging

if TYPE_CHECKING:
    from prometheus_client.registry import Collector

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

# What a job's time goes into. `rest` is what a review does besides.
STAGES = ("wait", "read", "tessellate", "facts", "features", "rules", "cache", "store", "rest")
# How a sandbox child may end.
ENDINGS = ("result", "refused", "crashed", "killed", "timed_out", "out_of_memory", "cancelled", "failed")

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
# More than there are error codes; a bound all the same, as some come out of a sandbox.
_MOST_CODES = 60


class _Metrics:
    """All of them. Made where prometheus_client keeps the values: in memory, or in files for all processes."""

    def __init__(self) -> None:
        from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

        self.registry = registry = CollectorRegistry()
        self.codes: set[str] = set()
        self.requests = Counter(
            "rapiddraft_http_requests_total", "Requests answered.", ["method", "route", "status"], registry=registry
        )
        self.request_seconds = Histogram(
            "rapiddraft_http_request_seconds",
            "Time from a request's first byte to the end of its answer.",
            ["method", "route"],
            buckets=(0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60),
            registry=registry,
        )
        self.in_flight = Gauge(
            "rapiddraft_http_requests_in_flight",
            "Requests that are being answered.",
            multiprocess_mode="livesum",
            registry=registry,
        )
        self.job_changes = Counter(
            "rapiddraft_job_changes_total",
            "Changes of jobs to a state, with the code of the error that led to it.",
            ["kind", "state", "code"],
            registry=registry,
        )
        self.attempts = Counter(
            "rapiddraft_job_attempts_total", "Attempts at jobs that were begun.", ["kind"], registry=registry
        )
        self.stage_seconds = Histogram(
            "rapiddraft_job_stage_seconds",
            "Time of jobs by stage, from waiting for a worker to storing the result.",
            ["kind", "stage"],
            buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300),
            registry=registry,
        )
        self.children = Gauge(
            "rapiddraft_sandbox_children", "Sandbox children alive.", multiprocess_mode="livesum", registry=registry
        )
        self.children_ended = Counter(
            "rapiddraft_sandbox_children_ended_total", "Sandbox children that ended.", ["ending"], registry=registry
        )
        self.cache_requests = Counter(
            "rapiddraft_cache_requests_total",
            "What was looked for among what is kept to be used again.",
            ["cache", "outcome"],
            registry=registry,
        )
        self.lease_losses = Counter(
            "rapiddraft_lease_losses_total", "Leases of messages that ran out before an answer.", registry=registry
        )
        self.lock_wait_seconds = Histogram(
            "rapiddraft_lock_wait_seconds",
            "Time waited for the lock of a document.",
            buckets=(0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10),
            registry=registry,
        )
        self.lock_timeouts = Counter(
            "rapiddraft_lock_timeouts_total", "Locks of documents that were not to be had.", registry=registry
        )
        # A rate is not seen of what was not there before.
        for ending in ENDINGS:
            self.children_ended.labels(ending)

    def code(self, code: str) -> str:
        """`code`, or `other` for one beyond the bound."""
        if len(self.codes) < _MOST_CODES:
            self.codes.add(code)
        return code if code in self.codes else "other"


@cache
def load() -> _Metrics:
    """Load what counting needs; before that, the environment says where counts are kept. Done by the first count."""
    return _Metrics()


def observe_request(method: str, route: str, status: int, seconds: float) -> None:
    """Count a request that was answered. `route` is the template, not the path."""
    method = method if method in _METHODS else "other"
    load().requests.labels(method, route, str(status)).inc()
    load().request_seconds.labels(method, route).observe(seconds)


@contextmanager
def request_in_flight() -> Iterator[None]:
    """Count a request while it is being answered."""
    gauge = load().in_flight
    gauge.inc()
    try:
        yield
    finally:
        gauge.dec()


def job_changed(kind: str, state: str, code: str | None) -> None:
    """Count a job's change to `state`, `code` being the error that led to it."""
    load().job_changes.labels(kind, state, load().code(code or "")).inc()


def job_attempted(kind: str, waited_seconds: float) -> None:
    """Count an attempt that a worker began after the job had waited for one."""
    load().attempts.labels(kind).inc()
    job_stages(kind, {"wait": waited_seconds})


def job_stages(kind: str, seconds: Mapping[str, float]) -> None:
    """Count the time of stages; one that took none did not take place."""
    for stage, took in seconds.items():
        if stage in STAGES and took > 0:
            load().stage_seconds.labels(kind, stage).observe(took)


def child_started() -> None:
    """Count a sandbox child that lives."""
    load().children.inc()


def child_ended(ending: str) -> None:
    """The same child lives no more; `ending` is one of ENDINGS."""
    load().children.dec()
    load().children_ended.labels(ending).inc()


def cache_asked(cache: str, *, hit: bool) -> None:
    """Count a look into a cache: `geometry` or `review`."""
    load().cache_requests.labels(cache, "hit" if hit else "miss").inc()


def lease_lost() -> None:
    """Count a lease that ran out before its holder had answered."""
    load().lease_losses.inc()


def lock_waited(seconds: float) -> None:
    """Count the wait for a lock that was had in the end."""
    load().lock_wait_seconds.observe(seconds)


def lock_timed_out() -> None:
    """Count a lock that was not to be had in time."""
    load().lock_timeouts.inc()


def exposition(state: "Collector") -> bytes:
    """What was counted, of all processes where they keep it together, and what `state` collects now."""
    from prometheus_client import CollectorRegistry, generate_latest
    from prometheus_client.multiprocess import MultiProcessCollector

    now = CollectorRegistry()
    now.register(state)
    if not (folder := os.environ.get(VARIABLE)):
        return generate_latest(load().registry) + generate_latest(now)
    counted = CollectorRegistry()
    MultiProcessCollector(counted)  # type: ignore[no-untyped-call]
    add_up_the_dead(Path(folder))
    with unchanging(Path(folder)):
        text = generate_latest(counted)
    return text + generate_latest(now)
