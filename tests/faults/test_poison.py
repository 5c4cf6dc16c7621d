"""Parts that crash the child, outlast its deadline and eat its memory, amid good ones: the good ones succeed."""

import random
import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.faults import campaign
from tests.faults.holding import settled_jobs
from tests.faults.restless_stack import restless_stack
from tests.stack.running import SAMPLE

GOOD = campaign.size(full=60, short=6)
EACH_POISON = campaign.size(full=10, short=1)
SETTINGS = {
    "RAPIDDRAFT_BROKER_LEASE_SECONDS": "2",
    "RAPIDDRAFT_SANDBOX_DEADLINE_SECONDS": "7",
    "RAPIDDRAFT_SANDBOX_MEMORY_MB": "384",
}

pytestmark = [
    pytest.mark.faults,
    pytest.mark.stack,
    pytest.mark.timeout(campaign.size(full=1800, short=600)),
]


def with_entities(entities: str) -> str:
    """The sample part with more in its DATA section."""
    text = SAMPLE.read_text()
    end = text.index("ENDSEC;", text.index("DATA;"))
    return text[:end] + entities + text[end:]


def nested() -> str:
    """A list nested so deep that the reader's recursion overflows its stack."""
    return with_entities("#900000=CARTESIAN_POINT(''," + "(" * 100_000 + "0." + ")" * 100_000 + ");\n")


def many_points() -> str:
    """More points than the reader can hold in the memory that a review may use."""
    return with_entities("".join(f"#{900_000 + i}=CARTESIAN_POINT('',({i}.,{i}.5,0.));\n" for i in range(900_000)))


def far_points() -> str:
    """Corners so far away that the kernel works on their faces for longer than the deadline, by far."""
    text = SAMPLE.read_text()
    points = list(re.finditer(r"CARTESIAN_POINT\('',\(([^)]*)\)\)", text))
    chosen = random.Random(1).sample(points, 450)
    for place in sorted(chosen, key=lambda match: match.start(1), reverse=True):
        *others, _last = place.group(1).split(",")
        text = text[: place.start(1)] + ",".join([*others, "1.E12"]) + text[place.end(1) :]
    return text


POISON: dict[str, Callable[[], str]] = {
    "kernel_crashed": nested,
    "out_of_memory": many_points,
    "timed_out": far_points,
}


def test_poison_parts_fail_alone(data: Path) -> None:
    orders = ["good"] * GOOD + [code for code in POISON for _ in range(EACH_POISON)]
    random.Random(campaign.SEED).shuffle(orders)
    texts = {"good": SAMPLE.read_text()} | {code: make() for code, make in POISON.items()}
    with restless_stack(data, **SETTINGS) as stack:
        asked: dict[str, str] = {}
        for number, order in enumerate(orders):
            content = texts[order] + f"/* {number} */\n"
            model = stack.api.post("/api/models?name=part.step", content=content).raise_for_status().json()["id"]
            asked[stack.ask_for_review(model).raise_for_status().json()["id"]] = order
        jobs = settled_jobs(stack)
    ended = Counter(f"{order}: {outcome(jobs[job])}" for job, order in asked.items())
    campaign.report("poison parts", ended=ended)
    assert ended == Counter({"good: succeeded": GOOD} | {f"{code}: {code}": EACH_POISON for code in POISON})


def outcome(job: dict[str, Any]) -> str:
    """The code of the job's error, or the state of one that has none."""
    return str(job["error"]["code"] if job["error"] else job["state"])
