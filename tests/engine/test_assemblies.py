"""Assemblies: each distinct solid is reviewed once, and reported wherever it occurs."""

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pytest

from tests.assemblies import Placed, Product, compound, mirrored_pair, write_assembly
from tests.engine.reviewing import Review, reviewed, substance
from tests.parts import Solid, Vector, block, bracket, cylinder, drill
from workers.cad.binding import module, static
from workers.cad.explore import explore
from workers.cad.placement import placed
from workers.cad.read_file import read_file
from workers.review import review

RED, BLUE = (1.0, 0.0, 0.0), (0.0, 0.0, 1.0)
BRACKET = Product("Träger 1", bracket(), colour=RED)
PIN = Product("pin", cylinder(8.0, 60.0, (0.0, 0.0, 0.0)))
SHIFT: Vector = (200.0, -30.0, 12.5)
TILT: Vector = (1.0, 2.0, 0.5)
PAIR = Product("pair", components=[Placed(BRACKET), Placed(PIN, (-50.0, 0.0, 0.0))])
NESTED = Product(
    "machine",
    components=[
        Placed(PAIR, (0.0, 0.0, 100.0)),
        Placed(PAIR, SHIFT, TILT, 75.0),
        Placed(BRACKET, (0.0, 500.0, 0.0), colour=BLUE),
    ],
)


def reviewed_assembly(product: Product, folder: Path, schema: str = "AP214IS") -> Review:
    return review(write_assembly(product, folder / "assembly.step", schema), "assembly.step", "cnc_milling", "default")


def of_body(result: Review, number: int) -> Review:
    """The part of a review that belongs to one body."""
    faces = {face for f in result["features"] if f["body"] == number for face in f["faces"]}
    own = {face for body in bodies(result) if body["body"] == number for face in body["faces"]}
    assert faces <= own
    return {
        **result,
        "features": [f for f in result["features"] if f["body"] == number],
        "findings": [f for f in result["findings"] if f["faces"] and set(f["faces"]) <= own],
    }


def bodies(result: Review) -> list[dict[str, Any]]:
    """The bodies in the tree, by number."""

    def within(component: dict[str, Any]) -> Iterator[dict[str, Any]]:
        yield from component["bodies"]
        for child in component["components"]:
            yield from within(child)

    return sorted((body for root in result["components"] for body in within(root)), key=lambda body: body["body"])


def alone(solid: Solid) -> Review:
    """The review of a part by itself, without what depends on the axes or on the part as a whole."""
    result = reviewed(solid)
    return {**result, "findings": [f for f in result["findings"] if f["faces"]]}


def places(result: Review) -> Counter[tuple[Any, ...]]:
    """Where findings are and what they measure: what a part that was moved by hand has as well."""
    return Counter(
        (f["rule"], round(f["measured"]["value"], 3), tuple(round(float(x), 2) + 0.0 for x in f["point"]))
        for f in result["findings"]
        if f["rule"].startswith("hole")
    )


def test_the_tree_has_names_colours_and_places(tmp_path: Path) -> None:
    (root,) = reviewed_assembly(NESTED, tmp_path)["components"]
    assert (root["name"], root["colour"]) == ("machine", None)
    first, second, lone = root["components"]
    assert [first["name"], second["name"], lone["name"]] == ["pair", "pair", "Träger 1"]
    assert lone["colour"] == "#0000ff"
    assert [(c["name"], c["colour"]) for c in first["components"]] == [("Träger 1", "#ff0000"), ("pin", None)]
    assert [body["body"] for c in first["components"] + second["components"] for body in c["bodies"]] == [0, 1, 2, 3]
    assert [row[3] for row in lone["placement"]] == [0.0, 500.0, 0.0]
    assert [row[3] for row in first["components"][1]["placement"]] == [-50.0, 0.0, 100.0]


@pytest.mark.parametrize("schema", ["AP203", "AP214IS", "AP242DIS"])
def test_every_schema_is_read(schema: str, tmp_path: Path) -> None:
    result = reviewed_assembly(PAIR, tmp_path, schema)
    assert [c["name"] for c in result["components"][0]["components"]] == ["Träger 1", "pin"]
    assert result["part"]["bodies"] == 2


def test_each_distinct_solid_is_reviewed_once(tmp_path: Path) -> None:
    with mock.patch("workers.geometry.measure_facts", side_effect=AssertionError) as measure:
        from workers.facts.measure import measure_facts

        measure.side_effect = measure_facts
        result = reviewed_assembly(NESTED, tmp_path)
    assert measure.call_count == 2
    assert result["part"]["bodies"] == 5
    assert [body["same_as"] for body in bodies(result)] == [None, None, 0, 1, 0]
    assert ["facts" in body for body in bodies(result)] == [True, True, False, False, False]


