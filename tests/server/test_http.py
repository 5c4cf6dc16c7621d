"""What holds for every request: ids, problem documents, authentication, limits, the log."""

import json
import logging
import os
import re
import stat
import subprocess
import sys
from collections.abc import Iterator
from multiprocessing import get_context
from pathlib import Path
from unittest import mock

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from server.access import admin_token
from server.ids import is_id
from server.middleware.body_limit import JSON_BYTES
from server.observability.logging import current_log_ids
from server.problems import MEDIA_TYPE
from server.services import Services
from server.settings import Settings

UNKNOWN = "01JZZZZZZZZZZZZZZZZZZZZZZZ"  # one name for all of pytest-xdist's processes


@pytest.fixture
def lines() -> Iterator[list[logging.LogRecord]]:
    """What is logged by anybody."""
    records: list[logging.LogRecord] = []

    class Collect(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            record.ids = current_log_ids()
            records.append(record)

    collect, root = Collect(), logging.getLogger()
    level = root.level
    root.addHandler(collect)
    root.setLevel(logging.DEBUG)
    yield records
    root.removeHandler(collect)
    root.setLevel(level)


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/api/nothing", 404, "not_found"),
        ("GET", f"/api/models/{UNKNOWN}", 404, "model_not_found"),
        ("GET", "/api/models/..%2f..%2fadmin-token", 404, "not_found"),
        ("GET", "/api/models/" + "a" * 26, 404, "not_found"),
        ("GET", f"/api/models/{UNKNOWN.lower()}", 404, "not_found"),
        ("GET", f"/api/models/{UNKNOWN}%0a", 404, "not_found"),
        ("DELETE", f"/api/models/{UNKNOWN}", 404, "model_not_found"),
        ("GET", f"/api/models/{UNKNOWN}/analysis-runs", 404, "model_not_found"),
        ("GET", f"/api/models/{UNKNOWN}/analysis-runs/{UNKNOWN}", 404, "model_not_found"),
        ("POST", f"/api/models/{UNKNOWN}/dfm/review-v2", 404, "model_not_found"),
        ("GET", f"/api/models/{UNKNOWN}/tickets", 404, "model_not_found"),
        ("GET", f"/api/jobs/{UNKNOWN}", 404, "job_not_found"),
        ("GET", "/api/jobs/1", 404, "not_found"),
        ("PUT", "/api/models", 405, "method_not_allowed"),
        ("GET", "/api/models?limit=0", 422, "invalid_request"),
        ("GET", "/api/models?cursor=x", 422, "invalid_request"),
        ("GET", "/api/jobs?state=asleep", 422, "invalid_request"),
    ],
)
def test_every_error_is_a_problem_document(client: TestClient, method: str, path: str, status: int, code: str) -> None:
    answer = client.request(method, path, headers={"X-Request-ID": "my-request"})
    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (status, code)
    assert answer.headers["content-type"] == MEDIA_TYPE
    assert problem["status"] == status
    assert problem["request_id"] == answer.headers["x-request-id"] == "my-request"
    assert problem["title"] and problem["detail"] and problem["type"] == "about:blank"


def test_method_not_allowed_says_what_is(client: TestClient) -> None:
    assert client.put("/api/models").headers["allow"] == "GET, POST"
    assert client.post(f"/api/models/{UNKNOWN}").headers["allow"] == "GET, DELETE"


def test_a_bug_is_a_problem_document_with_the_request_id(client: TestClient, lines: list[logging.LogRecord]) -> None:
    with mock.patch("server.stores.model_store.page_of", side_effect=RuntimeError("secret detail")):
        answer = client.get("/api/models", headers={"X-Request-ID": "req-1"})
    assert (answer.status_code, answer.json()["code"]) == (500, "internal_error")
    assert answer.headers["content-type"] == MEDIA_TYPE
    assert answer.headers["x-request-id"] == answer.json()["request_id"] == "req-1"
    assert "secret" not in answer.text
    [access] = [line for line in lines if line.name == "access" and line.levelname == "INFO"]
    assert access.__dict__["status"] == 500
    assert access.__dict__["ids"] == {"request_id": "req-1"}
    [traceback] = [line for line in lines if line.name == "access" and line.levelname == "ERROR"]
    assert traceback.exc_info and "secret detail" in str(traceback.exc_info[1])


@pytest.mark.parametrize("given", ["abc", "A.b_c-9", "x" * 128])
def test_a_well_formed_request_id_is_kept(client: TestClient, given: str) -> None:
    assert client.get("/healthz", headers={"X-Request-ID": given}).headers["x-request-id"] == given


@pytest.mark.parametrize("given", [None, "", "x" * 129, "a b", "a/b", 'a"b', "ä".encode("latin-1")])
def test_any_other_is_replaced_by_a_new_one(client: TestClient, given: str | bytes | None) -> None:
    headers: dict[str, str | bytes] = {} if given is None else {"X-Request-ID": given}
    first, second = (client.get("/healthz", headers=headers).headers["x-request-id"] for _ in range(2))
    assert is_id(first) and is_id(second) and first != second


