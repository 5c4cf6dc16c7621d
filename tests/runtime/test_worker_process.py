"""The worker process: it gives signs of life, stops when asked, and at once when asked again."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.waiting import until

PROJECT = Path(__file__).parents[2]


@pytest.fixture
def worker(tmp_path: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """`python -m workers` on a data folder of its own, once it is ready."""
    environment = {**os.environ, "RAPIDDRAFT_DATA_DIR": str(tmp_path)}
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "workers"], cwd=PROJECT, env=environment, stdout=log, stderr=log
        )
    until(lambda: "The worker is ready." in messages(tmp_path) or process.poll() is not None, "it is ready", 60)
    yield process
    if process.poll() is None:
        process.kill()
        process.wait()


def lines(data: Path) -> list[dict[str, Any]]:
    whole = (data / "log").read_text().rpartition("\n")[0]
    return [json.loads(line) for line in whole.splitlines()]


def messages(data: Path) -> list[str]:
    return [line["message"] for line in lines(data)]


def test_it_says_what_its_sandbox_can_do_and_stops_in_order(worker: "subprocess.Popen[bytes]", tmp_path: Path) -> None:
    (beat_file,) = until(lambda: list((tmp_path / "run" / "workers").glob("*.json")), "it gives a sign of life")
    beat = json.loads(beat_file.read_text())
    assert beat["pid"] == worker.pid
    assert beat["kernel"]["ok"], beat
    assert beat["rules"]["ok"], beat
    worker.terminate()
    assert worker.wait(30) == 0
    assert messages(tmp_path)[-1] == "The worker has stopped."
    assert {line["process"] for line in lines(tmp_path)} == {"worker", "sandbox"}
    assert not beat_file.exists()


def test_faulty_rules_of_a_shop_are_in_its_sign_of_life(tmp_path: Path) -> None:
    rules, data = tmp_path / "rules", tmp_path / "data"
    rules.mkdir()
    (rules / "shop.toml").write_text('process = "cnc_milling"\n[[overrides]]\nid = "hole-dept"\n')
    environment = {**os.environ, "RAPIDDRAFT_DATA_DIR": str(data), "RAPIDDRAFT_RULES_DIR": str(rules)}
    process = subprocess.Popen([sys.executable, "-m", "workers"], cwd=PROJECT, env=environment)
    try:
        (beat_file,) = until(lambda: list((data / "run" / "workers").glob("*.json")), "it gives a sign of life", 60)
        beat = json.loads(beat_file.read_text())
    finally:
        process.kill()
        process.wait()
    assert beat["kernel"]["ok"] and not beat["rules"]["ok"]
    assert "shop.toml: overrides[0].id: there is no rule 'hole-dept'" in beat["rules"]["detail"]


def test_a_second_signal_ends_it_at_once() -> None:
    code = (
        "import time; from workers.__main__ import _StopSignals; stop = _StopSignals(); print('ready', flush=True)\n"
        "print('first', stop.wait(60), flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", code], cwd=PROJECT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGTERM)
        assert process.stdout.readline() == "first True\n"
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 1
