"""Pictures of findings, drawn from the analysis mesh."""

from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pytest

from tests.assemblies import Placed, Product, write_assembly
from tests.parts import block, bracket, cylinder, drill, pocket
from tests.report.drawing import Drawn, coloured, drawn, drawn_solid, pixels
from workers.report.pictures import HEIGHT, WIDTH, Painter
from workers.report.views import DIRECTIONS, Samples, best_direction


@pytest.fixture(scope="module")
def a_bracket(tmp_path_factory: pytest.TempPathFactory) -> Drawn:
    return drawn_solid(bracket(), tmp_path_factory.mktemp("bracket"))


def finding(faces: list[int], severity: str = "critical", **more: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    return {"severity": severity, "faces": faces, "edges": [], "point": None, "normal": None, **more}


def one_of_each_rule(part: Drawn) -> list[dict[str, Any]]:
    return list({row["rule"]: row for row in part.review["findings"]}.values())


def test_the_same_finding_gives_the_same_bytes(a_bracket: Drawn) -> None:
    for row in one_of_each_rule(a_bracket):
        assert a_bracket.painter.one(row) == a_bracket.painter.one(row)


def test_a_picture_is_the_same_whatever_was_drawn_before(a_bracket: Drawn) -> None:
    rows = one_of_each_rule(a_bracket)[:4]
    painter = a_bracket.painter
    before = [painter.one(row) for row in rows]
    assert [painter.one(row) for row in reversed(rows)] == before[::-1]


def test_every_finding_of_a_sound_size_is_seen_in_its_colour(a_bracket: Drawn) -> None:
    for row in one_of_each_rule(a_bracket):
        picture = a_bracket.painter.one(row)
        assert coloured(picture, row["severity"]) > 60, row["title"]
        assert picture.height == HEIGHT
        assert picture.width >= WIDTH


def test_the_cover_has_the_gravest_colour_on_a_face_with_two_findings(tmp_path: Path) -> None:
    part = drawn_solid(block(40.0, 30.0, 20.0), tmp_path)
    faces = list(range(6))
    both = part.painter.cover([finding(faces, "critical"), finding(faces, "minor")])
    assert coloured(both, "critical") > 10_000
    assert coloured(both, "minor") == 0
    assert coloured(part.painter.cover([]), "critical") == 0


def test_the_remarks_are_left_off_the_cover(tmp_path: Path) -> None:
    part = drawn_solid(block(40.0, 30.0, 20.0), tmp_path)
    assert coloured(part.painter.cover([finding([0], "info")]), "info") == 0


@pytest.mark.parametrize("face", range(6))
def test_each_side_of_a_block_is_looked_at_from_its_own_side(tmp_path: Path, face: int) -> None:
    part = drawn_solid(block(40.0, 30.0, 20.0), tmp_path)
    normal = part.scene.mesh.normals[part.scene.mesh.face == face][0]
    towards, share = best_direction(part.scene, Samples.of_faces(part.scene, [face]))
    assert towards @ normal > 0.3
    assert share == pytest.approx(1.0)


def test_a_cavity_is_shown_through_the_part(tmp_path: Path) -> None:
    part = drawn_solid(block(40.0, 30.0, 20.0).cut(block(20.0, 10.0, 8.0, (10.0, 10.0, 6.0))), tmp_path)
    inner = [face for face in range(12) if _is_inside(part, face)]
    assert len(inner) == 6
    picture = part.painter.one(finding(inner))
    assert "shown through" in picture.note
    assert coloured(picture, "critical") > 0 or _reddish(picture) > 2000


def test_an_open_pocket_is_not_shown_through_the_part(tmp_path: Path) -> None:
    part = drawn_solid(block(40.0, 30.0, 20.0).cut(pocket(20.0, 10.0, 8.0, (20.0, 15.0, 20.0))), tmp_path)
    inner = [face for face in range(11) if _is_inside(part, face)]
    assert len(inner) == 5
    assert part.painter.one(finding(inner)).note == ""


def test_what_is_on_both_sides_is_said_to_be(tmp_path: Path) -> None:
    part = drawn_solid(block(40.0, 30.0, 20.0), tmp_path)
    assert "far side" in part.painter.all_of([finding([face]) for face in range(6)]).note
    assert part.painter.all_of([finding([_top(part)])]).note == ""


def test_the_picture_of_many_findings_shows_most_of_them_however_small(tmp_path: Path) -> None:
    holes = [drill(8.0, 8.0, (x, 40.0, 30.0)) for x in (20.0, 50.0, 80.0)]
    part = drawn_solid(block(100.0, 80.0, 30.0).cut(*holes), tmp_path)
    below = next(face for face in range(6) if part.scene.mesh.normals[part.scene.mesh.face == face][0][2] < -0.9)
    small = [finding([face], "minor") for face in range(int(part.scene.mesh.face.max()) + 1) if _is_inside(part, face)]
    picture = part.painter.all_of([*small, finding([below], "critical")])
    assert coloured(picture, "minor") > 0
    assert coloured(picture, "critical") == 0


def test_a_strip_that_nobody_would_see_has_a_ring_where_it_is_seen(tmp_path: Path) -> None:
    part = drawn_solid(block(100.0, 80.0, 0.3), tmp_path)
    [side] = [face for face in range(6) if part.scene.mesh.normals[part.scene.mesh.face == face][0][1] < -0.9]
    for normal in ([0.0, -1.0, 0.0], [0.0, 0.0, -1.0]):  # the second: it was measured on the far side
        rows = [finding([side], "minor", point=[50.0, 0.0, 0.15], normal=normal)]
        ringed = coloured(part.painter.all_of(rows), "minor")
        with mock.patch("workers.report.pictures._NARROW", 0):
            assert ringed > coloured(part.painter.all_of(rows), "minor") + 40


def test_a_small_hole_has_a_close_up_and_a_large_face_has_none(tmp_path: Path) -> None:
    part = drawn_solid(block(100.0, 80.0, 30.0).cut(drill(2.0, 8.0, (20.0, 20.0, 30.0))), tmp_path)
    hole = [face for face in range(8) if _is_inside(part, face)]
    close = part.painter.one(finding(hole))
    assert close.width > 2 * WIDTH
    # Of the overview it is hardly anything.
    assert coloured(close, "critical") > 1500
    assert part.painter.one(finding([_top(part)])).width == WIDTH


def test_a_finding_without_faces_is_a_picture_of_the_part(tmp_path: Path) -> None:
    part = drawn_solid(block(40.0, 30.0, 20.0), tmp_path)
    picture = part.painter.one(finding([]))
    assert (picture.width, picture.note) == (WIDTH, "")
    assert (pixels(picture) != 255).any(axis=-1).sum() > 10_000


def test_faces_that_the_mesh_does_not_have_are_passed_over(tmp_path: Path) -> None:
    part = drawn_solid(block(40.0, 30.0, 20.0), tmp_path)
    assert part.painter.one(finding([4711])).png == part.painter.one(finding([])).png


def test_a_sharp_corner_is_drawn_as_its_edge(a_bracket: Drawn) -> None:
    sharp = next(row for row in a_bracket.of_rule("corner-radius") if row["measured"]["value"] == 0)
    picture = a_bracket.painter.one(sharp)
    whole = a_bracket.painter.one({**sharp, "edges": []})
    assert 60 < coloured(picture, "critical") < coloured(whole, "critical")


def test_every_body_of_an_assembly_is_where_it_is_placed(tmp_path: Path) -> None:
    pin = Product("pin", cylinder(6.0, 20.0, (0.0, 0.0, 0.0)))
    product = Product("pair", None, [Placed(pin, (0.0, 0.0, 0.0)), Placed(pin, (100.0, 0.0, 0.0))])
    pair = drawn(write_assembly(product, tmp_path / "pair.step"))
    assert len(pair.geometry.reading.parts) == 1
    assert pair.scene.high[0] - pair.scene.low[0] == pytest.approx(106.0, abs=0.1)
    assert sorted(np.unique(pair.scene.mesh.face)) == list(range(6))
    left = pixels(pair.painter.one(finding([0, 1, 2], "major")))
    right = pixels(pair.painter.one(finding([3, 4, 5], "major")))
    assert not np.array_equal(left, right)


def test_a_mesh_is_drawn_as_well(tmp_path: Path) -> None:
    corners = np.array([[x, y, z] for x in (0, 40) for y in (0, 30) for z in (0, 20)], dtype=float)
    quads = ((0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3))
    triangles = [(a, b, c) for a, b, c, _ in quads] + [(a, c, d) for a, _, c, d in quads]
    lines = ["solid box"]
    for triangle in triangles:
        lines += ["facet normal 0 0 0", "outer loop"]
        lines += [f"vertex {x} {y} {z}" for x, y, z in corners[list(triangle)]]
        lines += ["endloop", "endfacet"]
    path = tmp_path / "box.stl"
    path.write_text("\n".join([*lines, "endsolid box"]), encoding="utf-8")
    box = drawn(path)
    assert coloured(box.painter.one(finding([0])), "critical") > 1000


def test_the_views_look_from_everywhere() -> None:
    for axis in np.vstack([np.eye(3), -np.eye(3)]):
        assert max(float(towards @ axis) for towards in DIRECTIONS) > 0.8


def _top(part: Drawn) -> int:
    mesh = part.scene.mesh
    return int(mesh.face[np.argmax(mesh.centroids @ np.array([0.0, 0.0, 1.0]) + mesh.normals[:, 2])])


def _is_inside(part: Drawn, face: int) -> bool:
    """Whether a face lies nowhere on the box around the part."""
    vertices = part.scene.mesh.vertices[part.scene.mesh.triangles[part.scene.mesh.face == face]].reshape(-1, 3)
    off_low, off_high = vertices - part.scene.low, part.scene.high - vertices
    return not bool((np.abs(np.minimum(off_low, off_high)).max(axis=0) < 1e-6).any())


def _reddish(picture: Any) -> int:  # noqa: ANN401 - Picture
    seen = pixels(picture)
    return int((seen[..., 0] - seen[..., 1] > 60).sum())


def test_a_painter_needs_no_findings(a_bracket: Drawn) -> None:
    assert Painter(a_bracket.scene).all_of([]).width == WIDTH


def test_faces_and_edges_beyond_the_mesh_are_not_drawn(a_bracket: Drawn) -> None:
    finding = a_bracket.review["findings"][0] | {"faces": [10**6], "edges": [10**7]}
    assert coloured(a_bracket.painter.cover([finding]), finding["severity"]) == 0
    assert a_bracket.painter.one(finding).width > 0
