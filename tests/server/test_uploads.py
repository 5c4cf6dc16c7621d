"""Uploads: streamed, sniffed, limited, stored once, and nothing left behind when they fail."""

import asyncio
import errno
import hashlib
import io
import os
import random
import tracemalloc
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from unittest import mock

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from hypothesis import given
from hypothesis import strategies as st
from starlette.types import Message

from server.api.upload import DEFAULT_NAME, MAX_NAME_CHARACTERS, display_name
from server.data_folder import DataFolder
from server.main import create_app
from server.part_format import HEAD_BYTES, NotAPartError, PartFormat, format_of
from server.services import Services
from server.settings import Settings
from server.stores.model_store import ModelStore
from tests.server.conftest import MIB, STEP, step

HOSTILE = Path("/work/shared/parts/hostile")


def in_chunks(content: bytes, size: int) -> Iterator[bytes]:
    return (content[start : start + size] for start in range(0, len(content), size))


def assert_nothing_left(data: DataFolder) -> None:
    assert list(data.uploads.iterdir()) == []
    assert list(data.models.iterdir()) == []


@pytest.mark.parametrize("media_type", ["application/step", "model/step", "application/octet-stream", None])
def test_raw_body(client: TestClient, data: DataFolder, media_type: str | None) -> None:
    headers = {"Content-Type": media_type} if media_type else {}
    answer = client.post("/api/models?name=bracket.step", content=STEP, headers=headers)
    model = answer.json()
    assert answer.status_code == 201
    assert answer.headers["location"] == f"/api/models/{model['id']}"
    assert model["name"] == "bracket.step"
    assert model["sha256"] == hashlib.sha256(STEP).hexdigest()
    assert model["size_bytes"] == len(STEP)
    assert model["uploaded_by"] == "admin"
    assert (data.model(model["id"]) / "part.step").read_bytes() == STEP
    assert list(data.uploads.iterdir()) == []
    assert client.get(answer.headers["location"]).json() == model


def test_chunked_body_without_a_length(client: TestClient, data: DataFolder) -> None:
    content = step("x" * MIB)
    answer = client.post("/api/models", content=in_chunks(content, 7001))
    assert answer.status_code == 201
    assert answer.json()["name"] == DEFAULT_NAME
    assert (data.model(answer.json()["id"]) / "part.step").read_bytes() == content


def test_multipart(client: TestClient, data: DataFolder) -> None:
    content = step("--boundary\r\n--b\r\n" * 1000) + random.Random(1).randbytes(MIB)
    answer = client.post("/api/models", files={"note": (None, "hello"), "file": ("ä b.stp", content)})
    assert answer.status_code == 201, answer.text
    assert answer.json()["name"] == "ä b.stp"
    assert answer.json()["size_bytes"] == len(content)
    assert (data.model(answer.json()["id"]) / "part.step").read_bytes() == content


@pytest.mark.parametrize("chunk", [1, 2, 3, 50, 10_000])
def test_multipart_cut_anywhere(client: TestClient, data: DataFolder, chunk: int) -> None:
    body = (
        b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.step"\r\n'
        b"Content-Type: application/step\r\n\r\n" + STEP + b"\r\n--b--\r\n"
    )
    headers = {"Content-Type": "multipart/form-data; boundary=b"}
    answer = client.post("/api/models", content=in_chunks(body, chunk), headers=headers)
    assert answer.status_code == 201, answer.text
    assert (data.model(answer.json()["id"]) / "part.step").read_bytes() == STEP
    assert answer.json()["name"] == "a.step"


PART = 'Content-Disposition: form-data; name="file"; filename="a.step"\r\n\r\nISO-10303-21;'


