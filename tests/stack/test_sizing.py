"""How many API processes there are, and how many threads in each, is what the settings say."""

from pathlib import Path

import pytest

from server.settings import Settings
from tests.stack.running import running_stack

pytestmark = pytest.mark.stack


def test_processes_and_threads_of_the_api(data: Path) -> None:
    with running_stack(data, RAPIDDRAFT_UVICORN_WORKERS="3", RAPIDDRAFT_THREADPOOL_SIZE="7") as stack:
        stack.wait_until_ready()
        api = stack.pid("api")
        processes = [process.pid for process in stack.family() if process.ppid() == api]
        started = [line for line in stack.lines() if line["logger"] == "server.services"]
        assert len(processes) == 3
        assert {line["pid"]: line["threads"] for line in started} == dict.fromkeys(processes, 7)


def test_the_names_that_other_services_give_them_do_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UVICORN_WORKERS", "3")
    monkeypatch.setenv("STARLETTE_THREADPOOL_SIZE", "7")
    assert (Settings().uvicorn_workers, Settings().threadpool_size) == (3, 7)
