"""What people who mean harm send, and what they get: each kind of attack has its test (docs/security.md)."""

import io
import json
import re
import socket
import stat
import threading
import zipfile
from collections.abc import Iterator
from contextlib import ExitStack
from ipaddress import ip_network
from pathlib import Path

import pytest
import trimesh
from fastapi import FastAPI
from fastapi.testclient import TestClient
from uvicorn import Config, Server

from server.access import allowance
from server.access.networks import is_within
from server.access.roles import Role
from server.api.upload import MAX_NAME_CHARACTERS
from server.bounded_http import MAX_HEADER_BYTES, MAX_HEADER_LINES, BoundedHttp
from server.data_folder import DataFolder
from server.ids import new_id
from server.main import create_app
from server.part_format import PartFormat
from server.problems import MEDIA_TYPE
from server.services import Services
from server.settings import Settings
from server.stores import leftovers
from tests.server.conftest import STEP, step, wait_until
from workers.cad.mesh_file import load_mesh
from workers.errors import PartError

MODELS = "/api/models"
JSON = {"Content-Type": "application/json"}
UNKNOWN = "01JZZZZZZZZZZZZZZZZZZZZZZZ"


# -- a server to talk to byte by byte ------------------------------------------------------------------------


class Served:
    """The application behind the HTTP that the API processes speak."""

    def __init__(self, app: FastAPI, settings: Settings) -> None:
        self.services: Services = app.state.services
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        protocol = type("Bounded", (BoundedHttp,), {"settings": settings})
        config = Config(app, http=protocol, ws="none", lifespan="on", log_config=None, server_header=False)
        self.server = Server(config)
        self._thread = threading.Thread(target=self.server.run, kwargs={"sockets": [self._socket]})
        self._thread.start()
        wait_until(lambda: self.server.started)

    @property
    def token(self) -> bytes:
        return f"Authorization: Bearer {self.services.gate.admin_token}\r\n".encode()

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=30)

    def answer(self, request: bytes) -> bytes:
        """All that is answered until the server ends the connection."""
        with self.connect() as connection:
            connection.sendall(request)
            return everything(connection)

    def stop(self) -> None:
        self.server.should_exit = True
        self._thread.join(30)
        assert not self._thread.is_alive()


def everything(connection: socket.socket) -> bytes:
    received = b""
    while True:
        try:
            data = connection.recv(65536)
        except ConnectionResetError:
            return received
        if not data:
            return received
        received += data


def status_of(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1])


def code_of(answer: bytes) -> str:
    head, _, body = answer.partition(b"\r\n\r\n")
    assert f"content-type: {MEDIA_TYPE}".encode() in head.lower()
    assert b"connection: close" in head.lower()
    return str(json.loads(body)["code"])


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path / "data", client_patience_seconds=0.4, max_connections=20)


@pytest.fixture
def served(settings: Settings) -> Iterator[Served]:
    # Not watched: it has a loop and threads of its own, which start anew in each test.
    served = Served(create_app(settings.model_copy(update={"debug_event_loop": False})), settings)
    yield served
    served.stop()


# -- paths ---------------------------------------------------------------------------------------------------

UPWARDS = ["../", "..%2f", "%2e%2e/", "%2e%2e%2f", "..%5c", "..%252f", "....//", "..;/", "..%c0%af", "%00../"]


@pytest.mark.parametrize("upwards", UPWARDS)
def test_no_path_leads_out_of_where_it_belongs(served: Served, upwards: str) -> None:
    for start in (f"{MODELS}/", f"{MODELS}/{UNKNOWN}/analysis-runs/", "/api/jobs/", "/docs-assets/"):
        for goal in ("admin-token", "etc/passwd", "pyproject.toml"):
            path = start + upwards * 8 + goal
            request = f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n".encode() + served.token + b"\r\n"
            answer = served.answer(request)
            assert status_of(answer) in (400, 404), (path, answer)
            assert b"root:" not in answer and b"[project]" not in answer
            assert str(served.services.gate.admin_token).encode() not in answer