def test_an_instance_has_the_findings_of_the_part_alone_moved(tmp_path: Path) -> None:
    result = reviewed_assembly(NESTED, tmp_path)
    by_hand = alone(bracket().moved(SHIFT, TILT, 75.0))
    instance = of_body(result, 2)
    assert len(places(by_hand)) >= 4
    assert places(instance) == places(by_hand)
    assert substance(instance) == substance(by_hand)
    assert substance(of_body(result, 0)) == substance(by_hand)
    assert Counter(f["type"] for f in instance["features"]) == Counter(f["type"] for f in by_hand["features"])


def test_directions_are_those_of_the_part_alone_moved(tmp_path: Path) -> None:
    def directions(result: Review) -> list[list[float]]:
        holes = (f for f in result["features"] if "hole" in f["type"] or f["type"] == "counterbore")
        return sorted([round(float(x), 5) + 0.0 for x in f["direction"]] for f in holes)

    instance = of_body(reviewed_assembly(NESTED, tmp_path), 2)
    by_hand = alone(bracket().moved(SHIFT, TILT, 75.0))
    assert len(directions(by_hand)) == 4
    assert np.allclose(directions(instance), directions(by_hand), atol=2e-5)


def test_ids_and_features_are_those_of_one_document(tmp_path: Path) -> None:
    result = reviewed_assembly(NESTED, tmp_path)
    names = [feature["id"] for feature in result["features"]]
    assert names == [f"F{number + 1}" for number in range(len(names))]
    assert len({f["id"] for f in result["findings"]}) == len(result["findings"])
    face_home = {face: f["id"] for f in result["features"] for face in f["faces"]}
    for finding in result["findings"]:
        if finding["rule"].startswith("hole-"):
            assert {face_home[face] for face in finding["faces"]} & set(finding["features"])
    assert {group["size"] for f in result["findings"] if (group := f["group"])} >= {3}


def test_edges_go_on_counting_from_body_to_body(tmp_path: Path) -> None:
    result = reviewed_assembly(NESTED, tmp_path)
    first, third = (
        {(f["rule"], f["measured"]["value"], len(f["faces"])): f["edges"] for f in of_body(result, n)["findings"]}
        for n in (0, 2)
    )
    edges_of_bracket, edges_of_pin = (body["facts"]["edges"]["value"] for body in bodies(result)[:2])
    assert any(first.values())
    before = edges_of_bracket + edges_of_pin
    assert third == {what: [edge + before for edge in edges] for what, edges in first.items()}


def test_faces_are_numbered_as_the_explorer_finds_them(tmp_path: Path) -> None:
    path = write_assembly(NESTED, tmp_path / "nested.step")
    reading = read_file(path, "nested.step", lambda _stage: None)
    reader = module("STEPControl").STEPControl_Reader()
    reader.ReadFile(str(path))
    reader.TransferRoots()
    faces = explore(reader.OneShape(), "Face")
    assert reading.faces == len(faces)
    assert sorted(face for body in reading.bodies for face in body.faces) == list(range(len(faces)))
    for body in reading.bodies:
        of_part = reading.parts[body.part].faces
        for own, point in zip(body.faces, placed(body.placement, of_part.point), strict=True):
            vertex = module("BRepBuilderAPI").BRepBuilderAPI_MakeVertex(module("gp").gp_Pnt(*map(float, point)))
            gap = module("BRepExtrema").BRepExtrema_DistShapeShape(vertex.Vertex(), faces[own]).Value()
            assert gap < 0.3  # the point lies on the mesh


def test_the_facts_of_the_whole(tmp_path: Path) -> None:
    one, two = block(10.0, 10.0, 10.0), block(20.0, 10.0, 10.0).cut(drill(4.0, 12.0, (5.0, 5.0, 10.0), point=False))
    cubes = Product(
        "two", components=[Placed(Product("a", one)), Placed(Product("b", two), (90.0, 0.0, 0.0), UP, 90.0)]
    )
    facts = reviewed_assembly(cubes, tmp_path)["facts"]
    hole = np.pi * 4 * 10
    assert facts["volume"]["value"] == pytest.approx(3000 - hole)
    assert facts["bounding_box"]["where"]["low"] == pytest.approx([0.0, 0.0, 0.0], abs=1e-6)
    assert facts["bounding_box"]["value"] == pytest.approx([90.0, 20.0, 10.0])
    centre = (1000 * 5 + (2000 * 85 - hole * 85)) / (3000 - hole)
    assert facts["centre_of_mass"]["value"][0] == pytest.approx(centre)
    assert (facts["bodies"]["value"], facts["faces"]["value"]) == (2, 13)
    assert facts["wall_thickness"]["value"] == pytest.approx(3.0, abs=1e-5)
    assert facts["wall_thickness"]["where"]["body"] == 1
    assert set(facts["wall_thickness"]["where"]["faces"]) <= set(range(6, 13))


