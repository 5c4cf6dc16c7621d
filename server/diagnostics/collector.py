"""Metrics of how things stand, looked up at each scrape by whichever API process is asked."""

import logging
from collections.abc import Iterator

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from server.diagnostics.build import versions_of
from server.diagnostics.disk import cache_of, disk_of
from server.diagnostics.processes import processes_of_stack
from server.diagnostics.queue import queue_of
from server.diagnostics.readiness import readiness
from server.services import Services
from server.stores.worker_heartbeat import Beat, fresh_beats

log = logging.getLogger(__name__)


class StateCollector(Collector):
    """Collects the state of the service that `services` are of."""

    def __init__(self, services: Services) -> None:
        self.services = services

    def collect(self) -> Iterator[Metric]:
        """What cannot be looked up is left out; `rapiddraft_check_ok` says why."""
        beats = fresh_beats(self.services.settings)
        yield self._build(beats)
        yield self._checks()
        yield _gauge("rapiddraft_workers", "Worker processes that gave a sign of life lately.", len(beats))
        yield self._memory(beats)
        for part in (self._queue, self._disk):
            try:
                yield from part()
            except Exception:
                log.exception("left out of the metrics")

    def _build(self, beats: list[Beat]) -> Metric:
        labels = {name: value or "" for name, value in versions_of(self.services.settings, _first(beats))}
        family = GaugeMetricFamily("rapiddraft_build_info", "Which versions run; always 1.", labels=list(labels))
        family.add_metric(list(labels.values()), 1)
        return family

    def _checks(self) -> Metric:
        family = GaugeMetricFamily(
            "rapiddraft_check_ok", "Whether a check of /readyz is passed.", labels=["check", "required"]
        )
        for check in readiness(self.services).checks:
            family.add_metric([check.name, str(check.required).lower()], check.ok)
        return family

    def _memory(self, beats: list[Beat]) -> Metric:
        family = GaugeMetricFamily(
            "rapiddraft_memory_bytes", "Resident memory of the stack's processes.", labels=["process"]
        )
        by_name: dict[str, int] = {}
        for process in processes_of_stack(beat.pid for beat in beats):
            by_name[process.name] = by_name.get(process.name, 0) + process.memory_bytes
        for name, size in by_name.items():
            family.add_metric([name], size)
        return family

    def _queue(self) -> Iterator[Metric]:
        if self.services.broker is None:
            return
        queue = queue_of(self.services.broker)
        family = GaugeMetricFamily("rapiddraft_queue_messages", "Messages in the queue.", labels=["state"])
        for state, count in queue.messages.items():
            family.add_metric([state], count)
        yield family
        yield _gauge(
            "rapiddraft_queue_oldest_waiting_seconds",
            "Age of the message that has waited for longest; 0 if none waits.",
            queue.oldest_waiting_seconds or 0.0,
        )

    def _disk(self) -> Iterator[Metric]:
        data = self.services.data
        disk, cache = disk_of(data), cache_of(data, self.services.settings.cache_mb)
        yield _gauge("rapiddraft_disk_free_bytes", "Free on the data folder's file system.", disk.free_bytes)
        yield _gauge("rapiddraft_disk_size_bytes", "Size of the data folder's file system.", disk.size_bytes)
        yield _gauge("rapiddraft_queue_wal_bytes", "Size of the queue's write-ahead log.", disk.queue_wal_bytes)
        yield _gauge("rapiddraft_cache_bytes", "Size of what is kept to be used again.", cache.bytes)
        yield _gauge("rapiddraft_cache_entries", "Entries of what is kept to be used again.", cache.entries)


def _gauge(name: str, what: str, value: float) -> Metric:
    return GaugeMetricFamily(name, what, value=value)


def _first(beats: list[Beat]) -> Beat | None:
    return beats[0] if beats else None
