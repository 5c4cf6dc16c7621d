"""A very large upload: what it adds to the API's memory, and what the health check notices of it."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter

import psutil

from loadtests.bench import Bench, uploaded, wait_for_quiet
from loadtests.processes import api_workers, resident_bytes
from loadtests.report import Row
from loadtests.sidecar import sidecar
from tests.stack.running import Stack

BYTES, CHUNK = 200 * 2**20, 2**20
EVERY_SECONDS = 0.02
TIMES = 3


class Peak:
    """The most that some processes held together, in bytes."""

    def __init__(self, processes: list[psutil.Process]) -> None:
        self._processes = processes
        self.before = self.bytes = resident_bytes(processes)

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Look every 20 ms until the block ends, and once more then."""
        over = threading.Event()

        def watch() -> None:
            while not over.wait(EVERY_SECONDS):
                self.bytes = max(self.bytes, resident_bytes(self._processes))

        thread = threading.Thread(target=watch)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()
            self.bytes = max(self.bytes, resident_bytes(self._processes))


def upload(bench: Bench, stack: Stack) -> list[Row]:
    """200 MB, some times over, beside the health check."""
    wait_for_quiet(stack)
    with sidecar(str(stack.api.base_url), seconds=3) as quiet:
        before = quiet.result(stop=False)
    peak = Peak(api_workers(stack.family()))
    models = []
    with sidecar(str(stack.api.base_url)) as monitor, peak.watched():
        started = perf_counter()
        for _ in range(TIMES):
            models.append(uploaded(stack.api, "large.step", _large(bench)))
        seconds = (perf_counter() - started) / TIMES
        during = monitor.result(stop=True)
    for model_id in models:
        stack.api.delete(f"/api/models/{model_id}").raise_for_status()
    grown = (peak.bytes - peak.before) / 2**20
    limit = bench.targets.healthz_p99_ms
    return [
        Row(
            f"upload of a 200 MB file, {TIMES} times: memory of the API",
            f"grows by ≤ {bench.targets.upload_mb:g} MB",
            f"{grown:.1f} MB over {peak.before / 2**20:.0f} MB, {seconds:.1f} s each",
            grown <= bench.targets.upload_mb,
            is_speed=False,
        ),
        Row(
            "the same: /healthz meanwhile",
            f"p99 ≤ {limit:g} ms (before: {before.p99:.1f})",
            str(during),
            during.p99 <= limit,
        ),
    ]


def _large(bench: Bench) -> Iterator[bytes]:
    """A small part, and behind its end spaces up to the size: never whole in this process's memory either."""
    content = bench.variant(bench.parts.small)
    yield content
    left = BYTES - len(content)
    while left > 0:
        yield b" " * min(CHUNK - 1, left - 1) + b"\n"
        left -= CHUNK
