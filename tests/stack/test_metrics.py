"""What the whole stack counts: each number moves when what it counts happens, whichever process it happens in."""

import subprocess
from pathlib import Path

import psutil
import pytest
from prometheus_client.parser import text_string_to_metric_families

from server.observability.metrics import STAGES
from server.observability.metrics_folder import folder_of
from tests.server.test_metrics import promtool
from tests.stack.running import SAMPLE, Stack, running_stack
from tests.stack.test_recovery import api_workers, suspended_child, worker
from tests.waiting import is_running, until

ROUTE = "/api/models/{model_id}/dfm/review-v2"

pytestmark = pytest.mark.stack


class Scrape:
    """What the service said of itself at one moment."""

    def __init__(self, stack: Stack) -> None:
        text = stack.api.get("/metrics").raise_for_status().text
        families = text_string_to_metric_families(text)
        self.samples = {
            (sample.name, frozenset(sample.labels.items())): sample.value
            for family in families
            for sample in family.samples
        }

    def of(self, name: str, **labels: str) -> float:
        """A sample; 0 if it is not there."""
        return self.samples.get((f"rapiddraft_{name}", frozenset(labels.items())), 0.0)

    def all(self, name: str) -> list[float]:
        """The samples of that name."""
        return [value for (sample, _), value in self.samples.items() if sample == f"rapiddraft_{name}"]


