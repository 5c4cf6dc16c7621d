"""Units, bodies and sizes; files that hold no part."""

import math
from pathlib import Path

import pytest

from tests.engine.reviewing import reviewed
from tests.parts import Solid, block, bracket, cylinder, shapes_of
from workers.cad.binding import module
from workers.errors import PartError
from workers.review import review


@pytest.mark.parametrize(("unit", "name"), [("MM", "millimetre"), ("INCH", "inch"), ("M", "metre")])
def test_lengths_are_converted_to_mm_from_the_unit_of_the_file(unit: str, name: str) -> None:
    result = reviewed(block(100.0, 50.0, 20.0), unit=unit)
    assert name in result["part"]["units_in_file"].lower()
    assert result["facts"]["bounding_box"]["value"] == pytest.approx([100.0, 50.0, 20.0], abs=1e-4)
    assert result["facts"]["volume"]["value"] == pytest.approx(100_000.0, rel=1e-6)
    assert result["facts"]["area"]["value"] == pytest.approx(16_000.0, rel=1e-6)


def test_the_box_of_a_turned_shaft_is_exact() -> None:
    shaft = cylinder(30.0, 80.0, (0.0, 0.0, 0.0)).moved((5.0, 6.0, 7.0), (1.0, 0.0, 0.0), 25.0)
    turn = math.radians(25.0)
    expected = [30.0, 80 * math.sin(turn) + 30 * math.cos(turn), 80 * math.cos(turn) + 30 * math.sin(turn)]
    assert reviewed(shaft)["facts"]["bounding_box"]["value"] == pytest.approx(expected, abs=1e-4)


def test_bodies_and_faces_are_counted() -> None:
    two = block(10.0, 10.0, 10.0)
    builder, compound = module("BRep").BRep_Builder(), module("TopoDS").TopoDS_Compound()
    builder.MakeCompound(compound)
    for solid in (two, block(10.0, 10.0, 10.0, at=(30.0, 0.0, 0.0))):
        builder.Add(compound, solid.shape)
    result = reviewed(Solid(compound))
    assert (result["part"]["bodies"], result["part"]["faces"]) == (2, 12)


def test_a_shell_is_no_solid(tmp_path: Path) -> None:
    shell = Solid(shapes_of(block(10.0, 10.0, 10.0).shape, "SHELL")[0])
    with pytest.raises(PartError) as caught:
        review(shell.write_step(tmp_path / "shell.step"), "shell.step", "cnc_milling", "default")
    assert caught.value.code == "no_solid"
    assert "6 faces" in caught.value.detail


def test_a_size_that_no_part_has_is_refused(tmp_path: Path) -> None:
    path = block(1.0, 1.0, 1.0).scaled(5e6).write_step(tmp_path / "huge.step")
    with pytest.raises(PartError) as caught:
        review(path, "huge.step", "cnc_milling", "default")
    assert caught.value.code == "size_not_sane"


def test_a_truncated_file_is_unreadable(tmp_path: Path) -> None:
    path = bracket().write_step(tmp_path / "whole.step")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(PartError) as caught:
        review(path, "half.step", "cnc_milling", "default")
    assert caught.value.code == "unreadable"
    assert "Export" in caught.value.advice


def test_the_same_part_gives_the_same_bytes(tmp_path: Path) -> None:
    path = bracket().write_step(tmp_path / "part.step")
    first, second = (review(path, "part.step", "cnc_milling", "default") for _ in range(2))
    del first["timings_ms"], second["timings_ms"]
    assert first == second
