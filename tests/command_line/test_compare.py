"""`rapiddraft compare`, in this process with its fork server kept."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from unittest import mock

import pytest
import trimesh
from typer.testing import CliRunner, Result

from rapiddraft import cli
from tests.parts import block, drill
from workers.sandbox import Sandbox

Run = Callable[..., Result]


@pytest.fixture(scope="module")
def run() -> Iterator[Run]:
    with mock.patch.object(Sandbox, "close"):
        yield lambda *arguments: CliRunner().invoke(cli.app, [*map(str, arguments)])
    Sandbox(["workers.preload"]).close()


@pytest.fixture
def versions(tmp_path: Path) -> tuple[Path, Path]:
    shallow, deep = (
        block(60.0, 40.0, 50.0).cut(drill(5.0, depth, (30.0, 20.0, 50.0))).write_step(tmp_path / f"{depth:g}.step")
        for depth in (10.0, 40.0)
    )
    return shallow, deep


def test_what_became_worse_is_told_and_is_exit_status_1(run: Run, versions: tuple[Path, Path]) -> None:
    shallow, deep = versions
    worse = run("compare", shallow, deep)
    assert worse.exit_code == 1, worse.output
    assert "changed: blind_hole" in worse.output
    assert "new" in worse.output
    better = run("compare", deep, shallow)
    assert better.exit_code == 0, better.output
    assert "cleared" in better.output


def test_the_same_part_is_unchanged(run: Run, versions: tuple[Path, Path]) -> None:
    result = run("compare", versions[0], versions[0], "--json")
    assert result.exit_code == 0
    assert json.loads(result.stdout)["unchanged"]


def test_several_processes_are_compared_in_a_table(run: Run, versions: tuple[Path, Path]) -> None:
    result = run("review", versions[0], "--process", "fdm,cnc_milling")
    assert result.exit_code == 0, result.output
    assert "Best: cnc_milling suits its shape best" in result.output
    refused = run("review", versions[0], "--process", "fdm,auto")
    assert refused.exit_code == 2


def test_a_mesh_is_unchanged_beside_itself(run: Run, tmp_path: Path) -> None:
    mesh = tmp_path / "plate.stl"
    trimesh.creation.box((20.0, 10.0, 0.4)).export(mesh)
    result = run("compare", mesh, mesh, "--json")
    assert result.exit_code == 0
    compared = json.loads(result.stdout)
    assert compared["unchanged"]
    assert compared["findings"]["same"]
