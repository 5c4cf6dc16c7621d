"""The programs, started as the units start them, work with the system calls and sockets that the units leave them."""

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import httpx
import pytest

from server.settings import PROJECT_ROOT
from tests.deploy.test_units import INSTALLED, SERVICES, directives, needs_systemd
from tests.stack.running import SAMPLE, free_port
from tests.waiting import until

# SQLite gives its files to the owner of the database, but only as root, which the units' user is not.
AS_ROOT_ONLY = {"fchown"}

pytestmark = [
    needs_systemd,
    pytest.mark.skipif(shutil.which("strace") is None, reason="there is no strace"),
    pytest.mark.stack,
]


def test_the_programs_live_with_what_the_units_allow(data: Path) -> None:
    port = free_port()
    with (
        traced(SERVICES[0], data, port),
        traced(SERVICES[1], data, port),
        httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as api,
    ):
        until(lambda: is_ready(api), "the API says that all is ready", 120)
        api.headers["Authorization"] = f"Bearer {(data / 'admin-token').read_text().strip()}"
        model = api.post("/api/models?name=part.step", content=SAMPLE.read_bytes()).raise_for_status().json()["id"]
        assert api.post(f"/api/models/{model}/dfm/review-v2").raise_for_status().json()["findings"]
    for service in SERVICES:
        trace = (data / f"{service}.trace").read_text()
        allowed = allowed_calls(service) | (AS_ROOT_ONLY if os.getuid() == 0 else set())
        assert set(re.findall(r"^\d+ +(?:<\.\.\. )?(\w+)[( ]", trace, re.MULTILINE)) - allowed == set()
        families = set(re.findall(r"\bsocket\((AF_\w+)", trace))
        assert families - set(directives(service)["RestrictAddressFamilies"][0].split()) == set()
        # MemoryDenyWriteExecute=
        assert not re.findall(r"\b(?:mmap|mprotect)\(.*PROT_WRITE\|PROT_EXEC.*", trace)


@contextmanager
def traced(service: str, data: Path, port: int) -> Iterator[None]:
    """The service's program under strace, without supervisord; it must end well, and write JSON lines only."""
    command = shlex.split(directives(service)["ExecStart"][0].replace(INSTALLED, str(PROJECT_ROOT)))
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("RAPIDDRAFT_")}
    own = {"RAPIDDRAFT_DATA_DIR": str(data), "RAPIDDRAFT_PORT": str(port)}
    log = data / f"{service}.log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            ["strace", "-D", "-f", "-qq", "-e", "signal=none", "-o", data / f"{service}.trace", *command],
            cwd=PROJECT_ROOT,
            env=inherited | own,
            stdout=out,
            stderr=subprocess.STDOUT,
        )
    try:
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        status = process.wait(60)
    assert status == 0
    assert all(isinstance(json.loads(line), dict) for line in log.read_text().splitlines())


def is_ready(api: httpx.Client) -> bool:
    try:
        return api.get("/readyz").is_success
    except httpx.TransportError:
        return False


def allowed_calls(service: str) -> set[str]:
    allowed: set[str] = set(calls("@default"))
    for words in directives(service)["SystemCallFilter"]:
        named = {call for word in words.removeprefix("~").split() for call in calls(word)}
        allowed = allowed - named if words.startswith("~") else allowed | named
    return allowed


@cache
def calls(word: str) -> frozenset[str]:
    """The system calls that a name of systemd's stands for."""
    if not word.startswith("@"):
        return frozenset({word})
    command = ["systemd-analyze", "syscall-filter", word]
    listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()[1:]
    words = [line.strip() for line in listed if line.strip() and not line.strip().startswith("#")]
    return frozenset(call for inner in words for call in calls(inner))
