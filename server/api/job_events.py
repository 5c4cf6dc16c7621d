"""A job's way as server-sent events.

An event's id is how many changes of state there were by then, and for a stage its name after a dot: from it
alone a stream goes on where another broke off, in any process.
"""

import re
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass

from fastapi.sse import KEEPALIVE_COMMENT, format_sse_event
from pydantic import BaseModel
from starlette.responses import StreamingResponse

from server.job_waiter import DrainingError, JobWaiter
from server.stores.dfm_review_jobs import Job
from server.stores.errors import NotFoundError

# Below the minute after which many proxies close a connection on which nothing was sent.
HEARTBEAT_SECONDS = 15.0

_ID = re.compile(r"([0-9]{1,9})(?:\.(\w+))?")
# What nginx needs to pass events on at once.
_HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}


@dataclass(frozen=True)
class Position:
    """How far a client has followed a job: so many changes of state, and the stage it was told last."""

    changes: int = 0
    stage: str | None = None


class Stage(BaseModel):
    """What a running review is doing."""

    stage: str
    attempt: int


def position(last_event_id: str | None) -> Position:
    """What the id of the last event received says; the beginning if it is none of ours."""
    match = _ID.fullmatch(last_event_id or "")
    return Position(int(match[1]), match[2]) if match else Position()


def stream(waiter: JobWaiter, job_id: str, seen: Position) -> StreamingResponse:
    """The events after `seen`, as they come, until the job has ended or this process stops."""
    return StreamingResponse(_events(waiter, job_id, seen), media_type="text/event-stream", headers=_HEADERS)


async def _events(waiter: JobWaiter, job_id: str, seen: Position) -> AsyncIterator[bytes]:
    async with waiter.follow(job_id) as follower:
        while True:
            try:
                job = await follower.next(HEARTBEAT_SECONDS)
            except TimeoutError:
                yield KEEPALIVE_COMMENT
                continue
            except (NotFoundError, DrainingError):
                return
            for event in _since(job, seen):
                yield event
            seen = Position(len(job.history), job.stage)
            if job.state.is_final:
                return


def _since(job: Job, seen: Position) -> Iterator[bytes]:
    for number, change in enumerate(job.history[seen.changes :], seen.changes + 1):
        yield _event("state", str(number), change)
    now = Position(len(job.history), job.stage)
    if job.stage and now != seen:
        yield _event("stage", f"{now.changes}.{now.stage}", Stage(stage=job.stage, attempt=job.attempts))


def _event(name: str, id_: str, data: BaseModel) -> bytes:
    return format_sse_event(event=name, id=id_, data_str=data.model_dump_json())
