"""Waking waiters, dead ones and folders with long names."""

import multiprocessing
import os
import signal
from pathlib import Path

from workers.file_broker import Wakeup, wake

from .support import wait_until


def test_every_waiter_in_the_folder_is_woken_and_no_other(tmp_path: Path) -> None:
    with Wakeup(tmp_path / "a") as first, Wakeup(tmp_path / "a") as second, Wakeup(tmp_path / "b") as other:
        wake(tmp_path / "a")
        assert first.wait(10) and second.wait(10)
        assert not other.wait(0)


def test_hints_do_not_pile_up(tmp_path: Path) -> None:
    with Wakeup(tmp_path) as wakeup:
        for _ in range(5000):
            wake(tmp_path)  # would block here if a full buffer could stop it
        assert wakeup.wait(10)
        assert not wakeup.wait(0)
        wake(tmp_path)
        assert wakeup.drain() and not wakeup.drain()


def test_one_can_wake_oneself(tmp_path: Path) -> None:
    with Wakeup(tmp_path) as wakeup, Wakeup(tmp_path) as other:
        wakeup.poke()
        assert wakeup.wait(10) and not other.wait(0)
    wakeup.poke()  # closed: nobody waits, nothing happens


def test_a_closed_waiter_leaves_nothing_behind(tmp_path: Path) -> None:
    with Wakeup(tmp_path):
        assert list(tmp_path.iterdir())
    assert list(tmp_path.iterdir()) == []
    wake(tmp_path)


def test_a_folder_that_is_not_there_is_no_error(tmp_path: Path) -> None:
    wake(tmp_path / "nobody has waited here")


def wait_for_ever(folder: Path) -> None:
    Wakeup(folder).wait(600)


def test_the_socket_of_a_killed_process_is_removed_by_whoever_finds_it(tmp_path: Path) -> None:
    process = multiprocessing.get_context("spawn").Process(target=wait_for_ever, args=(tmp_path,))
    process.start()
    wait_until(lambda: list(tmp_path.iterdir()))
    assert process.pid is not None
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    assert len(list(tmp_path.iterdir())) == 1
    wake(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_no_socket_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    wake(tmp_path)
    assert (tmp_path / "notes.txt").exists()


def test_a_folder_with_a_name_longer_than_a_socket_address(tmp_path: Path) -> None:
    folder = tmp_path / ("x" * 100) / ("y" * 100)
    with Wakeup(folder) as wakeup:
        wake(folder)
        assert wakeup.wait(10)


def test_a_forked_child_leaves_the_parents_socket_in_place(tmp_path: Path) -> None:
    with Wakeup(tmp_path) as wakeup:
        pid = os.fork()
        if pid == 0:
            wakeup.close()
            os._exit(0)
        os.waitpid(pid, 0)
        wake(tmp_path)
        assert wakeup.wait(10)
