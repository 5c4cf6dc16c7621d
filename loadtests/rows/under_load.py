"""Ten reviewers without a pause, and what the health check and all other reads notice of it."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import httpx

from loadtests.bench import Bench, reviewed
from loadtests.figures import Latencies
from loadtests.names import READS, REVIEW
from loadtests.report import Row, counted
from loadtests.running_locust import locust
from loadtests.sidecar import sidecar
from loadtests.stopping import ended, ending_with_this
from tests.stack.running import PROJECT, Stack, free_port
from tests.waiting import until

SECONDS, SHORT_SECONDS = 60.0, 8.0
NAIVE_SECONDS, SHORT_NAIVE_SECONDS = 30.0, 6.0
MOST_UPLOADED = 250
PACE, LEAST_OF_NAIVE = "reviews a minute", 0.5


@dataclass(frozen=True)
class Load:
    """What ten reviewers brought."""

    healthz: Latencies
    result: dict[str, Any]

    def figures(self) -> dict[str, str]:
        """For the comparison."""
        took = self.result["requests"].get(REVIEW, {"p50": float("nan"), "p95": float("nan")})
        return {
            "/healthz p50": f"{self.healthz.p50:.1f} ms",
            "/healthz p99": f"{self.healthz.p99:.1f} ms",
            "/healthz max": f"{self.healthz.max:.1f} ms",
            PACE: f"{self.result['reviews_per_minute']:.0f}",
            "a review among ten, p50 / p95": f"{took['p50']:.0f} / {took['p95']:.0f} ms",
        }


def under_load(bench: Bench, stack: Stack) -> list[Row]:
    """Parts uploaded beforehand, so that all that goes on is reviewing and reading."""
    seconds = SHORT_SECONDS if bench.is_short else SECONDS
    load = _load(bench, stack.api, "under-load", seconds, reads=1, uploaded=True)
    bench.ours |= load.figures()
    return _rows(bench, load, f"10 reviewers of {bench.parts.main.stem} without pause, {seconds:g} s", judged=True)


def under_load_default(bench: Bench, stack: Stack) -> list[Row]:
    """As it comes: reviewers upload, and part facts are measured of each upload besides."""
    seconds = SHORT_SECONDS if bench.is_short else SECONDS / 2
    load = _load(bench, stack.api, "under-load-default", seconds, reads=1, uploaded=False)
    return _rows(bench, load, "the same with uploads and part facts warmed up", judged=False)


def naive(bench: Bench) -> list[Row]:
    """The kernel in a thread of the API process, for comparison."""
    seconds = SHORT_NAIVE_SECONDS if bench.is_short else NAIVE_SECONDS
    with _naive_service(bench.folder / "naive.log") as api:
        single = []
        for _ in range(2 if bench.is_short else 5):
            single.append(reviewed(api, bench.upload(api, bench.parts.main))[0])
        load = _load(bench, api, "naive", seconds, reads=0, uploaded=True)
    bench.naive["single review"] = f"{median(single):.0f} ms"
    bench.naive |= load.figures()
    return _rows(bench, load, "naive variant, kernel in a thread of the API", judged=False)


def _load(bench: Bench, api: httpx.Client, name: str, seconds: float, *, reads: int, uploaded: bool) -> Load:
    """Ten reviewers of variants of the main part, with the sidecar beside them from the first moment on."""
    folder = bench.folder / name
    folder.mkdir(parents=True, exist_ok=True)
    count = _most_reviews(bench, seconds) if uploaded else 0
    models = folder / "models.json"
    models.write_text(json.dumps([bench.upload(api, bench.parts.main) for _ in range(count)]))
    token = api.headers.get("Authorization", "").removeprefix("Bearer ")
    options = {"parts": bench.parts.main, "models": models, "reads": reads, "read_p99_ms": bench.targets.read_p99_ms}
    host = str(api.base_url)
    with locust(host, token, folder, "ten", seconds=seconds + 1, **options) as test, sidecar(host, seconds) as monitor:
        healthz = monitor.result(stop=False)
        result = test.result()
    return Load(healthz, result)


def _most_reviews(bench: Bench, seconds: float) -> int:
    """More than there is time for; should they run out all the same, the reviewers upload more."""
    bare_seconds = bench.children.bare_ms(bench.parts.main) / 1e3
    return min(MOST_UPLOADED, 20 + int(seconds * bench.cores / (1.2 * bare_seconds)))


def _rows(bench: Bench, load: Load, what: str, *, judged: bool) -> list[Row]:
    p99, most, read = bench.targets.healthz_p99_ms, bench.targets.healthz_max_ms, bench.targets.read_p99_ms
    healthz_met = load.healthz.p99 <= p99 and load.healthz.max <= most
    rows = [
        Row(
            f"{what}: /healthz",
            f"p99 ≤ {p99:g} ms, max ≤ {most:g} ms" if judged else "quoted",
            str(load.healthz),
            healthz_met if judged else None,
        )
    ]
    reads = {name: request for name, request in load.result["requests"].items() if name in READS}
    for name, request in reads.items():
        met = request["p99"] <= read if judged else None
        target = f"p99 ≤ {read:g} ms" if judged else "quoted"
        rows.append(Row(f"{what}: {name}", target, str(Latencies(**request)), met))
    if judged:
        rows.append(_pace(bench, what, load.result["reviews_per_minute"]))
    errors = load.result["errors"]
    measured = f"{counted(errors)}, {load.result['reviews_per_minute']:.0f} reviews a minute"
    met = not errors and REVIEW in load.result["requests"] if judged or reads else None
    rows.append(Row(f"{what}: errors", "none" if met is not None else "quoted", measured, met, is_speed=False))
    return rows


def _pace(bench: Bench, what: str, per_minute: float) -> Row:
    """A service that answers quickly because it hardly reviews meets nothing."""
    least = float(bench.naive.get(PACE, "0")) * LEAST_OF_NAIVE
    target = f"≥ {least:.0f}, half the naive variant's" if least else "some"
    return Row(f"{what}: uncached reviews a minute", target, f"{per_minute:.0f}", per_minute >= max(least, 1e-9))


@contextmanager
def _naive_service(log_file: Path) -> Iterator[httpx.Client]:
    port = free_port()
    command = [sys.executable, "-m", "gunicorn", "--config", "python:server.gunicorn_conf", "loadtests.naive:app"]
    with TemporaryDirectory(prefix="rd-naive-", dir="/tmp") as folder:
        settings = {"RAPIDDRAFT_PORT": str(port), "RAPIDDRAFT_DATA_DIR": folder}
        with log_file.open("w") as log:
            environment = {**os.environ, **settings}
            process = subprocess.Popen(
                command, cwd=PROJECT, env=environment, stdout=log, stderr=log, preexec_fn=ending_with_this()
            )
        try:
            with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=120) as api:
                until(lambda: _answers(api), "the naive variant answers", 60)
                yield api
        finally:
            ended(process)


def _answers(api: httpx.Client) -> bool:
    try:
        return api.get("/healthz").is_success
    except httpx.TransportError:
        return False
