"""Every setting of RapidDraft, typed, in one place. Read from RAPIDDRAFT_… environment variables."""

from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import AliasChoices, BeforeValidator, Field, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from server.access.roles import Role
from server.machine import LEAST_CHILD_MB, memory_for_a_child, usable_cores, usable_memory

PROJECT_ROOT = Path(__file__).resolve().parent.parent


def _split(given: Any) -> Any:  # noqa: ANN401 - whatever is given, pydantic checks it
    return [word.strip() for word in given.split(",") if word.strip()] if isinstance(given, str) else given


_CommaSeparated = (NoDecode, BeforeValidator(_split))
Words = Annotated[tuple[str, ...], *_CommaSeparated]
Networks = Annotated[tuple[IPv4Network | IPv6Network, ...], *_CommaSeparated]


def _memory_of_a_child(settings_before: dict[str, Any]) -> int:
    return memory_for_a_child(settings_before["sandbox_children"], usable_memory())


class Settings(BaseSettings):
    """The configuration of one installation; the table in docs/settings.md is checked against it."""

    model_config = SettingsConfigDict(
        env_prefix="RAPIDDRAFT_",
        extra="ignore",
        frozen=True,
        hide_input_in_errors=True,  # there may be a password in it, and errors are logged
    )

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
    retention_jobs_days: int = Field(
        0, ge=0, description="Days after which a job that ended is removed, unless its run is kept; 0 for never."
    )
    retention_runs_days: int = Field(
        0, ge=0, description="Days after which an analysis run that nothing names is removed; 0 for never."
    )
    retention_runs_per_model: int = Field(
        0, ge=0, description="Newest analysis runs that are kept of a model, besides those that are named; 0 for all."
    )
    retention_reviews_mb: int = Field(
        0,
        ge=0,
        description="Megabytes that the newest jobs and analysis runs may take; what is older goes, as far as nothing "
        "names it; 0 for any number.",
    )
    retention_removed_models_days: int = Field(
        0, ge=0, description="Days after which the activity log of a removed model is removed too; 0 for never."
    )
    retention_dead_letters_days: int = Field(
        0, ge=0, description="Days after which the queue's file forgets a message that nobody could do; 0 for never."
    )
    otlp_endpoint: str = Field(
        "",
        pattern=r"^$|^https?://.",
        validation_alias=AliasChoices("RAPIDDRAFT_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"),
        description="Base URL of the OTLP/HTTP collector that traces are sent to; empty for no traces.",
    )
    kernel: Literal["auto", "occ", "ocp"] = Field(
        "auto",
        description="OpenCascade binding: occ is pythonocc-core, ocp is cadquery-ocp; auto prefers occ.",
    )
    commit: str = Field("", description="Commit that this was built from, for /api/status; empty for what git says.")
    identity_keys: str = Field(
        "",
        pattern=r"^$|^https?://.|^/.",
        description="URL or absolute path of the key set (JWKS) of a proxy that signs who sends a request, in "
        "`Cf-Access-Jwt-Assertion`; empty to trust none (docs/security.md).",
    )
    identity_issuer: str = Field("", description="What must be its `iss`, as `https://TEAM.cloudflareaccess.com`.")
    identity_audience: str = Field("", description="What must be among its `aud`: the application's tag.")
    identity_role: Role = Field(Role.VIEWER, description="Role of those whom it names.")
    identity_roles: dict[str, Role] = Field(
        {}, description='Roles of single ones instead, as JSON: `{"ana@example.com": "reviewer"}`.'
    )
    trusted_proxies: Networks = Field(
        (), description="Networks (comma-separated) of proxies whose `X-Forwarded-For` is believed; empty for none."
    )
    metrics_allow: Networks = Field(
        (), description="Networks (comma-separated) from which `/metrics` needs no token; empty for none."
    )
    cors_origins: Words = Field(
        (), description="Origins (comma-separated) whose pages may use the API with a token; empty for none."
    )
    requests_per_minute: int = Field(
        30_000, ge=0, description="Requests that one identity may send to one API process; 0 for any number."
    )
    uploads_per_minute: int = Field(600, ge=0, description="The same of uploads.")
    wrong_tokens_per_minute: int = Field(
        60,
        ge=0,
        description="Tokens that are not valid, which one address may send to one API process; 0 for any number.",
    )
    max_connections: int = Field(
        800, ge=1, description="Connections that one API process holds; keep it 200 below the limit on open files."
    )
    client_patience_seconds: float = Field(
        30.0,
        gt=0,
        description="How long a client may take over a header, and over a body beyond what it takes at 1 KiB/s; ten "
        "times as long until it reads on.",
    )

    @field_validator("broker_url")
    @classmethod
    def _has_a_port(cls, url: str) -> str:
        try:
            _ = urlsplit(url).port
        except ValueError:  # which repeats what it took for one: part of the password
            raise ValueError("has no valid port; in a password, write / ? # @ as %2F %3F %23 %40") from None
        return url

    @model_validator(mode="after")
    def _identities_are_checked_in_full(self) -> Self:
        if self.identity_keys and not (self.identity_issuer and self.identity_audience):
            raise ValueError("identity_keys needs identity_issuer and identity_audience too")
        return self


@lru_cache
def get_settings() -> Settings:
    """The settings of this process, read once."""
    return Settings()
