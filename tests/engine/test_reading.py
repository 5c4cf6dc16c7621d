"""Units, bodies and sizes; files that hold no part."""

import math
from pathlib import Path
from typing import Any

import pytest

from tests.assemblies import compound
from tests.engine.reviewing import Review, only_feature, reviewed, substance
from tests.parts import Solid, block, bracket, cylinder, drill, shapes_of
from workers.cad.binding import module, static
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
    result = reviewed(Solid(compound(two.shape, block(10.0, 10.0, 10.0, at=(30.0, 0.0, 0.0)).shape)))
    assert (result["part"]["bodies"], result["part"]["faces"]) == (2, 12)


def faces_of(solid: Solid) -> list[Any]:
    return shapes_of(solid.shape, "FACE")


def test_surfaces_that_close_are_sewn_into_a_solid() -> None:
    part = block(40.0, 30.0, 20.0).cut(drill(6.0, 10.0, (20.0, 15.0, 20.0)))
    result = reviewed(Solid(compound(*reversed(faces_of(part)))))
    assert result["part"]["bodies"] == 1
    assert result["facts"]["volume"]["value"] == pytest.approx(reviewed(part)["facts"]["volume"]["value"])
    hole = only_feature(result, "blind_hole")
    assert sorted(hole["faces"]) == sorted(7 - face for face in only_feature(reviewed(part), "blind_hole")["faces"])
    assert "8 surfaces close" in result["notes"][0]


def test_surfaces_that_do_not_close_are_no_solid() -> None:
    with pytest.raises(PartError) as caught:
        reviewed(Solid(compound(*faces_of(block(10.0, 10.0, 10.0))[1:])))
    assert caught.value.code == "no_solid"
    assert "5 faces" in caught.value.detail
    assert "4 edges stay open" in caught.value.detail


@pytest.mark.parametrize(("gap", "closes"), [(0.004, True), (0.1, False)])
def test_only_gaps_that_mean_nothing_are_sewn(gap: float, closes: bool) -> None:
    faces = faces_of(block(10.0, 10.0, 10.0))
    lid = Solid(faces[-1]).moved((0.0, 0.0, gap))
    open_box = Solid(compound(*faces[:-1], lid.shape))
    if closes:
        assert reviewed(open_box)["facts"]["volume"]["value"] == pytest.approx(1000.0, rel=1e-3)
    else:
        with pytest.raises(PartError, match="no solid body"):
            reviewed(open_box)


def test_a_stray_surface_is_named_and_left_out() -> None:
    part = bracket()
    stray = faces_of(block(10.0, 10.0, 10.0, (500.0, 0.0, 0.0)))[0]
    result = reviewed(Solid(compound(stray, part.shape)))
    assert (result["part"]["bodies"], result["part"]["faces"]) == (1, len(faces_of(part)) + 1)
    assert result["notes"] == ["1 faces (0) belong to no solid and were left out."]
    assert substance(result) == substance(reviewed(part))
    assert min(face for f in result["findings"] for face in f["faces"]) > 0
    assert result["facts"]["bounding_box"]["value"] == pytest.approx([120.0, 80.0, 30.0])
    assert result["facts"]["faces"]["value"] == len(faces_of(part)) + 1


def as_solid(faces: list[Any]) -> Solid:
    builder, shell = module("BRep").BRep_Builder(), module("TopoDS").TopoDS_Shell()
    builder.MakeShell(shell)
    for face in faces:
        builder.Add(shell, face)
    return Solid(module("BRepBuilderAPI").BRepBuilderAPI_MakeSolid(shell).Solid())


def brep_review(solid: Solid, folder: Path) -> Review:
    """By BREP, since the STEP writer and reader mend some of it themselves."""
    static("BRepTools", "BRepTools", "Write")(solid.shape, str(folder / "part.brep"))
    return review(folder / "part.brep", "part.brep", "cnc_milling", "default")


def test_a_solid_whose_faces_share_no_edges_is_sewn(tmp_path: Path) -> None:
    copies = [module("BRepBuilderAPI").BRepBuilderAPI_Copy(f).Shape() for f in faces_of(bracket())]
    result = brep_review(as_solid(copies), tmp_path)
    assert "its faces were sewn" in result["notes"][0]
    assert substance(result) == substance(reviewed(bracket()))


def test_a_solid_with_a_face_missing_says_so(tmp_path: Path) -> None:
    result = brep_review(as_solid(faces_of(block(10.0, 10.0, 10.0))[:-1]), tmp_path)
    assert "4 edges" in result["notes"][0]
    assert "faces are missing" in result["notes"][0]


def test_a_solid_turned_inside_out_is_turned_back(tmp_path: Path) -> None:
    result = brep_review(Solid(bracket().shape.Reversed()), tmp_path)
    assert result["notes"] == ["Body 0: Its faces looked inwards; they were turned."]
    assert substance(result) == substance(reviewed(bracket()))


@pytest.mark.parametrize(("width", "passed_over"), [(0.001, 2), (0.01, 0)])
def test_edges_too_short_to_mean_anything_are_passed_over(width: float, passed_over: int) -> None:
    notch = block(width, 30.0, 5.0, (20.0, -1.0, 17.0))
    notes = reviewed(block(40.0, 20.0, 20.0).cut(notch))["notes"]
    assert [f"It has {passed_over} edges" in note for note in notes] == [True] * bool(passed_over)


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
