"""The stack is stopped with work under way: it ends in order and in time, and the next one does what was left."""

import configparser
import re
from pathlib import Path

import pytest

from tests.faults.test_poison import far_points
from tests.stack.running import PROJECT, SAMPLE, Stack, running_stack
from tests.waiting import is_running, until

# What a container engine waits before it kills (docs/deploy.md), and what supervisord itself may need of it.
ENGINE_SECONDS = 30
SUPERVISORD_SECONDS = 5

pytestmark = pytest.mark.stack


def test_a_long_job_and_those_behind_it_survive_a_stop(data: Path) -> None:
    settings = {"RAPIDDRAFT_SANDBOX_CHILDREN": "1", "RAPIDDRAFT_BROKER_LEASE_SECONDS": "3"}
    with running_stack(data, **settings, RAPIDDRAFT_SANDBOX_DEADLINE_SECONDS="120") as stack:
        stack.wait_until_ready()
        long = ask_for_review_of(stack, far_points())
        until(lambda: stack.api.get(f"/api/jobs/{long}").json()["state"] == "running", "the long job has begun")
        waiting = [ask_for_review_of(stack, f"{SAMPLE.read_text()}/* {number} */\n") for number in range(3)]
        family = stack.family()
        assert stack.stop() == 0
        assert not [process for process in family if is_running(process.pid)]
        # None had to be killed: each gave up by itself what it could not finish.
        assert not [line["message"] for line in stack.lines() if "SIGKILL" in line["message"]]
    with running_stack(data, **settings, RAPIDDRAFT_SANDBOX_DEADLINE_SECONDS="5") as stack:
        stack.wait_until_ready()
        assert stack.ended_job(long, seconds=60)["error"]["code"] == "timed_out"
        assert [stack.ended_job(job, seconds=60)["state"] for job in waiting] == ["succeeded"] * 3


def ask_for_review_of(stack: Stack, text: str) -> str:
    model = stack.api.post("/api/models?name=part.step", content=text).raise_for_status().json()["id"]
    return str(stack.ask_for_review(model).raise_for_status().json()["id"])


def test_the_stack_stops_before_a_container_engine_kills_it() -> None:
    patience = {program: int(section["stopwaitsecs"]) for program, section in programs().items()}
    assert patience["worker"] > stop_seconds("workers/__main__.py") + stop_seconds("workers/reconciler.py")
    assert patience["api"] > stop_seconds("server/gunicorn_conf.py")
    assert sum(patience.values()) + SUPERVISORD_SECONDS < ENGINE_SECONDS


def programs() -> dict[str, configparser.SectionProxy]:
    """The programs of supervisord.conf, by their names."""
    conf = configparser.ConfigParser(interpolation=None, comment_prefixes=";")
    conf.read(PROJECT / "supervisord.conf")
    return {name.removeprefix("program:"): conf[name] for name in conf.sections() if name.startswith("program:")}


def stop_seconds(file: str) -> float:
    """What a module has as its STOP_SECONDS; read, because importing a program's module begins to set it up."""
    found = re.search(r"^_?STOP_SECONDS = ([\d.]+)$", (PROJECT / file).read_text(), re.MULTILINE)
    assert found, f"{file} has no STOP_SECONDS"
    return float(found.group(1))
