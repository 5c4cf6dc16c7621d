"""supervisord and supervisorctl find the data folder; no other Python is touched."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from rapiddraft import _supervisor_environment
from rapiddraft._supervisor_environment import DEFAULT_DATA_DIR, prepare
from server.settings import Settings

SUPERVISORD = ["python", "/somewhere/.venv/bin/supervisord", "-c", "supervisord.conf"]


@pytest.fixture(autouse=True)
def no_data_dir(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RAPIDDRAFT_DATA_DIR", raising=False)
    monkeypatch.setattr(_supervisor_environment, "_log_as_json", lambda: None)  # it is for a process of its own


def test_the_default_is_that_of_the_settings() -> None:
    assert Settings.model_fields["data_dir"].default == DEFAULT_DATA_DIR


@pytest.mark.parametrize("command", [SUPERVISORD, ["python", "-m", "supervisor.supervisord"]])
def test_supervisord_gets_the_folder_of_its_socket(
    command: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(_supervisor_environment, "DEFAULT_DATA_DIR", tmp_path / "data")
    prepare(command)
    assert os.environ["RAPIDDRAFT_DATA_DIR"] == str(tmp_path / "data")
    assert (tmp_path / "data" / "run").stat().st_mode & 0o777 == 0o700


def test_a_chosen_folder_is_kept_and_made_absolute(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RAPIDDRAFT_DATA_DIR", "mine")
    prepare(SUPERVISORD)
    assert os.environ["RAPIDDRAFT_DATA_DIR"] == str(tmp_path / "mine")


def test_supervisorctl_makes_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(_supervisor_environment, "DEFAULT_DATA_DIR", tmp_path / "data")
    prepare(["python", "/somewhere/supervisorctl", "status"])
    assert os.environ["RAPIDDRAFT_DATA_DIR"] == str(tmp_path / "data")
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize("command", [["python"], ["python", "-m", "pytest"], ["python", "supervisor_test.py"]])
def test_other_commands_are_left_alone(command: list[str]) -> None:
    prepare(command)
    assert "RAPIDDRAFT_DATA_DIR" not in os.environ


def test_the_virtual_environment_runs_it_for_supervisor_alone() -> None:
    show = "import os, sys; print(os.environ.get('RAPIDDRAFT_DATA_DIR'), 'rapiddraft' in sys.modules)"
    said = subprocess.run([sys.executable, "-c", show], capture_output=True, text=True, check=True)
    assert (said.stdout, said.stderr) == ("None False\n", "")
    supervisorctl = Path(sys.executable).with_name("supervisorctl")
    root = Path(__file__).parents[2]
    answer = subprocess.run(
        [supervisorctl, "-c", root / "supervisord.conf", "version"],
        capture_output=True, text=True, check=False, env={"RAPIDDRAFT_DATA_DIR": "/nowhere"},
    )  # fmt: skip
    assert "/nowhere/run/supervisor.sock" in answer.stdout + answer.stderr


def test_a_folder_that_cannot_be_made_is_named_at_once(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    supervisord = Path(sys.executable).with_name("supervisord")
    environment = {**os.environ, "RAPIDDRAFT_DATA_DIR": str(tmp_path / "file" / "data")}
    said = subprocess.run([supervisord, "--version"], capture_output=True, text=True, env=environment, check=False)
    assert said.returncode == 1
    (line,) = (json.loads(line) for line in said.stdout.splitlines())
    assert line["message"].startswith(f"The data folder {tmp_path / 'file' / 'data'} cannot be used: Not a directory.")
    assert line["level"] == "CRITICAL"
    assert not said.stderr


@pytest.mark.parametrize("configuration", ["[supervisord]\nnodaemon=perhaps\n", "no section\n", "", None])
def test_what_supervisord_says_of_its_configuration_is_json(configuration: str | None, tmp_path: Path) -> None:
    file = tmp_path / "broken.conf"
    if configuration is not None:
        file.write_text(configuration)
    supervisord = Path(sys.executable).with_name("supervisord")
    environment = {**os.environ, "RAPIDDRAFT_DATA_DIR": str(tmp_path / "data")}
    said = subprocess.run([supervisord, "-c", file], capture_output=True, text=True, env=environment, check=False)
    assert said.returncode != 0
    assert not said.stderr
    lines = [json.loads(line) for line in said.stdout.splitlines()]
    assert any(str(file) in line["message"] or "supervisord" in line["message"] for line in lines)
    assert {line["process"] for line in lines} == {"supervisord"}
