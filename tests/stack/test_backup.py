"""A backup of a running stack: all that was acknowledged before is in it, and a stack goes on from it."""

import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import httpx
import pytest

from server.data_folder import DataFolder
from server.stores.verify import verify
from tests.faults.load import Ledger, under_load
from tests.stack.running import FINAL, PROJECT, SAMPLE, Stack, running_stack
from tests.waiting import until

pytestmark = pytest.mark.stack


def rapiddraft(data: Path, *words: str) -> str:
    """What the command prints; it must succeed."""
    done = subprocess.run(
        [sys.executable, "-m", "rapiddraft", *words],
        cwd=PROJECT,
        env={**os.environ, "RAPIDDRAFT_DATA_DIR": str(data)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


class Remover(threading.Thread):
    """Uploads parts and removes every other at once, with a client of its own."""

    def __init__(self, stack: Stack) -> None:
        super().__init__()
        self.kept: list[str] = []
        self.removed: list[str] = []
        self.over = threading.Event()
        self._http = httpx.Client(base_url=stack.api.base_url, headers=stack.api.headers, timeout=60)

    def run(self) -> None:
        for serial in range(10_000):
            if self.over.is_set():
                return
            part = SAMPLE.read_bytes() + f"/* to be removed {serial} */\n".encode()
            model = self._http.post("/api/models?name=x.step", content=part).raise_for_status().json()["id"]
            if serial % 2:
                self._http.delete(f"/api/models/{model}").raise_for_status()
                self.removed.append(model)
            else:
                self.kept.append(model)


def copied(ledger: Ledger) -> dict[str, Any]:
    """What had been acknowledged by now."""
    return {
        "models": dict(ledger.models),
        "tickets": dict(ledger.tickets),
        "replies": dict(ledger.replies),
        "jobs": set(ledger.jobs),
        "runs": dict(ledger.runs),
    }


def test_a_backup_under_load_is_a_stack_that_goes_on(data: Path) -> None:
    source, target, archive = data / "source", data / "target", data / "backup.tar.gz"
    # Five clients, a backup and the reviews on one machine: how long the event loop waits is not the question here.
    loaded = {"RAPIDDRAFT_DEBUG_EVENT_LOOP": "false"}
    with running_stack(source, RAPIDDRAFT_WARM_PART_FACTS="true", **loaded) as stack:
        stack.wait_until_ready()
        token = rapiddraft(source, "token", "make", "Ann", "--role", "viewer").strip()
        remover = Remover(stack)
        with under_load(stack, SAMPLE.read_bytes()) as ledger:
            remover.start()
            until(lambda: len(ledger.replies) > 5 and len(ledger.runs) > 2 and len(remover.removed) > 3, "load", 60)
            waiting = [stack.ask_for_review(model).json()["id"] for model in list(ledger.models)[:8]]
            said, kept, removed = copied(ledger), list(remover.kept), list(remover.removed)
            rapiddraft(source, "backup", str(archive))
            remover.over.set()
            remover.join(60)
        assert not remover.is_alive()
    assert "good" in rapiddraft(source, "backup", "--verify", str(archive))
    assert "good" in rapiddraft(target, "restore", str(archive))
    assert not (target / "admin-token").exists() and not (target / "queue.sqlite3").exists()
    assert verify(DataFolder(target)).findings == []
    with running_stack(target, **loaded) as stack:
        stack.wait_until_ready()
        _is_there(stack.api, said, waiting)
        for model in kept:
            stack.api.get(f"/api/models/{model}").raise_for_status()
        for model in removed:
            assert stack.api.get(f"/api/models/{model}").status_code == 404
            stack.api.get(f"/api/models/{model}/activity").raise_for_status()
        assert stack.api.get("/api/models", headers={"Authorization": f"Bearer {token}"}).is_success
        jobs = {job["id"]: job for job in _all_jobs(stack.api)}
        unfinished = [id_ for id_, job in jobs.items() if job["state"] not in FINAL]
        ended = [stack.ended_job(id_, 150) for id_ in unfinished]
        allowed = {"succeeded", "failed"}  # failed: its part was removed
        assert {job["state"] for job in ended} <= allowed
        assert all(job["error"]["code"] == "model_removed" for job in ended if job["state"] == "failed")
    assert verify(DataFolder(target)).findings == []


def _is_there(api: httpx.Client, said: dict[str, Any], waiting: list[str]) -> None:
    for model, sha256 in said["models"].items():
        assert api.get(f"/api/models/{model}").raise_for_status().json()["sha256"] == sha256
    for ticket in said["tickets"].values():
        api.get(f"/api/models/{ticket['model']}/tickets/{ticket['id']}").raise_for_status()
    for reply, (model, ticket, text) in said["replies"].items():
        replies = api.get(f"/api/models/{model}/tickets/{ticket}").json()["replies"]
        assert [found["text"] for found in replies if found["id"] == reply] == [text]
    for run, model in said["runs"].items():
        assert api.get(f"/api/models/{model}/analysis-runs/{run}").raise_for_status().json()["findings"]
    for job in [*said["jobs"], *waiting]:
        api.get(f"/api/jobs/{job}").raise_for_status()


def _all_jobs(api: httpx.Client) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    cursor: dict[str, str] = {}
    while True:
        page = api.get("/api/admin/jobs", params={"limit": 100, **cursor}).raise_for_status().json()
        found += page["items"]
        if not page["next_cursor"]:
            return found
        cursor = {"cursor": page["next_cursor"]}


def test_a_folder_that_a_stack_runs_on_is_not_restored_into(stack: Stack, tmp_path: Path) -> None:
    archive = tmp_path / "backup.tar"
    rapiddraft(stack.data, "backup", str(archive))
    refused = subprocess.run(
        [sys.executable, "-m", "rapiddraft", "restore", str(archive), "--data-dir", str(stack.data)],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert refused.returncode == 2
    assert "A stack runs on" in refused.stderr
    assert stack.api.get("/readyz").is_success
