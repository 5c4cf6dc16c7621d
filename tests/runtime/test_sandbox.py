"""A sandbox child can do what it likes: its caller hears what became of it, and nobody else notices."""

import json
import logging
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from server.observability.logging import configure_logging, log_ids
from server.settings import PROJECT_ROOT
from tests.waiting import is_running, pid_in, until
from workers.errors import PartError
from workers.sandbox import (
    ChildCrashed,
    ChildFailed,
    ChildLost,
    ChildOutOfMemory,
    ChildStarved,
    ChildStopped,
    ChildTimedOut,
    Limits,
    Sandbox,
    SandboxError,
)

GENEROUS = Limits(deadline_seconds=60, memory_bytes=1 << 30)
TIGHT = Limits(deadline_seconds=1, memory_bytes=200 << 20)


def target(name: str) -> str:
    return f"tests.runtime.targets:{name}"


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    sandbox = Sandbox(["tests.runtime.targets"])
    yield sandbox
    sandbox.close()


@pytest.fixture
def neighbour(sandbox: Sandbox, tmp_path: Path) -> Iterator[None]:
    """A well-behaved job that runs all through the test and must end well."""
    end, pid_file = tmp_path / "neighbour-may-end", tmp_path / "neighbour-pid"
    payload = {"file": str(end), "pid_file": str(pid_file)}
    with ThreadPoolExecutor(1) as thread:
        job = thread.submit(sandbox.run, target("wait_for_file"), payload, GENEROUS)
        pid_in(pid_file)
        yield
        end.touch()
        assert job.result() == "done"


def test_returns_what_the_target_returns(sandbox: Sandbox) -> None:
    payload = {"name": "bräcket", "sizes": [1, 2.5, None, True]}
    assert sandbox.run(target("echo"), payload, GENEROUS) == payload


def test_hands_stages_on_in_order(sandbox: Sandbox) -> None:
    seen: list[str] = []
    sandbox.run(target("echo"), {"stages": ["read", "facts", "rules"]}, GENEROUS, on_stage=seen.append)
    assert seen == ["read", "facts", "rules"]


def test_the_child_is_limited_and_forked_from_the_fork_server(sandbox: Sandbox) -> None:
    first, second = (sandbox.run(target("describe"), {}, GENEROUS) for _ in range(2))
    assert first["pid"] != second["pid"]
    assert first["parent"] == second["parent"] != os.getpid()
    assert first["nice"] == min(19, os.nice(0) + 10)
    assert first["core"] == 0
    assert GENEROUS.memory_bytes < first["address_space"] < 1 << 40
    assert first["threads"] == "1"


@pytest.mark.usefixtures("neighbour")
@pytest.mark.parametrize(
    ("name", "error", "stage", "words"),
    [
        ("segfault", ChildCrashed, "read", "SIGSEGV"),
        ("abort", ChildCrashed, "start", "SIGABRT"),
        ("hang_in_c", ChildTimedOut, "tessellate", "longer than 1 s"),
        ("stop_itself", ChildTimedOut, "start", "longer than 1 s"),
        ("eat_memory", ChildOutOfMemory, "features", "more than 200 MiB"),
        ("ask_for_too_much", ChildOutOfMemory, "start", "memory"),
        ("bug", ChildFailed, "start", "one by none"),
        ("not_json", ChildFailed, "start", "JSON"),
        ("no_such_function", ChildFailed, "start", "no_such_function"),
    ],
)
def test_says_what_became_of_a_bad_child(
    sandbox: Sandbox, name: str, error: type[SandboxError], stage: str, words: str
) -> None:
    # The others must come to their own end first, also on a busy machine.
    limits = TIGHT if error is ChildTimedOut else replace(TIGHT, deadline_seconds=GENEROUS.deadline_seconds)
    with pytest.raises(error) as raised:
        sandbox.run(target(name), {}, limits)
    assert type(raised.value) is error
    assert raised.value.stage == stage
    assert words in str(raised.value)


def test_codes_tell_the_endings_apart() -> None:
    errors = (ChildCrashed, ChildTimedOut, ChildOutOfMemory, ChildLost, ChildFailed)
    codes = [error.code for error in errors]
    assert codes == ["kernel_crashed", "timed_out", "out_of_memory", "worker_lost", "internal_error"]


def test_a_part_error_comes_through_whole(sandbox: Sandbox) -> None:
    with pytest.raises(PartError) as raised:
        sandbox.run(target("part_error"), {}, GENEROUS)
    assert raised.value == PartError("no_solid", "There is no solid.", "Export a solid.")


