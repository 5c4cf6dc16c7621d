"""What the stack holds in memory when it has reviewed a part and is left alone."""

from loadtests.bench import Bench, reviewed, wait_for_quiet
from loadtests.processes import API_WORKER, api_workers, by_name
from loadtests.report import Row
from tests.stack.running import Stack


def at_rest(bench: Bench, stack: Stack) -> list[Row]:
    """Process by process, of which API workers have a target."""
    reviewed(stack.api, bench.upload(stack.api, bench.parts.small))
    wait_for_quiet(stack)
    family = stack.family()
    api_workers(family)  # are there
    rows, private = [], 0.0
    for name, processes in by_name(family).items():
        for process in processes:
            memory = process.memory_full_info()
            resident_mb, own_mb = memory.rss / 2**20, memory.uss / 2**20
            private += own_mb
            met = resident_mb <= bench.targets.api_worker_mb if name == API_WORKER else None
            target = f"≤ {bench.targets.api_worker_mb:g} MB" if name == API_WORKER else "quoted"
            measured = f"{resident_mb:.0f} MB resident, {own_mb:.0f} MB its own"
            rows.append(Row(f"memory at rest: {name}", target, measured, met, is_speed=False))
    return [*rows, Row("memory at rest: all", "quoted", f"{private:.0f} MB their own", is_speed=False)]
