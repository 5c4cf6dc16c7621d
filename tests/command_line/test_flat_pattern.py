"""`rapiddraft flat-pattern`, in this process."""

from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import ezdxf.filemanagement
import pytest
from typer.testing import CliRunner, Result

from rapiddraft import cli
from tests.parts import block
from tests.sheet_parts import angle
from workers.sandbox import Sandbox


@pytest.fixture(scope="module", autouse=True)
def kept_sandbox() -> Iterator[None]:
    """The fork server stays from one call to the next."""
    with mock.patch.object(Sandbox, "close"):
        yield
    Sandbox(["workers.preload"]).close()


def flat_pattern(*arguments: str | Path) -> Result:
    return CliRunner().invoke(cli.app, ["flat-pattern", *map(str, arguments)])


def test_a_dxf_and_an_svg_are_written(tmp_path: Path) -> None:
    part = angle().solid().write_step(tmp_path / "angle.step")
    written = flat_pattern(part, "-o", tmp_path / "angle.dxf")
    assert written.exit_code == 0, written.output
    assert "1 bend, K 0.44" in written.output
    drawing = ezdxf.filemanagement.readfile(tmp_path / "angle.dxf")
    assert [entity.dxf.layer for entity in drawing.modelspace()].count("CUT") == 4
    material = flat_pattern(part, "-o", tmp_path / "angle.svg", "--material", "steel-mild")
    assert "K 0.33" in material.output
    assert (tmp_path / "angle.svg").read_text().startswith("<svg")


def test_what_is_no_sheet_ends_with_a_reason(tmp_path: Path) -> None:
    part = block(40.0, 40.0, 40.0).write_step(tmp_path / "block.step")
    refused = flat_pattern(part, "-o", tmp_path / "block.dxf")
    assert refused.exit_code == 2
    assert "40 mm thick" in refused.output
    assert not (tmp_path / "block.dxf").exists()


def test_no_other_kind_of_drawing(tmp_path: Path) -> None:
    part = angle().solid().write_step(tmp_path / "angle.step")
    assert flat_pattern(part, "-o", tmp_path / "angle.pdf").exit_code == 2
