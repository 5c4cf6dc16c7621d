"""Metrics of one process; tests/stack/test_metrics.py has those of all."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from prometheus_client.metrics_core import Metric

from server._atomic_json import LockTimeoutError, with_file_lock
from server.diagnostics.collector import StateCollector
from server.observability import metrics, metrics_folder
from server.services import Services
from server.settings import PROJECT_ROOT
from tests.runtime import targets
from tests.waiting import pid_in
from workers.child_count import counted
from workers.errors import PartError
from workers.sandbox import Limits, Sandbox, SandboxError

DEPLOY = PROJECT_ROOT / "deploy"


def promtool() -> str | None:
    """Where Prometheus's own checker is, if it is installed."""
    return shutil.which("promtool")


def value(name: str, **labels: str) -> float:
    """What this process has counted."""
    return metrics.load().registry.get_sample_value(f"rapiddraft_{name}", labels) or 0.0


def test_requests_are_counted_by_route_template(client: TestClient, model_id: str) -> None:
    client.get(f"/api/models/{model_id}")
    client.get("/api/models/whatever/else/there/is")
    text = client.get("/metrics").text
    count = 'rapiddraft_http_requests_total{method="GET",route="/api/models/{model_id}",status="200"}'
    assert count in text
    assert 'route="unmatched",status="404"' in text
    assert model_id not in text
    assert "rapiddraft_http_request_seconds_bucket" in text


def test_counts_of_all_processes(tmp_path: Path) -> None:
    program = """
import os, sys
from prometheus_client import CollectorRegistry
from server.observability import metrics, metrics_folder
metrics.observe_request("GET", "/x", 200, 0.1)
metrics.child_started()
if os.fork():
    os.wait()
    sys.stdout.buffer.write(metrics.exposition(CollectorRegistry()))
else:
    metrics.observe_request("GET", "/x", 200, 0.1)
    metrics.child_started()
    os._exit(0)
"""
    environment = os.environ | {"PROMETHEUS_MULTIPROC_DIR": str(tmp_path)}
    text = subprocess.check_output([sys.executable, "-c", program], env=environment, text=True)
    assert 'rapiddraft_http_requests_total{method="GET",route="/x",status="200"} 2.0' in text
    assert "rapiddraft_sandbox_children 1.0" in text, "the other process is gone, and its children with it"


def test_what_many_processes_counted_stays_and_takes_two_files(tmp_path: Path) -> None:
    program = """
import os, sys
from pathlib import Path
from prometheus_client import CollectorRegistry
from server.observability import metrics, metrics_folder
for number in range(20):
    if os.fork() == 0:
        metrics.observe_request("GET", f"/{number % 3}", 200, 0.1)
        metrics.child_started()
        os._exit(0)
    os.wait()
    if number % 7 == 0:
        metrics_folder.add_up_the_dead(Path(os.environ["PROMETHEUS_MULTIPROC_DIR"]))
sys.stdout.buffer.write(metrics.exposition(CollectorRegistry()))
"""
    environment = os.environ | {"PROMETHEUS_MULTIPROC_DIR": str(tmp_path)}
    text = subprocess.check_output([sys.executable, "-c", program], env=environment, text=True)
    for route, count in (("/0", 7), ("/1", 7), ("/2", 6)):
        assert f'http_requests_total{{method="GET",route="{route}",status="200"}} {count}.0' in text
        assert f'http_request_seconds_count{{method="GET",route="{route}"}} {count}.0' in text
    assert "rapiddraft_sandbox_children 1.0" not in text
    assert {file.name for file in tmp_path.glob("*.db")} == {"counter_0.db", "histogram_0.db"}


