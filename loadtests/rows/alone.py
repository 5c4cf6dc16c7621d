"""Reviews with nothing else going on: one at a time against the bare kernel, and ten different ones at once."""

import random
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from loadtests.bench import Bench, reviewed, reviewed_at_once, uploaded, wait_for_quiet
from loadtests.figures import percentile
from loadtests.report import Row
from tests.stack.running import Stack

ROUNDS, SHORT_ROUNDS = 5, 2
MIX_ROUNDS, SHORT_MIX_ROUNDS = 3, 1


def single(bench: Bench, stack: Stack) -> list[Row]:
    """One uncached review, whole request; bare kernel and review take turns on the same file."""
    bare, whole = [], []
    for _ in range(SHORT_ROUNDS if bench.is_short else ROUNDS):
        content = bench.variant(bench.parts.main)
        bare.append(bare_ms(bench, content))
        model_id = uploaded(stack.api, bench.parts.main.name, content)
        whole.append(reviewed(stack.api, model_id)[0])
    allowed = bench.targets.single_times_bare * median(bare) + bench.targets.single_more_ms
    bench.ours["single review"] = f"{median(whole):.0f} ms"
    return [
        Row(
            f"a single uncached review of {bench.parts.main.stem}, whole request, median of {len(whole)}",
            f"≤ {bench.targets.single_times_bare:g} × {median(bare):.0f} + {bench.targets.single_more_ms:g}"
            f" = {allowed:.0f} ms",
            f"{median(whole):.0f} ms ({', '.join(f'{ms:.0f}' for ms in whole)})",
            median(whole) <= allowed,
        )
    ]


def ten_different(bench: Bench, stack: Stack) -> list[Row]:
    """Ten parts of different sizes at once, in an order that is nobody's choice; the median of some rounds."""
    bare = {part: median(bare_ms(bench, bench.variant(part)) for _ in range(3)) for part in bench.parts.mix}
    ideal = sum(bare.values()) * bench.targets.ten_times_bare / bench.cores
    allowed = bench.targets.ten_times_ideal * ideal
    order = random.Random(5)
    makespans, each = [], []
    for _ in range(SHORT_MIX_ROUNDS if bench.is_short else MIX_ROUNDS):
        models = [bench.upload(stack.api, part) for part in bench.parts.mix]
        wait_for_quiet(stack)
        makespan, latencies = reviewed_at_once(stack, order.sample(models, len(models)))
        makespans.append(makespan)
        each += latencies
    parts = ", ".join(f"{part.stem} {bare[part]:.0f}" for part in bench.parts.mix)
    return [
        Row(
            "10 concurrent uncached reviews of 10 different parts: makespan",
            f"≤ {bench.targets.ten_times_ideal:g} × (bare {sum(bare.values()):.0f} × {bench.targets.ten_times_bare:g})"
            f" / {bench.cores} cores = {allowed:.0f} ms",
            f"{median(makespans):.0f} ms ({', '.join(f'{ms:.0f}' for ms in makespans)})",
            median(makespans) <= allowed,
        ),
        Row(
            "the same, each review",
            "quoted",
            f"p50 {percentile(each, 50):.0f}, p95 {percentile(each, 95):.0f} ms; bare ms: {parts}",
        ),
    ]


def bare_ms(bench: Bench, content: bytes) -> float:
    """The bare kernel on a file with this content."""
    with TemporaryDirectory(prefix="rd-bare-") as folder:
        path = Path(folder) / "part.step"
        path.write_bytes(content)
        return bench.children.bare_ms(path)
