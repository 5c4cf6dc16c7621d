"""Every setting of RapidDraft, typed, in one place. Read from RAPIDDRAFT_… environment variables."""

from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from pydantic import AliasChoices, Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from server.machine import LEAST_CHILD_MB, memory_for_a_child, usable_cores, usable_memory

PROJECT_ROOT = Path(__file__).resolve().parent.parent


def _memory_of_a_child(settings_before: dict[str, Any]) -> int:
    return memory_for_a_child(settings_before["sandbox_children"], usable_memory())


class Settings(BaseSettings):
    """The configuration of one installation; the table in docs/settings.md is checked against it."""

    model_config = SettingsConfigDict(env_prefix="RAPIDDRAFT_", extra="ignore", frozen=True)

    data_dir: Path = Field(
        PROJECT_ROOT / "data",
        description="Folder that holds everything RapidDraft keeps: models, jobs, queue.",
    )
    host: str = Field("127.0.0.1", description="Address that the API listens on.")
    port: int = Field(8000, ge=1, le=65535, description="TCP port that the API listens on.")
    uvicorn_workers: int = Field(
        2,
        ge=1,
        validation_alias=AliasChoices("RAPIDDRAFT_UVICORN_WORKERS", "UVICORN_WORKERS"),
        description="API processes.",
    )
    threadpool_size: int = Field(
        8,
        ge=1,
        validation_alias=AliasChoices("RAPIDDRAFT_THREADPOOL_SIZE", "STARLETTE_THREADPOOL_SIZE"),
        description="Threads of one API process for work on files; health and the following of jobs have their own.",
    )
    debug_event_loop: bool = Field(
        False, description="Fail any request that blocks the event loop for more than 50 ms, and name the call."
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field("INFO", description="Least level that is logged.")
    max_upload_bytes: int = Field(256 * 1024 * 1024, ge=1, description="Largest part file accepted, in bytes.")
    review_wait_seconds: float = Field(
        30.0, ge=0, description="How long a review request waits for its result before it is answered 202."
    )
    sandbox_children: int = Field(
        default_factory=usable_cores, ge=1, description="Parts reviewed at the same time by one worker process."
    )
    sandbox_deadline_seconds: float = Field(
        60.0, gt=0, description="Wall-clock limit of one review in its sandbox child."
    )
    sandbox_memory_mb: int = Field(
        default_factory=_memory_of_a_child,
        ge=LEAST_CHILD_MB,
        description="Resident memory, in MiB, above which a sandbox child is ended.",
    )
    warm_part_facts: bool = Field(
        True, description="Measure the facts of a part as soon as it is uploaded, before anybody asks for them."
    )
    cache_mb: int = Field(
        512,
        ge=0,
        description="Size, in MiB, up to which geometry and rendered reviews are kept to be used again; 0 for none.",
    )
    broker_url: str = Field(
        "",
        pattern=r"^$|^file:///.|^rediss?://.|^amqps?://.",
        description="Queue of the jobs: `file:///…`, `redis://…` or `amqp://…`; empty for a file in the data folder.",
    )
    max_queued_jobs: int = Field(
        200,
        ge=1,
        description="Jobs that wait or are done at the same time; beyond that, new ones are answered 429 `queue_full`.",
    )
    max_queued_jobs_per_user: int = Field(
        100, ge=1, description="The same, of those that one user asked for (with a file as the queue)."
    )
    broker_lease_seconds: float = Field(
        15.0,
        gt=0,
        description="How long a worker may hold a message without a heartbeat before it goes to another.",
    )
    rules_dir: str = Field(
        "",
        description="Folder of a shop's own rule files, or one such file (docs/rules.md); empty for none.",
    )
    kernel: Literal["auto", "occ", "ocp"] = Field(
        "auto",
        description="OpenCascade binding: occ is pythonocc-core, ocp is cadquery-ocp; auto prefers occ.",
    )


@lru_cache
def get_settings() -> Settings:
    """The settings of this process, read once."""
    return Settings()