def test_symlinks_in_the_data_folder_are_removed_not_followed(
    client: TestClient, services: Services, data: DataFolder, tmp_path: Path
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "precious").write_text("mine")
    model_id = client.post(MODELS, content=STEP).json()["id"]
    (data.model(model_id) / "runs" / "link").symlink_to(outside)
    (data.model(model_id) / "tickets" / "link.json").symlink_to(outside / "precious")
    (data.uploads / new_id()).symlink_to(outside / "precious")
    (data.models / UNKNOWN).symlink_to(outside)
    assert client.get(f"{MODELS}/{UNKNOWN}").status_code == 404
    assert client.delete(f"{MODELS}/{UNKNOWN}").status_code == 404
    assert client.delete(f"{MODELS}/{model_id}").status_code == 204
    leftovers.sweep(services.data)
    assert not data.model(model_id).exists()
    assert (outside / "precious").read_text() == "mine"


# -- names ---------------------------------------------------------------------------------------------------

NAMES = {
    "control characters": "a\x00b\x07c\x1b[31md\x7f.step",
    "a line break": "a\r\nX-Evil: yes\r\n\r\n<script>.step",
    "right to left": "evil\u202epets.exe\u2066\u200f.step",
    "ten thousand characters": "x" * 10_000 + ".step",
    "folders": "../../../../etc/cron.d/evil.step",
    "folders of Windows": "..\\..\\C:\\evil.step",
    "half a character": "a\udcff.step",
    "only dots": "....",
}


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
@pytest.mark.parametrize("way", ["query", "header", "form"])
def test_a_hostile_name_is_made_harmless(client: TestClient, data: DataFolder, name: str, way: str) -> None:
    raw = name.encode("utf-8", "surrogateescape")
    quoted = "".join(f"%{byte:02x}" for byte in raw)
    if way == "query":
        answer = client.post(f"{MODELS}?name={quoted}", content=STEP)
    elif way == "header":
        answer = client.post(
            MODELS, content=STEP, headers={"Content-Disposition": f"attachment; filename*=UTF-8''{quoted}"}
        )
    else:
        escaped = raw.replace(b"\r", b"").replace(b"\n", b"").replace(b"\\", b"\\\\")
        body = b'--b\r\nContent-Disposition: form-data; name="file"; filename="%s"\r\n\r\n%s\r\n--b--\r\n'
        answer = client.post(
            MODELS, content=body % (escaped, STEP), headers={"Content-Type": "multipart/form-data; boundary=b"}
        )
    if answer.status_code == 400:  # no such header is taken at all
        assert way == "form"
        return
    assert answer.status_code == 201, answer.text
    shown = answer.json()["name"]
    assert 0 < len(shown) <= MAX_NAME_CHARACTERS
    assert shown.isprintable()
    assert not set(shown) & set("/\\")
    assert "x-evil" not in answer.headers
    assert client.get(answer.headers["location"]).json()["name"] == shown
    assert not [path for path in data.root.rglob("*") if "evil" in path.name or "pets" in path.name]


@pytest.mark.parametrize(
    "line",
    [
        f"GET {MODELS}/%0d%0aX-Evil:%20yes",
        f"GET {MODELS}?cursor=%0d%0aX-Evil:%20yes",
        "GET /docs-assets/%0d%0aX-Evil:%20yes",
        "GET /healthz HTTP/1.1\r\nX-Request-ID: a%0d%0aX-Evil: yes",
        "GET /healthz HTTP/1.1\r\nX-Request-ID: a\rX-Evil: yes",
        "GET /healthz HTTP/1.1\r\nX-Request-ID: a\x00X-Evil: yes",
        f"GET {MODELS} HTTP/1.1\r\nOrigin: http://a%0d%0aX-Evil: yes",
        f"POST {MODELS}/{UNKNOWN}/dfm/review-v2 HTTP/1.1\r\nPrefer: wait=1\rX-Evil: yes",
        f'GET {MODELS}/{UNKNOWN} HTTP/1.1\r\nIf-None-Match: "\rX-Evil: yes"',
    ],
)
def test_nothing_that_is_sent_becomes_a_header_of_the_answer(served: Served, line: str) -> None:
    line = line if "HTTP/1.1" in line else f"{line} HTTP/1.1"
    request = f"{line}\r\nHost: x\r\nConnection: close\r\n".encode("latin-1") + served.token + b"\r\n"
    answer = served.answer(request)
    head = answer.partition(b"\r\n\r\n")[0]
    assert status_of(answer) < 500
    assert not re.search(rb"[\r\n]\s*x-evil", head.lower())


