"""`rapiddraft review`, run as its users run it, or in this process where the kernel need not be loaded once more."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from unittest import mock

import pytest
from typer.testing import CliRunner, Result

from rapiddraft import cli
from tests.parts import block, drill
from workers.sandbox import Sandbox

SAMPLE = Path(__file__).resolve().parents[2] / "samples" / "bracket.step"


def rapiddraft(*arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "rapiddraft", *map(str, arguments)]
    variables = os.environ | environment
    return subprocess.run(command, capture_output=True, text=True, timeout=300, check=False, env=variables)


Review = Callable[..., Result]


@pytest.fixture(scope="module")
def review() -> Iterator[Review]:
    """The command in this process, whose fork server stays from one call to the next."""
    with mock.patch.object(Sandbox, "close"):
        yield lambda *arguments: CliRunner().invoke(cli.app, ["review", *map(str, arguments)])
    Sandbox(["workers.preload"]).close()


def test_a_table_by_default() -> None:
    run = rapiddraft("review", SAMPLE)
    assert run.returncode == 0, run.stderr
    for word in ("bracket.step", "Thin wall", "0.6", "0.8", "minor", "redesign"):
        assert word in run.stdout


def test_json_on_standard_output_and_nothing_else() -> None:
    run = rapiddraft("review", SAMPLE, "--json")
    result = json.loads(run.stdout)
    assert (run.returncode, result["schema"], result["part"]["name"]) == (0, "rapiddraft.review/1", "bracket.step")
    assert {finding["rule"] for finding in result["findings"]} >= {"corner-radius", "wall-thin", "hole-depth"}


@pytest.mark.parametrize(
    ("fail_on", "status"), [("critical", 0), ("major", 0), ("minor", 1), ("info", 1), ("never", 0)]
)
def test_exit_status_follows_the_gravest_finding(review: Review, tmp_path: Path, fail_on: str, status: int) -> None:
    part = block(60.0, 40.0, 30.0).cut(drill(5.0, 25.0, (30.0, 20.0, 30.0))).write_step(tmp_path / "minor.step")
    assert review(part, "--fail-on", fail_on).exit_code == status


def test_limits_can_be_chosen(review: Review) -> None:
    result = json.loads(review(SAMPLE, "--json", "--limits", "mtk").stdout)
    assert result["limits"] == "mtk"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "No such file"),
        (b"", "an empty file"),
        (b"%PDF-1.7\n", "a PDF document"),
        (SAMPLE.read_bytes()[:20000], "cannot be read"),
    ],
)
def test_what_cannot_be_reviewed_is_said_on_standard_error(
    review: Review, tmp_path: Path, content: bytes | None, reason: str
) -> None:
    part = tmp_path / "part.step"
    if content is not None:
        part.write_bytes(content)
    run = review(part, "--json")
    assert run.exit_code == 2
    assert run.stdout == ""
    assert reason in run.stderr


def test_an_unknown_process_is_a_usage_error() -> None:
    run = rapiddraft("review", SAMPLE, "--process", "forging")
    assert run.returncode == 2
    assert "cnc_milling" in run.stderr


def test_a_wrong_setting_is_no_finding() -> None:
    run = rapiddraft("review", SAMPLE, RAPIDDRAFT_SANDBOX_MEMORY_MB="much")
    assert run.returncode == 2
    assert "SANDBOX_MEMORY_MB" in run.stderr.upper()
    assert "Traceback" not in run.stderr


def test_names_are_printed_as_they_are(tmp_path: Path) -> None:
    run = rapiddraft("review", tmp_path / "x[bold]y[/].step")
    assert run.returncode == 2
    assert "x[bold]y[/].step" in run.stderr


def test_output_that_cannot_be_written_is_no_finding() -> None:
    command = f'exec "{sys.executable}" -m rapiddraft review "{SAMPLE}" --json > /dev/full'
    run = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=300, check=False)
    assert run.returncode == 2
    assert "No space left" in run.stderr


def test_the_material_can_be_given(review: Review) -> None:
    result = json.loads(review(SAMPLE, "--json", "--material", "abs").stdout)
    assert (result["material"]["id"], result["material"]["assumed"]) == ("abs", False)
    assert {f["severity"] for f in result["findings"] if f["rule"] == "wall-thin"} == {"critical"}


@pytest.mark.parametrize(
    ("option", "value", "known"),
    [
        ("--material", "wood", "aluminium-6061-t6"),
        ("--limits", "lax", "default, mtk"),
        ("--rules", "/nowhere", "/nowhere"),
    ],
)
def test_what_there_is_not_is_refused_with_what_there_is(review: Review, option: str, value: str, known: str) -> None:
    run = review(SAMPLE, option, value)
    assert (run.exit_code, run.stdout) == (2, "")
    assert known in run.stderr


def test_a_shops_rules_come_by_option_or_by_setting(review: Review, tmp_path: Path) -> None:
    own = tmp_path / "shop.toml"
    own.write_text('process = "cnc_milling"\n[[switched_off]]\nid = "wall-thin"\nreason = "Ours are thin."\n')
    by_option = review(SAMPLE, "--json", "--rules", own)
    by_setting = rapiddraft("review", SAMPLE, "--json", RAPIDDRAFT_RULES_DIR=str(tmp_path))
    for run in (by_option, by_setting):
        result = json.loads(run.stdout)
        assert result["switched_off"] == [{"rule": "wall-thin", "reason": "Ours are thin."}]
        assert "wall-thin" not in {finding["rule"] for finding in result["findings"]}


def test_a_faulty_rule_file_ends_it_with_the_place(tmp_path: Path) -> None:
    own = tmp_path / "shop.toml"
    own.write_text('process = "cnc_milling"\n[[switched_off]]\nid = "wall-thin"\n')
    run = rapiddraft("review", SAMPLE, "--rules", own)
    assert (run.returncode, run.stdout) == (2, "")
    assert "shop.toml: switched_off[0].reason: Field required" in run.stderr
