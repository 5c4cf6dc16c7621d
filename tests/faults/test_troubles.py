"""Full disk, read-only folder, too many open files, clock jumps: clear answers, nothing lost, and on it goes."""

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import httpx
import psutil
import pytest

from tests import parts
from tests.faults import campaign
from tests.faults.holding import missing, settled_jobs, unreadable
from tests.faults.load import Ledger, under_load
from tests.faults.restless_stack import RestlessStack, restless_stack
from tests.faults.shim import compiled
from tests.faults.troubles import TROUBLES, filled_up, preload, small_disk
from tests.waiting import until

ROUNDS = campaign.size(full=5, short=1)
TROUBLED_SECONDS = campaign.size(full=5.0, short=1.0)
# A worker that is not heard of for its timeout of 30 s is replaced.
GUNICORN_PATIENCE_SECONDS = 35.0
SETTINGS = {
    "RAPIDDRAFT_BROKER_LEASE_SECONDS": "2",
    "RAPIDDRAFT_REVIEW_WAIT_SECONDS": "5",
    "RAPIDDRAFT_MAX_UPLOAD_BYTES": str(1 << 20),
}
CLEAR = {"200", "201", "202", "503", "507"}

pytestmark = [
    pytest.mark.faults,
    pytest.mark.stack,
    pytest.mark.timeout(campaign.size(full=1800, short=600)),
]


@pytest.fixture(scope="module")
def part(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("part") / "part.step"
    return parts.block(20.0, 15.0, 8.0).write_step(path).read_bytes()


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory, short_folder: Path) -> Iterator[RestlessStack]:
    """A stack that can be disturbed."""
    own = tmp_path_factory.mktemp("disturb")
    disturbance = preload(compiled("disturb", own), short_folder, own / "control")
    with restless_stack(short_folder, **SETTINGS, **disturbance) as stack:
        yield stack


@pytest.mark.parametrize("trouble", TROUBLES)
def test_trouble_passes_and_nothing_is_lost(stack: RestlessStack, part: bytes, trouble: str) -> None:
    # What is written to must fail; jumps of the clock must go unnoticed.
    refused = not trouble.startswith("clock")
    answers: Counter[str] = Counter()
    for number in range(ROUNDS):
        # Without a descriptor to spare no connection can be taken, not even to say so.
        no_descriptors = trouble == "too many open files"
        disturbance = TROUBLES[trouble](stack)
        answers += live_through(stack, part, disturbance, seed=campaign.SEED + number, may_refuse=no_descriptors)
    campaign.report(f"trouble {trouble}", rounds=ROUNDS, answers=dict(sorted(answers.items())))
    statuses = {answer.rpartition(": ")[2] for answer in answers}
    assert {status for status in statuses if status.isdigit()} <= CLEAR
    assert bool(statuses & {"503", "507"}) == refused, answers
    assert "507" in statuses or trouble != "no space left"


def test_a_disk_that_is_really_full(data: Path, part: bytes) -> None:
    with small_disk(data, "192m") as mounted:
        if not mounted:
            pytest.skip("this user may not mount a small file system")
        with restless_stack(data, **SETTINGS) as stack:
            answers: Counter[str] = Counter()
            for number in range(ROUNDS):
                answers += live_through(stack, part, filled_up(stack), seed=campaign.SEED + number)
    campaign.report("trouble full tmpfs", rounds=ROUNDS, answers=dict(sorted(answers.items())))
    statuses = {answer.rpartition(": ")[2] for answer in answers}
    assert "507" in statuses
    assert {status for status in statuses if status.isdigit()} <= CLEAR


def live_through(
    stack: RestlessStack, part: bytes, trouble: AbstractContextManager[None], seed: int, *, may_refuse: bool = False
) -> Counter[str]:
    """Work before, in and after the trouble; the answers. Fails if anything is lost or does not go on."""
    stack.wait_until_ready()
    with under_load(stack, part, seed=seed) as ledger:
        work_on(ledger, "some work is done")
        with trouble:
            over = time.monotonic() + TROUBLED_SECONDS
            until(lambda: time.monotonic() > over, "the trouble is over", 2 * TROUBLED_SECONDS)
            assert _is_alive(stack, may_refuse=may_refuse)
        work_on(ledger, "work goes on")
    until(lambda: stack.api.get("/readyz").status_code == 200, "the stack is ready again", 60)
    jobs = settled_jobs(stack)
    assert not missing(stack, ledger, jobs)
    assert not unreadable(stack.data)
    return ledger.answers


def _is_alive(stack: RestlessStack, *, may_refuse: bool) -> bool:
    try:
        return stack.api.get("/healthz").status_code == 200
    except httpx.TransportError:
        return may_refuse


def work_on(ledger: Ledger, what: str) -> None:
    """Wait until more of everything was accepted."""
    before = counted(ledger)
    until(lambda: all(now > then for now, then in zip(counted(ledger), before, strict=True)), what, 60)


def counted(ledger: Ledger) -> tuple[int, ...]:
    return len(ledger.models), len(ledger.tickets), len(ledger.replies), len(ledger.jobs) + len(ledger.runs)


@pytest.mark.skipif(not campaign.FULL, reason="takes as long as gunicorn's patience, 35 s; part of the full form")
def test_a_clock_set_back_costs_no_api_worker(stack: RestlessStack) -> None:
    stack.wait_until_ready()
    before = {child.pid for child in psutil.Process(stack.pid("api")).children()}
    with TROUBLES["clock a day back"](stack):
        over = time.monotonic() + GUNICORN_PATIENCE_SECONDS
        until(lambda: time.monotonic() > over, "gunicorn would have lost its patience", 2 * GUNICORN_PATIENCE_SECONDS)
        assert stack.api.get("/healthz").status_code == 200
        assert {child.pid for child in psutil.Process(stack.pid("api")).children()} == before