def test_a_bug_brings_its_traceback(sandbox: Sandbox) -> None:
    with pytest.raises(ChildFailed) as raised:
        sandbox.run(target("bug"), {}, GENEROUS)
    assert "tests/runtime/targets.py" in raised.value.traceback


@pytest.mark.parametrize("status", [0, 7])
def test_an_exit_without_a_result_is_a_crash(sandbox: Sandbox, status: int) -> None:
    with pytest.raises(ChildCrashed, match=f"exit status {status}"):
        sandbox.run(target("leave_without_result"), {"status": status}, GENEROUS)


def test_a_result_counts_though_the_child_crashes_at_exit(sandbox: Sandbox) -> None:
    assert [sandbox.run(target("crash_after_result"), {}, GENEROUS) for _ in range(5)] == ["done"] * 5


def test_a_big_result_arrives_whole(sandbox: Sandbox) -> None:
    size = 20 << 20
    assert sandbox.run(target("big_result"), {"size": size}, GENEROUS) == "x" * size


def test_an_exception_in_on_stage_ends_the_child(sandbox: Sandbox, tmp_path: Path) -> None:
    class Cancelled(Exception):  # noqa: N818
        pass

    pid_file = tmp_path / "pid"

    def cancel(_stage: str) -> None:
        pid_in(pid_file)
        raise Cancelled

    with pytest.raises(Cancelled):
        sandbox.run(target("hang_in_c"), {"pid_file": str(pid_file)}, GENEROUS, on_stage=cancel)
    assert not is_running(pid_in(pid_file))


def test_many_at_once_each_get_their_own_ending(sandbox: Sandbox) -> None:
    names = ["echo", "segfault", "part_error", "leave_without_result", "big_result"] * 12
    payload = {"status": 0, "size": 300_000}
    with ThreadPoolExecutor(12) as threads:
        jobs = [threads.submit(sandbox.run, target(name), payload, GENEROUS) for name in names]
    assert [ending(job) for job in jobs] == [
        "dict", "ChildCrashed", "PartError", "ChildCrashed", "str",
    ] * 12  # fmt: skip


def ending(job: Future[Any]) -> str:
    error = job.exception()
    return type(error if error is not None else job.result()).__name__


