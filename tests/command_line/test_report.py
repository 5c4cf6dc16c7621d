"""`rapiddraft report`, run as its users run it."""

import json
from pathlib import Path

import pytest

from tests.command_line.test_review import SAMPLE, rapiddraft


@pytest.mark.parametrize(
    ("name", "start"),
    [("r.pdf", b"%PDF-"), ("R.HTML", b"<!doctype html>"), ("r.csv", b"\xef\xbb\xbfid,"), ("r.sarif", b"{")],
)
def test_the_name_says_what_kind_of_report(tmp_path: Path, name: str, start: bytes) -> None:
    run = rapiddraft("report", SAMPLE, "-o", tmp_path / name)
    assert run.returncode == 0, run.stderr
    content = (tmp_path / name).read_bytes()
    assert content.startswith(start)
    assert f"{len(content):,} bytes" in run.stdout
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_limits_and_material_are_those_asked_for(tmp_path: Path) -> None:
    run = rapiddraft("report", SAMPLE, "-o", tmp_path / "r.sarif", "--limits", "mtk", "--material", "abs")
    assert run.returncode == 0, run.stderr
    [log] = json.loads((tmp_path / "r.sarif").read_text("utf-8"))["runs"]
    assert (log["properties"]["limits"], log["properties"]["material"]["id"]) == ("mtk", "abs")


@pytest.mark.parametrize(
    ("part", "name", "reason"),
    [
        (SAMPLE, "r.docx", "no report of that kind"),
        (SAMPLE, "nowhere/r.csv", "No such file"),
        (Path("nowhere.step"), "r.pdf", "No such file"),
    ],
)
def test_what_cannot_be_written_leaves_what_was_there(tmp_path: Path, part: Path, name: str, reason: str) -> None:
    before = tmp_path / Path(name).name
    before.write_text("before")
    run = rapiddraft("report", part, "-o", tmp_path / name)
    assert run.returncode == 2
    assert reason in run.stderr
    assert before.read_text() == "before"
    assert list(tmp_path.iterdir()) == [before]
