"""What only some processes find out: flat patterns, moulds, build orientations, comparisons."""

import base64
import math
import re
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pytest
from numpy.typing import NDArray
from reportlab.graphics.shapes import Drawing, Group, Line
from reportlab.graphics.shapes import Path as Outline

from server.flat_pattern.svg import svg_of
from tests.assemblies import Placed, Product, write_assembly
from tests.mould_parts import grooved_cup
from tests.parts import block
from tests.report.drawing import Drawn, drawn, drawn_solid, pixels
from tests.sheet_parts import plate, punch, zed
from workers.report import making, words
from workers.report.content import Report, content
from workers.report.flat import drawing
from workers.report.further import Further, further
from workers.report.html import html
from workers.report.making import parted, standing
from workers.report.pdf import pdf
from workers.report.pictures import Picture


def report_of(part: Drawn, **changed: Any) -> Report:  # noqa: ANN401 - JSON
    return content(part.review | changed, part.painter, {})


def chapter(report: Report, title: str) -> Further:
    [found] = [further for further in report.further if further.title == title]
    return found


def of_colour(picture: Picture | NDArray[np.int64], colour: str) -> NDArray[np.bool_]:
    """(rows, columns) where a picture has the hue of #rrggbb, in the light or the shade."""
    wanted = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)], dtype=float)
    seen = (pixels(picture) if isinstance(picture, Picture) else picture).astype(float)
    length = np.linalg.norm(seen, axis=-1)
    alike = seen @ wanted / np.maximum(length * np.linalg.norm(wanted), 1e-9) > 0.9985
    return np.asarray(alike & (length > 0.4 * np.linalg.norm(wanted)))


# -- flat pattern ----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def a_zed(tmp_path_factory: pytest.TempPathFactory) -> Drawn:
    return drawn_solid(zed().solid(), tmp_path_factory.mktemp("zed"), "sheet_metal")


def test_the_flat_pattern_is_drawn_in_html(a_zed: Drawn) -> None:
    pattern = a_zed.review["flat_pattern"]
    [drawn] = re.findall(r"data:image/svg\+xml;base64,([^\"]+)", html(report_of(a_zed)))
    assert base64.b64decode(drawn) == svg_of(pattern)


def test_the_lines_of_a_flat_pattern_are_told_by_their_colours(a_zed: Drawn) -> None:
    bends = "Lines: cuts black, bends up green and dashed, bends down red and dash-dotted"
    assert f"{bends}.</figcaption>" in html(report_of(a_zed))
    formed = report_of(a_zed, flat_pattern=a_zed.review["flat_pattern"] | {"bends": [], "formed": [[]]})
    assert chapter(formed, "Flat pattern").legend == (
        "Lines: cuts black, outlines of forms, such as louvres and embossings, blue."
    )


def test_the_table_of_bends_has_those_that_are_alike_in_a_row(a_zed: Drawn) -> None:
    grid = chapter(report_of(a_zed), "Flat pattern").grid
    assert grid is not None
    bends = a_zed.review["flat_pattern"]["bends"]
    allowance = words.amount(bends[0]["allowance"], "mm")
    nbsp = words.NBSP
    wanted = ("bend", "90°", f"2{nbsp}mm", "0.44", allowance, f"50{nbsp}mm")
    assert sorted(grid.rows) == [("1", "down", *wanted), ("1", "up", *wanted)]
    twice = a_zed.review["flat_pattern"] | {"bends": [bends[0], bends[0] | {"length": 20.0}]}
    grid = chapter(report_of(a_zed, flat_pattern=twice), "Flat pattern").grid
    assert grid is not None
    assert [(row[0], row[-1]) for row in grid.rows] == [("2", f"50, 20{nbsp}mm")]
    assert f"50, 20{nbsp}mm" in html(report_of(a_zed, flat_pattern=twice))


def test_the_flat_pattern_in_the_pdf_has_its_bends_where_they_are(a_zed: Drawn) -> None:
    pattern = a_zed.review["flat_pattern"]
    drawn = drawing(pattern, 500.0, 400.0)
    scale = 496.0 / pattern["blank"]["length"]
    assert drawn.width == pytest.approx(500.0)
    assert drawn.height == pytest.approx(pattern["blank"]["width"] * scale + 4.0)
    lines = {str(line.strokeColor.hexval()): line for line in drawn.contents if isinstance(line, Line)}  # type: ignore[union-attr]
    for bend, colour in zip(sorted(pattern["bends"], key=lambda of: of["direction"]), sorted(lines)[::-1], strict=True):
        assert bend["direction"] == {"0x12833a": "up", "0xc3261b": "down"}[colour]
        assert lines[colour].x1 == pytest.approx(bend["lines"][0][0][0] * scale + 2.0)
    labels = [
        shape.contents[0].text  # type: ignore[attr-defined] # a String
        for shape in drawn.contents
        if isinstance(shape, Group)
    ]
    assert sorted(labels) == ["down 90°", "up 90°"]
    turns = [shape.transform for shape in drawn.contents if isinstance(shape, Group)]
    assert [turn[:2] for turn in turns] == [pytest.approx((0.0, -1.0), abs=1e-6)] * 2  # read from above, as its line
    assert pdf(report_of(a_zed)).startswith(b"%PDF")


