"""Who may do what: tokens, roles, and the admin token's file."""

import logging
import re
import stat
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from starlette.routing import Route
from typer.testing import CliRunner

from rapiddraft.cli import app as command_line
from server.access.gate import Gate
from server.access.roles import Role, needed_for
from server.access.tokens import BadNameError, Tokens
from server.data_folder import DataFolder
from server.services import Services
from tests.server.conftest import step

Client = Callable[..., TestClient]
# All else needs a token. A line here is a decision.
OPEN_TO_ALL = {
    (method, path) for path in ("/healthz", "/readyz", "/docs", "/openapi.json") for method in ("GET", "HEAD")
}


@pytest.fixture
def tokens(data: DataFolder) -> Tokens:
    return Tokens(data)


@pytest.fixture
def client_of(anonymous: TestClient, services: Services) -> Client:
    """The client with a new token: a name and a role."""

    def with_token(name: str, role: Role, lasting: timedelta | None = None) -> TestClient:
        _, text = services.gate.tokens.make(name, role, lasting)
        anonymous.headers["Authorization"] = f"Bearer {text}"
        return anonymous

    return with_token


# -- roles ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "path", "needed"),
    [
        ("GET", "/api/models", Role.VIEWER),
        ("HEAD", "/api/models", Role.VIEWER),
        ("GET", "/metrics", Role.VIEWER),
        ("POST", "/api/models", Role.REVIEWER),
        ("DELETE", "/api/models/x", Role.REVIEWER),
        ("BREW", "/api/models", Role.REVIEWER),
        ("GET", "/api/admin/jobs", Role.ADMIN),
        ("POST", "/api/admin/jobs/x/retry", Role.ADMIN),
        ("GET", "/api/administrators", Role.VIEWER),
    ],
)
def test_what_a_request_needs(method: str, path: str, needed: Role) -> None:
    assert needed_for(method, path) is needed


def test_a_role_includes_those_before_it() -> None:
    assert [[role.includes(other) for other in Role] for role in Role] == [
        [True, False, False],
        [True, True, False],
        [True, True, True],
    ]


def routes_of(app: FastAPI) -> set[tuple[str, str]]:
    """Method and template of each, whether it is in the documents or not."""
    included = [getattr(route, "original_router", None) for route in app.routes]
    routes = [*app.routes, *(route for router in included if router for route in router.routes)]
    return {
        (method, route.path) for route in routes if isinstance(route, Route) for method in (route.methods or set())
    } - OPEN_TO_ALL


def test_every_route_asks_for_a_token_and_for_its_role(app: FastAPI, anonymous: TestClient, client_of: Client) -> None:
    routes = routes_of(app)
    described = {(method.upper(), path) for path, methods in app.openapi()["paths"].items() for method in methods}
    assert described - OPEN_TO_ALL <= routes and len(routes) > 30

    def answers() -> dict[tuple[str, str], int]:
        ids = re.compile(r"\{\w+\}")
        return {(m, p): anonymous.request(m, ids.sub("01ARZ3NDEKTSV4RRFFQ69G5FAV", p)).status_code for m, p in routes}

    assert set(answers().values()) == {401}
    anonymous.headers["Authorization"] = "Bearer rd_01ARZ3NDEKTSV4RRFFQ69G5FAV_wrong"
    assert set(answers().values()) == {401}
    for role in (Role.VIEWER, Role.REVIEWER):
        client_of("Ana", role)
        refused = {route for route, status in answers().items() if status == 403}
        assert refused == {(m, p) for m, p in routes if not role.includes(needed_for(m, p))}
    assert {path for _, path in refused} == {path for _, path in routes if path.startswith("/api/admin")}


@pytest.mark.parametrize(
    ("role", "read", "upload", "operate"),
    [("viewer", 200, 403, 403), ("reviewer", 200, 201, 403), ("admin", 200, 201, 200)],
)
def test_each_role_over_http(client_of: Client, role: str, read: int, upload: int, operate: int) -> None:
    client = client_of("Ana", Role(role))
    assert client.get("/api/models").status_code == read
    answer = client.post("/api/models", content=step("one"))
    assert answer.status_code == upload
    if upload == 403:
        assert answer.json()["code"] == "not_allowed"
        assert "needs the role reviewer; Ana has the role viewer" in answer.json()["detail"]
    assert client.get("/api/admin/jobs").status_code == operate


def test_what_somebody_does_is_kept_under_their_name(client_of: Client, caplog: pytest.LogCaptureFixture) -> None:
    model = client_of("Ana Lee", Role.REVIEWER).post("/api/models", content=step("one")).json()
    assert model["uploaded_by"] == "Ana Lee"
    assert [r.__dict__["identity"] for r in caplog.records if r.name == "access"] == ["Ana Lee"]


def test_only_the_uploader_or_an_admin_removes_a_model(client_of: Client, services: Services) -> None:
    first, second = (client_of("Ana", Role.REVIEWER).post("/api/models", content=step(t)).json()["id"] for t in "ab")
    answer = client_of("Bob", Role.REVIEWER).delete(f"/api/models/{first}")
    assert (answer.status_code, answer.json()["code"]) == (403, "not_allowed")
    assert services.models.get(first)
    assert client_of("Ana", Role.REVIEWER).delete(f"/api/models/{first}").status_code == 204
    assert client_of("Bob", Role.ADMIN).delete(f"/api/models/{second}").status_code == 204


def test_only_who_asked_or_an_admin_cancels_a_job(client_of: Client, services: Services) -> None:
    def asked(text: str) -> str:
        client = client_of("Ana", Role.REVIEWER)
        model = client.post("/api/models", content=step(text)).json()["id"]
        job = client.post(f"/api/models/{model}/dfm/review-v2", headers={"Prefer": "respond-async"}).json()
        return str(job["id"])

    first, second = asked("a"), asked("b")
    answer = client_of("Bob", Role.REVIEWER).post(f"/api/jobs/{first}/cancel")
    assert (answer.status_code, answer.json()["code"]) == (403, "not_allowed")
    assert services.jobs.get(first).state == "queued"
    assert client_of("Ana", Role.REVIEWER).post(f"/api/jobs/{first}/cancel").status_code == 200
    assert client_of("Bob", Role.ADMIN).post(f"/api/jobs/{second}/cancel").status_code == 200


# -- tokens --------------------------------------------------------------------------------------------------


def test_a_token_is_let_in_until_it_is_revoked(client_of: Client, services: Services) -> None:
    client = client_of("Ana", Role.VIEWER)
    assert [client.get("/api/models").status_code for _ in range(2)] == [200, 200]
    [token] = services.gate.tokens.list()
    # As another process does it: the API must see it at the next request.
    Tokens(services.data).revoke(token.id)
    assert client.get("/api/models").status_code == 401


def test_a_token_is_let_in_until_it_expires(client_of: Client, services: Services) -> None:
    client = client_of("Ana", Role.VIEWER, timedelta(days=1))
    assert client.get("/api/models").status_code == 200
    client = client_of("Ana", Role.VIEWER, timedelta(microseconds=1))
    assert client.get("/api/models").status_code == 401
    [made, _] = services.gate.tokens.list()
    assert not made.is_valid and made.revoked_at is None


def test_one_that_was_remembered_expires_too(tokens: Tokens) -> None:
    gate = Gate(tokens)
    _, text = tokens.make("Ana", Role.VIEWER, timedelta(hours=1))
    assert gate.identify(text) and gate.remembered(text)
    version, token = gate._known[text]
    gate._known[text] = version, token.model_copy(update={"expires_at": token.made_at})
    assert gate.remembered(text) is None


@pytest.mark.parametrize(
    "change",
    [
        lambda t: t[:-1],
        lambda t: t + "x",
        lambda t: t.replace("rd_", "xx_"),
        lambda t: t[:0],
        lambda t: t.rpartition("_")[0] + "_",
        lambda t: f"rd_../../admin-token_{t}",
    ],
)
def test_nothing_but_the_whole_token_is_let_in(tokens: Tokens, change: Callable[[str], str]) -> None:
    gate = Gate(tokens)
    _, text = tokens.make("Ana", Role.VIEWER)
    assert gate.identify(text)
    assert gate.identify(change(text)) is None
    assert gate.remembered(change(text)) is None


