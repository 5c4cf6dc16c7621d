"""`rapiddraft jobs`, on a data folder whose stack does not run."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from server.settings import Settings
from server.stores.dfm_review_jobs import Job, JobError, JobState
from tests.jobs.conftest import Installation, install
from workers import actors
from workers.file_broker import FileBroker

ERROR = JobError(code="worker_lost", title="t", detail="The worker went away.", advice="a")


@pytest.fixture
def stopped(tmp_path: Path) -> Iterator[Installation]:
    installation = install(Settings(data_dir=tmp_path / "data"))
    installation.broker.close()
    yield installation
    installation.broker.close()


def rapiddraft(data_dir: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "rapiddraft", "jobs", *arguments]
    environment = {**os.environ, "RAPIDDRAFT_DATA_DIR": str(data_dir), "COLUMNS": "200"}
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)


def dead(installation: Installation, what: str) -> Job:
    job = installation.ask(what)
    return installation.jobs.transition(job.id, JobState.DEAD, reason=ERROR.detail, error=ERROR)


def test_list_and_show(stopped: Installation) -> None:
    queued, lost = stopped.ask("one"), dead(stopped, "two")
    root = stopped.data.root
    table = rapiddraft(root, "list")
    assert table.returncode == 0, table.stderr
    lines = [line.split()[0] for line in table.stdout.splitlines()[1:]]
    assert lines == [lost.id, queued.id]
    assert "worker_lost: The worker went away." in table.stdout and "requested" in table.stdout
    filtered = rapiddraft(root, "list", "--state", "dead", "--code", "worker_lost", "--json")
    assert [job["id"] for job in json.loads(filtered.stdout)["items"]] == [lost.id]
    page = rapiddraft(root, "list", "--limit", "1")
    assert f"--cursor {lost.id}" in page.stderr
    assert queued.id in rapiddraft(root, "list", "--limit", "1", "--cursor", lost.id).stdout
    assert json.loads(rapiddraft(root, "show", lost.id).stdout) == lost.model_dump(mode="json")


def test_retry_and_discard(stopped: Installation) -> None:
    again, away = dead(stopped, "one"), dead(stopped, "two")
    retried = rapiddraft(stopped.data.root, "retry", again.id)
    assert (retried.returncode, retried.stdout) == (0, f"{again.id} queued\n"), retried.stderr
    assert stopped.jobs.get(again.id).state is JobState.QUEUED
    assert isinstance(stopped.broker, FileBroker)
    assert stopped.broker.message_ids(actors.QUEUE) == {again.id}
    discarded = rapiddraft(stopped.data.root, "discard", away.id)
    assert (discarded.returncode, discarded.stdout) == (0, f"{away.id} discarded\n"), discarded.stderr
    assert stopped.jobs.get(away.id).state is JobState.CANCELLED
    assert "from a shell" in stopped.jobs.get(away.id).history[-1].reason


def test_what_cannot_be_done_is_said(stopped: Installation, tmp_path: Path) -> None:
    queued = stopped.ask("one")
    for arguments, reason in (
        (["retry", queued.id], "only one that is failed or dead can be retried"),
        (["discard", queued.id], "only one that is failed or dead can be discarded"),
        (["show", "01ARZ3NDEKTSV4RRFFQ69G5FAV"], "There is no job"),
        (["show", "../admin-token"], "not the id of a job"),
    ):
        refused = rapiddraft(stopped.data.root, *arguments)
        assert (refused.returncode, refused.stdout) == (2, "")
        assert reason in refused.stderr
    nowhere = rapiddraft(tmp_path / "nowhere", "retry", queued.id)
    assert nowhere.returncode == 2 and "There is no data folder" in nowhere.stderr
    assert not (tmp_path / "nowhere").exists()
