"""One JSON object a line on stdout, whatever writes it, one request id all the way, and no secrets."""

import os
import signal
import subprocess
from collections import Counter
from pathlib import Path
from typing import Any, Literal

import psutil
import pytest
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from server.ids import new_id
from tests.stack.running import BIN, PROJECT, SAMPLE, Stack, running_stack
from tests.stack.test_recovery import sandbox_children, worker
from tests.waiting import until

pytestmark = pytest.mark.stack

MARKER = "Geheimteil 4711"  # in the files that are uploaded, and nowhere else


class Line(BaseModel):
    """What every line of the log is."""

    model_config = ConfigDict(extra="allow", strict=True)

    time: AwareDatetime = Field(strict=False)
    level: Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"]
    logger: str = Field(min_length=1)
    message: str
    pid: int = Field(ge=1)
    process: Literal["supervisord", "api", "worker", "sandbox"]
    request_id: str | None = None
    job_id: str | None = None
    model_id: str | None = None


def checked(log: Path) -> list[dict[str, Any]]:
    """The lines of a log, each of which is as it must be."""
    raw = log.read_bytes().splitlines(keepends=True)
    assert all(line.endswith(b"\n") and len(line) <= 4096 for line in raw)
    return [Line.model_validate_json(line).model_dump() for line in raw]


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


def test_nothing_writes_bare_text(stack: Stack) -> None:
    lines = checked(stack.log)
    assert {line["process"] for line in lines} >= {"supervisord", "api", "worker", "sandbox"}
    assert not [line for line in lines if line["logger"].endswith(".output")]


class Session:
    """Somebody who uses a stack, and remembers what was asked, by request id."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.asked: list[str] = []

    def __call__(self, method: str, path: str, **request: Any) -> Any:  # noqa: ANN401 - as httpx has it
        request["headers"] = {"X-Request-ID": new_id(), **request.get("headers", {})}
        self.asked.append(request["headers"]["X-Request-ID"])
        return self.stack.api.request(method, path, **request)

    def review_job(self, content: bytes) -> str:
        """Upload a part, ask for its review, and return the job's id."""
        model = self("POST", "/api/models", params={"name": "part.step"}, content=content).raise_for_status().json()
        asked = self("POST", f"/api/models/{model['id']}/dfm/review-v2", headers={"Prefer": "respond-async"})
        return str(asked.raise_for_status().json()["id"])


@pytest.fixture
def buggy(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the API of stacks started in this test be the one with a bug."""
    configuration = (PROJECT / "supervisord.conf").read_text().replace("%(here)s", str(PROJECT))
    mine = configuration.replace("python:server.gunicorn_conf", "python:tests.stack.buggy_api")
    assert mine != configuration
    (data / "buggy.conf").write_text(mine)
    monkeypatch.setattr(Stack, "configuration", data / "buggy.conf")


@pytest.mark.usefixtures("buggy")
def test_a_session_of_crashes_is_logged_line_by_line_and_tells_no_secrets(data: Path) -> None:
    parts = [
        SAMPLE.read_text().replace("PRODUCT('Open CASCADE STEP translator 8.0 1'", f"PRODUCT('{MARKER}'", 1)
        + f"/* {number} */\n"
        for number in range(3)
    ]
    assert all(MARKER in part for part in parts)
    with running_stack(data, RAPIDDRAFT_BROKER_LEASE_SECONDS="3") as stack:
        stack.wait_until_ready()
        session = Session(stack)
        made = subprocess.run(
            [BIN / "rapiddraft", "token", "make", "Ana", "--role", "viewer"],
            env=stack.environment,
            capture_output=True,
            text=True,
            check=True,
        )
        assert session("GET", "/api/models", headers={"Authorization": "Bearer wrong-token"}).status_code == 401
        assert session("GET", "/api/bug").status_code == 500

        crashed = session.review_job(parts[0].encode())
        os.kill(min(until(lambda: sandbox_children(stack), "a child runs")), signal.SIGSEGV)
        crash = stack.ended_job(crashed, 60)

        lost = session.review_job(parts[1].encode())
        until(lambda: sandbox_children(stack), "a child runs")
        psutil.Process(min(worker(stack))).kill()
        again = stack.ended_job(lost, 60)

        undisturbed = session.review_job(parts[2].encode())
        reviewed = stack.ended_job(undisturbed, 60)

        broken = session.review_job(parts[0].replace("CARTESIAN_POINT", MARKER.upper()).encode())
        refused = stack.ended_job(broken, 60)
    lines = checked(stack.log)

    assert (crash["error"]["code"], again["state"], reviewed["state"]) == ("kernel_crashed", "succeeded", "succeeded")
    assert refused["state"] == "failed"
    requests = Counter(line["request_id"] for line in lines if line["logger"] == "access" and "status" in line)
    assert {requests[request_id] for request_id in session.asked} == {1}
    attempts = {line["job_id"]: line for line in lines if line["message"] == "job attempt"}
    assert set(attempts) == {crashed, lost, undisturbed, broken}
    # Of the lost one it is not known how far it was: its worker may just have kept the review.
    assert attempts[lost]["attempt"] == again["attempts"]
    assert attempts[undisturbed]["attempt"] == 1
    assert {"read", "features", "rules"} <= attempts[undisturbed]["stages_ms"].keys()
    assert attempts[crashed]["state"] == attempts[broken]["state"] == "failed"

    (bug,) = [line for line in lines if "ZeroDivisionError" in line.get("exc_info", "")]
    assert (bug["process"], bug["logger"], bug["request_id"] in session.asked) == ("api", "access", True)
    words = "".join(line["message"] for line in lines if line["logger"] == "api.output")
    assert all(said in words for said in ("words on stdout", "words on stderr, \\xff", "in two lines"))

    text = stack.log.read_text()
    tokens = [(data / "admin-token").read_text().strip(), *made.stdout.split(), "wrong-token"]
    secrets = [word for word in tokens if len(word) > 10] + [MARKER, MARKER.upper()]
    secrets += [line for line in SAMPLE.read_text().splitlines() if line.startswith("#") and len(line) > 30]
    assert len(secrets) > 20
    assert not [secret for secret in secrets if secret in text]


def test_a_bad_setting_is_logged_line_by_line(data: Path) -> None:
    with running_stack(data, RAPIDDRAFT_PORT="ninety") as stack:
        until(lambda: stack.process.poll() is not None, "supervisord gives up", 120)
    assert stack.process.returncode == 1
    lines = checked(stack.log)
    assert [line for line in lines if line["level"] == "CRITICAL" and "ValidationError" in line.get("exc_info", "")]
