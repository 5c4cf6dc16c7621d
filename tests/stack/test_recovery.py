"""Any process may be killed: it is back within five seconds, and no job is lost."""

from collections.abc import Callable

import psutil
import pytest

from tests.stack.running import Stack
from tests.waiting import is_running, until

pytestmark = [pytest.mark.stack, pytest.mark.xdist_group("stack")]

BACK_SECONDS = 5.0


def api_master(stack: Stack) -> set[int]:
    return {pid} if (pid := stack.pid("api")) else set()


def api_workers(stack: Stack) -> set[int]:
    return {child.pid for master in api_master(stack) for child in psutil.Process(master).children()}


def worker(stack: Stack) -> set[int]:
    return {pid} if (pid := stack.pid("worker")) else set()


def fork_server(stack: Stack) -> set[int]:
    return {
        child.pid
        for pid in worker(stack)
        for child in psutil.Process(pid).children()
        if any("forkserver" in word for word in child.cmdline())
    }


def sandbox_children(stack: Stack) -> set[int]:
    return {child.pid for pid in fork_server(stack) for child in psutil.Process(pid).children()}


@pytest.mark.parametrize("processes", [api_workers, api_master, worker, fork_server, sandbox_children])
def test_a_killed_process_comes_back_and_the_jobs_end_well(
    stack: Stack, copies: list[str], processes: Callable[[Stack], set[int]]
) -> None:
    jobs = [stack.ask_for_review(model_id).raise_for_status().json()["id"] for model_id in copies[:4]]
    before = until(lambda: running(processes, stack), "there is such a process")
    victim = psutil.Process(min(before))
    orphans = victim.children(recursive=True)
    victim.kill()
    until(lambda: running(processes, stack) - before, f"{processes.__name__} is back", BACK_SECONDS)
    until(lambda: not any(is_running(orphan.pid) for orphan in orphans), "no orphan is left")
    stack.wait_until_ready()
    ended = [stack.ended_job(job, seconds=60) for job in jobs]
    assert [job["state"] for job in ended] == ["succeeded"] * 4


def running(processes: Callable[[Stack], set[int]], stack: Stack) -> set[int]:
    try:
        return processes(stack)
    except psutil.NoSuchProcess:  # one ended while its children were listed
        return set()
