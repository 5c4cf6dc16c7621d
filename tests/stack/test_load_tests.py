"""The commands themselves, on a real stack: they end by themselves, with the right status, and leave nothing behind."""

import http.server
import json
import multiprocessing
import os
import shutil
import signal
import socketserver
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any, ClassVar

import psutil
import pytest

from loadtests.rows import under_load
from loadtests.sidecar import sidecar
from scripts import loadtest_dfm
from tests.stack.running import PROJECT, SAMPLE, Stack, free_port
from tests.waiting import is_running, until

pytestmark = pytest.mark.stack

# Slow enough for any machine: what these tests are about is not speed.
EVER = "600000"


def command(*words: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, *words],
        cwd=PROJECT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


def loadtest(folder: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    return command("-m", "loadtests.loadtest", "--only", "again", "--results", str(folder), *words)


def test_a_missed_target_is_a_status(tmp_path: Path) -> None:
    missed = loadtest(tmp_path / "missed", "--target", "again_p50_ms=0")
    assert missed.returncode == 1, missed.stdout + missed.stderr
    rows = json.loads((tmp_path / "missed" / "report.json").read_text())["rows"]
    assert [row["met"] for row in rows] == [False, True]
    assert "Missed: 1 of 2" in missed.stdout


def test_the_naive_variant_is_served(tmp_path: Path) -> None:
    with under_load._naive_service(tmp_path / "log") as api:
        assert api.get("/healthz").json() == {"status": "alive"}


def test_the_short_form_does_not_count_speed(tmp_path: Path) -> None:
    kept = loadtest(tmp_path, "--short", "--target", "again_p50_ms=0")
    assert kept.returncode == 0, kept.stdout + kept.stderr
    assert {"report.html", "report.csv", "report.json"} <= {file.name for file in tmp_path.iterdir()}


def test_ctrl_c_leaves_no_process(tmp_path: Path) -> None:
    words = ["-m", "loadtests.loadtest", "--only", "again,streams", "--results", str(tmp_path)]
    # Started as a shell starts what it puts in the background: with SIGINT ignored.
    ignoring = ["bash", "-c", 'trap "" INT; exec "$@"', "run", sys.executable, *words]
    with (tmp_path / "output").open("wb") as output:
        running = subprocess.Popen(ignoring, cwd=PROJECT, stdout=output, stderr=output)
    family: dict[int, psutil.Process] = {}

    def supervisord_runs_gunicorn() -> bool:
        family.update((process.pid, process) for process in psutil.Process(running.pid).children(recursive=True))
        return len(family) > 6

    until(supervisord_runs_gunicorn, "the stack runs", 90)
    running.send_signal(signal.SIGINT)
    assert running.wait(90) == 130
    until(lambda: not any(is_running(pid) for pid in family), "nothing is left", 30)


def test_kill_9_leaves_no_process(tmp_path: Path) -> None:
    words = ["-m", "loadtests.soak", "--seconds", "600", "--results", str(tmp_path / "results")]
    with (tmp_path / "output").open("wb") as output:
        running = subprocess.Popen([sys.executable, *words], cwd=PROJECT, stdout=output, stderr=output)
    family: dict[int, psutil.Process] = {}
    folders: set[str] = set()

    def load_is_on() -> bool:
        found = psutil.Process(running.pid).children(recursive=True)
        family.update((process.pid, process) for process in found)
        commands = []
        for process in found:
            with suppress(psutil.NoSuchProcess):  # one that came and went
                commands.append(" ".join(process.cmdline()))
                folders.update({process.environ().get("RAPIDDRAFT_DATA_DIR", "")} - {""})
        return all(any(word in line for line in commands) for word in ("supervisord", "-m workers", "-m locust"))

    try:
        until(load_is_on, "the stack and Locust run", 90)
    finally:
        running.kill()
        running.wait()
    until(lambda: not any(is_running(pid) for pid in family), "nothing is left", 60)
    for folder in folders:  # which nobody was left to remove
        shutil.rmtree(folder)


def test_a_soak_samples_judges_and_draws(tmp_path: Path) -> None:
    done = command("-m", "loadtests.soak", "--seconds", "8", "--results", str(tmp_path))
    rows = json.loads((tmp_path / "report.json").read_text())["rows"]
    # Whether a stack that has just started grows is not for a run of seconds to say; that it is heeded is.
    assert done.returncode == int(any(row["met"] is False for row in rows)), done.stdout + done.stderr
    by_name = {row["what"]: row for row in rows}
    for what in ("requests that failed", "errors in the log", "processes replaced", "reviews"):
        assert by_name[what]["met"], by_name[what]
    watched = {"API worker: resident MB", "worker: open files", "WAL MB", "temporary files", "processes", "zombies"}
    assert watched | {"in the temporary folder"} <= by_name.keys()
    assert "notices" in by_name["processes"]["target"]
    header, *samples = (tmp_path / "samples.csv").read_text().splitlines()
    assert set(header.split(",")) <= {"seconds", *by_name}
    assert len(samples) >= 8
    assert (tmp_path / "charts.html").read_text().count("<polyline") == len(header.split(",")) - 1


def locust(stack: Stack, folder: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    token = (stack.data / "admin-token").read_text().strip()
    options = ["--headless", "--only-summary", "--host", str(stack.api.base_url), "--results", str(folder), *words]
    return command("-m", "locust", "-f", "loadtests/locustfile.py", *options, RAPIDDRAFT_TOKEN=token)


def test_locust_reviews_watches_and_monitors(stack: Stack, tmp_path: Path) -> None:
    words = ["--shape", "steady", "--seconds", "6", "--reviewers", "2", "--keep", "1", "--read-p99-ms", EVER]
    done = locust(stack, tmp_path, *words, "--stop-timeout", "60", "--html", str(tmp_path / "steady.html"))
    assert done.returncode == 0, done.stdout + done.stderr
    result: dict[str, Any] = json.loads((tmp_path / "steady.json").read_text())
    assert not result["errors"]
    assert {
        "POST model", "POST review", "GET run", "GET job", "POST ticket", "GET tickets", "DELETE model",
        "events until the end", "GET /healthz", "GET /readyz",
    } <= result["requests"].keys()  # fmt: skip
    assert (tmp_path / "steady.html").stat().st_size > 0


def test_locust_fails_where_a_target_is_missed(stack: Stack, tmp_path: Path) -> None:
    done = locust(stack, tmp_path, "--shape", "ten", "--seconds", "3", "--reviewers", "1", "--read-p99-ms", "0")
    assert done.returncode == 1, done.stdout + done.stderr
    missed = [row["what"] for row in json.loads((tmp_path / "ten.json").read_text())["targets"] if not row["met"]]
    assert "reads" in missed  # how many reviews three seconds are enough for is up to the machine


def test_a_crowd_asks_and_every_one_is_answered(stack: Stack, tmp_path: Path) -> None:
    done = locust(stack, tmp_path, "--shape", "overload", "--crowd", "8")
    assert done.returncode == 0, done.stdout + done.stderr
    requests = json.loads((tmp_path / "overload.json").read_text())["requests"]
    assert requests["review until the end"]["count"] == 8


def test_the_small_load_test(stack: Stack) -> None:
    token = (stack.data / "admin-token").read_text().strip()
    words = [
        "scripts/loadtest_dfm.py",
        "--host",
        str(stack.api.base_url),
        "--token",
        token,
        "--rounds",
        "1",
        str(SAMPLE),
    ]
    met = command(*words, "--healthz-p99-ms", EVER, "--healthz-max-ms", EVER)
    assert met.returncode == 0, met.stdout + met.stderr
    assert "10 reviews by 10 clients" in met.stdout
    missed = command(*words, "--healthz-p99-ms", EVER, "--healthz-max-ms", EVER, "--p95-ms", "0")
    assert missed.returncode == 1
    assert "MISSED" in missed.stdout
    refused = command(*words, "--token", "wrong")
    assert refused.returncode == 1
    assert "not_authenticated" in refused.stdout


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--clients", "0"], "argument --clients: '0' is not a number from 1 on"),
        (["--rounds", "none"], "argument --rounds: 'none' is not"),
        (["--token", ""], "there is no token: give --token, or set RAPIDDRAFT_TOKEN"),
    ],
)
def test_the_small_load_test_says_what_it_cannot_do(words: list[str], said: str) -> None:
    done = command("scripts/loadtest_dfm.py", "--token", "some", str(SAMPLE), *words)
    assert done.returncode == 2
    assert said in done.stderr and "Traceback" not in done.stderr


def test_ctrl_c_ends_the_small_load_test_at_once(stack: Stack) -> None:
    token = (stack.data / "admin-token").read_text().strip()
    words = ["scripts/loadtest_dfm.py", "--host", str(stack.api.base_url), "--token", token, str(SAMPLE)]
    stack.control("stop", "worker")  # no review ends
    try:
        running = subprocess.Popen(
            [sys.executable, *words],
            cwd=PROJECT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            # Where these tests run in a shell's background, it would inherit that Ctrl-C is ignored.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )
        until(lambda: stack.api.get("/api/jobs", params={"state": "queued"}).json()["items"], "it asks", 60)
        monitors = psutil.Process(running.pid).children()
        running.send_signal(signal.SIGINT)
        said, _ = running.communicate(timeout=20)
    finally:
        stack.begin("worker")
        stack.wait_until_ready()
    assert (running.returncode, said) == (130, "")
    assert monitors and not any(is_running(monitor.pid) for monitor in monitors)


def test_the_small_load_tests_monitor_comes_with_new_connections() -> None:
    server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Alive)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    ours, theirs = multiprocessing.Pipe()
    host = f"http://127.0.0.1:{server.server_address[1]}"
    monitor = multiprocessing.get_context("spawn").Process(target=loadtest_dfm.watch_health, args=(host, theirs))
    try:
        monitor.start()
        until(lambda: len(Alive.requests) >= 3, "it comes again", 60)
        ours.send("stop")
        assert ours.recv() == "started"
        assert len(ours.recv()) >= sum(Alive.requests[:2]) - 1
    finally:
        monitor.kill()
        monitor.join()
        server.shutdown()
        thread.join()
        server.server_close()
    # Before the first second there is one to see whether anything answers.
    assert Alive.requests[:2] == [loadtest_dfm.REQUESTS_A_CONNECTION + 1, loadtest_dfm.REQUESTS_A_CONNECTION]


class Alive(http.server.BaseHTTPRequestHandler):
    """Answers, and counts the requests of each connection."""

    protocol_version = "HTTP/1.1"
    requests: ClassVar[list[int]] = []

    def setup(self) -> None:
        super().setup()
        self.requests.append(0)

    def do_GET(self) -> None:
        self.requests[-1] += 1
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_arguments: object) -> None:
        pass


def test_the_sidecar_says_so_where_health_does_not_answer(stack: Stack) -> None:
    with sidecar(str(stack.api.base_url), seconds=0.5) as healthy:
        assert healthy.result(stop=False).count > 0
    with sidecar(f"http://127.0.0.1:{free_port()}") as nobody, pytest.raises(RuntimeError, match="healthz"):
        nobody.result(stop=False)
