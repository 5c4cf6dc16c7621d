"""The same review asked for again, and by ten at once."""

from loadtests.bench import Bench, children_started, reviewed, reviewed_at_once, wait_for_quiet
from loadtests.figures import Latencies
from loadtests.report import Row
from tests.stack.running import Stack

TIMES = 100


def again(bench: Bench, stack: Stack) -> list[Row]:
    """A review that was made before: how long, and whether a worker was bothered."""
    model_id = bench.upload(stack.api, bench.parts.main)
    reviewed(stack.api, model_id)
    wait_for_quiet(stack)
    children, runs = children_started(stack), _runs(stack, model_id)
    latencies = Latencies.of([reviewed(stack.api, model_id)[0] for _ in range(TIMES)])
    more_children, more_runs = children_started(stack) - children, _runs(stack, model_id) - runs
    limit = bench.targets.again_p50_ms
    return [
        Row("the same review again", f"p50 ≤ {limit:g} ms", str(latencies), latencies.p50 <= limit),
        Row(
            "the same review again: without touching a worker",
            "no child, no new run",
            f"{more_children} children, {more_runs} runs",
            more_children == more_runs == 0,
            is_speed=False,
        ),
    ]


def identical(bench: Bench, stack: Stack) -> list[Row]:
    """Ten ask for the same review of a new part in the same moment."""
    model_id = bench.upload(stack.api, bench.parts.main)
    wait_for_quiet(stack)
    children = children_started(stack)
    makespan, _ = reviewed_at_once(stack, [model_id] * 10)
    started, runs = children_started(stack) - children, _runs(stack, model_id)
    measured = f"{started} children, {runs} runs, all answered in {makespan:.0f} ms"
    return [Row("10 identical reviews at once", "computed once", measured, started == runs == 1, is_speed=False)]


def _runs(stack: Stack, model_id: str) -> int:
    answer = stack.api.get(f"/api/models/{model_id}/analysis-runs", params={"limit": 200})
    return len(answer.raise_for_status().json()["items"])
