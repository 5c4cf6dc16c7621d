"""Candidate sessions through the real worker, its children and the real edits."""

from pathlib import Path
from typing import Any

import psutil
import pytest

from server.data_folder import DataFolder
from server.stores.verify import verify
from tests.stack.running import Stack
from tests.stack.test_recovery import suspended_child, worker
from tests.waiting import is_running, until

pytestmark = pytest.mark.stack

WHY = {"reason": "it is cheaper"}


def reviewed(stack: Stack, model_id: str, **configuration: Any) -> tuple[Any, str]:  # noqa: ANN401 - JSON
    """A review of a model, and the id of its run."""
    answer = stack.api.post(f"/api/models/{model_id}/dfm/review-v2", json=configuration).raise_for_status()
    return answer.json(), answer.headers["content-location"].rpartition("/")[2]


def begun(stack: Stack, model_id: str) -> str:
    """A session on a review of the model; its path."""
    _, run_id = reviewed(stack, model_id)
    sessions = f"/api/models/{model_id}/dfm/candidate-sessions"
    return str(stack.api.post(sessions, json={"run_id": run_id}).raise_for_status().headers["location"])


def finding_of(stack: Stack, session: str, rule: str) -> str:
    findings = stack.api.get(session).raise_for_status().json()["findings"]
    return str(next(finding["id"] for finding in findings if finding["rule"] == rule))


def test_the_accepted_part_is_reviewed_to_the_same_findings(stack: Stack, copies: list[str], tmp_path: Path) -> None:
    session = begun(stack, copies[4])
    before = {finding["id"] for finding in stack.api.get(session).json()["findings"]}
    cleared = set()
    for rule in ("hole-flat-bottom", "corner-radius"):
        wanted = {"finding": finding_of(stack, session, rule)}
        candidate = stack.api.post(f"{session}/candidates", json=wanted).raise_for_status().json()
        assert (candidate["state"], candidate["new"]) == ("proposed", []), candidate
        assert wanted["finding"] in candidate["cleared"]
        cleared |= set(candidate["cleared"])
        stack.api.post(f"{session}/candidates/{candidate['id']}/accept", json=WHY).raise_for_status()
    now = stack.api.get(session).json()
    assert {finding["id"] for finding in now["findings"]} <= before - cleared

    fixed = tmp_path / "fixed.step"
    fixed.write_bytes(stack.api.get(f"{session}/part.step").raise_for_status().content)
    model = stack.upload(fixed).raise_for_status().json()
    assert model["sha256"] == now["part"]["sha256"]
    again, _ = reviewed(stack, model["id"], process=now["process"], limits=now["limits"], material=now["material"])
    session_review = stack.api.get(f"{session}/review").raise_for_status().json()
    for what in ("findings", "features", "facts", "summary"):
        assert again[what] == session_review[what]


def test_a_worker_that_is_killed_half_way_leaves_the_session_as_it_was(stack: Stack, copies: list[str]) -> None:
    session = begun(stack, copies[5])
    before = stack.api.get(session).json()
    wanted = {"finding": finding_of(stack, session, "hole-flat-bottom")}
    asked = stack.api.post(f"{session}/candidates", json=wanted, headers={"Prefer": "respond-async"})
    job_id = asked.raise_for_status().json()["id"]
    child = suspended_child(stack)
    [victim] = [psutil.Process(pid) for pid in worker(stack)]
    orphans = victim.children(recursive=True)
    victim.kill()
    until(lambda: not any(is_running(process.pid) for process in (child, *orphans)), "no orphan is left")
    assert stack.api.get(session).json() == before

    stack.wait_until_ready()
    job = stack.ended_job(job_id, seconds=60)
    assert (job["state"], job["attempts"]) == ("succeeded", 2), job["history"]
    assert job["history"][-1]["reason"] == "an edit was tried"
    now = stack.api.get(session).json()
    assert [(candidate["id"], candidate["state"]) for candidate in now["candidates"]] == [(job_id, "proposed")]
    stack.api.post(f"{session}/candidates/{job_id}/accept", json=WHY).raise_for_status()
    assert stack.api.get(f"{session}/part.step").raise_for_status().content.startswith(b"ISO-10303-21;")
    assert not [finding for finding in verify(DataFolder(stack.data)).findings if finding.bad]
