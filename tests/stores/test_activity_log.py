"""The log's lines: the chain, torn ends, and what the checker says of each."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from rapiddraft.cli import app
from server.data_folder import DataFolder
from server.stores.errors import DamagedDocumentError
from server.stores.model_documents import log_of
from server.stores.model_store import ModelStore
from server.stores.review_store import ReviewStore
from server.stores.verify import verify
from tests.stores.making import make_model

TICKETS = 4


@pytest.fixture
def model_id(data: DataFolder) -> str:
    """A model with a line for itself and one for each of its tickets."""
    model_id = make_model(data)
    for number in range(TICKETS):
        ReviewStore(data).create_ticket(model_id, title=f"number {number}", text="", author="ann")
    return model_id


@pytest.fixture
def file(data: DataFolder, model_id: str) -> Path:
    return data.model(model_id) / "activity.jsonl"


def bad(data: DataFolder) -> list[str]:
    return [finding.what for finding in verify(data).findings if finding.bad]


def test_a_good_chain(data: DataFolder, model_id: str, file: Path) -> None:
    checked = verify(data)
    assert (checked.findings, checked.models, checked.documents, checked.entries) == ([], 1, 5, 5)
    assert len(file.read_bytes().splitlines()) == 5
    assert json.loads(file.read_bytes().splitlines()[1])["what"] == "ticket.created"
    assert len(list(log_of(data, model_id).entries())) == 5


def without(number: int) -> Callable[[list[bytes]], list[bytes]]:
    return lambda lines: lines[: number - 1] + lines[number:]


def swapped(lines: list[bytes]) -> list[bytes]:
    return [lines[0], lines[2], lines[1], *lines[3:]]


def with_a_word_changed(lines: list[bytes]) -> list[bytes]:
    return [line.replace(b"number 1", b"number 9") for line in lines]


def zeroed(lines: list[bytes]) -> list[bytes]:
    return [*lines[:2], bytes(len(lines[2]) - 1) + b"\n", *lines[3:]]


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (without(1), 1),
        (without(2), 2),
        (without(4), 4),
        (swapped, 2),
        (with_a_word_changed, 3),
        (zeroed, 3),
        (lambda lines: [*lines, lines[-1]], 6),
        (lambda lines: [lines[0], b"\n", *lines[1:]], 2),
    ],
)
def test_the_first_bad_line_is_named(
    data: DataFolder, model_id: str, file: Path, change: Callable[[list[bytes]], list[bytes]], line: int
) -> None:
    file.write_bytes(b"".join(change(file.read_bytes().splitlines(keepends=True))))
    found = [finding for finding in verify(data).findings if finding.where == f"models/{model_id}/activity.jsonl"]
    assert len(found) == 1 and found[0].bad
    assert found[0].what.startswith(f"line {line} is bad")


def test_a_cut_off_log_is_noticed_by_its_documents(data: DataFolder, file: Path) -> None:
    file.write_bytes(b"".join(file.read_bytes().splitlines(keepends=True)[:-1]))
    assert bad(data) == ["the activity log does not tell of it"]


def test_a_document_that_was_changed_behind_the_log(data: DataFolder, file: Path) -> None:
    first, second = sorted(file.parent.glob("tickets/*.json"))[:2]
    second.write_bytes(first.read_bytes())
    assert bad(data) == ["it is not what the activity log says"]
    second.unlink()
    assert bad(data) == ["the activity log tells of it, and it is not there"]


def test_the_log_of_another_model(data: DataFolder, file: Path) -> None:
    other = make_model(data, "other")
    (data.model(other) / "activity.jsonl").write_bytes(file.read_bytes())
    found = [finding.where for finding in verify(data).findings if finding.what.startswith("line 1 is bad")]
    assert found == [f"models/{other}/activity.jsonl"]


def test_other_bytes_in_the_part(data: DataFolder, model_id: str) -> None:
    ModelStore(data).part_file(model_id).write_bytes(b"x")
    assert bad(data) == ["its bytes are not those uploaded"]


TORN = {
    "no newline": lambda line: line[:-1],
    "a letter": lambda line: line[:1],
    "half": lambda line: line[: len(line) // 2],
    "its first sector lost": lambda line: bytes(512) + line[512:],
    "its last sector lost, with the newline there": lambda line: line[:-200] + bytes(199) + b"\n",
}


@pytest.mark.parametrize("how", TORN)
def test_a_torn_line_is_cut_off_and_what_was_acknowledged_stays(
    data: DataFolder, model_id: str, file: Path, how: str
) -> None:
    store = ReviewStore(data)
    whole = file.read_bytes()
    # A line that was being written when the machine died: its document had not been put in place.
    torn_off = store.create_ticket(model_id, title="n" * 400, text="", author="ann").content.id
    (file.parent / "tickets" / f"{torn_off}.json").unlink()
    line = file.read_bytes()[len(whole) :]
    file.write_bytes(whole + TORN[how](line))

    assert [(finding.what, finding.bad) for finding in verify(data).findings] == [("its last line is torn", False)]
    assert [entry.sequence for entry, _ in log_of(data, model_id).newest_first()] == [5, 4, 3, 2, 1]
    added = store.create_ticket(model_id, title="next", text="", author="ann").content.id
    assert file.read_bytes().startswith(whole)
    assert [entry.sequence for entry in log_of(data, model_id).entries()] == [1, 2, 3, 4, 5, 6]
    assert verify(data).findings == []
    listed = [ticket.id for ticket in store.list_tickets(model_id, limit=10).items]
    assert (listed[0], len(listed)) == (added, TICKETS + 1)
    [kept] = file.parent.glob("activity.jsonl.torn-*")
    assert kept.read_bytes() == TORN[how](line)


def test_a_bad_last_line_of_a_change_that_was_made_is_not_taken_for_torn(data: DataFolder, file: Path) -> None:
    content = file.read_bytes()
    file.write_bytes(content[:-50] + b"x" * 49 + b"\n")
    assert bad(data) == ["line 5 is bad: it is not an entry", "the activity log does not tell of it"]


def test_two_bad_lines_are_not_from_a_crash(data: DataFolder, model_id: str, file: Path) -> None:
    lines = file.read_bytes().splitlines(keepends=True)
    file.write_bytes(b"".join(lines[:-2]) + b"x\ny\n")
    with pytest.raises(DamagedDocumentError, match="last two lines"):
        ReviewStore(data).create_ticket(model_id, title="a", text="", author="ann")


def test_a_model_from_before_there_was_a_log(data: DataFolder, model_id: str, file: Path) -> None:
    file.unlink()
    for document in [file.parent / "model.json", *file.parent.glob("tickets/*.json")]:
        document.write_text(json.dumps(json.loads(document.read_bytes())["content"]))
    assert verify(data).findings == []
    assert list(log_of(data, model_id).entries()) == []
    store = ReviewStore(data)
    [ticket, *_] = store.list_tickets(model_id, limit=10).items
    store.change_ticket(model_id, ticket.id, title="b", who="ann")
    [entry] = log_of(data, model_id).entries()
    assert (entry.sequence, entry.revision, entry.what) == (1, 2, "ticket.changed")
    assert verify(data).findings == []


def test_the_command(data: DataFolder, model_id: str, file: Path) -> None:
    run = CliRunner().invoke(app, ["verify", "--data-dir", str(data.root)])
    assert (run.exit_code, run.output) == (0, "1 models, 5 documents, 5 entries: good\n")
    lines = file.read_bytes().splitlines(keepends=True)
    file.write_bytes(b"".join([lines[0], *lines[2:]]))
    run = CliRunner().invoke(app, ["verify", "--data-dir", str(data.root)])
    assert run.exit_code == 1
    assert f"models/{model_id}/activity.jsonl: line 2 is bad: it does not follow" in run.output
    file.write_bytes(b"".join(lines) + b"{")
    run = CliRunner().invoke(app, ["verify", "--data-dir", str(data.root)])
    assert run.exit_code == 0
    assert "its last line is torn (the next start puts it right)" in run.output
    assert CliRunner().invoke(app, ["verify", "--data-dir", str(data.root / "no")]).exit_code == 2