def test_the_drawing_in_the_pdf_has_the_area_of_the_pattern(tmp_path: Path) -> None:
    sheet = plate().cut(punch(20.0, (30.0, 30.0, 2.0))).cut(punch(11.0, (70.0, 40.0, 2.0)))
    pattern = drawn_solid(sheet, tmp_path, "sheet_metal").review["flat_pattern"]
    drawn = drawing(pattern, 300.0, 300.0)
    assert area_of(drawn) / (296.0 / 100.0) ** 2 == pytest.approx(pattern["area"], rel=1e-3)


def test_arcs_run_as_the_loop_does() -> None:
    """A sheet of 100 x 60 mm, one of its corners rounded and one bitten off."""
    round_corner = {"type": "arc", "centre": [80.0, 40.0], "radius": 20.0, "from": [100.0, 40.0], "to": [80.0, 60.0]}
    bite = {"type": "arc", "centre": [0.0, 60.0], "radius": 10.0, "from": [10.0, 60.0], "to": [0.0, 50.0]}
    outline = [
        {"type": "line", "points": [[0.0, 50.0], [0.0, 0.0]]},
        {"type": "polyline", "points": [[0.0, 0.0], [100.0, 0.0], [100.0, 40.0]]},
        round_corner | {"direction": "counter-clockwise"},
        {"type": "line", "points": [[80.0, 60.0], [10.0, 60.0]]},
        bite | {"direction": "clockwise"},
    ]
    pattern = {"blank": {"length": 100.0, "width": 60.0}, "outline": outline, "inner": [], "bends": []}
    pattern |= {"slits": [], "formed": []}
    wanted = 6000.0 - 400.0 * (1 - math.pi / 4) - 100.0 * math.pi / 4
    assert area_of(drawing(pattern, 104.0, 200.0)) == pytest.approx(wanted, rel=2e-4)


def test_slits_are_lines_that_close_nothing(a_zed: Drawn) -> None:
    slit = [{"type": "polyline", "points": [[10.0, 10.0], [20.0, 10.0], [20.0, 15.0]]}]
    drawn = drawing(a_zed.review["flat_pattern"] | {"slits": [slit]}, 500.0, 400.0)
    [_, path] = [shape for shape in drawn.contents if isinstance(shape, Outline)]
    assert path.fillColor is None
    assert path.operators == [0, 1, 1]


def area_of(drawn: Drawing) -> float:
    """What the outline has around it without its openings, in square points."""
    [path] = [shape for shape in drawn.contents if isinstance(shape, Outline)]
    loops: list[list[tuple[float, float]]] = []
    numbers = iter(path.points)
    for operator in path.operators:
        if operator == 0:
            loops.append([])
        if operator in (0, 1):
            loops[-1].append((next(numbers), next(numbers)))
    areas = [abs(shoelace(np.array(loop))) for loop in loops]
    return areas[0] - sum(areas[1:])


def shoelace(loop: NDArray[np.float64]) -> float:
    x, y = loop.T
    return float(x @ np.roll(y, -1) - y @ np.roll(x, -1)) / 2


def test_what_has_no_flat_pattern_says_why(a_zed: Drawn) -> None:
    report = report_of(a_zed, flat_pattern={"available": False, "reason": "it is no sheet"})
    assert chapter(report, "Flat pattern").rows == [("None", "it is no sheet")]
    assert "it is no sheet" in html(report)


def test_flat_patterns_of_an_assembly_have_the_names_of_its_components(a_zed: Drawn) -> None:
    pattern = a_zed.review["flat_pattern"]
    leaf = {"name": "Lid", "bodies": [{"flat_pattern": pattern}, {"same_as": 0}], "components": []}
    root = {"name": "Box", "bodies": [], "components": [leaf]}
    review = {name: value for name, value in a_zed.review.items() if name != "flat_pattern"}
    report = content(review | {"components": [root]}, a_zed.painter, {})
    assert [further.title for further in report.further] == ["Flat pattern of Lid"]


# -- mould and plate -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def a_cup(tmp_path_factory: pytest.TempPathFactory) -> Drawn:
    return drawn_solid(grooved_cup(), tmp_path_factory.mktemp("cup"), "injection_moulding")


