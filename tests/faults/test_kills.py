"""kill -9 of any process at any moment under load: nothing that was answered is lost, every job ends."""

import random
import time
from collections import Counter
from pathlib import Path

import psutil
import pytest

from server.data_folder import DataFolder
from server.stores.verify import verify
from tests import parts
from tests.faults import campaign
from tests.faults.holding import missing, settled_jobs, unreadable
from tests.faults.load import under_load
from tests.faults.restless_stack import RestlessStack, processes, restless_stack
from tests.waiting import until

KILLS = campaign.size(
    full={
        "API worker": 170,
        "sandbox child": 130,
        "fork server": 70,
        "worker": 65,
        "gunicorn master": 45,
        "supervisord": 25,
    },
    short={
        "API worker": 4,
        "sandbox child": 4,
        "fork server": 2,
        "worker": 2,
        "gunicorn master": 1,
        "supervisord": 1,
    },
)
# Between two kills; half of it on average, and the time until there is such a process.
LONGEST_PAUSE_SECONDS = 1.6
COMES_BACK_SECONDS = 60.0
SETTINGS = {
    "RAPIDDRAFT_BROKER_LEASE_SECONDS": "2",
    "RAPIDDRAFT_REVIEW_WAIT_SECONDS": "5",
    "RAPIDDRAFT_SANDBOX_DEADLINE_SECONDS": "20",
}

pytestmark = [
    pytest.mark.faults,
    pytest.mark.stack,
    pytest.mark.timeout(campaign.size(full=3600, short=600)),
]


def test_nothing_answered_is_lost_whatever_is_killed(data: Path, tmp_path: Path) -> None:
    part = parts.block(20.0, 15.0, 8.0).cut(parts.drill(5.0, 20.0, (8.0, 7.0, 8.0))).write_step(tmp_path / "part.step")
    chance = random.Random(campaign.SEED)
    victims = [kind for kind, count in KILLS.items() for _ in range(count)]
    chance.shuffle(victims)
    started = time.monotonic()
    with restless_stack(data, **SETTINGS) as stack:
        with under_load(stack, part.read_bytes(), seed=campaign.SEED) as ledger:
            killed = Counter(kill_one(stack, kind, chance) for kind in victims)
        stack.wait_until_ready()
        jobs = settled_jobs(stack)
        lost = missing(stack, ledger, jobs)
    damaged = unreadable(data)
    checked = verify(DataFolder(data))
    campaign.report(
        "kills",
        kills=killed.total(),
        killed=killed,
        answered={
            "models": len(ledger.models),
            "tickets": len(ledger.tickets),
            "replies": len(ledger.replies),
            "jobs": len(ledger.jobs),
            "runs": len(ledger.runs),
        },
        answers=dict(sorted(ledger.answers.items())),
        jobs=Counter(job["state"] for job in jobs.values()),
        errors=Counter(job["error"]["code"] for job in jobs.values() if job["error"]),
        lost=len(lost),
        damaged=len(damaged),
        verified={"models": checked.models, "documents": checked.documents, "entries": checked.entries},
        findings=len(checked.findings),
        seconds=round(time.monotonic() - started),
    )
    assert killed == KILLS
    assert not lost
    assert not damaged
    assert checked.is_good, checked.findings
    assert checked.entries >= len(ledger.models) + len(ledger.tickets) + len(ledger.replies)


def kill_one(stack: RestlessStack, kind: str, chance: random.Random) -> str:
    """Wait a moment, then kill a process of this kind; returns the kind."""
    moment = time.monotonic() + chance.uniform(0, LONGEST_PAUSE_SECONDS)
    until(lambda: time.monotonic() >= moment, "the moment has come")

    def killed() -> bool:
        running = processes(stack, kind)
        if not running:
            return False
        try:
            chance.choice(running).kill()
        except psutil.NoSuchProcess:
            return False
        return True

    until(killed, f"a process to kill: {kind}", COMES_BACK_SECONDS)
    if kind == "supervisord":
        stack.start_again()
    return kind