@pytest.mark.parametrize("path", ["/api/models", "/api/nothing", "/metrics", "/api", "/API/models"])
@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer ", "Bearer wrong", "Basic YTpi", "Bearer ä"])
def test_without_the_token_nothing_is_told(anonymous: TestClient, path: str, header: str | None) -> None:
    headers = {} if header is None else {"Authorization": header.encode("latin-1")}
    answer = anonymous.get(path, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (401, "not_authenticated")
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert answer.headers["content-type"] == MEDIA_TYPE
    assert "admin-token" in answer.json()["advice"]


@pytest.mark.parametrize("path", ["/healthz", "/docs", "/openapi.json"])
def test_open_to_all(anonymous: TestClient, path: str) -> None:
    assert anonymous.get(path).status_code == 200


def test_the_api_page_needs_nothing_from_elsewhere(anonymous: TestClient) -> None:
    page = anonymous.get("/docs").text
    sources = re.findall(r'(?:src|href)="([^"]+)"', page)
    assert len(sources) >= 3
    for source in sources:
        assert source.startswith("/"), f"{source} is not on this machine"
        assert anonymous.get(source).status_code == 200


def test_monitors_may_ask_for_the_head_only(anonymous: TestClient) -> None:
    assert anonymous.head("/healthz").status_code == 200
    assert anonymous.head("/readyz").status_code in (200, 503)


def test_the_token_is_in_a_private_file_and_never_in_the_log(
    client: TestClient, services: Services, lines: list[logging.LogRecord]
) -> None:
    path = services.data.admin_token
    token = path.read_text().strip()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(services.data.run.stat().st_mode) == 0o700
    assert client.get("/api/models", headers={"Authorization": f"bearer {token}"}).status_code == 200
    assert client.get("/api/models", headers={"Authorization": f"Bearer {token}x"}).status_code == 401
    assert not [line for line in lines if token in str(line.__dict__)]


def _tokens(folder: Path) -> list[str]:
    return [admin_token.load_or_make(folder / str(number)) for number in range(200)]


def test_processes_that_start_at_once_get_one_token(tmp_path: Path) -> None:
    with get_context("spawn").Pool(4) as pool:
        first, *others = pool.map(_tokens, [tmp_path] * 4, chunksize=1)
    assert others == [first] * 3
    assert len(set(first)) == 200


def test_a_token_of_nothing_lets_nobody_in(settings: Settings, app: FastAPI) -> None:
    settings.data_dir.mkdir()
    (settings.data_dir / "admin-token").write_text("\n")
    with TestClient(app) as client:
        answer = client.get("/api/models", headers={"Authorization": "Bearer "})
        assert (answer.status_code, answer.json()["code"]) == (503, "not_ready")
        assert "admin-token" in client.get("/readyz").json()["detail"]


def test_json_bodies_are_limited(client: TestClient, model_id: str) -> None:
    path = f"/api/models/{model_id}/tickets"
    headers = {"Content-Type": "application/json"}
    answer = client.post(path, content=b" " * (JSON_BYTES + 1), headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")
    answer = client.post(path, content=(b" " * 65536 for _ in range(9)), headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")
    assert client.post(path, content=b'{"title":"a"}'.ljust(JSON_BYTES), headers=headers).status_code == 201


@pytest.mark.parametrize("body", [b"{", b"\xff", b"[" * 100_000, b"", b"[]", b'{"title": 1}', b"\x00"])
def test_bad_json_is_the_clients_fault(client: TestClient, model_id: str, body: bytes) -> None:
    headers = {"Content-Type": "application/json"}
    answer = client.post(f"/api/models/{model_id}/tickets", content=body, headers=headers)
    assert answer.status_code in (400, 422), answer.text
    assert answer.headers["content-type"] == MEDIA_TYPE


def test_access_log(client: TestClient, anonymous: TestClient, lines: list[logging.LogRecord]) -> None:
    client.get(f"/api/models/{UNKNOWN}?secret=1")
    [line] = [line for line in lines if line.name == "access"]
    fields = line.__dict__
    assert {name: fields[name] for name in ("method", "path", "status", "identity")} == {
        "method": "GET",
        "path": f"/api/models/{UNKNOWN}",
        "status": 404,
        "identity": "admin",
    }
    assert fields["duration_ms"] > 0
    lines.clear()
    del anonymous.headers["Authorization"]
    anonymous.get("/healthz")
    assert [line.__dict__["identity"] for line in lines if line.name == "access"] == ["anonymous"]


def test_the_api_process_stays_light(tmp_path: Path) -> None:
    program = """
import sys
import server.main
heavy = ("OCP", "OCC", "numpy", "trimesh", "workers.cad", "workers.review")
print([name for name in sys.modules if name in heavy or name.split(".")[0] in heavy])
"""
    environment = os.environ | {"RAPIDDRAFT_DATA_DIR": str(tmp_path / "data")}
    loaded = subprocess.check_output([sys.executable, "-c", program], env=environment, text=True)
    assert loaded.strip() == "[]"
    assert not (tmp_path / "data").exists(), "importing the application must not touch the disk"


def test_openapi_documents_every_operation(anonymous: TestClient) -> None:
    schema = anonymous.get("/openapi.json").json()
    for path, operations in schema["paths"].items():
        for method, operation in operations.items():
            assert operation["summary"], (method, path)
            assert operation["description"], (method, path)
            closed = path.startswith("/api") or path == "/metrics"
            assert ("401" in operation["responses"]) == closed
            assert ("security" in operation) == closed
            for status, response in operation["responses"].items():
                if int(status) >= 400:
                    assert list(response["content"]) == [MEDIA_TYPE], (method, path, status)
    references = {part.split('"')[0] for part in json.dumps(schema).split("#/components/schemas/")[1:]}
    assert references == set(schema["components"]["schemas"])
