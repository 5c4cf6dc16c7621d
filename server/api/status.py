"""GET /api/status: all that the service can tell of itself."""

import logging
from datetime import datetime
from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field
from pydantic.config import JsonDict

from server.access.roles import Role
from server.api.openapi import needs_token
from server.api.parameters import RoleDep, ServicesDep
from server.clock import now
from server.diagnostics import jobs
from server.diagnostics.build import Versions, versions_of
from server.diagnostics.disk import CacheState, DiskState, cache_of, disk_of
from server.diagnostics.jobs import JobsState, LastError
from server.diagnostics.processes import ProcessState, memory_of, processes_of_stack
from server.diagnostics.queue import QueueState, queue_of
from server.diagnostics.readiness import Check, readiness
from server.diagnostics.settings_shown import shown
from server.problems import responses
from server.services import Services
from server.stores.worker_heartbeat import Beat, Child, SelfCheck, fresh_beats

log = logging.getLogger(__name__)

router = APIRouter(tags=["operation"], dependencies=[needs_token])


class ChildState(Child):
    """A sandbox child at work, as its worker last said, with its memory now."""

    memory_bytes: int | None = Field(description="Resident; null if it has ended since.")


class WorkerState(BaseModel):
    """A worker process that lives."""

    pid: int
    beat_at: datetime = Field(description="When it last gave a sign of life, and said what is told here.")
    children_at_most: int
    mean_job_seconds: float | None
    kernel: SelfCheck | None = Field(description="What a sandbox child found when it loaded the kernel.")
    rules: SelfCheck | None
    children: list[ChildState]


_EXAMPLE: JsonDict = {
    "at": "2026-11-24T12:00:00Z",
    "ready": True,
    "checks": [{"name": "queue", "ok": True, "required": True, "detail": "1 waiting, 0 delayed, 1 held, 0 dead"}],
    "startup_errors": [],
    "versions": {
        "rapiddraft": "0.1.0",
        "python": "3.11.2",
        "kernel": "OCP 8.0.1",
        "engine": "2c1e07d3f0",
        "commit": "f407e3c",
    },
    "queue": {"messages": {"waiting": 1, "delayed": 0, "held": 1, "dead": 0}, "oldest_waiting_seconds": 0.4},
    "jobs": {
        "by_state": {"queued": 1, "running": 1, "succeeded": 197, "failed": 1},
        "counted": 200,
        "kept": 48211,
    },
    "last_errors": [
        {
            "job_id": "01KAZ8J4T0YQ4R2Z8N6V3C5D7E",
            "model_id": "01KAZ8HZK3W5X7Y9A1B3C5D7E9",
            "state": "failed",
            "code": "timed_out",
            "at": "2026-11-24T11:58:12Z",
        }
    ],
    "workers": [
        {
            "pid": 812,
            "beat_at": "2026-11-24T11:59:58Z",
            "children_at_most": 2,
            "mean_job_seconds": 0.6,
            "kernel": {"ok": True, "detail": "OCP 8.0.1"},
            "rules": {"ok": True, "detail": "cnc_milling 0c5e2f1a9b77"},
            "children": [
                {
                    "pid": 901,
                    "job_id": "01KAZ8MNS8F0G2H4J6K8M0N2P4",
                    "stage": "facts",
                    "since": "2026-11-24T11:59:57Z",
                    "memory_bytes": 187000000,
                }
            ],
        }
    ],
    "processes": [{"name": "API worker", "pid": 805, "memory_bytes": 61000000, "uptime_seconds": 86400.0}],
    "disk": {
        "size_bytes": 100000000000,
        "free_bytes": 60000000000,
        "queue_bytes": 81920,
        "queue_wal_bytes": 4120,
    },
    "cache": {"entries": 210, "bytes": 41000000, "most_bytes": 536870912},
    "settings": {"port": 8000, "broker_url": "redis://rapiddraft:***@queue:6379/0"},
}


class Status(BaseModel):
    """What runs here, and how it fares. What could not be looked up is null, and `checks` say why."""

    model_config = ConfigDict(json_schema_extra={"example": _EXAMPLE})

    at: datetime
    ready: bool
    checks: list[Check]
    startup_errors: list[str]
    versions: Versions
    queue: QueueState | None
    jobs: JobsState
    last_errors: list[LastError]
    workers: list[WorkerState]
    processes: list[ProcessState]
    disk: DiskState | None
    cache: CacheState | None
    settings: dict[str, Any] | None = Field(description="Without secrets. Null for all but admins.")


@router.get("/api/status", summary="How does the service fare?", responses=responses(401, 500, 503))
def show_status(services: ServicesDep, role: RoleDep) -> Status:
    """Versions, queue, jobs, children, processes, disk, cache and the latest errors.

    Everybody with a token may see it: who waits for a review wants to know why, and there is nothing in it of what
    others made. The settings tell where files lie and what the service talks to, so only admins get them. It costs
    the same however many jobs are kept: of those only the latest are read, and `jobs.counted` says how many.
    """
    found = readiness(services)
    beats = fresh_beats(services.settings)
    by_state, last_errors = jobs.latest(services.jobs)
    return Status(
        at=now(),
        **dict(found),
        versions=versions_of(services.settings, beats[0] if beats else None),
        queue=_queue(services),
        jobs=by_state,
        last_errors=last_errors,
        workers=[_worker(beat) for beat in beats],
        processes=processes_of_stack(beat.pid for beat in beats),
        **_disk(services),
        settings=shown(services.settings) if role is Role.ADMIN else None,
    )


def _queue(services: Services) -> QueueState | None:
    try:
        return queue_of(services.broker) if services.broker else None
    except Exception as error:
        log.warning("the queue cannot be read", exc_info=error)
        return None


def _disk(services: Services) -> dict[str, Any]:
    try:
        return {"disk": disk_of(services.data), "cache": cache_of(services.data, services.settings.cache_mb)}
    except OSError as error:
        log.warning("the disk cannot be looked at", exc_info=error)
        return {"disk": None, "cache": None}


def _worker(beat: Beat) -> WorkerState:
    return WorkerState(
        pid=beat.pid,
        beat_at=beat.at,
        children_at_most=beat.children,
        mean_job_seconds=beat.mean_job_seconds,
        kernel=beat.kernel,
        rules=beat.rules,
        children=[ChildState(**dict(child), memory_bytes=memory_of(child.pid)) for child in beat.running],
    )