def test_a_mould_is_shown_from_either_half(a_cup: Drawn) -> None:
    of = chapter(report_of(a_cup), "Mould")
    assert of.rows[0] == ("Pull direction", "-z")
    assert of.picture is not None
    halves = np.split(pixels(of.picture)[:, np.r_[0 : making.WIDTH, -making.WIDTH : 0]], 2, axis=1)
    [cavity, core] = ([int(of_colour(half, hue).sum()) for hue in (making.CAVITY, making.CORE)] for half in halves)
    assert cavity[0] > 10_000 and cavity[1] == 0
    assert core[0] > 1000 and core[1] > 3000
    assert all(of_colour(half, making.UNDERCUT).sum() > 500 for half in halves)
    assert of_colour(halves[1], making.PARTING_LINE).sum() > 200
    assert html(report_of(a_cup)).count("From the side of the cavity") == 1


def test_the_arrows_are_above_and_below_the_part(a_cup: Drawn) -> None:
    seen = pixels(parted(a_cup.scene, [0.0, 0.0, -1.0], {}))[:, : making.WIDTH]
    arrow = (np.abs(seen - [0x1C, 0x24, 0x30]).max(axis=-1) < 3).sum(axis=1)
    part = np.flatnonzero((seen.max(axis=-1) < 240).sum(axis=1) > 60)
    assert arrow[: part[0] - 2].sum() > 100
    assert arrow[part[-1] + 3 :].sum() > 100


def test_faces_and_edges_beyond_the_mesh_are_left_out(a_cup: Drawn) -> None:
    beyond = {"cavity": [0, 10**6], "core": [10**6], "undercut": [], "edges": [10**6]}
    assert (
        parted(a_cup.scene, [0.0, 0.0, -1.0], beyond).png == parted(a_cup.scene, [0.0, 0.0, -1.0], {"cavity": [0]}).png
    )


@pytest.mark.parametrize("up", [(1.0, 0.0, 0.0), (0.0, -1.0, 0.0), (0.0, 0.0, 1.0), (0.6, 0.0, 0.8)])
def test_a_part_stands_as_it_is_built(tmp_path: Path, up: tuple[float, float, float]) -> None:
    """A tall block stands upright in the picture if its long side is up, and lies else; its foot is on the plate."""
    part = drawn_solid(block(80.0, 10.0, 10.0), tmp_path)
    seen = pixels(standing(part.scene, list(up)))
    border = np.abs(seen - [0xAA, 0xB4, 0xC0]).max(axis=-1) < 8
    body = of_colour(seen, "#ccd6e0") & (seen.max(axis=-1) < 226) & ~border
    rows, columns = np.flatnonzero(body.sum(axis=1) > 3), np.flatnonzero(body.sum(axis=0) > 3)
    tall = (rows[-1] - rows[0]) / (columns[-1] - columns[0])
    assert (tall > 2) == (up[0] == 1.0), tall
    plate = (np.abs(seen - [0xE3, 0xE8, 0xEE]).max(axis=-1) < 3).sum(axis=1)
    assert plate.sum() > 2000
    assert np.flatnonzero(plate)[-1] > rows[-1]
    # It does not shine through.
    with mock.patch.object(making, "_PLATE", "#ffffff"), mock.patch.object(making, "_PLATE_BORDER", "#ffffff"):
        alone = pixels(standing(part.scene, list(up)))
    inside = alone.max(axis=-1) < 200
    assert inside.sum() > 3000
    differs = np.abs(seen[inside] - alone[inside]).max(axis=-1) > 0
    assert differs.mean() < 0.05  # those at its border, which are of both


def test_the_build_orientation_is_told_and_shown(tmp_path: Path) -> None:
    part = drawn_solid(block(40.0, 20.0, 5.0), tmp_path, "fdm")
    of = chapter(report_of(part), "Build orientation")
    up = part.review["facts"]["build_orientation"]["value"]
    assert dict(of.rows)["Up"] == words.direction(up)
    assert dict(of.rows)["Footprint"] == f"40 × 20{words.NBSP}mm"
    assert of.picture is not None and of.picture.png == standing(part.scene, up).png


