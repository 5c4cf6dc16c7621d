"""`rapiddraft fix`: what it writes, what it prints, and its exit status."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from typer.testing import CliRunner, Result

from rapiddraft import cli
from tests.engine.reviewing import Review, findings
from tests.parts import block, drill, pocket
from workers.review import review
from workers.sandbox import ChildCrashed, ChildTimedOut, Sandbox, SandboxError

Fix = Callable[..., Result]


@pytest.fixture(scope="module")
def fix() -> Iterator[Fix]:
    """The command in this process, whose fork server stays from one call to the next."""
    with mock.patch.object(Sandbox, "close"):
        yield lambda *arguments: CliRunner().invoke(cli.app, ["fix", *map(str, arguments)])
    Sandbox(["workers.preload"]).close()


def reviewed(path: Path) -> Review:
    return review(path, path.name, "cnc_milling", "default")


@pytest.fixture(scope="module")
def part(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A pocket with four sharp corners, beside one that goes through and has no room for a larger radius."""
    solid = block(100.0, 60.0, 40.0).cut(
        pocket(30.0, 30.0, 9.0, (25.0, 30.0, 40.0)), pocket(12.0, 12.0, 50.0, (75.0, 30.0, 40.0), corner=5.0)
    )
    return solid.write_step(tmp_path_factory.mktemp("fix") / "part.step")


def test_fixes_of_a_rule_are_stacked_and_what_is_left_is_told(fix: Fix, part: Path, tmp_path: Path) -> None:
    before, output = part.read_bytes(), tmp_path / "fixed.step"
    run = fix(part, "--rule", "corner-radius", "-o", output)
    assert run.exit_code == 1, run.output
    left = findings(reviewed(output), "corner-radius")
    assert len(findings(reviewed(part), "corner-radius")) == 8
    assert [finding["measured"]["value"] for finding in left] == [5.0] * 4
    told = " ".join(run.stderr.split())
    assert told.count("corner-radius") == told.count(": cleared: ") + 4 == 8
    assert told.index(": cleared: ") < told.index(": refused: ") < told.index("Wrote")
    assert part.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["fixed.step"]


def test_one_finding_alone_and_status_0_when_it_is_cleared(fix: Fix, part: Path, tmp_path: Path) -> None:
    sharp = [f for f in findings(reviewed(part), "corner-radius") if f["measured"]["value"] == 0]
    run = fix(part, "--finding", sharp[0]["id"], "-o", tmp_path / "fixed.step")
    assert run.exit_code == 0, run.output
    assert sharp[0]["id"] not in {finding["id"] for finding in reviewed(tmp_path / "fixed.step")["findings"]}


def test_what_an_edit_moves_is_fixed_as_well(fix: Fix, tmp_path: Path) -> None:
    """Raising the floor gives the hole in it another place, and so its finding another id."""
    solid = block(60.0, 60.0, 40.0).cut(
        pocket(15.2, 15.2, 24.0, (30.0, 30.0, 40.0), corner=7.5), drill(6.35, 30.0, (30.0, 30.0, 20.0))
    )
    part, output = solid.write_step(tmp_path / "part.step"), tmp_path / "fixed.step"
    before = findings(reviewed(part), "hole-nonstandard")
    run = fix(part, "--all", "-o", output)
    assert "raise the floor" in " ".join(run.output.split()), run.output
    assert before and not findings(reviewed(output), "hole-nonstandard")
    assert "no finding" not in run.output


@pytest.mark.parametrize(
    "error", [ChildCrashed("the kernel crashed", "edit"), ChildTimedOut("it took too long", "edit")]
)
def test_a_child_that_is_lost_costs_its_finding_only(fix: Fix, part: Path, tmp_path: Path, error: SandboxError) -> None:
    """Each attempt but the second ends without a result."""
    run_as_ever, attempts = Sandbox.run, []

    def run_or_fail(self: Sandbox, target: str, *arguments: Any, **named: Any) -> Any:  # noqa: ANN401
        if target.endswith("candidate_in_sandbox"):
            attempts.append(target)
            if len(attempts) != 2:
                raise error
        return run_as_ever(self, target, *arguments, **named)

    with mock.patch.object(Sandbox, "run", run_or_fail):
        run = fix(part, "--rule", "corner-radius", "-o", tmp_path / "fixed.step")
    assert run.exit_code == 1, run.output
    assert str(error).split()[-1] in run.output
    cleared = len(findings(reviewed(part), "corner-radius")) - len(
        findings(reviewed(tmp_path / "fixed.step"), "corner-radius")
    )
    assert cleared == 1
    assert [file.name for file in tmp_path.iterdir()] == ["fixed.step"]


def test_nothing_is_written_where_nothing_was_fixed(fix: Fix, part: Path, tmp_path: Path) -> None:
    run = fix(part, "--rule", "pocket-deep", "-o", tmp_path / "fixed.step")
    assert run.exit_code == 0, run.output
    assert not list(tmp_path.iterdir())


def test_the_part_itself_is_never_written_over(fix: Fix, part: Path) -> None:
    before = part.read_bytes()
    assert fix(part, "--all", "-o", part).exit_code == 2
    assert part.read_bytes() == before


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("--finding", "nosuchid"),
        ("--rule", "corner-radiuss"),
        ("--rule", "corner-radius", "--all"),
        ("--rule", "corner-radius", "-o", "no/such/folder/x"),
        ("--rule", "corner-radius", "-o", "/"),
    ],
)
def test_bad_input_is_status_2(fix: Fix, part: Path, tmp_path: Path, arguments: tuple[str, ...]) -> None:
    output = () if "-o" in arguments else ("-o", tmp_path / "fixed.step")
    assert fix(part, *arguments, *output).exit_code == 2
    assert not list(tmp_path.iterdir())


def test_what_is_no_part_is_status_2(fix: Fix, tmp_path: Path) -> None:
    text = tmp_path / "part.step"
    text.write_text("no part at all")
    assert fix(text, "--all", "-o", tmp_path / "fixed.step").exit_code == 2
