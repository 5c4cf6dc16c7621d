"""The worker process: `python -m workers` takes review jobs from the queue and has them done in sandboxes.

It runs Dramatiq's `Worker` itself rather than the `dramatiq` command. That starts a master with worker
processes below it: when one of them dies, it stops them all; when it is killed, they are left as orphans;
and it logs in a format of its own. supervisord starts, restarts and counts processes better.
"""

import logging
import os
import queue
import signal
from types import FrameType
from typing import Any

from dramatiq import Worker

from rapiddraft._parent_death import end_with_supervisord
from server.data_folder import DataFolder
from server.observability import metrics, metrics_folder, tracing
from server.observability.logging import configure_logging
from server.settings import Settings, get_settings
from server.stores import worker_heartbeat
from server.stores.worker_heartbeat import SelfCheck
from workers import actors
from workers.errors import PartError
from workers.reconciler import Reconciler
from workers.sandbox import Limits, SandboxError

logger = logging.getLogger(__name__)

BEAT_SECONDS = 3.0
# With the reconciler's, below supervisord's stopwaitsecs. A longer job is given up, and its lease returns it.
STOP_SECONDS = 8.0
# How soon an idle thread notices that it shall stop; the broker wakes it for work.
_IDLE_MILLISECONDS = 500
_CHECK_LIMITS = Limits(deadline_seconds=30, memory_bytes=1 << 30, nice=0)


def main() -> None:
    """Work until SIGTERM or SIGINT."""
    configure_logging("worker")
    settings = get_settings()
    configure_logging("worker", settings.log_level)
    end_with_supervisord()
    stop = _StopSignals()

    metrics_folder.enter(settings.data_dir)
    metrics.load()
    DataFolder(settings.data_dir).prepare()
    tracing.configure(settings.otlp_endpoint, "worker")
    broker = actors.build_broker(settings)
    broker.emit_after("process_boot")
    # One more than may compute: while it stores its result, the next one computes.
    threads = settings.sandbox_children + 1
    worker = Worker(broker, worker_threads=threads, worker_timeout=_IDLE_MILLISECONDS)
    # Taking more than can be done now would only keep it from another worker.
    worker.queue_prefetch = threads
    # Done first and in this thread, so that the fork server has its modules loaded before the first job.
    checks = _self_checks(settings)
    reconciler = Reconciler(settings, broker)
    reconciler.start()
    worker.start()
    logger.info("The worker is ready.", extra={"children": settings.sandbox_children})

    while True:
        _beat(settings, checks)
        if stop.wait(BEAT_SECONDS):
            break
        if not all(check.ok for check in checks.values()):
            checks = _self_checks(settings)

    reconciler.stop()
    worker.stop(timeout=int(STOP_SECONDS * 1000))
    worker_heartbeat.stop_beating(settings)
    broker.close()
    actors.sandbox().close()
    tracing.close()
    metrics_folder.leave(settings.data_dir)
    logger.info("The worker has stopped.")
    # Not sys.exit: a thread that still waits for a child must not go on without a broker, and the fork
    # server, with its children, ends when this process does.
    os._exit(0)


class _StopSignals:
    """SIGTERM and SIGINT: the first asks for an orderly stop, the second ends the process."""

    def __init__(self) -> None:
        self._received: queue.SimpleQueue[int] = queue.SimpleQueue()  # its put may interrupt its get
        self._stopping = False
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._receive)

    def _receive(self, number: int, _frame: FrameType | None) -> None:
        if self._stopping:
            os._exit(1)
        self._stopping = True
        self._received.put(number)

    def wait(self, seconds: float) -> bool:
        """Whether a signal came, or comes within `seconds`."""
        try:
            number = self._received.get(timeout=seconds)
        except queue.Empty:
            return False
        logger.info("Stopping on %s.", signal.Signals(number).name)
        return True


def _self_checks(settings: Settings) -> dict[str, SelfCheck]:
    """Whether a sandbox child can use the kernel and the rules; this process itself never loads them."""
    return {
        "kernel": _self_check("workers.cad.probe:kernel_version", {}),
        "rules": _self_check("workers.rules.probe:rules_version", {"rules": settings.rules_dir}),
    }


def _self_check(target: str, payload: dict[str, Any]) -> SelfCheck:
    try:
        found: dict[str, Any] = actors.sandbox().run(target, payload, _CHECK_LIMITS)
    except (SandboxError, PartError) as error:
        logger.exception("A self-check failed.", extra={"target": target})
        return SelfCheck(ok=False, detail=str(error))
    return SelfCheck(ok=True, detail=" ".join(str(value) for value in found.values()))


def _beat(settings: Settings, checks: dict[str, SelfCheck]) -> None:
    try:
        worker_heartbeat.beat(
            settings,
            children=settings.sandbox_children,
            mean_job_seconds=actors.pace().mean_seconds,
            running=actors.sandbox().running(),
            **checks,
        )
    except OSError:
        logger.exception("Cannot give a sign of life.")


if __name__ == "__main__":
    main()
