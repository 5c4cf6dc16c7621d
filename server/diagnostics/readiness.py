"""Whether the service can do its work, and if not, why."""

import logging
import shutil
import tempfile
from pathlib import Path

from pydantic import BaseModel, Field

from server.observability import tracing
from server.services import Services
from server.stores import damage
from server.stores.worker_heartbeat import Beat, SelfCheck, last_beat
from workers import brokers
from workers.actors import QUEUE
from workers.file_broker.broker import RESERVED_BYTES

log = logging.getLogger(__name__)


class Check(BaseModel):
    """One service that others stand on."""

    name: str
    ok: bool
    detail: str
    required: bool = Field(True, description="Whether reviews can be made without it; if so, it is only reported.")


class Readiness(BaseModel):
    """Whether reviews can be made now, and if not, why."""

    ready: bool
    checks: list[Check]
    startup_errors: list[str]


def readiness(services: Services) -> Readiness:
    """How things stand now; reads no more than a few small files."""
    beat, signed = last_beat(services.settings), services.signed
    checks = [
        _data_folder(services),
        _documents(services),
        _queue(services),
        _worker(beat),
        _reported("kernel", beat.kernel if beat else None),
        _reported("rules", beat.rules if beat else None),
        _cache(services),
        _optional("tracing", services.settings.otlp_endpoint, tracing.trouble()),
        _optional("identity keys", services.settings.identity_keys, signed.keys.trouble if signed else None),
    ]
    ready = all(check.ok for check in checks if check.required) and not services.startup_errors
    return Readiness(ready=ready, checks=checks, startup_errors=services.startup_errors)


def _data_folder(services: Services) -> Check:
    name, data = "data folder", services.data
    for folder in (data.uploads, data.models, data.jobs, data.run):
        if why := _why_not_writable(folder):
            return Check(name=name, ok=False, detail=f"{folder.relative_to(data.root)} is not writable: {why}")
    free = shutil.disk_usage(data.root).free
    needed = services.settings.max_upload_bytes + RESERVED_BYTES
    if free < needed:
        detail = f"{free:,} bytes free; the largest upload and the queue's reserve need {needed:,}"
        return Check(name=name, ok=False, detail=detail)
    return Check(name=name, ok=True, detail=f"writable, {free:,} bytes free")


def _why_not_writable(folder: Path) -> str | None:
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(b"?")
            file.flush()
    except OSError as error:
        return error.strerror
    return None


def _cache(services: Services) -> Check:
    """It is only faster with it."""
    if not services.settings.cache_mb:
        detail, ok = "off", True
    elif not services.data.cache.exists():
        detail, ok = "empty", True
    else:
        why = _why_not_writable(services.data.cache)
        detail, ok = f"not writable: {why}; nothing is kept" if why else "writable", why is None
    return Check(name="cache", ok=ok, detail=detail, required=False)


def _optional(name: str, setting: str, trouble: str | None) -> Check:
    return Check(name=name, ok=not trouble, detail=trouble or ("on" if setting else "off"), required=False)


def _documents(services: Services) -> Check:
    """Of the documents that were found damaged; it does not look for more."""
    name = "documents"
    try:
        notes = damage.notes(services.data)
    except OSError as error:
        return Check(name=name, ok=False, detail=f"cannot tell: {error.strerror}")
    lost = [note.document for note in notes if not note.restored]
    if lost:
        detail = (
            f"damaged and not restored: {', '.join(lost[:5])}; see the notes in the folder {services.data.damaged.name}"
        )
        return Check(name=name, ok=False, detail=detail)
    if notes:
        return Check(
            name=name, ok=True, detail=f"{len(notes)} damaged and restored; see the folder {services.data.damaged.name}"
        )
    return Check(name=name, ok=True, detail="none was found damaged")


def _queue(services: Services) -> Check:
    if services.broker is None:
        return Check(name="queue", ok=False, detail="could not be opened at start")
    try:
        depth = brokers.depth_of(services.broker, QUEUE)
    except Exception as error:
        log.warning("the queue cannot be read", exc_info=error)
        return Check(name="queue", ok=False, detail=str(error) or type(error).__name__)
    counts = ", ".join(f"{count} {state}" for state, count in depth.items())
    return Check(name="queue", ok=True, detail=f"readable: {counts}")


def _worker(beat: Beat | None) -> Check:
    if beat is None:
        return Check(name="worker", ok=False, detail="none has given a sign of life")
    if not beat.is_fresh:
        return Check(name="worker", ok=False, detail=f"no sign of life since {beat.at:%Y-%m-%dT%H:%M:%SZ}")
    return Check(name="worker", ok=True, detail=f"alive (process {beat.pid})")


def _reported(name: str, found: SelfCheck | None) -> Check:
    if found is None:
        return Check(name=name, ok=False, detail="no worker has reported on it yet")
    return Check(name=name, ok=found.ok, detail=found.detail)
