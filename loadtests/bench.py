"""What every row of the load test works with: a stack, the parts, the targets, and the kernel to compare with."""

import argparse
import threading
import uuid
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields, replace
from pathlib import Path
from time import perf_counter
from typing import Any

import httpx

from loadtests.children import Children
from loadtests.parts import Parts
from loadtests.variants import new_variant
from tests.stack.running import Stack
from tests.waiting import until

SANDBOX_CHILD_STARTED = "Sandbox child started."


@dataclass(frozen=True)
class Targets:
    """Issue 5's, on two cores."""

    healthz_p99_ms: float = 10.0
    healthz_max_ms: float = 100.0
    read_p99_ms: float = 50.0
    single_times_bare: float = 2.0
    single_more_ms: float = 150.0
    ten_times_bare: float = 2.0
    ten_times_ideal: float = 1.25
    again_p50_ms: float = 10.0
    upload_mb: float = 20.0
    stream_kb: float = 100.0
    api_worker_mb: float = 120.0

    def changed(self, changes: Sequence[str]) -> "Targets":
        """With `name=value` for some of them. Raises argparse.ArgumentTypeError if there is no such target."""
        known = {field.name for field in fields(self)}
        values = dict(change.partition("=")[::2] for change in changes)
        if unknown := values.keys() - known:
            raise argparse.ArgumentTypeError(f"no target {', '.join(unknown)}; there are: {', '.join(sorted(known))}")
        return replace(self, **{name: float(value) for name, value in values.items()})


@dataclass
class Bench:
    """One run of the load test."""

    parts: Parts
    targets: Targets
    folder: Path
    children: Children
    is_short: bool
    cores: int
    # For the comparison with the naive variant: its figures and ours, by name.
    naive: dict[str, str]
    ours: dict[str, str]

    def __post_init__(self) -> None:
        self._mark = uuid.uuid4().hex

    def variant(self, part: Path) -> bytes:
        """The part as a file that was never uploaded before."""
        return new_variant(part.read_bytes(), self._mark)

    def upload(self, api: httpx.Client, part: Path) -> str:
        """Upload such a file; the model's id."""
        return uploaded(api, part.name, self.variant(part))


def uploaded(api: httpx.Client, name: str, content: Any) -> str:  # noqa: ANN401 - bytes or an iterator of them
    """The id of the model."""
    model: dict[str, Any] = api.post("/api/models", params={"name": name}, content=content).raise_for_status().json()
    return str(model["id"])


def reviewed(api: httpx.Client, model_id: str, **headers: str) -> tuple[float, httpx.Response]:
    """(milliseconds, answer) of one review that is waited for. Raises RuntimeError unless it is answered 200."""
    started = perf_counter()
    answer = api.post(f"/api/models/{model_id}/dfm/review-v2", headers=headers)
    took = (perf_counter() - started) * 1e3
    if answer.status_code != httpx.codes.OK:
        raise RuntimeError(f"a review was answered {answer.status_code}: {answer.text[:300]}")
    return took, answer


def reviewed_at_once(stack: Stack, model_ids: Sequence[str]) -> tuple[float, list[float]]:
    """(milliseconds until the last, milliseconds of each) of reviews that are asked for in the same moment."""
    start = threading.Barrier(len(model_ids) + 1)

    def one(model_id: str) -> float:
        with httpx.Client(base_url=stack.api.base_url, headers=stack.api.headers, timeout=120) as api:
            api.get("/healthz")  # connected
            start.wait()
            return reviewed(api, model_id)[0]

    with ThreadPoolExecutor(len(model_ids)) as pool:
        asked = [pool.submit(one, model_id) for model_id in model_ids]
        start.wait()
        started = perf_counter()
        each = [review.result() for review in asked]
        return (perf_counter() - started) * 1e3, each


def children_started(stack: Stack) -> int:
    """How many sandbox children the stack's log tells of, once it tells of all that was done by now."""
    mark = uuid.uuid4().hex.upper()[:20]
    stack.api.get("/api/models", params={"limit": 1}, headers={"X-Request-ID": mark})
    # The log comes through supervisord; what was written before this request stands before it.
    until(lambda: mark in stack.log.read_text(), "the log has the request", 20)
    return stack.log.read_text().count(SANDBOX_CHILD_STARTED)


def wait_for_quiet(stack: Stack) -> None:
    """Return once no job is queued or runs."""
    states = ("queued", "running", "retrying")

    def is_quiet() -> bool:
        return not any(stack.api.get("/api/jobs", params={"state": state}).json()["items"] for state in states)

    until(is_quiet, "all jobs have ended", 600)
