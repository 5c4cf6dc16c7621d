"""The real stack: supervisord from the project's own supervisord.conf, on a data folder of its own."""

import json
import os
import socket
import subprocess
import sys
import xmlrpc.client
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import psutil
from supervisor.xmlrpc import SupervisorTransport

from loadtests.stopping import ending_with_this
from tests.waiting import PATIENCE, is_running, until

PROJECT = Path(__file__).resolve().parents[2]
SAMPLE = PROJECT / "samples" / "bracket.step"
BIN = Path(sys.executable).parent
FINAL = ("succeeded", "failed", "dead", "cancelled")


class Stack:
    """A running stack, and what tests ask of it."""

    configuration = PROJECT / "supervisord.conf"

    def __init__(self, data: Path, **settings: str) -> None:
        self.data = data
        self.log = data / "stdout"
        self.port = free_port()
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("RAPIDDRAFT_")}
        own = {
            "RAPIDDRAFT_DATA_DIR": str(data),
            "RAPIDDRAFT_PORT": str(self.port),
            "RAPIDDRAFT_WARM_PART_FACTS": "false",  # the tests count jobs; those of warming up ask for it
        }
        self.environment = {**inherited, **own, **settings}
        self.process = self.start()
        self.api = httpx.Client(base_url=f"http://127.0.0.1:{self.port}", timeout=60)

    def start(self) -> "subprocess.Popen[bytes]":
        """Start supervisord; its output goes to the end of the log."""
        with self.log.open("ab") as log:
            return subprocess.Popen(
                [BIN / "supervisord", "-c", self.configuration],
                cwd=PROJECT,
                env=self.environment,
                stdout=log,
                stderr=subprocess.STDOUT,
                preexec_fn=ending_with_this(),
            )

    def wait_until_ready(self) -> None:
        until(lambda: self.process.poll() is None and self._is_ready(), "the stack is ready", 60)
        token = (self.data / "admin-token").read_text().strip()
        self.api.headers["Authorization"] = f"Bearer {token}"

    def wait_until_idle(self) -> None:
        """Wait for the jobs that earlier tests left under way."""
        states = ("queued", "running", "retrying")
        until(lambda: not any(self._jobs_in(state) for state in states), "every job has ended", 60)

    def _jobs_in(self, state: str) -> list[dict[str, Any]]:
        page: dict[str, Any] = self.api.get("/api/jobs", params={"state": state, "limit": 1}).raise_for_status().json()
        items: list[dict[str, Any]] = page["items"]
        return items

    def _is_ready(self) -> bool:
        try:
            return self.api.get("/readyz").is_success
        except httpx.TransportError:
            return False

    def control(self, *words: str) -> str:
        """What `supervisorctl` says to `words`."""
        command = [str(BIN / "supervisorctl"), "-c", str(self.configuration), *words]
        done = subprocess.run(command, cwd=PROJECT, env=self.environment, capture_output=True, text=True, check=False)
        return done.stdout + done.stderr

    def begin(self, program: str) -> None:
        """Start a program of supervisord's as `supervisorctl start` does, but without waiting for its `startsecs`."""
        transport = SupervisorTransport("", "", f"unix://{self.data}/run/supervisor.sock")
        with xmlrpc.client.ServerProxy("http://supervisord", transport) as supervisord:
            supervisord.supervisor.startProcess(program, False)

    def pid(self, program: str) -> int:
        """The process id of a program of supervisord's; 0 while it does not run."""
        answer = self.control("pid", program).strip()
        return int(answer) if answer.isdigit() else 0

    def family(self) -> list[psutil.Process]:
        """supervisord and every process below it."""
        supervisord = psutil.Process(self.process.pid)
        return [supervisord, *supervisord.children(recursive=True)]

    def stop(self) -> int:
        """Stop it as an operator would; its exit status."""
        self.process.terminate()
        return self.process.wait(60 * PATIENCE)

    def lines(self) -> list[dict[str, Any]]:
        """Everything that was written to stdout so far. Raises ValueError at a line that is not JSON."""
        return [json.loads(line) for line in self.log.read_text().splitlines()]

    def upload(self, part: Path) -> httpx.Response:
        return self.api.post("/api/models", params={"name": part.name}, content=part.read_bytes())

    def ask_for_review(self, model_id: str, **headers: str) -> httpx.Response:
        """Ask for a new review without waiting for it."""
        asked = {"Prefer": "respond-async", "Cache-Control": "no-cache", **headers}
        return self.api.post(f"/api/models/{model_id}/dfm/review-v2", headers=asked)

    def ended_job(self, job_id: str, seconds: float) -> dict[str, Any]:
        """The job, once it has ended."""

        def job() -> dict[str, Any] | None:
            try:
                document: dict[str, Any] = self.api.get(f"/api/jobs/{job_id}").raise_for_status().json()
            except httpx.TransportError:  # the API may be on its way back
                return None
            return document if document["state"] in FINAL else None

        ended = until(job, f"job {job_id} ends", seconds)
        assert ended
        return ended


@contextmanager
def running_stack(data: Path, **settings: str) -> Iterator[Stack]:
    """A stack that is stopped in the end, with nothing left of it, and whose event loops nothing blocked."""
    data.mkdir(parents=True, exist_ok=True)
    stack = Stack(data, **{"RAPIDDRAFT_DEBUG_EVENT_LOOP": "true", **settings})
    family: list[psutil.Process] = []
    try:
        yield stack
        family = stack.family() if stack.process.poll() is None else []
    finally:
        stack.api.close()  # first: the API waits for clients whose connections are open, as a browser's are
        status = stack.stop() if stack.process.poll() is None else None
    if status is not None:
        assert status == 0
        until(lambda: not any(is_running(process.pid) for process in family), "nothing is left of the stack")
    blocked = [line for line in stack.log.read_text().splitlines() if '"the event loop was blocked"' in line]
    assert not blocked, blocked


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
