"""Any process may be killed: it is back, and no job is lost."""

from collections.abc import Callable
from contextlib import suppress

import psutil
import pytest

from tests.faults.restless_stack import processes as running_processes
from tests.stack.running import Stack
from tests.waiting import is_running, until

pytestmark = pytest.mark.stack


def api_master(stack: Stack) -> set[int]:
    return _pids(stack, "gunicorn master")


def api_workers(stack: Stack) -> set[int]:
    return _pids(stack, "API worker")


def worker(stack: Stack) -> set[int]:
    return _pids(stack, "worker")


def fork_server(stack: Stack) -> set[int]:
    return _pids(stack, "fork server")


def sandbox_children(stack: Stack) -> set[int]:
    return _pids(stack, "sandbox child")


def _pids(stack: Stack, kind: str) -> set[int]:
    return {process.pid for process in running_processes(stack, kind)}


def suspended_child(stack: Stack) -> psutil.Process:
    """A sandbox child that was at work; it cannot end any more by itself."""

    def suspended() -> psutil.Process | None:
        for child in running_processes(stack, "sandbox child"):
            with suppress(psutil.NoSuchProcess):
                child.suspend()
                return child
        return None

    child = until(suspended, "a child runs")
    assert child
    return child


@pytest.mark.parametrize("processes", [api_workers, api_master, worker, fork_server, sandbox_children])
def test_a_killed_process_comes_back_and_the_jobs_end_well(
    stack: Stack, copies: list[str], processes: Callable[[Stack], set[int]]
) -> None:
    jobs = [stack.ask_for_review(model_id).raise_for_status().json()["id"] for model_id in copies[:4]]
    before = until(lambda: processes(stack), "there is such a process")
    victim = psutil.Process(min(before))
    orphans = victim.children(recursive=True)
    victim.kill()
    until(lambda: processes(stack) - before, f"{processes.__name__} is back")
    until(lambda: not any(is_running(orphan.pid) for orphan in orphans), "no orphan is left")
    stack.wait_until_ready()
    ended = [stack.ended_job(job, seconds=60) for job in jobs]
    assert [job["state"] for job in ended] == ["succeeded"] * 4