def test_each_body_of_an_assembly_is_shown_by_itself(tmp_path: Path) -> None:
    """As if it were the only one, though it is turned and its faces have other numbers in the file."""
    cup = grooved_cup()
    turned = Placed(Product("Cup", cup), (150.0, 0.0, 20.0), (1.0, 0.0, 0.0), 90.0)
    pair = Product("Pair", components=(Placed(Product("Lid", block(40.0, 40.0, 5.0))), turned))
    both = drawn(write_assembly(pair, tmp_path / "pair.step"), "injection_moulding")
    report = report_of(both)
    assert [of.title for of in report.further] == ["Mould of Lid", "Mould of Cup"]
    of = chapter(report, "Mould of Cup")
    body = both.review["components"][0]["components"][1]["bodies"][0]
    alone = both.scene.of_body(body["faces"])
    own = body["facts"]
    assert of.picture == parted(alone, own["pull_direction"]["value"], own["parting_line"]["where"])
    assert of_colour(pixels(of.picture), making.CAVITY).sum() > 10_000
    assert of_colour(pixels(of.picture), making.PARTING_LINE).sum() > 200
    assert alone.low == pytest.approx(own["bounding_box"]["where"]["low"], abs=0.05)
    assert alone.high == pytest.approx(own["bounding_box"]["where"]["high"], abs=0.05)
    with mock.patch("workers.report.further._MOST_BODIES", 1):
        assert [of.picture is None for of in report_of(both).further] == [False, True]


# -- which process ---------------------------------------------------------------------------------------


def test_processes_compared_are_a_table(tmp_path: Path) -> None:
    part = drawn_solid(block(40.0, 20.0, 5.0), tmp_path, "cnc_milling+fdm")
    grid = chapter(report_of(part), "Processes compared").grid
    assert grid is not None
    for row, compared in zip(grid.rows, part.review["comparison"], strict=True):
        assert row[2] == compared["verdict"]
        assert float(row[1]) == pytest.approx(compared["score"], abs=0.005)
        assert compared["reasons"][0].rstrip(".") in row[-1]
    assert {row[0] for row in grid.rows} == {"CNC milling", "FDM (fused deposition modelling)"}


def test_counts_and_minutes_of_what_is_compared() -> None:
    row = {"process": "fdm", "score": 0.256, "reasons": ["Small."], "ruled_out": ["It is thin"], "verdict": "costly"}
    row |= {"counts": {"major": 2, "info": 1, "minor": 0}, "extra_minutes": 12.04}
    review = {"process_choice": {"asked": "fdm+sla"}, "comparison": [row], "facts": {}}
    [of] = further_of(review)
    assert of.grid is not None
    minutes = f"12{words.NBSP}min"
    why = "Ruled out: It is thin. Small."
    assert list(of.grid.rows) == [
        ("FDM (fused deposition modelling)", "0.26", "costly", "2 major, 1 info", minutes, why)
    ]


def test_what_auto_chose_from_is_told_once_for_parts_that_are_alike() -> None:
    candidates = [{"process": "sla", "score": 1.0, "reasons": ["It is small"], "ruled_out": []}]
    parts = [{"process": "sla", "reason": "it is small", "candidates": candidates}] * 2
    [of] = further_of({"process_choice": {"asked": "auto", "parts": parts}, "facts": {}})
    assert of.rows == [("SLA (stereolithography)", "it is small")]
    assert of.grid is not None
    assert list(of.grid.rows) == [("SLA (stereolithography)", "1", "It is small.")]


def further_of(review: dict[str, Any]) -> list[Further]:
    return further(review, None, lambda: None)  # type: ignore[arg-type] # nothing is drawn of it


# -- material --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("process", "said"), [("cnc_milling", "not given; limits for metal are assumed"), ("sls", "not given")]
)
def test_a_family_is_assumed_where_limits_depend_on_it(a_zed: Drawn, process: str, said: str) -> None:
    assert dict(report_of(a_zed, process=process).head)["Material"] == said


# -- facts -----------------------------------------------------------------------------------------------


def test_vectors_sizes_and_lists_of_faces_are_told_apart() -> None:
    row = {"direction": [0.0, 0.0, -1.0], "point": [1.0, 2.5, 3.0], "faces": [4, 5, 6]}
    assert words.amount([row], "mm") == "direction -z, point (1, 2.5, 3), 3 faces"
    assert words.vector("pull_direction", [0.6, 0.0, 0.8]) == "(0.6, 0, 0.8)"
    assert words.amount(words.vector("bounding_box", [1.0, 2.0, 3.0]), "mm") == f"1 × 2 × 3{words.NBSP}mm"
    assert words.amount([30.0, 20.5], "mm") == f"30 × 20.5{words.NBSP}mm"


def test_facts_that_do_not_apply_are_named_in_one_row(a_zed: Drawn) -> None:
    facts = {
        "volume": {"value": 8.0, "unit": "mm3", "state": "measured", "method": "exact"},
        "smallest_gap": {"value": None, "unit": "mm", "state": "not_applicable", "method": "rays"},
        "external_radii": {"value": None, "unit": "mm", "state": "not_applicable", "method": "rays"},
    }
    assert report_of(a_zed, facts=facts).facts == [
        ("volume", f"8{words.NBSP}mm³", "measured", "exact"),
        ("not applicable", "smallest gap, external radii", "", ""),
    ]
