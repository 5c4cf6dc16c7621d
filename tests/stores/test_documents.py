"""Typed documents: revisions, migrations, and what becomes of damaged ones."""

import json
from concurrent.futures import ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from server._atomic_json import previous_of, read_json
from server.data_folder import DataFolder
from server.stores import damage
from server.stores.documents import Documents, Kind, Stored
from server.stores.errors import (
    AlreadyExistsError,
    DamagedDocumentError,
    MisshapenDocumentError,
    NewerDocumentError,
    NotFoundError,
    RevisionConflictError,
)

PROCESSES, THREADS, EACH = 4, 10, 5


class Note(BaseModel):
    text: str
    tags: list[str] = []
    count: int = 0


def _name_text(content: dict[str, Any]) -> dict[str, Any]:
    return {"text": content["words"], "tag": content["tag"]}


def _several_tags(content: dict[str, Any]) -> dict[str, Any]:
    return {"text": content["text"], "tags": [content["tag"]] if content["tag"] else []}


NOTE = Kind("note", Note, version=3, migrations={1: _name_text, 2: _several_tags})


@pytest.fixture
def notes(data: DataFolder) -> Documents[Note]:
    return Documents(data, NOTE)


@pytest.fixture
def path(data: DataFolder) -> Path:
    return data.jobs / "a.json"


def with_text(text: str) -> Any:  # noqa: ANN401 - a function of a note
    return lambda note: note.model_copy(update={"text": text})


def test_made_changed_read(notes: Documents[Note], path: Path) -> None:
    assert notes.create(path, Note(text="a")).revision == 1
    assert notes.change(path, with_text("b")).revision == 2
    document = notes.read(path)
    assert (document.content.text, document.revision) == ("b", 2)
    assert sorted(file.name for file in path.parent.iterdir()) == ["a.json", "a.json.prev"]
    with pytest.raises(AlreadyExistsError):
        notes.create(path, Note(text="c"))


def test_what_is_not_there(notes: Documents[Note], path: Path) -> None:
    with pytest.raises(NotFoundError, match="note a"):
        notes.read(path)
    with pytest.raises(NotFoundError, match="note a"):
        notes.change(path, with_text("b"))


def test_no_change_is_no_write(notes: Documents[Note], path: Path) -> None:
    notes.create(path, Note(text="a"))
    before = path.stat()
    assert notes.change(path, lambda note: note).revision == 1
    assert path.stat() == before


def test_the_wrong_revision_is_refused(notes: Documents[Note], path: Path) -> None:
    notes.create(path, Note(text="a"))
    notes.change(path, with_text("b"), expected={1})
    with pytest.raises(RevisionConflictError) as refused:
        notes.change(path, with_text("c"), expected={1})
    assert refused.value.current == 2
    assert notes.read(path).content.text == "b"


@pytest.mark.parametrize(
    "old",
    [
        {"words": "a", "tag": "x"},
        {"document": "note", "version": 1, "revision": 7, "content": {"words": "a", "tag": "x"}},
        {"document": "note", "version": 2, "revision": 7, "content": {"text": "a", "tag": "x"}},
        {"document": "note", "version": 3, "revision": 7, "content": {"text": "a", "tags": ["x"], "count": 0}},
    ],
)
def test_old_documents_are_migrated(notes: Documents[Note], path: Path, old: dict[str, Any]) -> None:
    write_framed(path, old)
    document = notes.read(path)
    assert document.content == Note(text="a", tags=["x"])
    changed = notes.change(path, with_text("b"))
    assert changed.revision == document.revision + 1
    assert read_json(path)["version"] == 3
    assert read_json(path)["content"] == {"text": "b", "tags": ["x"], "count": 0}


def write_framed(path: Path, frame: dict[str, Any]) -> None:
    """Write a document as some version wrote it."""
    if "document" in frame:
        stored = Stored(frame["document"], frame["version"], frame["revision"], frame["content"])
        frame = frame | {"sha256": stored.sha256}
    path.write_text(json.dumps(frame))


def test_a_newer_document_is_refused_and_left_alone(notes: Documents[Note], path: Path) -> None:
    write_framed(path, {"document": "note", "version": 4, "revision": 1, "content": {"new": True}})
    before = path.read_bytes()
    with pytest.raises(NewerDocumentError, match="version 4"):
        notes.read(path)
    with pytest.raises(NewerDocumentError, match="up to 3"):
        notes.change(path, with_text("b"))
    assert path.read_bytes() == before
    assert damage.notes(notes.data) == []