def test_a_damaged_token_lets_nobody_in(client_of: Client, services: Services) -> None:
    client = client_of("Ana", Role.VIEWER)
    [token] = services.gate.tokens.list()
    path = services.data.tokens / f"{token.id}.json"
    path.write_text(path.read_text().replace('"viewer"', '"admin"'))
    assert client.get("/api/models").status_code == 401


def test_only_hashes_are_kept_and_nothing_is_logged(
    client_of: Client, services: Services, caplog: pytest.LogCaptureFixture
) -> None:
    client = client_of("Ana", Role.REVIEWER)
    client.post("/api/models", content=step("one"))
    secret = client.headers["Authorization"].split("_", 2)[2]
    assert len(secret) >= 32
    kept = [path for path in services.data.root.rglob("*") if path.is_file() and secret.encode() in path.read_bytes()]
    assert not kept
    assert not [record for record in caplog.records if secret in str(record.__dict__)]
    assert stat.S_IMODE(services.data.tokens.stat().st_mode) == 0o700


@pytest.mark.parametrize("name", ["", " ", " Ana", "a\nb", "admin", "Worker", "anonymous", "x" * 101, "a\x1b[31m"])
def test_names_that_no_token_has(tokens: Tokens, name: str) -> None:
    with pytest.raises(BadNameError):
        tokens.make(name, Role.VIEWER)
    assert tokens.list() == []


# -- the command ---------------------------------------------------------------------------------------------


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., tuple[int, str, str]]:
    monkeypatch.setattr("rapiddraft.commands_token.get_settings", lambda: _Settings(tmp_path / "data"))

    def command(*words: str) -> tuple[int, str, str]:
        done = CliRunner().invoke(command_line, ["token", *words])
        return done.exit_code, done.stdout, done.stderr

    return command


class _Settings:
    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir


def test_make_list_revoke(run: Callable[..., tuple[int, str, str]], tmp_path: Path) -> None:
    status, text, note = run("make", "Ana", "--role", "reviewer", "--days", "30")
    assert status == 0 and "shown this once" in note
    tokens = Tokens(DataFolder(tmp_path / "data"))
    token = tokens.behind(text.strip())
    assert token and (token.name, token.role) == ("Ana", Role.REVIEWER) and token.expires_at
    assert (token.expires_at - token.made_at).days == 30

    status, table, _ = run("list")
    assert status == 0 and token.id in table and "reviewer" in table and "valid" in table
    assert text.strip().split("_", 2)[2] not in table

    status, said, _ = run("revoke", token.id)
    assert status == 0 and "Ana" in said
    assert not tokens.get(token.id).is_valid
    assert "revoked" in run("list")[1]


def test_a_damaged_token_hides_no_other(run: Callable[..., tuple[int, str, str]], tmp_path: Path) -> None:
    for name in ("Ana", "Bob", "Cid"):
        run("make", name, "--role", "viewer")
    tokens = Tokens(DataFolder(tmp_path / "data"))
    damaged = tokens.list()[1]
    (tmp_path / "data" / "tokens" / f"{damaged.id}.json").write_text("{damaged")
    status, table, note = run("list")
    assert status == 1
    assert "Ana" in table and "Cid" in table and damaged.id not in table
    assert damaged.id in note and "is damaged" in note and "make another" in note


@pytest.mark.parametrize(
    "words",
    [("make", "admin", "--role", "viewer"), ("revoke", "nonsense"), ("revoke", "01ARZ3NDEKTSV4RRFFQ69G5FAV")],
)
def test_what_the_command_refuses(run: Callable[..., tuple[int, str, str]], words: tuple[str, ...]) -> None:
    status, said, why = run(*words)
    assert (status, said) == (2, "") and why


def test_the_whole_text_of_a_token_is_no_id_and_not_repeated(
    run: Callable[..., tuple[int, str, str]], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    _, text, _ = run("make", "Ana", "--role", "viewer")
    status, _, why = run("revoke", text.strip())
    assert status == 2
    assert text.strip().split("_", 2)[2] not in why