def test_nothing_is_added_up_while_somebody_reads(tmp_path: Path) -> None:
    ended = subprocess.Popen(["true"])
    ended.wait()
    dead = tmp_path / f"counter_{ended.pid}.db"
    dead.touch()
    with metrics_folder.unchanging(tmp_path):
        metrics_folder.add_up_the_dead(tmp_path)
        assert dead.exists()
    metrics_folder.add_up_the_dead(tmp_path)
    assert not dead.exists()
    metrics_folder.add_up_the_dead(tmp_path / "gone")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where the metrics of an installation in `tmp_path` are."""
    monkeypatch.setenv(metrics_folder.VARIABLE, "")  # set back in the end, whatever the test sets
    folder = metrics_folder.folder_of(tmp_path)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def test_who_comes_first_finds_the_folder_empty_and_who_ends_last_removes_it(folder: Path, tmp_path: Path) -> None:
    metrics_folder.enter(tmp_path)
    assert os.environ[metrics_folder.VARIABLE] == str(folder)
    ended = subprocess.Popen(["true"])
    ended.wait()
    (folder / f"counter_{ended.pid}.db").touch()
    (folder / f"counter_{os.getppid()}.db").touch()
    metrics_folder.enter(tmp_path)
    metrics_folder.leave(tmp_path)
    left = {file.name for file in folder.glob("*.db")}
    assert left == {"counter_0.db", f"counter_{os.getppid()}.db"}, "somebody is in it, whose rates would break off"
    (folder / f"counter_{os.getppid()}.db").unlink()
    (folder / f"counter_{os.getpid()}.db").touch()  # of an earlier process with this one's number
    metrics_folder.enter(tmp_path)
    assert list(folder.glob("*.db")) == []
    metrics_folder.leave(tmp_path)
    assert not folder.exists()


def test_the_command_line_does_not_wait_for_what_it_does_not_need() -> None:
    program = "import sys, rapiddraft.cli; print('prometheus_client' in sys.modules)"
    assert subprocess.check_output([sys.executable, "-c", program], text=True).strip() == "False"


# -- sandbox children ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("target", "ending"),
    [
        (targets.part_error, "refused"),
        (targets.abort, "crashed"),
        (targets.stop_itself, "timed_out"),
        (targets.eat_memory, "out_of_memory"),
        (targets.bug, "failed"),
    ],
)
def test_each_end_of_a_child(sandbox: Sandbox, target: Any, ending: str) -> None:  # noqa: ANN401 - a function
    before = value("sandbox_children_ended_total", ending=ending)
    limits = Limits(deadline_seconds=1 if ending == "timed_out" else 60, memory_bytes=256 << 20)
    with pytest.raises((PartError, SandboxError)), counted():
        sandbox.run(f"{target.__module__}:{target.__name__}", {}, limits)
    assert value("sandbox_children_ended_total", ending=ending) == before + 1
    assert value("sandbox_children") == 0


def test_a_child_killed_and_one_not_wanted_any_more(sandbox: Sandbox, tmp_path: Path) -> None:
    payload, limits = {"pid_file": str(tmp_path / "pid")}, Limits(60, 256 << 20)
    before = {ending: value("sandbox_children_ended_total", ending=ending) for ending in metrics.ENDINGS}

    def run(**options: Any) -> None:  # noqa: ANN401 - of Sandbox.run
        with counted():
            sandbox.run("tests.runtime.targets:hang_in_c", payload, limits, **options)

    with ThreadPoolExecutor(1) as thread:
        job = thread.submit(run)
        pid = pid_in(tmp_path / "pid")
        assert value("sandbox_children") == 1
        assert [(child.pid, child.stage) for child in sandbox.running()] == [(pid, "tessellate")]
        os.kill(pid, signal.SIGKILL)
        assert isinstance(job.exception(), SandboxError)
    with pytest.raises(SandboxError):
        run(should_stop=lambda: True)
    assert sandbox.running() == []
    for ending in ("killed", "cancelled"):
        assert value("sandbox_children_ended_total", ending=ending) == before[ending] + 1


def test_locks(tmp_path: Path) -> None:
    waits, timeouts = value("lock_wait_seconds_count"), value("lock_timeouts_total")
    with with_file_lock(tmp_path / "x"), pytest.raises(LockTimeoutError), with_file_lock(tmp_path / "x", timeout=0):
        pass
    assert value("lock_wait_seconds_count") == waits + 1
    assert value("lock_timeouts_total") == timeouts + 1


def test_codes_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    anew = metrics._Metrics()
    monkeypatch.setattr(metrics, "load", lambda: anew)
    for number in range(1000):
        metrics.job_changed("review", "failed", f"code-{number}")
    (family,) = metrics.load().job_changes.collect()
    codes = {sample.labels["code"] for sample in family.samples}
    assert len(codes) < 100
    assert value("job_changes_total", kind="review", state="failed", code="other") > 900


# -- dashboards and alerts -----------------------------------------------------------------------------------


def exposed(services: Services) -> set[str]:
    """The name of every sample that the service may expose."""
    families: list[Metric] = [*metrics.load().registry.collect(), *StateCollector(services).collect()]
    ends = {"counter": ("_total",), "histogram": ("_bucket", "_count", "_sum"), "gauge": ("",)}
    return {f"{family.name}{end}" for family in families for end in ends[family.type]}


def used_in(text: str) -> set[str]:
    return set(re.findall(r"\brapiddraft_\w+", text))


@pytest.fixture
def names(services: Services) -> Iterator[set[str]]:
    names = exposed(services)
    assert len(names) > 20
    yield names


@pytest.mark.parametrize("file", ["grafana/rapiddraft.json", "prometheus/alerts.yml"])
def test_dashboard_and_alerts_use_what_there_is(names: set[str], file: str) -> None:
    used = used_in((DEPLOY / file).read_text())
    assert len(used) > 10
    assert used <= names


def test_every_metric_is_documented_and_nothing_else(names: set[str]) -> None:
    text = (PROJECT_ROOT / "docs" / "monitoring.md").read_text()
    rows = set(re.findall(r"^\| `(rapiddraft_\w+)", text, re.MULTILINE))
    assert rows == {re.sub(r"_(bucket|count|sum)$", "", name) for name in names}


def test_every_alert_says_what_to_do() -> None:
    alerts = re.findall(r"- alert: (\w+)", (DEPLOY / "prometheus" / "alerts.yml").read_text())
    text = (PROJECT_ROOT / "docs" / "monitoring.md").read_text()
    assert alerts
    assert re.findall(r"^\| `([A-Z]\w+)`", text, re.MULTILINE) == alerts


def test_the_dashboard_is_whole() -> None:
    dashboard = json.loads((DEPLOY / "grafana" / "rapiddraft.json").read_text())
    panels = [panel for panel in dashboard["panels"] if panel["type"] != "row"]
    assert len({panel["id"] for panel in dashboard["panels"]}) == len(dashboard["panels"])
    assert all(panel["targets"] and panel["title"] for panel in panels)


@pytest.mark.skipif(promtool() is None, reason="promtool is not installed (Debian's package prometheus)")
@pytest.mark.parametrize(
    "words",
    [
        ("check", "rules", "alerts.yml"),
        ("check", "config", "--syntax-only", "prometheus.yml"),
        ("test", "rules", "alerts_test.yml"),
    ],
)
def test_promtool_accepts_rules_and_configuration(words: tuple[str, ...]) -> None:
    command = [str(promtool()), *words]
    checked = subprocess.run(command, cwd=DEPLOY / "prometheus", capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr
