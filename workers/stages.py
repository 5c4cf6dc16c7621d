"""The stages of a job on a part: told to whoever waits for it, and timed."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import perf_counter

ReportStage = Callable[[str], None]


class Stages:
    """Times stages in milliseconds, each summed over the distinct solids of a file."""

    def __init__(self, report: ReportStage) -> None:
        self.report = report
        self.timings_ms: dict[str, float] = {}
        self._started = perf_counter()

    @contextmanager
    def at(self, stage: str) -> Iterator[None]:
        """Report `stage`, and time it."""
        self.report(stage)
        with self.timed(stage):
            yield

    @contextmanager
    def timed(self, stage: str) -> Iterator[None]:
        """Time `stage` without telling anybody."""
        started = perf_counter()
        yield
        self.took({stage: (perf_counter() - started) * 1e3})

    def took(self, timings_ms: dict[str, float]) -> None:
        """Add times that were taken elsewhere."""
        for stage, took in timings_ms.items():
            self.timings_ms[stage] = self.timings_ms.get(stage, 0.0) + took

    def with_rest(self) -> dict[str, float]:
        """The timings, and as `rest` what went by since this was made and belongs to no stage."""
        total = (perf_counter() - self._started) * 1e3
        return self.timings_ms | {"rest": total - sum(self.timings_ms.values())}