def flipped(content: bytes) -> bytes:
    return content.replace(b'"text":"b"', b'"text":"c"')


DAMAGES: dict[str, Any] = {
    "emptied": lambda _: b"",
    "zeroed": lambda content: bytes(len(content)),
    "cut": lambda content: content[:-5],
    "a letter changed": flipped,
    "another document": lambda _: b'{"document": "job", "version": 1, "revision": 1, "sha256": "0", "content": {}}',
    "not an object": lambda _: b"[]",
    "not text": lambda _: b"\xff\xfe",
    "without its frame": lambda _: b"{}",
    "content of another type": lambda _: (
        b'{"document": "note", "version": 3, "revision": 1, "sha256": "0", "content": 1}'
    ),
}


@pytest.mark.parametrize("how", DAMAGES)
@pytest.mark.parametrize("touched_by", ["read", "change"])
def test_a_damaged_document_is_put_aside_and_its_previous_version_is_back(
    notes: Documents[Note], path: Path, how: str, touched_by: str
) -> None:
    notes.create(path, Note(text="a"))
    notes.change(path, with_text("b"))
    damaged = DAMAGES[how](path.read_bytes())
    path.write_bytes(damaged)
    if touched_by == "read":
        assert notes.read(path).content.text == "a"
    else:
        counted = notes.change(path, lambda note: note.model_copy(update={"count": note.count + 1}))
        assert (counted.content.text, counted.content.count) == ("a", 1)
    assert notes.read(path).revision > 2, "a revision never names two different contents"
    [note] = damage.notes(notes.data)
    assert note.restored
    assert note.document == "jobs/a.json"
    assert (path.parent / note.kept_as).read_bytes() == damaged


@pytest.mark.parametrize("previous", [None, b"also damaged"])
def test_damaged_without_a_previous_version(notes: Documents[Note], path: Path, previous: bytes | None) -> None:
    notes.create(path, Note(text="a"))
    if previous:
        previous_of(path).write_bytes(previous)
    path.write_bytes(b"{")
    with pytest.raises(DamagedDocumentError, match="not JSON"):
        notes.read(path)
    with pytest.raises(NotFoundError):
        notes.read(path)
    [note] = damage.notes(notes.data)
    assert not note.restored
    assert (path.parent / note.kept_as).read_bytes() == b"{"


def test_what_the_program_does_not_understand_is_left_where_it_is(notes: Documents[Note], path: Path) -> None:
    write_framed(path, {"document": "note", "version": 3, "revision": 1, "content": {"text": 1}})
    with pytest.raises(MisshapenDocumentError, match="does not hold a note"):
        notes.read(path)
    with pytest.raises(MisshapenDocumentError, match="does not hold a note"):
        notes.change(path, with_text("b"))
    assert path.exists()
    assert damage.notes(notes.data) == []


def _count_from_ten_threads(root: Path, path: Path) -> None:
    notes = Documents(DataFolder(root), NOTE)

    def count(_: int) -> None:
        notes.change(path, lambda note: note.model_copy(update={"count": note.count + 1}))

    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(count, range(THREADS * EACH)))


def test_ten_threads_in_four_processes_lose_no_change_and_leave_no_lock(notes: Documents[Note], path: Path) -> None:
    notes.create(path, Note(text="a"))
    with get_context("spawn").Pool(PROCESSES) as pool:
        pool.starmap(_count_from_ten_threads, [(notes.data.root, path)] * PROCESSES, chunksize=1)
    document = notes.read(path)
    assert document.content.count == PROCESSES * THREADS * EACH
    assert document.revision == 1 + PROCESSES * THREADS * EACH
    assert sorted(file.name for file in path.parent.iterdir()) == ["a.json", "a.json.prev"]


def test_one_of_two_who_expect_the_same_revision_wins(notes: Documents[Note], path: Path) -> None:
    notes.create(path, Note(text="a"))

    def edit(text: str) -> str:
        try:
            notes.change(path, with_text(text), expected={1})
        except RevisionConflictError:
            return ""
        return text

    with ThreadPoolExecutor(8) as pool:
        winners = [text for text in pool.map(edit, "bcdefghi") if text]
    assert [notes.read(path).content.text] == winners
