"""`make run`, without the set-up: one command that starts, reviews, explains, serves and stops."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from tests.stack.running import PROJECT, free_port
from tests.waiting import is_running, until

pytestmark = pytest.mark.stack


def command(*arguments: str) -> list[str]:
    return [sys.executable, str(PROJECT / "scripts" / "run.py"), *arguments]


class Run:
    """`scripts/run.py` while it serves."""

    def __init__(self, data: Path, output: Path) -> None:
        self.port = free_port()
        self._output = output
        with output.open("wb") as out:
            self.process = subprocess.Popen(
                # Started as a shell starts what it puts in the background: with SIGINT ignored.
                [
                    "bash",
                    "-c",
                    'trap "" INT; exec "$@"',
                    "run",
                    *command("--port", str(self.port), "--data-dir", str(data)),
                ],
                stdout=out,
                stderr=out,
            )
        until(lambda: "Ctrl-C" in self.output() or self.process.poll() is not None, "it serves", 90)
        assert self.process.poll() is None, self.output()
        self.family = [self.process.pid, *(p.pid for p in psutil.Process(self.process.pid).children(True))]

    def output(self) -> str:
        return self._output.read_text()


@pytest.fixture
def run(data: Path) -> Iterator[Run]:
    run = Run(data, data / "output")
    yield run
    if run.process.poll() is None:
        run.process.terminate()
        run.process.wait(60)


def test_it_reviews_the_sample_serves_and_stops_cleanly(run: Run, data: Path) -> None:
    said = run.output()
    assert "bracket.step" in said
    assert "Severity" in said
    assert "from the start to the first finding" in said
    assert f"http://127.0.0.1:{run.port}/docs" in said
    assert str(data / "admin-token") in said
    assert httpx.get(f"http://127.0.0.1:{run.port}/readyz").status_code == 200
    assert len(run.family) > 6
    os.kill(run.process.pid, signal.SIGINT)
    assert run.process.wait(60) == 0
    assert run.output().endswith("Stopped.\n")
    assert not [pid for pid in run.family if is_running(pid)]


def test_nothing_stays_behind_when_it_is_killed(run: Run) -> None:
    run.process.kill()
    run.process.wait(10)
    until(lambda: not any(is_running(pid) for pid in run.family), "the whole stack ends", 60)


def test_a_taken_port_is_said_at_once(data: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        refused = refusal("--port", str(port), "--data-dir", str(data / "inner"))
    assert f"Port {port} on 127.0.0.1 is taken" in refused
    assert "PORT=" in refused
    assert not (data / "inner").exists()


def test_a_port_that_is_none_is_said(data: Path) -> None:
    assert "RAPIDDRAFT_PORT" in refusal("--port", "http", "--data-dir", str(data))


def test_a_data_folder_that_cannot_be_is_said(data: Path) -> None:
    (data / "file").touch()
    for folder, words in {"file/data": "cannot be written to", "x" * 100: "too long"}.items():
        refused = refusal("--port", str(free_port()), "--data-dir", str(data / folder))
        assert words in refused
        assert "DATA_DIR=" in refused


def test_a_stack_that_cannot_start_says_why(data: Path) -> None:
    environment = {**os.environ, "RAPIDDRAFT_KERNEL": "occ"}  # pythonocc is not installed
    arguments = ("--port", str(free_port()), "--data-dir", str(data / "inner"), "--ready-seconds", "15")
    said = refusal(*arguments, environment=environment)
    assert "kernel" in said
    assert str(data / "inner" / "stack.log") in said


def refusal(*arguments: str, environment: dict[str, str] | None = None) -> str:
    """What run.py says when it refuses to serve."""
    done = subprocess.run(
        command(*arguments), env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 1, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout
