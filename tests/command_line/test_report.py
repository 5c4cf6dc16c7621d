"""`rapiddraft report`, in this process, so that the kernel is loaded once for all."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from unittest import mock

import pytest
from typer.testing import CliRunner, Result

from rapiddraft import cli
from tests.command_line.test_review import SAMPLE
from workers.sandbox import Sandbox

Report = Callable[..., Result]


@pytest.fixture(scope="module")
def report() -> Iterator[Report]:
    """The command, whose fork server stays from one call to the next."""

    def run(*arguments: str | Path) -> Result:
        return CliRunner().invoke(cli.app, ["report", *map(str, arguments)])

    with mock.patch.object(Sandbox, "close"):
        yield run
    Sandbox(["workers.preload"]).close()


@pytest.mark.parametrize(
    ("name", "start"),
    [("r.pdf", b"%PDF-"), ("R.HTML", b"<!doctype html>"), ("r.csv", b"\xef\xbb\xbfid,"), ("r.sarif", b"{")],
)
def test_the_name_says_what_kind_of_report(report: Report, tmp_path: Path, name: str, start: bytes) -> None:
    run = report(SAMPLE, "-o", tmp_path / name)
    assert run.exit_code == 0, run.stderr
    content = (tmp_path / name).read_bytes()
    assert content.startswith(start)
    assert f"{len(content):,} bytes" in run.stdout
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_limits_and_material_are_those_asked_for(report: Report, tmp_path: Path) -> None:
    run = report(SAMPLE, "-o", tmp_path / "r.sarif", "--limits", "mtk", "--material", "abs")
    assert run.exit_code == 0, run.stderr
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
def test_what_cannot_be_written_leaves_what_was_there(
    report: Report, tmp_path: Path, part: Path, name: str, reason: str
) -> None:
    before = tmp_path / Path(name).name
    before.write_text("before")
    run = report(part, "-o", tmp_path / name)
    assert run.exit_code == 2
    assert reason in run.stderr
    assert before.read_text() == "before"
    assert list(tmp_path.iterdir()) == [before]
