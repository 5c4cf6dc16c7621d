"""What this process may use of the machine: by its affinity, and by the control groups that a container or a
systemd unit puts it in. Both versions of Linux's control groups are read."""

import os
from collections.abc import Iterator
from pathlib import Path

import psutil

CGROUPS = Path("/sys/fs/cgroup")
MEMBERSHIP = Path("/proc/self/cgroup")
_MIB = 1024 * 1024

# Measured, in MiB: what the stack takes besides the children, with room for what it needs now and then; and what a
# child's resident memory has of pages that it shares with the fork server.
_REST_OF_THE_STACK = 520
_SHARED_BY_CHILDREN = 230
LEAST_CHILD_MB = 256
MOST_CHILD_MB = 1024


def usable_cores(cgroups: Path = CGROUPS, membership: Path = MEMBERSHIP) -> int:
    """Cores that this process may use at the same time; at least 1."""
    quotas = [_cores_of_quota(folder) for folder in _own_groups("cpu", cgroups, membership)]
    return max(1, int(min([len(os.sched_getaffinity(0)), *(quota for quota in quotas if quota)])))


def usable_memory(cgroups: Path = CGROUPS, membership: Path = MEMBERSHIP) -> int:
    """Bytes of memory that this process and its neighbours in the container may use together."""
    limits = [_memory_limit(folder) for folder in _own_groups("memory", cgroups, membership)]
    return int(min([psutil.virtual_memory().total, *(limit for limit in limits if limit)]))


def memory_for_a_child(children: int, memory: int) -> int:
    """MiB of resident memory that each of `children` may have where all processes share `memory` bytes."""
    own = (memory // _MIB - _REST_OF_THE_STACK) // children
    return min(max(_SHARED_BY_CHILDREN + own, LEAST_CHILD_MB), MOST_CHILD_MB)


def _own_groups(controller: str, cgroups: Path, membership: Path) -> Iterator[Path]:
    """The folders of this process's control groups, up to the root; each may limit it."""
    try:
        lines = membership.read_text().splitlines()
    except OSError:  # not on Linux, or /proc is not there
        lines = []
    for line in lines:
        number, controllers, path = line.split(":", 2)
        if number == "0":
            root = cgroups
        elif controller in controllers.split(","):
            root = cgroups / controller
        else:
            continue
        # In a container the path may be the host's and not be there: the root is then the container's own group.
        own = root / path.lstrip("/")
        yield from (folder for folder in (own, *own.parents) if folder.is_relative_to(root))


def _cores_of_quota(group: Path) -> float | None:
    """How many cores' worth of time the group gets; None if that is not limited."""
    match _words(group / "cpu.max") or _words(group / "cpu.cfs_quota_us") + _words(group / "cpu.cfs_period_us"):
        case [quota, period] if quota.isdigit():  # else "max" or -1
            return int(quota) / int(period)
    return None


def _memory_limit(group: Path) -> int | None:
    """The group's limit in bytes; None if there is none."""
    limit = next(iter(_words(group / "memory.max") or _words(group / "memory.limit_in_bytes")), "max")
    return int(limit) if limit.isdigit() else None


def _words(path: Path) -> list[str]:
    try:
        return path.read_text().split()
    except OSError:  # of the other version, or of a group that limits nothing
        return []