@pytest.mark.parametrize(
    ("content_type", "body", "code"),
    [
        ("multipart/form-data", f"--b\r\n{PART}\r\n--b--\r\n", "broken_multipart"),
        ("multipart/form-data; boundary=", "", "broken_multipart"),
        ("multipart/form-data; boundary=b", "", "broken_multipart"),
        ("multipart/form-data; boundary=b", "nonsense", "broken_multipart"),
        ("multipart/form-data; boundary=b", f"--b\r\n{PART}", "broken_multipart"),
        ("multipart/form-data; boundary=b", f"--b\r\n{PART}\r\n--b\r\n", "broken_multipart"),
        ("multipart/form-data; boundary=b", f"--b\r\nbad header\r\n\r\n{PART}\r\n--b--", "broken_multipart"),
        ("multipart/form-data; boundary=" + "b" * 5000, f"--b\r\n{PART}\r\n--b--\r\n", "broken_multipart"),
        (
            "multipart/form-data; boundary=b",
            f"--b\r\n{PART.replace('file', 'part', 1)}\r\n--b--\r\n",
            "no_file",
        ),
        ("multipart/form-data; boundary=b", f"--b\r\n{PART}\r\n--b\r\n{PART}\r\n--b--\r\n", "several_files"),
    ],
)
def test_broken_multipart(client: TestClient, data: DataFolder, content_type: str, body: str, code: str) -> None:
    answer = client.post("/api/models", content=body.encode(), headers={"Content-Type": content_type})
    assert (answer.status_code, answer.json()["code"]) == (400, code)
    assert_nothing_left(data)


def test_too_large_by_content_length(client: TestClient, data: DataFolder, settings: Settings) -> None:
    for excess in (1, 2 * MIB):
        answer = client.post("/api/models", content=STEP.ljust(settings.max_upload_bytes + excess))
        assert (answer.status_code, answer.json()["code"]) == (413, "too_large")
        assert f"{settings.max_upload_bytes:,}" in answer.json()["detail"]
    assert_nothing_left(data)


def test_too_large_while_streaming(client: TestClient, data: DataFolder, settings: Settings) -> None:
    content = STEP.ljust(settings.max_upload_bytes + 1)
    answer = client.post("/api/models", content=in_chunks(content, 65536))
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")
    answer = client.post("/api/models", files={"file": ("a.step", content)})
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")
    assert_nothing_left(data)


def test_as_large_as_allowed(client: TestClient, settings: Settings) -> None:
    content = STEP.ljust(settings.max_upload_bytes)
    assert client.post("/api/models", files={"file": ("a.step", content)}).status_code == 201
    assert client.post("/api/models", content=content).status_code == 200


def test_other_fields_are_limited_too(client: TestClient, data: DataFolder, settings: Settings) -> None:
    content = in_chunks(
        b'--b\r\nContent-Disposition: form-data; name="x"\r\n\r\n' + b"x" * (settings.max_upload_bytes + 2 * MIB),
        65536,
    )
    headers = {"Content-Type": "multipart/form-data; boundary=b"}
    answer = client.post("/api/models", content=content, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")
    assert_nothing_left(data)


def zipped(*names: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in names or ("part.step",):
            archive.writestr(name, STEP)
    return buffer.getvalue()


NOT_STEP = {
    "an empty file": b"",
    "a zip archive": zipped(),
    "a gzip archive": b"\x1f\x8b\x08\x00" + bytes(20),
    "a PDF document": b"%PDF-1.7\n%\xe2\xe3",
    "UTF-16 text": STEP.decode().encode("utf-16"),
    "UTF-16 text (": STEP.decode().encode("utf-16-le"),
    "a JPEG image": b"\xff\xd8\xff\xe0\x00\x10JFIF",
    "a PNG image": b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR",
    "an HTML page": b"\n<!DOCTYPE html><html><body>404</body></html>",
    "a JSON document": b'{"detail": "not found"}',
    "an XML document": b"<?xml version='1.0'?><a/>",
    "nothing but white space": b" \n\n ",
    "text that does not": b"Dear customer, please find attached",
    "binary data": bytes(range(256)) * 2,
    "a tar archive": b"part.step".ljust(257, b"\0") + b"ustar\x0000" + bytes(200),
}


@pytest.mark.parametrize("seen", NOT_STEP)
def test_not_step_names_what_was_seen(client: TestClient, data: DataFolder, seen: str) -> None:
    answer = client.post("/api/models", files={"file": ("part.step", NOT_STEP[seen])})
    assert answer.status_code == 415, answer.text
    assert answer.json()["seen"].startswith(seen)
    assert answer.json()["seen"] in answer.json()["detail"]
    assert_nothing_left(data)


@pytest.mark.parametrize(
    "head",
    [
        b"ISO-10303-21;",
        b"\xef\xbb\xbfISO-10303-21;\r\n",
        b"\r\n\t ISO-10303-21 ;",
        b"/* by hand */ /* twice */\nISO-10303-21;",
        (b"/*" + b"x" * HEAD_BYTES)[:HEAD_BYTES],
    ],
)
def test_step_is_let_through(head: bytes) -> None:
    assert format_of(head) is PartFormat.STEP


PARTS = {
    PartFormat.STEP: STEP,
    PartFormat.IGES: b"Bracket from CAD".ljust(72) + b"S      1\n" + b"1H,,1H;".ljust(72) + b"G      1\n",
    PartFormat.BREP: b"DBRep_DrawableShape\n\nCASCADE Topology V3, (c) Open Cascade\n",
    PartFormat.STL: b"exported".ljust(80) + (1).to_bytes(4, "little") + bytes(48) + b"\x1f\x00",
    PartFormat.OBJ: b"# blender\no cube\nv 1.0 2.0 3.0\n",
    PartFormat.THREEMF: zipped("3D/3dmodel.model"),
    PartFormat.PLY: b"ply\r\nformat ascii 1.0\n",
    PartFormat.GLB: b"glTF\2\0\0\0",
}


@pytest.mark.parametrize("kind", PartFormat)
def test_every_format_is_told_from_its_content_and_kept(client: TestClient, kind: PartFormat) -> None:
    answer = client.post("/api/models", files={"file": ("part.step", PARTS[kind])})
    assert answer.status_code == 201, answer.text
    assert answer.json()["format"] == kind.value
    assert client.get(f"/api/models/{answer.json()['id']}").json()["format"] == kind.value


@pytest.mark.parametrize(
    "head",
    [
        b"solid of many colours\nfacet normal 0 0 1\n",
        b"\nOpen CASCADE Topology V4, (c) Open Cascade\nLocations 0\n\0\0",
        zipped("[Content_Types].xml"),
    ],
)
def test_other_spellings_of_formats_are_let_through(head: bytes) -> None:
    assert format_of(head) in (PartFormat.STL, PartFormat.BREP, PartFormat.THREEMF)


@pytest.mark.parametrize("names", [("word/document.xml",), ("[Content_Types].xml", "xl/workbook.xml")])
def test_documents_of_an_office_suite_are_no_3mf(names: tuple[str, ...]) -> None:
    with pytest.raises(NotAPartError, match="zip archive"):
        format_of(zipped(*names))


def test_a_large_upload_that_is_not_step_is_refused_early(client: TestClient, services: Services) -> None:
    with mock.patch("server.stores.model_store.IncomingPart.finish", side_effect=AssertionError):
        answer = client.post("/api/models", content=in_chunks(zipped().ljust(2 * MIB), 65536))
    assert answer.status_code == 415
    assert list(services.data.uploads.iterdir()) == []


@pytest.mark.corpus
@pytest.mark.skipif(not HOSTILE.exists(), reason="the reference parts are not here")
def test_hostile_parts_are_refused_or_stored(client: TestClient) -> None:
    statuses = {
        path.name: client.post("/api/models", content=path.read_bytes()).status_code
        for path in HOSTILE.glob("*.st*p")
        if path.stat().st_size <= 2 * MIB
    }
    refused = {name for name, status in statuses.items() if status == 415}
    assert {"pdf.step", "zip.stp", "bom_utf16.stp", "random_bytes.stp", "empty.stp"} <= refused
    assert statuses["stl_named_step.stp"] == 201
    assert set(statuses.values()) <= {201, 200, 415}
    assert statuses["truncated_half.stp"] == 201


def test_the_same_bytes_are_stored_once(client: TestClient, data: DataFolder) -> None:
    first = client.post("/api/models?name=a.step", content=STEP)
    second = client.post("/api/models", files={"file": ("b.step", STEP)})
    assert (first.status_code, second.status_code) == (201, 200)
    assert second.json() == first.json()
    assert second.headers["location"] == first.headers["location"]
    assert len(list(data.models.iterdir())) == 1


def test_the_same_bytes_from_eight_threads_at_once(client: TestClient, data: DataFolder) -> None:
    content = step("y" * MIB)
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: client.post("/api/models", content=content), range(8)))
    assert sorted(answer.status_code for answer in answers) == [200] * 7 + [201]
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert len(list(data.models.iterdir())) == 1
    assert list(data.uploads.iterdir()) == []