class Counts:
    """How much each sample has grown since this was made."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.before = Scrape(stack)

    def more(self, name: str, **labels: str) -> float:
        return Scrape(self.stack).of(name, **labels) - self.before.of(name, **labels)


@pytest.fixture
def counts(stack: Stack) -> Counts:
    stack.wait_until_idle()
    return Counts(stack)


def new_part(stack: Stack, folder: Path) -> str:
    """A model of whose part no geometry is kept, so that its review takes a while."""
    part = folder / "part.step"
    part.write_text(SAMPLE.read_text().replace("\n", f"\n/* {folder} */\n", 1))
    return str(stack.upload(part).raise_for_status().json()["id"])


def reviewed(stack: Stack, model_id: str, seconds: float = 60) -> dict[str, object]:
    return stack.ended_job(stack.ask_for_review(model_id).raise_for_status().json()["id"], seconds)


def test_a_review_is_counted_from_its_request_to_its_end(stack: Stack, counts: Counts, tmp_path: Path) -> None:
    model_id = new_part(stack, tmp_path)
    assert reviewed(stack, model_id)["state"] == "succeeded"
    assert counts.more("http_requests_total", method="POST", route=ROUTE, status="202") == 1
    assert counts.more("http_request_seconds_count", method="POST", route=ROUTE) >= 1  # others may still have waited
    for state in ("queued", "running", "succeeded"):
        assert counts.more("job_changes_total", kind="review", state=state, code="") == 1
    assert counts.more("job_attempts_total", kind="review") == 1
    until(lambda: counts.more("job_stage_seconds_count", kind="review", stage="store") == 1, "the stages are counted")
    assert all(counts.more("job_stage_seconds_count", kind="review", stage=stage) == 1 for stage in STAGES)
    assert counts.more("sandbox_children_ended_total", ending="result") == 1
    until(lambda: counts.more("cache_requests_total", cache="geometry", outcome="miss") == 1, "the miss is counted")
    assert counts.more("cache_requests_total", cache="geometry", outcome="hit") == 0
    assert counts.more("lock_wait_seconds_count") > 0

    assert stack.api.post(f"/api/models/{model_id}/dfm/review-v2").headers["cache-status"] == "rapiddraft; hit"
    assert counts.more("cache_requests_total", cache="review", outcome="hit") == 1
    reviewed(stack, model_id)
    until(lambda: counts.more("cache_requests_total", cache="geometry", outcome="hit") == 1, "the geometry is found")


def test_a_killed_child(stack: Stack, counts: Counts, tmp_path: Path) -> None:
    job = stack.ask_for_review(new_part(stack, tmp_path)).json()["id"]
    suspended_child(stack).kill()
    assert stack.ended_job(job, 60)["state"] == "succeeded"
    assert counts.more("sandbox_children_ended_total", ending="killed") == 1
    assert counts.more("job_changes_total", kind="review", state="retrying", code="worker_lost") == 1
    assert counts.more("job_attempts_total", kind="review") == 2
    assert Scrape(stack).of("sandbox_children") == 0


def test_a_killed_worker(stack: Stack, counts: Counts, tmp_path: Path) -> None:
    job = stack.ask_for_review(new_part(stack, tmp_path)).json()["id"]
    suspended_child(stack)  # it must not end before its worker does
    (pid,) = worker(stack)
    psutil.Process(pid).kill()
    until(lambda: not is_running(pid), "it is gone")
    assert stack.ended_job(job, 60)["state"] == "succeeded"
    assert counts.more("lease_losses_total") == 1
    assert counts.more("job_attempts_total", kind="review") == 2
    # The child that the killed one said it had is not said to live for ever; what it counted stays.
    assert Scrape(stack).of("sandbox_children") == 0
    assert counts.more("job_changes_total", kind="review", state="running", code="") == 2


def test_what_the_worker_counted_outlives_the_api(stack: Stack, counts: Counts, copies: list[str]) -> None:
    reviewed(stack, copies[3])
    stack.control("stop", "api")
    stack.begin("api")
    stack.wait_until_ready()
    assert counts.more("job_attempts_total", kind="review") == 1
    assert counts.more("http_requests_total", method="POST", route=ROUTE, status="202") == 1


def test_how_things_stand(stack: Stack) -> None:
    stack.wait_until_idle()
    until(lambda: Scrape(stack).of("workers") == 1, "one that was killed is no longer counted")
    now = Scrape(stack)
    assert now.of("http_requests_in_flight") == 1  # this one
    assert now.of("queue_messages", state="waiting") == now.of("queue_messages", state="held") == 0
    assert now.of("queue_oldest_waiting_seconds") == 0
    assert 0 < now.of("disk_free_bytes") < now.of("disk_size_bytes")
    assert now.of("queue_wal_bytes") == (stack.data / "queue.sqlite3-wal").stat().st_size
    assert now.of("cache_bytes") > 0 and now.of("cache_entries") > 0
    assert set(now.all("check_ok")) == {1}
    assert now.of("memory_bytes", process="API worker") > 1e7
    assert now.all("build_info") == [1]


def test_without_a_worker_the_jobs_wait(stack: Stack, copies: list[str]) -> None:
    stack.wait_until_idle()
    stack.control("stop", "worker")
    try:
        until(lambda: Scrape(stack).of("workers") == 0, "none is counted")
        job = stack.ask_for_review(copies[4]).json()["id"]
        until(lambda: Scrape(stack).of("queue_oldest_waiting_seconds") > 1, "it waits")
        now = Scrape(stack)
        assert now.of("queue_messages", state="waiting") == 1
        assert now.of("check_ok", check="worker", required="true") == 0
    finally:
        stack.begin("worker")
    assert stack.ended_job(job, 60)["state"] == "succeeded"


def test_only_processes_that_count_have_files_and_each_has_few(stack: Stack, copies: list[str]) -> None:
    """Not the sandbox children: a file each would fill the memory that the files lie in."""
    folder = folder_of(stack.data)
    reviewed(stack, copies[5])
    before = files(folder)
    for model_id in copies[5:]:
        reviewed(stack, model_id)
    assert files(folder) == before
    living = {pid for _, pid in before if psutil.pid_exists(pid)}
    assert living == api_workers(stack) | worker(stack)


def files(folder: Path) -> set[tuple[str, int]]:
    """Kind and process of each file; 0 stands for all processes that are gone."""
    return {(kind, int(pid)) for kind, _, pid in (file.stem.rpartition("_") for file in folder.glob("*.db"))}


@pytest.mark.skipif(promtool() is None, reason="promtool is not installed (Debian's package prometheus)")
def test_promtool_has_nothing_to_say(stack: Stack) -> None:
    text = stack.api.get("/metrics").content
    command = [str(promtool()), "check", "metrics"]
    checked = subprocess.run(command, input=text, capture_output=True, check=False)
    assert (checked.returncode, checked.stdout + checked.stderr) == (0, b"")


def test_nothing_is_left_of_a_stack_that_was_stopped(data: Path) -> None:
    folder = folder_of(data)
    folder.mkdir()
    (folder / "counter_99999999.db").write_bytes(b"of an earlier start")
    with running_stack(data) as stack:
        stack.wait_until_ready()
        assert {pid for _, pid in files(folder)} == api_workers(stack) | worker(stack)
    assert not folder.exists()
