"""One JSON object a line on stdout, whatever writes it, and one request id all the way."""

from typing import Any

import pytest

from server.ids import new_id
from tests.stack.running import Stack

pytestmark = [pytest.mark.stack, pytest.mark.xdist_group("stack")]


def test_a_request_id_is_on_the_lines_of_every_process(stack: Stack, model: dict[str, Any]) -> None:
    request_id = new_id()
    asked = stack.ask_for_review(model["id"], **{"X-Request-ID": request_id})
    assert asked.headers["X-Request-ID"] == request_id
    job = stack.ended_job(asked.json()["id"], seconds=60)
    lines = [line for line in stack.lines() if line.get("request_id") == request_id]
    assert {line["process"] for line in lines} >= {"api", "worker", "sandbox"}
    (sandbox_start,) = [line for line in lines if line["message"] == "Sandbox child started."]
    assert sandbox_start["job_id"] == job["id"]
    assert sandbox_start["model_id"] == model["id"]


def test_every_line_is_json_and_says_where_it_comes_from(stack: Stack) -> None:
    lines = stack.lines()
    assert {line["process"] for line in lines} >= {"supervisord", "api", "worker", "sandbox"}
    for line in lines:
        assert {"time", "level", "logger", "message", "pid", "process"} <= line.keys()
        assert isinstance(line["pid"], int)
    assert not [line for line in lines if line["logger"].endswith(".output")], "something wrote bare text"
