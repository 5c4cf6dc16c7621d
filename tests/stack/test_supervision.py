"""supervisord.conf as it stands: control, an orderly end, and a failure when the stack cannot run."""

import os
import signal
from pathlib import Path

import psutil
import pytest

from tests.stack.running import PROJECT, Stack, running_stack
from tests.waiting import is_running, until

pytestmark = pytest.mark.stack


def test_supervisorctl_controls_the_programs(stack: Stack, copies: list[str]) -> None:
    running = ["api", "worker"]
    until(
        lambda: (
            [line.split()[:2] for line in stack.control("status").splitlines()]
            == [[program, "RUNNING"] for program in running]
        ),
        "both programs are RUNNING",
        40,
    )
    first = stack.pid("worker")
    jobs = [stack.ask_for_review(model_id).json()["id"] for model_id in copies]
    assert "worker: started" in stack.control("restart", "worker")
    assert stack.pid("worker") not in (0, first)
    ended = [stack.ended_job(job, seconds=60) for job in jobs]
    # What had begun was finished, what had not was handed back: none was begun twice.
    assert [(job["state"], job["attempts"]) for job in ended] == [("succeeded", 1)] * 8
    assert "api: stopped" in stack.control("stop", "api")
    assert stack.pid("api") == 0
    assert "api: started" in stack.control("start", "api")
    stack.wait_until_ready()


def test_the_control_socket_is_the_owners_alone(stack: Stack) -> None:
    run = stack.data / "run"
    assert (run / "supervisor.sock").stat().st_mode & 0o777 == 0o700
    assert run.stat().st_mode & 0o777 == 0o700


def test_sigterm_stops_everything(data: Path) -> None:
    with running_stack(data) as stack:
        stack.wait_until_ready()
        family = stack.family()
        assert len(family) >= 6
        assert stack.stop() == 0
    assert not [process for process in family if is_running(process.pid)]
    assert not (data / "run" / "supervisor.sock").exists()


def test_programs_end_with_a_killed_supervisord_and_the_next_one_starts(data: Path) -> None:
    with running_stack(data) as stack:
        stack.wait_until_ready()
        family = stack.family()
        os.kill(stack.process.pid, signal.SIGKILL)
        stack.process.wait(10)
        until(lambda: not any(is_running(process.pid) for process in family), "all end")
    with running_stack(data) as stack:
        stack.wait_until_ready()
        assert all(line["level"] == "INFO" for line in stack.lines())


def test_a_stack_that_cannot_run_fails(data: Path) -> None:
    with running_stack(data, RAPIDDRAFT_UVICORN_WORKERS="none") as stack:
        family: dict[int, psutil.Process] = {}

        def ended() -> bool:
            family.update((process.pid, process) for process in stack.family())
            return stack.process.poll() is not None

        until(ended, "supervisord gives up", 120)
        assert stack.process.returncode == 1
        assert not [pid for pid in family if is_running(pid)]
        lines = stack.lines()
    critical = [line for line in lines if line["level"] == "CRITICAL" and line["process"] == "supervisord"]
    assert [line["message"] for line in critical]
    assert any("uvicorn_workers" in line["message"].lower() for line in lines)


def test_no_program_needs_an_activated_environment() -> None:
    conf = (PROJECT / "supervisord.conf").read_text()
    commands = [line for line in conf.splitlines() if line.startswith("command=")]
    assert len(commands) == 2
    assert all(command.startswith('command="%(here)s/.venv/bin/python" -m ') for command in commands)
