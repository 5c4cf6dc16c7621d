"""Faults that come and go while a stack runs under load."""

import os
import resource
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from errno import EIO, ENOSPC, EROFS
from pathlib import Path

import psutil

from tests.faults.restless_stack import processes
from tests.stack.running import Stack

Trouble = Callable[[Stack], AbstractContextManager[None]]
DAY_SECONDS = 86_400


def preload(shim: Path, folder: Path, control: Path) -> dict[str, str]:
    """The environment in which shim/disturb.c disturbs what happens below `folder`."""
    return {"LD_PRELOAD": str(shim), "DISTURB_ROOT": f"{folder}/", "DISTURB_CONTROL": str(control)}


def disturbed(*, error: int = 0, clock_seconds: int = 0) -> Trouble:
    """Every change below the data folder fails with this errno; the time of day is shifted by so much."""

    @contextmanager
    def trouble(stack: Stack) -> Iterator[None]:
        control = Path(stack.environment["DISTURB_CONTROL"])
        temporary = control.with_suffix(".tmp")
        temporary.write_text(f"{error} {clock_seconds}")
        temporary.replace(control)
        try:
            yield
        finally:
            control.unlink()

    return trouble


@contextmanager
def few_descriptors(stack: Stack) -> Iterator[None]:
    """No process of the API and no worker may open another file."""
    limited: list[tuple[psutil.Process, tuple[int, int]]] = []
    for kind in ("API worker", "worker"):
        for process in processes(stack, kind):
            soft, hard = process.rlimit(resource.RLIMIT_NOFILE)
            limited.append((process, (soft, hard)))
            process.rlimit(resource.RLIMIT_NOFILE, (process.num_fds(), hard))
    try:
        yield
    finally:
        for process, limits in limited:
            process.rlimit(resource.RLIMIT_NOFILE, limits)


@contextmanager
def filled_up(stack: Stack) -> Iterator[None]:
    """The disk of the data folder is filled to the last byte with something else."""
    filler = stack.data / "something-else"
    try:
        with filler.open("wb", buffering=0) as file:
            _write_until_full(file.fileno())
        yield
    finally:
        filler.unlink()


def _write_until_full(descriptor: int) -> None:
    for size in (1 << 20, 1 << 12, 1):
        try:
            while True:
                os.write(descriptor, b"x" * size)
        except OSError as error:
            assert error.errno == ENOSPC


@contextmanager
def small_disk(folder: Path, size: str) -> Iterator[bool]:
    """A file system of its own at `folder`; False where this user may not mount one."""
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "rapiddraft", folder], check=False)
    try:
        yield mounted.returncode == 0
    finally:
        if mounted.returncode == 0:
            subprocess.run(["umount", "--lazy", folder], check=True)


TROUBLES: dict[str, Trouble] = {
    "no space left": disturbed(error=ENOSPC),
    "read-only": disturbed(error=EROFS),
    "input/output errors": disturbed(error=EIO),
    "too many open files": few_descriptors,
    "clock a day ahead": disturbed(clock_seconds=DAY_SECONDS),
    "clock a day back": disturbed(clock_seconds=-DAY_SECONDS),
}