HIDDEN = b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.mark.parametrize(
    "framing",
    [
        b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"Content-Length: 5\r\nContent-Length: 6\r\n\r\n[][][]",
        b"Content-Length: -5\r\n\r\n",
        b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
        b"Transfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFFF\r\n\r\n",
    ],
)
def test_no_request_hides_in_the_body_of_another(served: Served, framing: bytes) -> None:
    """A proxy may see one request where a lax server sees two."""
    answer = served.answer(f"POST {MODELS} HTTP/1.1\r\nHost: x\r\n".encode() + served.token + framing + HIDDEN)
    assert (status_of(answer), code_of(answer)) == (400, "bad_request")
    assert answer.count(b"HTTP/1.1 ") == 1


# -- bodies --------------------------------------------------------------------------------------------------

DEEP = 200_000
HOSTILE_JSON = {
    "nested lists": b"[" * DEEP + b"]" * DEEP,
    "nested objects": b'{"title":' * (DEEP // 5) + b"1" + b"}" * (DEEP // 5),
    "a nested title": b'{"title":' + b"[" * DEEP + b"]" * DEEP + b"}",
    "a long number": b'{"title":"a","faces":[' + b"9" * 100_000 + b"]}",
    "an infinite number": b'{"title":"a","faces":[1e999]}',
    "no number": b'{"title":"a","faces":[NaN]}',
    "half a character": b'{"title":"\\ud800"}',
    "many members": b"{" + b",".join(b'"a%d":0' % n for n in range(40_000)) + b"}",
    "the same member": b"{" + b",".join([b'"title":"a"'] * 30_000) + b"}",
    "many wrong faces": b'{"title":"a","faces":[' + b"-1," * 100_000 + b"0]}",
    "another encoding": '{"title":"a"}'.encode("utf-16"),
}


@pytest.mark.parametrize("body", HOSTILE_JSON.values(), ids=HOSTILE_JSON)
def test_hostile_json_is_refused_or_harmless(client: TestClient, model_id: str, body: bytes) -> None:
    model = f"{MODELS}/{model_id}"
    for path in ("tickets", "design-reviews", "checklist/items", "dfm/review-v2"):
        answer = client.post(f"{model}/{path}", content=body, headers=JSON)
        assert answer.status_code < 500, (path, answer.text[:300])
        assert answer.is_success or answer.headers["content-type"] == MEDIA_TYPE
        assert len(answer.content) < 20_000
    listed = client.get(f"{model}/tickets")
    assert listed.status_code == 200


@pytest.mark.parametrize("since", ["0001-01-01T00:00:00%2B14:00", "0499-03-16T18:30:16Z", "9999-12-31T23:59:59-14:00"])
def test_times_far_off_are_times_too(client: TestClient, since: str) -> None:
    assert client.get(f"/api/admin/jobs?since={since}").status_code == 200


def threemf(entries: dict[str, bytes]) -> bytes:
    """A box as a 3MF archive, with entries added to it."""
    buffer = io.BytesIO(trimesh.creation.box((10, 10, 10)).export(file_type="3mf"))
    with zipfile.ZipFile(buffer, "a", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries.items():
            entry = zipfile.ZipInfo(name)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = (stat.S_IFLNK | 0o777) << 16
            archive.writestr(entry, content)
    return buffer.getvalue()


def test_a_symlink_in_a_3mf_leads_nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    links = {"3D/link.model": b"/etc/passwd", "../../escaped": b"/etc/passwd", "/tmp/escaped-by-3mf": b"/etc/passwd"}
    with pytest.raises(PartError) as refused:
        load_mesh(threemf(links), PartFormat.THREEMF)
    assert refused.value.code == "unreadable"  # what the link says is read for a model, which it is not
    assert "root:" not in str(refused.value)
    mesh, _ = load_mesh(threemf({"../escaped": b"/etc/passwd"}), PartFormat.THREEMF)
    assert len(mesh.faces) == 12
    assert list(tmp_path.rglob("*")) == []
    assert not Path("/tmp/escaped-by-3mf").exists()


def test_a_3mf_that_lies_about_its_size_is_read_no_further() -> None:
    bomb = threemf({"bomb.model": b" " * 50_000_000})
    size = (50_000_000).to_bytes(4, "little")
    assert bomb.count(size) == 2  # once before the content, once in the directory
    with pytest.raises(PartError) as refused:
        load_mesh(bomb.replace(size, (9).to_bytes(4, "little")), PartFormat.THREEMF)
    assert refused.value.code == "unreadable"


# -- clients that take their time, or come in numbers --------------------------------------------------------


def test_a_body_that_trickles_is_broken_off(served: Served) -> None:
    head = f"POST {MODELS} HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n".encode() + served.token + b"\r\n"
    answer = served.answer(head + STEP)
    assert (status_of(answer), code_of(answer)) == (408, "too_slow")
    assert list(served.services.data.uploads.iterdir()) == []
    answer = served.answer(head.replace(MODELS.encode(), f"{MODELS}/{UNKNOWN}/tickets".encode()) + b"{")
    assert (status_of(answer), code_of(answer)) == (408, "too_slow")


def test_a_body_may_take_as_long_as_it_takes_at_the_least_rate(served: Served, settings: Settings) -> None:
    pieces = [b" " * 4096] * 4
    head = f"POST {MODELS} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {len(STEP) + 4 * 4096}\r\n"
    with served.connect() as connection:
        connection.sendall(head.encode() + served.token + b"\r\n" + STEP)
        for piece in pieces:
            connection.sendall(piece)
            threading.Event().wait(settings.client_patience_seconds / 2)  # in all, twice its patience
        assert status_of(everything(connection)) == 201


@pytest.mark.parametrize("begun", [b"", b"\r\n\r\n", b"GET /healthz HT", b"GET /healthz HTTP/1.1\r\nHost: x\r\nA: b"])
def test_a_header_that_does_not_come_is_not_waited_for(served: Served, begun: bytes) -> None:
    answer = served.answer(begun)
    assert (status_of(answer), code_of(answer)) == (408, "too_slow")


def test_blank_lines_after_a_request_hold_no_connection(served: Served) -> None:
    with served.connect() as connection:
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        assert status_of(connection.recv(65536)) == 200
        connection.sendall(b"\r\n")
        answer = everything(connection)
    assert (status_of(answer), code_of(answer)) == (408, "too_slow")


def test_a_header_that_does_not_come_behind_another_request(served: Served) -> None:
    with served.connect() as connection:
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\nGET /healthz HTTP/1.1\r\nHost")
        answer = everything(connection)
    first, _, second = answer.partition(b'{"status":"alive"}')
    assert status_of(first) == 200
    assert (status_of(second), code_of(second)) == (408, "too_slow")


def test_a_client_that_does_not_read_is_let_go(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("server.bounded_http._READING_PATIENCES", 1)
    with served.connect() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        request = b"GET /docs-assets/swagger-ui-bundle.js HTTP/1.1\r\nHost: x\r\n\r\n"
        connection.sendall(request * 10)
        wait_until(lambda: len(served.server.server_state.connections) == 1)
        wait_until(lambda: not served.server.server_state.connections)


@pytest.mark.parametrize(
    "header",
    [
        b"A: b\r\n" * (MAX_HEADER_LINES + 1),
        b"A: " + b"b" * MAX_HEADER_BYTES + b"\r\n",
        b"A: " + b"b" * (MAX_HEADER_BYTES // 2) + b"\r\nB: " + b"b" * (MAX_HEADER_BYTES // 2) + b"\r\n",
    ],
)
def test_a_large_header_is_refused(served: Served, header: bytes) -> None:
    answer = served.answer(b"GET /healthz HTTP/1.1\r\nHost: x\r\n" + header + b"\r\n")
    assert (status_of(answer), code_of(answer)) == (431, "header_too_large")


def test_a_header_that_never_ends_is_refused_before_it_does(served: Served) -> None:
    for begun in (b"GET /" + b"a" * 200_000, b"GET / HTTP/1.1\r\nA: " + b"b" * 200_000):
        with served.connect() as connection:
            try:
                for start in range(0, len(begun), 10_000):
                    connection.sendall(begun[start : start + 10_000])
            except (ConnectionResetError, BrokenPipeError):
                continue  # it was refused while it was sent
            answer = everything(connection)
            assert not answer or code_of(answer) == "header_too_large"


def test_a_large_url_is_refused(served: Served) -> None:
    answer = served.answer(b"GET /healthz?" + b"a" * MAX_HEADER_BYTES + b" HTTP/1.1\r\nHost: x\r\n\r\n")
    assert (status_of(answer), code_of(answer)) == (431, "header_too_large")


def test_a_header_of_a_usual_size_is_taken(served: Served) -> None:
    header = b"A: b\r\n" * (MAX_HEADER_LINES - 10) + b"B: " + b"b" * (MAX_HEADER_BYTES // 2) + b"\r\n"
    answer = served.answer(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n" + header + b"\r\n")
    assert status_of(answer) == 200


def test_what_is_no_http_gets_a_problem_document(served: Served) -> None:
    answer = served.answer(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 hello\r\n\r\n")
    assert (status_of(answer), code_of(answer)) == (400, "bad_request")


def test_a_crowd_of_connections_is_turned_away_until_there_is_room(served: Served, settings: Settings) -> None:
    connections = served.server.server_state.connections
    with ExitStack() as crowd:
        for _ in range(settings.max_connections):
            crowd.enter_context(served.connect())
        wait_until(lambda: len(connections) == settings.max_connections)
        answer = served.answer(b"")
        assert (status_of(answer), code_of(answer)) == (503, "too_many_connections")
        assert b"retry-after: 1" in answer
    wait_until(lambda: not connections)
    assert status_of(served.answer(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")) == 200


# -- how much one may ask ------------------------------------------------------------------------------------


def test_more_than_is_allowed_in_a_minute_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr(allowance, "monotonic", lambda: now)
    limited = Settings(data_dir=tmp_path / "data", requests_per_minute=30, uploads_per_minute=2)
    with TestClient(create_app(limited)) as client:
        services: Services = client.app.state.services  # type: ignore[attr-defined]
        for name in ("Ana", "Bob"):
            _, token = services.gate.tokens.make(name, Role.REVIEWER)
            client.headers["Authorization"] = f"Bearer {token}"
            assert [client.post(MODELS, content=step(str(n))).status_code for n in range(2)] != [429, 429]
            answer = client.post(MODELS, content=step("more"))
            assert (answer.status_code, answer.json()["code"]) == (429, "too_many_requests")
            assert answer.headers["retry-after"] == "30"
            assert [client.get(MODELS).status_code for _ in range(28)] == [200] * 27 + [429]
            assert client.get(MODELS).headers["retry-after"] == "2"
            assert client.get("/healthz").status_code == 200
        now += 2
        assert [client.get(MODELS).status_code for _ in range(2)] == [200, 429]
        now += 600
        assert [client.get(MODELS).status_code for _ in range(31)] == [200] * 30 + [429]


def test_no_limit_where_it_is_switched_off() -> None:
    unlimited = allowance.Allowance(0)
    assert not any(unlimited.take("Ana") for _ in range(100_000))


def test_tokens_are_not_guessed_for_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr(allowance, "monotonic", lambda: now)
    app = create_app(Settings(data_dir=tmp_path / "data", wrong_tokens_per_minute=3))
    with TestClient(app, client=("192.0.2.1", 5000)) as attacker:
        other = TestClient(app, client=("192.0.2.2", 5000))
        services: Services = app.state.services

        def asked(client: TestClient, token: str | None) -> int:
            return int(client.get(MODELS, headers={"Authorization": f"Bearer {token}"}).status_code)

        known, new = (services.gate.tokens.make(name, Role.VIEWER)[1] for name in ("Ana", "Bob"))
        assert asked(attacker, known) == 200
        assert [attacker.get(MODELS).status_code for _ in range(5)] == [401] * 5  # who sends none guesses none
        assert [asked(attacker, f"guess-{n}") for n in range(5)] == [401, 401, 401, 429, 429]
        answer = attacker.get(MODELS, headers={"Authorization": "Bearer guess"})
        assert (answer.json()["code"], answer.headers["retry-after"]) == ("too_many_requests", "20")
        # Nor does a right guess get in; who is known does, and so do others.
        assert [asked(attacker, token) for token in (new, known, services.gate.admin_token)] == [429, 200, 200]
        assert asked(other, new) == 200
        now += 20
        assert [asked(attacker, "guess") for _ in range(2)] == [401, 429]


# -- /metrics by address -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("peer", "within"),
    [
        (("10.1.2.3", 1), True),
        (("::ffff:10.1.2.3", 1), True),
        (("fd00::1", 1), True),
        (("11.1.2.3", 1), False),
        (("::1", 1), False),
        (("", 0), False),
        (("testclient", 1), False),
        (None, False),
    ],
)
def test_which_addresses_are_within(peer: tuple[str, int] | None, within: bool) -> None:
    assert is_within(peer, (ip_network("10.0.0.0/8"), ip_network("fd00::/8"))) is within
    assert not is_within(peer, ())


def test_metrics_by_the_peers_own_address(tmp_path: Path) -> None:
    allowing = Settings.model_validate({"data_dir": tmp_path / "data", "metrics_allow": "10.0.0.0/8, fd00::/8"})
    app = create_app(allowing)
    with TestClient(app, client=("10.1.2.3", 5000)) as prometheus:
        assert prometheus.get("/metrics").status_code == 200
        assert prometheus.get("/metrics", headers={"Authorization": "Bearer wrong"}).status_code == 200
        assert prometheus.get(MODELS).status_code == 401
        assert prometheus.post("/metrics").status_code == 401
        other = TestClient(app, client=("192.168.1.1", 5000))
        for forged in ({}, {"X-Forwarded-For": "10.1.2.3"}, {"Forwarded": "for=10.1.2.3"}, {"X-Real-IP": "10.1.2.3"}):
            assert other.get("/metrics", headers=forged).status_code == 401


# -- what browsers are told ----------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/healthz", "/api/nothing", MODELS, "/docs", "/openapi.json", "/metrics"])
def test_headers_of_every_answer(client: TestClient, path: str) -> None:
    headers = client.get(path).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cache-control"] == "no-store"
    assert "default-src 'none'" in headers["content-security-policy"]
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert "server" not in headers


def test_only_the_page_of_the_api_runs_scripts(client: TestClient) -> None:
    page = client.get("/docs")
    [script] = [part for part in page.headers["content-security-policy"].split("; ") if part.startswith("script-src")]
    assert re.fullmatch(r"script-src 'self' 'sha256-[A-Za-z0-9+/=]{44}'", script)
    assert "script-src" not in client.get(MODELS).headers["content-security-policy"]


def test_what_has_an_etag_may_be_kept_but_is_asked_for(client: TestClient, model_id: str) -> None:
    first = client.get(f"{MODELS}/{model_id}")
    again = client.get(f"{MODELS}/{model_id}", headers={"If-None-Match": first.headers["etag"]})
    assert again.status_code == 304
    assert first.headers["cache-control"] == again.headers["cache-control"] == "private, no-cache"


def test_the_server_does_not_name_itself(served: Served) -> None:
    answer = served.answer(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert b"\r\nserver:" not in answer.lower()


ORIGIN = "https://viewer.example.com"
PREFLIGHT = {"Access-Control-Request-Method": "PATCH", "Access-Control-Request-Headers": "authorization"}


def test_pages_of_other_sites_are_told_nothing(client: TestClient) -> None:
    for answer in (client.get(MODELS, headers={"Origin": ORIGIN}), client.options(MODELS, headers={"Origin": ORIGIN})):
        assert not [name for name in answer.headers if name.startswith("access-control")]
    assert TestClient(client.app).options(MODELS, headers={"Origin": ORIGIN, **PREFLIGHT}).status_code == 401


def test_origins_that_are_set_may_use_the_api_with_a_token(tmp_path: Path) -> None:
    allowing = Settings.model_validate({"data_dir": tmp_path / "data", "cors_origins": ORIGIN})
    with TestClient(create_app(allowing)) as client:
        answer = client.options(MODELS, headers={"Origin": ORIGIN, **PREFLIGHT})
        assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (200, ORIGIN)
        assert "access-control-allow-credentials" not in answer.headers
        answer = client.get(MODELS, headers={"Origin": ORIGIN})
        assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (401, ORIGIN)
        answer = client.get(MODELS, headers={"Origin": "https://evil.example.com"})
        assert "access-control-allow-origin" not in answer.headers
        answer = client.options(MODELS, headers={**PREFLIGHT, "Origin": "https://evil.example.com"})
        assert (answer.status_code, answer.headers["content-type"]) == (400, MEDIA_TYPE)
        assert answer.json()["code"] == "not_allowed_across_origins" and "origin" in answer.json()["detail"]
        assert "access-control-allow-origin" not in answer.headers
        answer = client.options(MODELS, headers={**PREFLIGHT, "Origin": ORIGIN, "Access-Control-Request-Method": "X"})
        assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (400, ORIGIN)
