"""A sign of life from each worker process, with what only a worker can find out about itself."""

import os
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

from pydantic import BaseModel, ConfigDict, ValidationError

from server._atomic_json import read_json, write_json_atomic
from server.data_folder import DataFolder
from server.settings import Settings

# A worker beats every few seconds; one that missed this many is taken for dead.
STALE_AFTER = timedelta(seconds=15)


class SelfCheck(BaseModel):
    """Whether something works, and its version or what is wrong with it."""

    ok: bool
    detail: str


class Child(BaseModel):
    """A sandbox child at work."""

    model_config = ConfigDict(from_attributes=True)

    pid: int
    job_id: str | None
    stage: str
    since: datetime


class Beat(BaseModel):
    """One worker process's latest sign of life."""

    pid: int
    at: datetime
    kernel: SelfCheck | None = None
    rules: SelfCheck | None = None
    children: int = 1
    mean_job_seconds: float | None = None
    running: list[Child] = []

    @property
    def is_fresh(self) -> bool:
        return datetime.now(UTC) - self.at < STALE_AFTER


def beat(
    settings: Settings,
    *,
    kernel: SelfCheck | None = None,
    rules: SelfCheck | None = None,
    children: int = 1,
    mean_job_seconds: float | None = None,
    running: Sequence[object] = (),
) -> None:
    """Say that this worker process lives; call it every few seconds.

    `kernel` and `rules` are what a sandbox child found when it loaded them: pass the same again with
    every beat, or leave them out until they are known. `children` do jobs at the same time, in
    `mean_job_seconds` each; those at work now are `running`, as the sandbox tells. Raises OSError if it cannot
    be written.
    """
    folder = DataFolder(settings.data_dir).workers
    folder.mkdir(parents=True, exist_ok=True)
    sign = Beat(
        pid=os.getpid(),
        at=datetime.now(UTC),
        kernel=kernel,
        rules=rules,
        children=children,
        mean_job_seconds=mean_job_seconds,
        running=[Child.model_validate(child) for child in running],
    )
    write_json_atomic(folder / f"{sign.pid}.json", sign.model_dump(mode="json"))


def last_beat(settings: Settings) -> Beat | None:
    """The latest beat of any worker process; check `is_fresh`. Removes beats of those long gone."""
    return max(_beats(settings), key=lambda sign: sign.at, default=None)


def fresh_beats(settings: Settings) -> list[Beat]:
    """Of the worker processes that live, the one that beat last first."""
    return sorted((sign for sign in _beats(settings) if sign.is_fresh), key=lambda sign: sign.at, reverse=True)


def jobs_per_second(settings: Settings) -> float | None:
    """How many jobs all workers together do in a second, by what they last said; None if that is not known."""
    working = [sign for sign in _beats(settings) if sign.is_fresh and sign.mean_job_seconds]
    return sum(sign.children / sign.mean_job_seconds for sign in working if sign.mean_job_seconds) or None


def _beats(settings: Settings) -> Iterator[Beat]:
    for path in DataFolder(settings.data_dir).workers.glob("*.json"):
        try:
            sign = Beat.model_validate(read_json(path))
        except (FileNotFoundError, ValueError, ValidationError):
            continue  # removed meanwhile, or left over from another version: no sign of life
        if datetime.now(UTC) - sign.at > 10 * STALE_AFTER:
            path.unlink(missing_ok=True)
        yield sign


def stop_beating(settings: Settings) -> None:
    """Take this process's beat back, so that a worker that was stopped is not taken for alive."""
    (DataFolder(settings.data_dir).workers / f"{os.getpid()}.json").unlink(missing_ok=True)
