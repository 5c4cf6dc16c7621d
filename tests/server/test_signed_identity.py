"""Who a trusted proxy says is behind a request: the signature, the claims, the keys, and what they may do."""

import base64
import hashlib
import hmac
import json
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from fastapi.testclient import TestClient
from httpx import Response
from pydantic import ValidationError

from server.access import signing_keys
from server.access.roles import Role
from server.main import create_app
from server.middleware.authentication import SIGNED_IDENTITY
from server.settings import Settings
from tests.server.conftest import step

ISSUER = "https://team.cloudflareaccess.com"
AUDIENCE = "4714c1358e65fe4b408ad6d432a5f878"

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
RSA_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
EC_KEY = ec.generate_private_key(ec.SECP256R1())
OTHER_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)


def public_jwk(key: PrivateKey, key_id: str) -> dict[str, Any]:
    if isinstance(key, rsa.RSAPrivateKey):
        return {**jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key(), as_dict=True), "kid": key_id, "alg": "RS256"}
    return {**jwt.algorithms.ECAlgorithm.to_jwk(key.public_key(), as_dict=True), "kid": key_id, "alg": "ES256"}


class KeyServer(ThreadingHTTPServer):
    """Gives out a key set, and counts how often it was asked for."""

    def __init__(self) -> None:
        self.keys: dict[str, PrivateKey] = {"rsa": RSA_KEY, "ec": EC_KEY}
        self.asked = 0
        self.is_up = True
        super().__init__(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self.server_port}/cdn-cgi/access/certs"


class _Handler(BaseHTTPRequestHandler):
    server: KeyServer

    def do_GET(self) -> None:
        self.server.asked += 1
        jwks = {"keys": [public_jwk(key, key_id) for key_id, key in self.server.keys.items()]}
        self.send_response(200 if self.server.is_up else 503)
        self.end_headers()
        self.wfile.write(json.dumps(jwks).encode())

    def log_message(self, *_: object) -> None:
        """Nothing: it would go to stderr."""


@pytest.fixture
def key_server() -> Iterator[KeyServer]:
    with KeyServer() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


class Clock:
    """Stands in for the monotonic clock by which keys grow old."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(signing_keys, "monotonic", clock)
    return clock


@pytest.fixture
def settings(tmp_path: Path, key_server: KeyServer) -> Settings:
    return Settings(
        data_dir=tmp_path / "data",
        identity_keys=key_server.url,
        identity_issuer=ISSUER,
        identity_audience=AUDIENCE,
        identity_roles={"Bob@example.com": Role.REVIEWER},
    )


def claims(**changes: object) -> dict[str, Any]:
    now = datetime.now(UTC)
    usual = {
        "aud": [AUDIENCE],
        "iss": ISSUER,
        "email": "ana@example.com",
        "sub": "7335d417",
        "iat": now,
        "nbf": now,
        "exp": now + timedelta(hours=1),
    }
    return {name: value for name, value in (usual | changes).items() if value is not None}


def signed(key: PrivateKey = RSA_KEY, key_id: str = "rsa", **changes: Any) -> str:  # noqa: ANN401 - of any type
    algorithm = "RS256" if isinstance(key, rsa.RSAPrivateKey) else "ES256"
    return jwt.encode(claims(**changes), key, algorithm, headers={"kid": key_id})


def listed(client: TestClient, token: str) -> Response:
    answer: Response = client.get("/api/models", headers={SIGNED_IDENTITY: token})
    return answer


def uploaded(client: TestClient, token: str, **headers: str) -> Response:
    answer: Response = client.post("/api/models", content=step("one"), headers={SIGNED_IDENTITY: token, **headers})
    return answer


@pytest.mark.parametrize(("key", "key_id"), [(RSA_KEY, "rsa"), (EC_KEY, "ec")])
def test_whom_the_proxy_names_may_look(
    anonymous: TestClient, caplog: pytest.LogCaptureFixture, key: PrivateKey, key_id: str
) -> None:
    token = signed(key, key_id, email="Ana@Example.com")
    assert listed(anonymous, token).status_code == 200
    [line] = [record.__dict__ for record in caplog.records if record.name == "access"]
    assert line["identity"] == line["identity_email"] == "ana@example.com"
    assert not [record for record in caplog.records if token.rpartition(".")[2] in str(record.__dict__)]
    assert uploaded(anonymous, token).json()["code"] == "not_allowed"


def test_the_settings_give_single_ones_another_role(anonymous: TestClient) -> None:
    answer = uploaded(anonymous, signed(email="bob@EXAMPLE.com"))
    assert (answer.status_code, answer.json()["uploaded_by"]) == (201, "bob@example.com")


NOW = datetime.now(UTC)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"aud": ["another"]}, "Audience"),
        ({"aud": None}, "aud"),
        ({"iss": "https://evil.cloudflareaccess.com"}, "issuer"),
        ({"iss": None}, "iss"),
        ({"exp": NOW - timedelta(minutes=2)}, "expired"),
        ({"exp": None}, "exp"),
        ({"nbf": NOW + timedelta(hours=1)}, "not yet valid"),
        ({"email": None}, "no e-mail address"),
        ({"email": "admin"}, "no e-mail address"),
        ({"email": "worker@"}, "no e-mail address"),
        ({"email": "a\nb@example.com"}, "no e-mail address"),
        ({"email": ["ana@example.com"]}, "no e-mail address"),
        ({"email": "a" * 300 + "@example.com"}, "no e-mail address"),
    ],
)
def test_claims_that_let_nobody_in(anonymous: TestClient, changes: dict[str, Any], why: str) -> None:
    answer = listed(anonymous, signed(**changes))
    assert (answer.status_code, answer.json()["code"]) == (401, "not_authenticated")
    assert why in answer.json()["detail"]


def test_clocks_may_differ_by_less_than_a_minute(anonymous: TestClient) -> None:
    now = datetime.now(UTC)
    late, early = now - timedelta(seconds=30), now + timedelta(seconds=30)
    assert listed(anonymous, signed(exp=late)).status_code == 200
    assert listed(anonymous, signed(nbf=early, iat=early)).status_code == 200


@pytest.mark.parametrize(
    "header",
    [
        "[]",
        "null",
        '{"alg":["RS256"]}',
        '{"alg":"RS256","kid":["rsa"]}',
        '{"alg":"RS256","kid":"rsa","crit":["b64"],"b64":false}',
        '{"alg":"ES256","kid":"rsa"}',
        '{"alg":"RS256","kid":"rsa","x":' + "[" * 10_000 + "]" * 10_000 + "}",
        '{"alg":"RS256","kid":"rsa","x":' + "9" * 9_000 + "}",
    ],
)
def test_hostile_headers_of_signed_tokens(anonymous: TestClient, header: str) -> None:
    first, *rest = (base64.urlsafe_b64encode(text.encode()).decode().strip("=") for text in (header, "{}", "signature"))
    for token in (".".join([first, *rest]), first, f"{first}.%%%.%%%"):
        answer = listed(anonymous, token)
        assert (answer.status_code, answer.json()["code"]) == (401, "not_authenticated")


def unsigned() -> str:
    return jwt.encode(claims(), "", "none", headers={"kid": "rsa"})


def signed_with_the_public_key() -> str:
    """HS256, with the text of the public key as the secret: PyJWT would not make it."""
    pem = RSA_KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)

    def part(content: dict[str, Any]) -> bytes:
        text = json.dumps(content, default=lambda at: int(at.timestamp()))
        return base64.urlsafe_b64encode(text.encode()).strip(b"=")

    message = part({"alg": "HS256", "typ": "JWT", "kid": "rsa"}) + b"." + part(claims())
    signature = base64.urlsafe_b64encode(hmac.digest(pem, message, hashlib.sha256)).strip(b"=")
    return (message + b"." + signature).decode()


def without_its_signature() -> str:
    return signed().rpartition(".")[0] + "."


def changed_after_it_was_signed() -> str:
    header, _, signature = signed().split(".")
    return f"{header}.{signed(email='bob@example.com').split('.')[1]}.{signature}"


def with_a_key_of_its_own() -> str:
    token_headers = {"kid": "rsa", "jwk": public_jwk(OTHER_KEY, "rsa")}
    return jwt.encode(claims(), OTHER_KEY, "RS256", headers=token_headers)


@pytest.mark.parametrize(
    "forged",
    [
        unsigned,
        signed_with_the_public_key,
        without_its_signature,
        changed_after_it_was_signed,
        with_a_key_of_its_own,
        lambda: signed(OTHER_KEY, "rsa"),
        lambda: signed(EC_KEY, "rsa"),
        lambda: signed(RSA_KEY, "ec"),
        lambda: "a.b.c",
        lambda: "x" * 8000,
    ],
)
def test_what_is_not_signed_by_the_proxy_lets_nobody_in(anonymous: TestClient, forged: Callable[[], str]) -> None:
    assert listed(anonymous, signed()).status_code == 200
    answer = listed(anonymous, forged())
    assert (answer.status_code, answer.json()["code"]) == (401, "not_authenticated")


# -- the keys ------------------------------------------------------------------------------------------------


def test_a_new_key_is_fetched_but_unknown_ones_no_more_than_twice_a_minute(
    anonymous: TestClient, key_server: KeyServer, clock: Clock
) -> None:
    assert listed(anonymous, signed()).status_code == 200
    assert [listed(anonymous, signed(OTHER_KEY, f"new{n}")).status_code for n in range(5)] == [401] * 5
    assert key_server.asked == 1
    key_server.keys["new"] = OTHER_KEY
    clock.seconds += signing_keys.LEAST_SECONDS_BETWEEN
    assert listed(anonymous, signed(OTHER_KEY, "new")).status_code == 200
    assert [listed(anonymous, signed(OTHER_KEY, "other")).status_code for _ in range(5)] == [401] * 5
    assert key_server.asked == 2


def test_a_key_that_is_withdrawn_is_believed_until_the_keys_are_read_again(
    anonymous: TestClient, key_server: KeyServer, clock: Clock
) -> None:
    assert listed(anonymous, signed()).status_code == 200
    key_server.keys = {"ec": EC_KEY}
    assert listed(anonymous, signed()).status_code == 200
    clock.seconds += signing_keys.FRESH_SECONDS
    assert listed(anonymous, signed()).status_code == 401


def test_while_the_key_server_is_down_known_keys_do_for_a_day(
    anonymous: TestClient, key_server: KeyServer, clock: Clock
) -> None:
    assert listed(anonymous, signed()).status_code == 200
    key_server.is_up = False
    clock.seconds += signing_keys.USABLE_SECONDS - 1
    assert [listed(anonymous, signed()).status_code for _ in range(3)] == [200] * 3
    assert key_server.asked == 2
    clock.seconds += 1
    answer = listed(anonymous, signed())
    assert (answer.status_code, answer.json()["code"]) == (503, "identity_keys_unavailable")
    assert answer.headers["retry-after"] == "30"


def test_without_keys_tokens_still_let_people_in(client: TestClient, key_server: KeyServer, clock: Clock) -> None:
    key_server.is_up = False
    bearer = client.headers.pop("Authorization")
    assert [listed(client, signed()).status_code for _ in range(3)] == [503] * 3
    assert key_server.asked == 1
    assert client.get("/api/models", headers={"Authorization": bearer}).status_code == 200
    key_server.is_up = True
    clock.seconds += signing_keys.LEAST_SECONDS_BETWEEN
    assert listed(client, signed()).status_code == 200


@pytest.mark.parametrize("content", ["", "[]", '{"keys": []}', "{}", '{"keys": [{"kty": "oct", "k": "c2VjcmV0"}]}'])
def test_keys_from_a_file_that_holds_none(tmp_path: Path, settings: Settings, content: str) -> None:
    file = tmp_path / "keys.json"
    file.write_text(content)
    with TestClient(create_app(settings.model_copy(update={"identity_keys": str(file)}))) as client:
        assert listed(client, signed()).status_code in (401, 503)


def test_keys_from_a_file(tmp_path: Path, settings: Settings) -> None:
    file = tmp_path / "keys.json"
    file.write_text(json.dumps({"keys": [public_jwk(RSA_KEY, "rsa")]}))
    with TestClient(create_app(settings.model_copy(update={"identity_keys": str(file)}))) as client:
        assert listed(client, signed()).status_code == 200
        assert listed(client, signed(EC_KEY, "ec")).status_code == 401


# -- when it counts ------------------------------------------------------------------------------------------


def test_it_counts_for_nothing_unless_it_is_configured(tmp_path: Path, key_server: KeyServer) -> None:
    with TestClient(create_app(Settings(data_dir=tmp_path / "other"))) as client:
        assert listed(client, signed()).status_code == 401
    assert key_server.asked == 0


@pytest.mark.parametrize("left_out", ["identity_issuer", "identity_audience"])
def test_nobody_is_trusted_without_issuer_and_audience(left_out: str) -> None:
    given = {"identity_keys": "/keys", "identity_issuer": ISSUER, "identity_audience": AUDIENCE, left_out: ""}
    with pytest.raises(ValidationError, match="needs identity_issuer and identity_audience"):
        Settings.model_validate(given)


def test_a_token_that_is_sent_too_comes_first(client: TestClient) -> None:
    assert client.get("/api/admin/jobs", headers={SIGNED_IDENTITY: signed()}).status_code == 200
    client.headers["Authorization"] = "Bearer wrong"
    assert listed(client, signed()).status_code == 401


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 201),
        ({"Sec-Fetch-Site": "same-origin", "Origin": "https://parts.example.com"}, 201),
        ({"Sec-Fetch-Site": "none"}, 201),
        ({"Origin": "http://testserver"}, 201),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Origin": "https://evil.example.com"}, 403),
        ({"Origin": "null"}, 403),
    ],
)
def test_pages_of_other_sites_change_nothing(anonymous: TestClient, headers: dict[str, str], status: int) -> None:
    answer = uploaded(anonymous, signed(email="bob@example.com"), **headers)
    assert answer.status_code == status
    assert status == 201 or answer.json()["code"] == "cross_site"
    look = anonymous.get("/api/models", headers={SIGNED_IDENTITY: signed(), **headers})
    assert look.status_code == 200
