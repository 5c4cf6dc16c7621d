"""What may be used of the machine, read from made-up control groups of both versions."""

import os
from pathlib import Path

import psutil
import pytest

from server.machine import memory_for_a_child, usable_cores, usable_memory

MIB = 1024 * 1024
CORES = len(os.sched_getaffinity(0))
MEMORY = psutil.virtual_memory().total


class Groups:
    """A /sys/fs/cgroup and a /proc/self/cgroup of our own."""

    def __init__(self, root: Path, membership: str) -> None:
        self.root = root / "cgroup"
        self.membership = root / "membership"
        root.mkdir()
        self.membership.write_text(membership)

    def write(self, name: str, text: str) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{text}\n")

    @property
    def cores(self) -> int:
        return usable_cores(self.root, self.membership)

    @property
    def memory(self) -> int:
        return usable_memory(self.root, self.membership)


@pytest.fixture
def v2(tmp_path: Path) -> Groups:
    return Groups(tmp_path / "v2", "0::/system.slice/rapiddraft-worker.service\n")


@pytest.fixture
def v1(tmp_path: Path) -> Groups:
    return Groups(tmp_path / "v1", "5:memory:/docker/abc\n4:cpu,cpuacct:/docker/abc\n0::/\n")


def test_without_groups_it_is_the_machines(tmp_path: Path) -> None:
    nowhere = tmp_path / "nothing"
    assert (usable_cores(nowhere, nowhere), usable_memory(nowhere, nowhere)) == (CORES, MEMORY)


def test_no_limit_is_the_machines(v1: Groups, v2: Groups) -> None:
    v2.write("cpu.max", "max 100000")
    v2.write("memory.max", "max")
    assert (v2.cores, v2.memory) == (CORES, MEMORY)
    v1.write("cpu/cpu.cfs_quota_us", "-1")
    v1.write("cpu/cpu.cfs_period_us", "100000")
    v1.write("memory/memory.limit_in_bytes", "9223372036854771712")
    assert (v1.cores, v1.memory) == (CORES, MEMORY)


def test_a_container_of_version_2(v2: Groups) -> None:
    v2.membership.write_text("0::/\n")
    v2.write("cpu.max", "150000 100000")
    v2.write("memory.max", str(100 * MIB))
    assert (v2.cores, v2.memory) == (1, 100 * MIB)


def test_a_container_of_version_1_sees_its_own_group_as_the_root(v1: Groups) -> None:
    v1.write("cpu/cpu.cfs_quota_us", "50000")
    v1.write("cpu/cpu.cfs_period_us", "100000")
    v1.write("memory/memory.limit_in_bytes", str(100 * MIB))
    assert (v1.cores, v1.memory) == (1, 100 * MIB)


def test_the_narrowest_group_above_counts(v1: Groups, v2: Groups) -> None:
    v2.write("system.slice/memory.max", str(300 * MIB))
    v2.write("system.slice/rapiddraft-worker.service/memory.max", str(400 * MIB))
    assert v2.memory == 300 * MIB
    v1.write("memory/docker/memory.limit_in_bytes", str(300 * MIB))
    v1.write("memory/docker/abc/memory.limit_in_bytes", str(200 * MIB))
    assert v1.memory == 200 * MIB


@pytest.mark.parametrize(
    ("memory", "children", "each"),
    [(1024, 2, 482), (1024, 1, 734), (512, 2, 256), (4096, 2, 1024), (4096, 16, 453)],
)
def test_a_child_has_its_part_of_the_memory(memory: int, children: int, each: int) -> None:
    assert memory_for_a_child(children, memory * MIB) == each
