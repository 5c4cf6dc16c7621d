"""How many API processes there are, and how many threads in each, is what the settings say."""

from pathlib import Path

import pytest

from tests.stack.running import running_stack

pytestmark = [pytest.mark.stack, pytest.mark.xdist_group("stack")]


@pytest.mark.parametrize(
    ("workers", "threads"),
    [("UVICORN_WORKERS", "STARLETTE_THREADPOOL_SIZE"), ("RAPIDDRAFT_UVICORN_WORKERS", "RAPIDDRAFT_THREADPOOL_SIZE")],
)
def test_processes_and_threads_of_the_api(data: Path, workers: str, threads: str) -> None:
    with running_stack(data, **{workers: "3", threads: "7"}) as stack:
        stack.wait_until_ready()
        api = stack.pid("api")
        processes = [process.pid for process in stack.family() if process.ppid() == api]
        started = [line for line in stack.lines() if line["logger"] == "server.services"]
        assert len(processes) == 3
        assert {line["pid"]: line["threads"] for line in started} == dict.fromkeys(processes, 7)
