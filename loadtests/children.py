"""Timing children of the sandbox, as the service starts them: one part, the bare kernel and the review in turns."""

import logging
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

from loadtests.measured import BARE, PRELOAD, REVIEW
from server.settings import get_settings
from workers.sandbox import Limits, Sandbox

ALLOWED_TIMES, ALLOWED_MS = 2.0, 100.0  # a review may take so many times the bare kernel, and so much besides
ALLOWED_MEMORY_MB = 400


@dataclass(frozen=True)
class Timed:
    """One part's review, with medians in milliseconds; `whole` is from the order to the result, and the child gone."""

    review: dict[str, Any]
    bare: float
    engine: float
    whole: float
    bare_cpu: float
    whole_cpu: float
    memory_mb: float

    @property
    def allowed(self) -> float:
        """The most that the review may take, ms."""
        return ALLOWED_TIMES * self.bare + ALLOWED_MS

    @property
    def is_fast_enough(self) -> bool:
        """Whether the whole child keeps within that, by the clock: on a busy machine, compare processor times."""
        return self.whole <= self.allowed


class Children:
    """Runs reviews in sandbox children and times them."""

    def __init__(self) -> None:
        settings = get_settings()
        self._limits = Limits(settings.sandbox_deadline_seconds, settings.sandbox_memory_mb * 1024 * 1024)
        self._sandbox = Sandbox(PRELOAD)
        self._memory = _PeakMemory()
        logging.getLogger("workers.sandbox").addHandler(self._memory)
        logging.getLogger("workers.sandbox").setLevel(logging.INFO)

    def timed(self, part: Path, process: str, limits: str, repeats: int) -> Timed:
        """Review `part` so many times, the bare kernel before each. Raises what `Sandbox.run` does."""
        payload = {"path": str(part.absolute()), "name": part.name, "process": process, "limits": limits}
        bare, runs, whole = [], [], []
        self._memory.peak_mb = 0.0
        for _ in range(repeats):
            bare.append(self._sandbox.run(BARE, payload, self._limits))
            started = perf_counter()
            runs.append(self._sandbox.run(REVIEW, payload, self._limits))
            whole.append((perf_counter() - started) * 1e3)
        return Timed(
            review=runs[-1]["review"],
            bare=median(row["ms"] for row in bare),
            engine=median(sum(run["review"]["timings_ms"].values()) for run in runs),
            whole=median(whole),
            bare_cpu=median(row["cpu_ms"] for row in bare),
            whole_cpu=median(run["cpu_ms"] for run in runs),
            memory_mb=self._memory.peak_mb,
        )

    def bare_ms(self, part: Path) -> float:
        """Milliseconds of the bare kernel on `part`, once. Raises what `Sandbox.run` does."""
        return float(self._sandbox.run(BARE, {"path": str(part.absolute())}, self._limits)["ms"])

    def close(self) -> None:
        """End the fork server."""
        self._sandbox.close()


class _PeakMemory(logging.Handler):
    """The sandbox logs what each child used at most; this keeps the largest."""

    def __init__(self) -> None:
        super().__init__()
        self.peak_mb = 0.0

    def emit(self, record: logging.LogRecord) -> None:
        """Take note of a child's end."""
        self.peak_mb = max(self.peak_mb, float(getattr(record, "peak_memory_mb", 0.0)))