def _keep(root: Path) -> str:
    store = ModelStore(DataFolder(root))
    part = store.receive(MIB)
    try:
        part.write(STEP)
        return store.keep(part, "a.step", "admin")[0].id
    finally:
        part.close()


def test_the_same_bytes_from_four_processes_at_once(data: DataFolder) -> None:
    with get_context("spawn").Pool(4) as pool:
        ids = pool.map(_keep, [data.root] * 16, chunksize=1)
    assert len(set(ids)) == 1
    assert len(list(data.models.iterdir())) == 1


def test_removed_and_uploaded_again_is_a_new_model(client: TestClient, data: DataFolder, model_id: str) -> None:
    assert client.delete(f"/api/models/{model_id}").status_code == 204
    assert client.get(f"/api/models/{model_id}").status_code == 404
    assert client.delete(f"/api/models/{model_id}").status_code == 404
    assert list(data.models.iterdir()) == []
    assert [path.name for path in data.removed_model(model_id).iterdir()] == ["activity.jsonl"]
    assert list(data.models_by_sha256.glob("*.json")) == []
    again = client.post("/api/models", content=STEP)
    assert again.status_code == 201
    assert again.json()["id"] != model_id


def test_an_index_entry_of_a_crashed_upload_does_not_matter(client: TestClient, data: DataFolder) -> None:
    died = OSError(errno.EIO, "the process died here")
    with mock.patch("server.stores.model_documents.put_in_place", side_effect=died):
        assert client.post("/api/models", content=STEP).status_code == 503
    assert len(list(data.models_by_sha256.glob("*.json"))) == 1
    assert client.get("/api/models").json()["items"] == []
    assert client.post("/api/models", content=STEP).status_code == 201


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
@pytest.mark.parametrize("where", ["fsync", "open"])
def test_full_disk(client: TestClient, data: DataFolder, number: int, where: str) -> None:
    error = OSError(number, os.strerror(number))
    target = {"fsync": "server.stores.model_store.os.fsync", "open": "pathlib.Path.open"}[where]
    with mock.patch(target, side_effect=error):
        answer = client.post("/api/models", content=STEP)
    assert (answer.status_code, answer.json()["code"]) == (507, "disk_full")
    assert_nothing_left(data)
    assert client.post("/api/models", content=STEP).status_code == 201


def post(
    app: FastAPI, client: TestClient, services: Services, messages: Iterator[Message], **headers: str
) -> list[Message]:
    """POST /api/models with the messages that a server would hand to the application; what it sends."""
    sent: list[Message] = []

    async def receive() -> Message:
        await asyncio.sleep(0)
        return next(messages)

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/api/models",
        "raw_path": b"/api/models",
        "query_string": b"",
        "headers": [
            (b"authorization", f"Bearer {services.gate.admin_token}".encode()),
            *((name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()),
        ],
    }
    assert client.portal is not None
    client.portal.call(app, scope, receive, send)
    return sent


@pytest.mark.parametrize(
    ("content_type", "excess"), [("application/step", 1), ("multipart/form-data; boundary=b", 2 * MIB)]
)
def test_what_says_that_it_is_too_large_is_not_even_received(
    app: FastAPI, client: TestClient, services: Services, settings: Settings, content_type: str, excess: int
) -> None:
    def messages() -> Iterator[Message]:
        yield from ()  # being asked for a message is the failure: it raises

    length = str(settings.max_upload_bytes + excess)
    sent = post(app, client, services, messages(), content_length=length, content_type=content_type)
    assert sent[0]["status"] == 413


def test_a_client_that_goes_away_leaves_nothing(
    app: FastAPI, client: TestClient, services: Services, data: DataFolder
) -> None:
    def messages() -> Iterator[Message]:
        yield {"type": "http.request", "body": step("z" * MIB), "more_body": True}
        assert list(data.uploads.iterdir())
        yield {"type": "http.disconnect"}

    assert post(app, client, services, messages())[0]["status"] == 400
    assert_nothing_left(data)


def test_memory_does_not_grow_with_the_upload(tmp_path: Path) -> None:
    megabytes = 64
    app = create_app(Settings(data_dir=tmp_path / "data", max_upload_bytes=megabytes * MIB))

    def messages() -> Iterator[Message]:
        yield {"type": "http.request", "body": STEP.ljust(65536), "more_body": True}
        for _ in range(megabytes * 16 - 2):
            yield {"type": "http.request", "body": b"x" * 65536, "more_body": True}
        yield {"type": "http.request", "body": b"y", "more_body": False}

    with TestClient(app) as client:
        tracemalloc.start()
        try:
            sent = post(app, client, app.state.services, messages())
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert sent[0]["status"] == 201
    assert peak < 4 * MIB


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("bracket.step", "bracket.step"),
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\me\\part.stp", "part.stp"),
        ("a\r\nSet-Cookie: x=1\x00.step", "aSet-Cookie: x=1.step"),
        ("evil\u202epets.step", "evilpets.step"),
        ("..", DEFAULT_NAME),
        ("", DEFAULT_NAME),
        ("/", DEFAULT_NAME),
        ("x" * 500 + ".step", "x" * 195 + ".step"),
    ],
)
def test_display_name(given: str, shown: str) -> None:
    assert display_name(given) == shown


@given(st.text())
def test_display_name_is_always_harmless(given: str) -> None:
    name = display_name(given)
    assert 0 < len(name) <= MAX_NAME_CHARACTERS
    assert "/" not in name and "\\" not in name
    assert name.isprintable() or all(character.isprintable() or character.isspace() for character in name)


def test_hostile_names_are_only_shown(client: TestClient, data: DataFolder) -> None:
    answer = client.post("/api/models", files={"file": ("../../../evil.step", STEP)})
    assert answer.json()["name"] == "evil.step"
    header = {"Content-Disposition": "attachment; filename*=UTF-8''..%2F%E2%82%AC.step"}
    answer = client.post("/api/models", content=step("2"), headers=header)
    assert answer.json()["name"] == "€.step"
    everything = {path.name for path in data.root.rglob("*")}
    assert not any("evil" in name for name in everything)


def test_models_are_listed_newest_first_in_pages(client: TestClient) -> None:
    ids = [client.post("/api/models", content=step(str(number))).json()["id"] for number in range(5)]
    first = client.get("/api/models?limit=3").json()
    second = client.get(f"/api/models?limit=3&cursor={first['next_cursor']}").json()
    assert [model["id"] for model in first["items"] + second["items"]] == sorted(ids, reverse=True)
    assert second["next_cursor"] is None
    assert client.get("/api/models?limit=5").json()["next_cursor"] is None