UP: Vector = (0.0, 0.0, 1.0)


def test_the_box_of_a_turned_instance_is_exact(tmp_path: Path) -> None:
    pins = Product("pins", components=[Placed(PIN), Placed(PIN, (0.0, 100.0, 0.0), (1.0, 0.0, 0.0), 30.0)])
    second = bodies(reviewed_assembly(pins, tmp_path))[1]
    across = 8 * np.cos(np.radians(30)) + 60 * np.sin(np.radians(30))
    assert second["high"][1] - second["low"][1] == pytest.approx(across, abs=1e-5)


def test_the_box_of_an_instance_lying_on_its_side_holds_its_bulge(tmp_path: Path) -> None:
    rod = cylinder(100.0, 30.0, (0.0, -45.0, 0.0))
    bulging = rod.cut(
        block(100.0, 200.0, 60.0, (10.0, -100.0, -10.0)),
        block(100.0, 200.0, 60.0, (-107.0, -100.0, -10.0)),
        block(200.0, 100.0, 60.0, (-100.0, -100.0, -10.0)),
    )
    product = Product("bulging", block(60.0, 10.0, 60.0, (-30.0, -10.0, -15.0)).join(bulging))
    lying = Product("two", components=[Placed(product), Placed(product, (0.0, 100.0, 0.0), (1.0, 0.0, 0.0), 90.0)])
    second = bodies(reviewed_assembly(lying, tmp_path))[1]
    assert second["low"] == pytest.approx([-30.0, 55.0, -10.0], abs=1e-5)
    assert second["high"] == pytest.approx([30.0, 115.0, 5.0], abs=1e-5)


def test_a_mirrored_instance_has_the_findings_of_the_mirrored_part(tmp_path: Path) -> None:
    path = tmp_path / "pair.brep"
    static("BRepTools", "BRepTools", "Write")(mirrored_pair(bracket()), str(path))
    result = review(path, "pair.brep", "cnc_milling", "default")
    assert [body["same_as"] for body in bodies(result)] == [None, 0]
    mirrored = alone(bracket().mirrored())
    assert places(of_body(result, 1)) == places(mirrored)
    assert substance(of_body(result, 1)) == substance(mirrored)
    box = bodies(result)[1]
    assert (box["low"][0], box["high"][0]) == pytest.approx((-120.0, 0.0))


def test_a_mirrored_solid_alone_is_reviewed(tmp_path: Path) -> None:
    path = tmp_path / "mirrored.brep"
    twin = explore(mirrored_pair(bracket()), "Solid")[1]
    static("BRepTools", "BRepTools", "Write")(compound(twin), str(path))
    result = review(path, "mirrored.brep", "cnc_milling", "default")
    found = {**result, "findings": [f for f in result["findings"] if f["faces"]]}
    assert places(found) == places(alone(bracket().mirrored()))
    assert result["facts"]["bounding_box"]["where"]["high"][0] == pytest.approx(0.0, abs=1e-6)


def test_products_in_different_units_meet_in_mm(tmp_path: Path) -> None:
    cubes = [Placed(Product("mm", block(10.0, 10.0, 10.0))), Placed(Product("cm", block(20.0, 10.0, 10.0)), (50, 0, 0))]
    path = write_assembly(Product("both", components=cubes), tmp_path / "mixed.step")
    unit = re.compile(r"LENGTH_UNIT\(\) NAMED_UNIT\(\*\) SI_UNIT\(\.MILLI\.,\.METRE\.\)")
    text = path.read_text()
    last = list(unit.finditer(text))[-1]
    path.write_text(text[: last.start()] + last[0].replace("MILLI", "CENTI") + text[last.end() :])
    result = review(path, "mixed.step", "cnc_milling", "default")
    assert result["part"]["units_in_file"] == "centimetre, millimetre"
    mm, cm = bodies(result)
    assert mm["facts"]["volume"]["value"] == pytest.approx(1000.0)
    assert cm["facts"]["volume"]["value"] == pytest.approx(2_000_000.0)


def test_an_assembly_gives_the_same_bytes_twice(tmp_path: Path) -> None:
    first, second = (reviewed_assembly(NESTED, tmp_path) for _ in range(2))
    del first["timings_ms"], second["timings_ms"], first["part"]["sha256"], second["part"]["sha256"]
    assert first == second


def test_a_single_part_has_its_name_and_no_facts_twice(tmp_path: Path) -> None:
    path = write_assembly(BRACKET, tmp_path / "single.step")
    result = review(path, "single.step", "cnc_milling", "default")
    (component,) = result["components"]
    assert (component["name"], component["colour"]) == ("Träger 1", "#ff0000")
    assert component["bodies"] == [{"body": 0, "same_as": None}]
    assert result["notes"] == []
