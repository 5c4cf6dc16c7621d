"""The targets of a load test with Locust: judged at its end, written down, and made its exit status."""

import json
from collections import defaultdict
from dataclasses import asdict
from pathlib import Path
from time import monotonic
from typing import Any

from locust.env import Environment

from loadtests.figures import Latencies, percentile
from loadtests.names import ENDED, READS, REFUSED, REVIEW
from loadtests.report import Row


class Results:
    """Every request of a test, by name."""

    def __init__(self) -> None:
        self.milliseconds: dict[str, list[float]] = defaultdict(list)
        self.errors: list[str] = []
        self._began = monotonic()
        self._reviewed: list[float] = []

    def clear(self) -> None:
        """Forget an earlier test."""
        self.milliseconds.clear()
        self.errors.clear()
        self._reviewed.clear()
        self._began = monotonic()

    def on_request(self, name: str, response_time: float, exception: Exception | None = None, **_rest: object) -> None:
        """Take note of one."""
        self.milliseconds[name].append(response_time)
        if name == REVIEW:
            self._reviewed.append(monotonic() - self._began)
        if exception:
            self.errors.append(f"{name}: {exception!r}")

    def rows(self, options: Any) -> list[Row]:  # noqa: ANN401 - locust's options
        """The targets that hold for the shape."""
        asked = self.milliseconds[REVIEW] + self.milliseconds[REFUSED]
        rows = [Row("errors", "none", str(len(self.errors)), not self.errors, is_speed=False)]
        rows.append(Row("reviews asked for", "some", str(len(asked)), bool(asked), is_speed=False))
        if options.shape == "overload":
            ended, refused = len(self.milliseconds[ENDED]), len(self.milliseconds[REFUSED])
            whole = ended + refused == options.crowd
            measured = f"{ended} ended, {refused} refused of {options.crowd}"
            rows.append(Row("every one ends or is refused", "all", measured, whole, is_speed=False))
        elif reads := [ms for name in READS for ms in self.milliseconds[name]]:
            p99 = percentile(reads, 99)
            target = f"p99 ≤ {options.read_p99_ms:g} ms"
            rows.append(Row("reads", target, f"p99 {p99:.1f} ms ({len(reads)})", p99 <= options.read_p99_ms))
        return rows

    def document(self, options: Any) -> dict[str, Any]:  # noqa: ANN401
        """All of it, as JSON."""
        requests = {name: asdict(Latencies.of(values)) for name, values in self.milliseconds.items() if values}
        reads = [ms for name in READS for ms in self.milliseconds[name]]
        return {
            "shape": options.shape,
            "targets": [asdict(row) for row in self.rows(options)],
            # Not those that were under way when the time was over.
            "reviews_per_minute": 60 * sum(at <= options.seconds for at in self._reviewed) / options.seconds,
            "requests": requests,
            "reads": asdict(Latencies.of(reads)) if reads else None,
            "errors": self.errors[:100],
        }


def judge(environment: Environment, results: Results) -> None:
    """Print the targets, write them to the folder `--results`, and set the exit status to 1 if one is missed."""
    options: Any = environment.parsed_options
    rows = results.rows(options)
    for row in rows:
        print(f"{'yes' if row.met else 'NO':>4}  {row.what}: {row.measured} (target: {row.target})")  # noqa: T201
    if options.results:
        folder = Path(options.results)
        folder.mkdir(parents=True, exist_ok=True)
        document = json.dumps(results.document(options), indent=2)
        (folder / f"{options.shape}.json").write_text(document)
    environment.process_exit_code = 1 if any(row.met is False for row in rows) else 0
