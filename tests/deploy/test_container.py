"""The container's entry point and health check, and that its files agree. `make image-test` runs the image itself."""

import os
import shlex
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
import yaml

from rapiddraft import container
from rapiddraft.healthcheck import is_alive
from server.settings import PROJECT_ROOT

as_root = pytest.mark.skipif(os.getuid() != 0, reason="only root may give files away")


class BecameError(Exception):
    """What the process would have become."""


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The data folder; becoming another program raises `BecameError`."""

    def become(_path: Path, command: list[str]) -> None:
        raise BecameError(command)

    monkeypatch.setattr(os, "execv", become)
    monkeypatch.setattr(os, "getuid", lambda: container.SERVICE_USER)
    monkeypatch.setenv("RAPIDDRAFT_DATA_DIR", str(tmp_path))
    monkeypatch.delenv("PREPARE_DIRS", raising=False)
    return tmp_path


@pytest.mark.usefixtures("data")
def test_it_becomes_supervisord() -> None:
    with pytest.raises(BecameError) as became:
        container.main()
    program, *arguments = became.value.args[0]
    assert Path(program).name == "supervisord"
    assert arguments == ["-c", str(PROJECT_ROOT / "supervisord.conf")]


@pytest.mark.usefixtures("data")
def test_it_refuses_to_run_as_root(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(os, "getuid", lambda: 0)
    with pytest.raises(SystemExit) as end:
        container.main()
    assert end.value.code == 1
    assert "PREPARE_DIRS=1" in capsys.readouterr().err


@pytest.mark.usefixtures("data")
def test_it_says_which_folder_it_cannot_write_to(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("RAPIDDRAFT_DATA_DIR", "/nowhere/at/all")
    with pytest.raises(SystemExit) as end:
        container.main()
    assert end.value.code == 1
    assert "/nowhere/at/all cannot be written to" in capsys.readouterr().err


def test_as_root_it_only_gives_the_folder_away_and_drops(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    order = []
    monkeypatch.setattr(os, "getuid", lambda: 0)
    monkeypatch.setenv("PREPARE_DIRS", "1")
    monkeypatch.setattr(container, "give_to_service", lambda folder: order.append(("give", folder)))
    monkeypatch.setattr(os, "setgroups", lambda groups: order.append(("setgroups", groups)))
    monkeypatch.setattr(os, "setgid", lambda gid: order.append(("setgid", gid)))
    monkeypatch.setattr(os, "setuid", lambda uid: order.append(("setuid", uid)))
    with pytest.raises(BecameError):
        container.main()
    user = container.SERVICE_USER
    assert order == [("give", data), ("setgroups", []), ("setgid", user), ("setuid", user)]


@as_root
def test_links_out_of_the_data_folder_are_not_followed(tmp_path: Path) -> None:
    data, outside = tmp_path / "data", tmp_path / "outside"
    (data / "models").mkdir(parents=True)
    outside.mkdir()
    (outside / "secret").touch()
    (data / "link").symlink_to(outside)
    container.give_to_service(data)
    owners = {path.relative_to(tmp_path).as_posix(): path.lstat().st_uid for path in tmp_path.rglob("*")}
    user = container.SERVICE_USER
    assert owners == {"data": user, "data/models": user, "data/link": user, "outside": 0, "outside/secret": 0}


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[BaseHTTPRequestHandler]]:
    """Something that answers GET with its `status`, where the environment says that the API listens."""

    class Answering(BaseHTTPRequestHandler):
        status = 200

        def do_GET(self) -> None:
            self.send_response(self.status if self.path == "/healthz" else 404)
            self.end_headers()

        def log_message(self, *_words: object) -> None:
            """Says nothing."""

    with HTTPServer(("127.0.0.1", 0), Answering) as server:
        monkeypatch.setenv("RAPIDDRAFT_HOST", "0.0.0.0")
        monkeypatch.setenv("RAPIDDRAFT_PORT", str(server.server_port))
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield Answering
        server.shutdown()
        thread.join()


def test_it_is_alive_while_healthz_is_200(api: type[BaseHTTPRequestHandler], monkeypatch: pytest.MonkeyPatch) -> None:
    assert is_alive()
    monkeypatch.setattr(api, "status", 503)
    assert not is_alive()


def test_it_is_not_alive_when_nobody_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAPIDDRAFT_HOST", "127.0.0.1")
    monkeypatch.setenv("RAPIDDRAFT_PORT", "1")
    assert not is_alive()


def test_the_build_is_given_all_that_it_copies() -> None:
    ignored = (PROJECT_ROOT / ".dockerignore").read_text().splitlines()
    given = {line[1:] for line in ignored if line.startswith("!")}
    lines = (PROJECT_ROOT / "Dockerfile").read_text().splitlines()
    copies = [shlex.split(line)[1:-1] for line in lines if line.startswith("COPY") and "--from" not in line]
    assert ignored[1] == "*"
    assert {source.removeprefix("./") for sources in copies for source in sources} == given
    assert all((PROJECT_ROOT / name).exists() for name in given)


def test_compose_takes_away_what_the_image_does_not_need() -> None:
    service = yaml.safe_load((PROJECT_ROOT / "docker-compose.yml").read_text())["services"]["rapiddraft"]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["restart"] == "on-failure"
    assert {"mem_limit", "pids_limit", "cpus", "stop_grace_period"} <= service.keys()
    assert all(port.startswith("127.0.0.1:") for port in service["ports"])


def test_the_workflow_runs_what_ci_runs() -> None:
    workflow = yaml.safe_load((PROJECT_ROOT / ".github" / "workflows" / "ci.yml").read_text())
    [job] = workflow["jobs"].values()
    steps = job["steps"]
    assert [step["run"] for step in steps if "run" in step] == ["bash .ci/run"]
    assert [step["with"]["python-version"] for step in steps if "with" in step] == ["3.11"]
