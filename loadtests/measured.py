"""What the benchmarks run in a sandbox child: the bare kernel or a whole review, with what it used."""

import time
from collections.abc import Callable
from typing import Any

from workers.cad.floor import read_and_tessellate
from workers.review import review_in_sandbox

BARE = "loadtests.measured:bare"
REVIEW = "loadtests.measured:review"
PRELOAD = ["workers.preload", __name__]


def bare(payload: dict[str, Any], report_stage: Callable[[str], None]) -> dict[str, float]:
    """Milliseconds of wall clock and of processor time that reading and tessellating take, and nothing else."""
    started = time.process_time()
    stages = read_and_tessellate(payload, report_stage)
    return {"ms": sum(stages.values()), "cpu_ms": (time.process_time() - started) * 1e3}


def review(payload: dict[str, Any], report_stage: Callable[[str], None]) -> dict[str, Any]:
    """A review, with the processor time of the whole child so far, its start included."""
    result = review_in_sandbox(payload, report_stage)
    return {"review": result, "cpu_ms": time.process_time() * 1e3}