@pytest.mark.usefixtures("neighbour")
def test_a_child_killed_from_outside_is_lost_not_crashed(sandbox: Sandbox, tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    with ThreadPoolExecutor(1) as thread:
        job = thread.submit(sandbox.run, target("hang_in_c"), {"pid_file": str(pid_file)}, GENEROUS)
        os.kill(pid_in(pid_file), signal.SIGKILL)
        assert ending(job) == "ChildLost"


def test_a_dead_fork_server_loses_its_jobs_and_is_replaced(sandbox: Sandbox, tmp_path: Path) -> None:
    pid_files = [tmp_path / f"pid{number}" for number in range(3)]
    with ThreadPoolExecutor(3) as threads:
        jobs = [
            threads.submit(sandbox.run, target("hang_in_c"), {"pid_file": str(path)}, GENEROUS) for path in pid_files
        ]
        children = [pid_in(path) for path in pid_files]
        server = psutil.Process(children[0]).ppid()
        os.kill(server, signal.SIGKILL)
        assert [ending(job) for job in jobs] == ["ChildLost"] * 3
    until(lambda: not any(is_running(child) for child in children), "the children end with their server")
    assert sandbox.run(target("describe"), {}, GENEROUS)["parent"] != server


def test_a_killed_worker_leaves_nothing_behind(tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    code = (
        "import json, sys; from workers.sandbox import Limits, Sandbox\n"
        "Sandbox([]).run(sys.argv[1], json.loads(sys.argv[2]), Limits(3600, 1 << 30))"
    )
    command = [sys.executable, "-c", code, target("hang_in_c"), json.dumps({"pid_file": str(pid_file)})]
    # pytest's own folders are too deep for the name of a unix socket.
    with tempfile.TemporaryDirectory(dir="/tmp") as temporary:
        environment = {**os.environ, "TMPDIR": temporary}
        with subprocess.Popen(command, cwd=Path(__file__).parents[2], env=environment) as worker:
            pid_in(pid_file)
            assert list(Path(temporary).glob("*/listener-*"))
            family = psutil.Process(worker.pid).children(recursive=True)
            assert len(family) >= 2  # the fork server, the child, and multiprocessing's resource tracker
            worker.kill()
        until(lambda: not any(is_running(process.pid) for process in family), "all of its processes end")
        assert not list(Path(temporary).iterdir())


@pytest.mark.parametrize("how", [["script.py"], ["-m", "script"]])
def test_a_childs_start_does_not_run_the_callers_script_again(how: list[str], tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "print('script runs')\n"
        "from workers.sandbox import Limits, Sandbox\n"
        f"print(Sandbox([]).run({target('echo')!r}, {{'stages': []}}, Limits(60, 1 << 30)), bool(__spec__))\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run(
        [sys.executable, *how],
        capture_output=True, text=True, check=True, env=environment, timeout=60, cwd=tmp_path,
    )  # fmt: skip
    assert done.stdout == f"script runs\n{{'stages': []}} {'-m' in how}\n"


def test_the_childs_lines_are_json_with_the_callers_ids_and_its_chatter_is_dropped(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    sandbox.close()  # the next fork server inherits the descriptor that is opened now
    log = tmp_path / "log"
    with captured_standard_output(log):
        with log_ids(request_id="R1", job_id="J1", model_id="M1"):
            assert sandbox.run(target("chatter"), {}, GENEROUS) == "done"
        sandbox.close()
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert "chatter" not in " ".join(line["message"] for line in lines)
    assert {line["request_id"] for line in lines} == {"R1"}
    assert {line["job_id"] for line in lines} == {"J1"}
    childs = [line for line in lines if line["process"] == "sandbox"]
    assert [line["message"] for line in childs] == ["Sandbox child started.", "logged in the child"]
    (end,) = [line for line in lines if line["process"] == "test"]
    assert end["message"] == "Sandbox child ended: result."
    assert end["child_pid"] == childs[0]["pid"]
    assert end["peak_memory_mb"] > 0


class captured_standard_output:  # noqa: N801 - reads as a function
    """Sends this process's descriptor 1, and its log as JSON lines, to a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __enter__(self) -> None:
        root = logging.getLogger()
        self.before = root.handlers[:], root.level, sys.excepthook, threading.excepthook, os.dup(1)
        file = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(file, 1)
        os.close(file)
        configure_logging("test")

    def __exit__(self, *_: object) -> None:
        handlers, level, sys.excepthook, threading.excepthook, stdout = self.before
        os.dup2(stdout, 1)
        os.close(stdout)
        root = logging.getLogger()
        root.handlers[:] = handlers
        root.setLevel(level)


def test_a_child_that_a_loaded_machine_had_no_time_for(sandbox: Sandbox, tmp_path: Path) -> None:
    processor = min(os.sched_getaffinity(0))
    busy = f"import os; os.sched_setaffinity(0, {{{processor}}})\nwhile True: pass"
    load = [subprocess.Popen([sys.executable, "-c", busy]) for _ in range(2)]
    try:
        with pytest.raises(ChildStarved, match="waiting for a processor") as caught:
            payload = {"processor": processor, "pid_file": str(tmp_path / "pid")}
            sandbox.run(target("spin_on_one_processor"), payload, Limits(deadline_seconds=3, memory_bytes=1 << 30))
    finally:
        for process in load:
            process.kill()
            process.wait()
    assert caught.value.code == "timed_out"


def test_a_child_that_only_hangs_is_not_excused(sandbox: Sandbox) -> None:
    with pytest.raises(ChildTimedOut) as caught:
        sandbox.run(target("hang_in_c"), {}, TIGHT)
    assert type(caught.value) is ChildTimedOut


def test_a_child_that_is_wanted_no_longer_is_ended(sandbox: Sandbox, tmp_path: Path) -> None:
    unwanted = threading.Event()
    pid_file = tmp_path / "pid"
    with ThreadPoolExecutor(1) as thread:
        job = thread.submit(
            sandbox.run, target("hang_in_c"), {"pid_file": str(pid_file)}, GENEROUS, should_stop=unwanted.is_set
        )
        child = pid_in(pid_file)
        unwanted.set()
        with pytest.raises(ChildStopped) as caught:
            job.result()
    assert caught.value.stage == "tessellate"
    assert not is_running(child)


def test_nothing_is_left_of_a_sandbox_that_was_closed() -> None:
    program = """
import os, tempfile
from pathlib import Path
from workers.sandbox import Limits, Sandbox

if __name__ == "__main__":
    sandbox = Sandbox(["tests.runtime.targets"])
    sandbox.run("tests.runtime.targets:echo", {}, Limits(60, 1 << 30))
    before = sorted(Path(tempfile.gettempdir()).iterdir())
    sandbox.close()
    print(len(before), len(list(Path(tempfile.gettempdir()).iterdir())), flush=True)
    os._exit(0)
"""
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        script = Path(folder) / "script.py"
        script.write_text(program)
        own = Path(folder) / "tmp"
        own.mkdir()
        environment = os.environ | {"TMPDIR": str(own), "PYTHONPATH": str(PROJECT_ROOT)}
        said = subprocess.check_output([sys.executable, script], env=environment, text=True)
        assert said.split() == ["1", "0"]
