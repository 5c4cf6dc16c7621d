"""File locks: one holder at a time, a limit to waiting, and no lock file left."""

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from unittest import mock

import filelock._unix
import pytest

from server._atomic_json import LockTimeoutError, with_file_lock

PROCESSES, THREADS, EACH = 4, 10, 25


def _count(folder: Path) -> None:
    """Add to a number in a file, in a way that loses if anyone does so at the same time."""
    number = folder / "number"

    def add(_: int) -> None:
        with with_file_lock(folder / "document.json", timeout=60):
            (folder / "inside").touch(exist_ok=False)
            number.write_text(str(int(number.read_text()) + 1))
            (folder / "inside").unlink()

    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(add, range(THREADS * EACH)))


def test_threads_and_processes_take_turns_although_the_file_is_unlinked_each_time(tmp_path: Path) -> None:
    (tmp_path / "number").write_text("0")
    with get_context("spawn").Pool(PROCESSES) as pool:
        pool.map(_count, [tmp_path] * PROCESSES, chunksize=1)
    assert int((tmp_path / "number").read_text()) == PROCESSES * THREADS * EACH
    assert [path.name for path in tmp_path.iterdir()] == ["number"]


def test_who_waits_is_told_after_a_while(tmp_path: Path) -> None:
    path = tmp_path / "document.json"
    with with_file_lock(path):
        with (
            pytest.raises(LockTimeoutError, match=r"document\.json stayed locked .* for 0\.05 s"),
            with_file_lock(path, timeout=0.05),
        ):
            raise AssertionError("two held the lock")
        assert (tmp_path / "document.json.lock").exists(), "who gave up does not take the holder's file away"
    assert list(tmp_path.iterdir()) == []


def _die_with_the_lock(folder: Path) -> None:
    with with_file_lock(folder / "document.json"):
        os._exit(0)


def test_a_lock_dies_with_its_holder(tmp_path: Path) -> None:
    process = get_context("spawn").Process(target=_die_with_the_lock, args=(tmp_path,))
    process.start()
    process.join(30)
    assert (tmp_path / "document.json.lock").exists(), "nobody was there to remove it"
    with with_file_lock(tmp_path / "document.json", timeout=0):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_lock_file_that_cannot_be_removed_does_not_keep_the_lock(tmp_path: Path) -> None:
    path = tmp_path / "document.json"
    stuck = mock.patch.object(Path, "unlink", side_effect=OSError(30, "Read-only file system"))
    with stuck, pytest.raises(OSError, match="Read-only"), with_file_lock(path):
        pass
    with with_file_lock(path, timeout=0):
        pass


def test_a_folder_that_is_moved_away_ends_the_wait(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    refused = threading.Event()
    real = filelock._unix.lock_fd_nonblocking

    def attempt(descriptor: int) -> bool:
        if not (got := real(descriptor)):
            refused.set()
        return got

    def wait() -> None:
        with with_file_lock(folder / "a", timeout=20):
            raise AssertionError("there is nothing to lock any more")

    attempts = mock.patch("filelock._unix.lock_fd_nonblocking", attempt)
    with ThreadPoolExecutor(1) as pool, attempts, with_file_lock(folder / "a"):
        waiter = pool.submit(wait)
        assert refused.wait(10)
        folder.rename(tmp_path / "gone")
        (tmp_path / "gone" / "a.lock").unlink()
        with pytest.raises(FileNotFoundError):
            waiter.result(20)
