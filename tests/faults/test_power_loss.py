"""The power goes at any moment: what was promised is there afterwards, and everything can be read.

The file operations of a real program are recorded; a disk that forgets what was not synced replays every
prefix of them, and the real code opens what it left. The variants that leave out a sync must fail.
"""

import random
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults import campaign
from tests.faults.disk import DATA_ONLY, KEPT, LOST, NAMES_ONLY, Disk, State, by_chance, digest, write_out
from tests.faults.promises import Promises, broken
from tests.faults.recording import Kind, Operation, record
from tests.faults.shim import compiled

STATES = campaign.size(full=11_000, short=300)
CONTROL_STATES = campaign.size(full=1_800, short=120)
CONTROLS = [
    ("documents", "no fsync of files"),
    ("documents", "no fsync of folders"),
    ("documents", "SQLite synchronous=NORMAL"),
    ("queue", "SQLite synchronous=OFF"),
    ("queue", "SQLite synchronous=NORMAL"),
]

pytestmark = [pytest.mark.faults, pytest.mark.timeout(1800)]


@pytest.mark.parametrize("workload", ["documents", "queue"])
def test_what_was_promised_survives_a_power_loss(workload: str, tmp_path: Path, memory_folder: Path) -> None:
    counts, examples = replay(workload, None, STATES, tmp_path, memory_folder)
    campaign.report(f"power loss {workload}", **counts)
    assert counts["states"] == STATES
    assert counts["bad"] == 0, examples


@pytest.mark.parametrize(("workload", "variant"), CONTROLS)
def test_a_sync_left_out_is_noticed(workload: str, variant: str, tmp_path: Path, memory_folder: Path) -> None:
    counts, _ = replay(workload, variant, CONTROL_STATES, tmp_path, memory_folder)
    campaign.report(f"power loss {workload}, {variant}", **counts)
    assert counts["states"] == CONTROL_STATES
    assert counts["bad"] > 0


@pytest.mark.parametrize("workload", ["documents", "queue"])
def test_the_records_alone_lead_to_what_is_there(workload: str, tmp_path: Path) -> None:
    folder = tmp_path / "recorded"
    operations = record(compiled("recorder", tmp_path), folder, [workload])
    disk = Disk(folder.stat().st_ino)
    for operation in operations:
        disk.apply(operation)
    there = [path for path in folder.rglob("*") if not path.is_socket()]
    assert disk.after_power_loss(KEPT) == {
        str(path.relative_to(folder)): None if path.is_dir() else path.read_bytes() for path in there
    }


def replay(
    workload: str, variant: str | None, states: int, tmp_path: Path, memory_folder: Path
) -> tuple[Counter[str], list[list[str]]]:
    """Check so many different states of the disk; the counts, and what was broken in the first bad ones."""
    folder = tmp_path / "recorded"
    operations = record(compiled("recorder", tmp_path), folder, [workload, *([variant] if variant else [])])
    counts: Counter[str] = Counter(operations=len(operations), states=0, bad=0)
    examples: list[list[str]] = []
    for state, promises in different_states(operations, folder.stat().st_ino, states):
        write_out(state, memory_folder / "state")
        wrong = broken(workload, memory_folder / "state", promises)
        counts["states"] += 1
        counts["bad"] += bool(wrong)
        if wrong and len(examples) < 5:
            examples.append(wrong)
    return counts, examples


def different_states(operations: list[Operation], root_inode: int, wanted: int) -> Iterator[tuple[State, Promises]]:
    """States after prefixes of the operations, with what was promised by then; no pair comes twice.

    Every pass goes over all prefixes (over some, if few states are wanted), with other luck.
    """
    chance = random.Random(campaign.SEED)
    share = min(1.0, wanted / len(operations) / 3)
    seen: set[tuple[int, bytes]] = set()
    fresh = True
    while fresh:
        fresh = False
        disk, promises, marks = Disk(root_inode), Promises(), 0
        for operation in operations:
            disk.apply(operation)
            if operation.kind is Kind.MARK:
                promises.add(operation.mark)
                marks += 1
            if chance.random() >= share:
                continue
            luck = chance.choice([KEPT, LOST, NAMES_ONLY, DATA_ONLY, *[by_chance(chance)] * 4])
            state = disk.after_power_loss(luck)
            key = (marks, digest(state))
            if key in seen:
                continue
            seen.add(key)
            fresh = True
            yield state, promises
            if len(seen) == wanted:
                return
