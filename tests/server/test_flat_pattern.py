"""Flat patterns as drawings: what a DXF reader makes of them is what the review says."""

import io
import re
from typing import Any

import ezdxf
import pytest
from ezdxf.document import Drawing
from ezdxf.entities.arc import Arc
from ezdxf.filemanagement import read
from fastapi.testclient import TestClient

from server.flat_pattern.dxf import dxf_of
from server.flat_pattern.pattern import NoFlatPatternError, pattern_of
from server.flat_pattern.svg import svg_of
from server.services import Services
from server.stores.dfm_review_jobs import JobState

RUN = "01ARZ3NDEKTSV4RRFFQ69G5FAV"


def pattern() -> dict[str, Any]:
    """A plate of 60 × 40 mm with a rounded corner, a hole, a slot, a form, and a bend up and one down."""
    return {
        "available": True,
        "thickness": 1.0,
        "area": 2250.0,
        "blank": {"length": 60.0, "width": 40.0, "area": 2400.0},
        "outline": [
            {"type": "line", "points": [[0.0, 0.0], [60.0, 0.0]]},
            {"type": "line", "points": [[60.0, 0.0], [60.0, 30.0]]},
            {
                "type": "arc", "centre": [50.0, 30.0], "radius": 10.0, "from": [60.0, 30.0], "to": [50.0, 40.0],
                "direction": "counter-clockwise",
            },
            {"type": "polyline", "points": [[50.0, 40.0], [25.0, 40.0], [0.0, 40.0]]},
            {"type": "line", "points": [[0.0, 40.0], [0.0, 0.0]]},
        ],
        "inner": [
            {"kind": "hole", "segments": [{"type": "circle", "centre": [10.0, 10.0], "radius": 4.0}]},
            {
                "kind": "slot",
                "segments": [
                    {"type": "line", "points": [[20.0, 12.0], [30.0, 12.0]]},
                    {
                        "type": "arc", "centre": [30.0, 10.0], "radius": 2.0, "from": [30.0, 12.0], "to": [30.0, 8.0],
                        "direction": "clockwise",
                    },
                    {"type": "line", "points": [[30.0, 8.0], [20.0, 8.0]]},
                    {
                        "type": "arc", "centre": [20.0, 10.0], "radius": 2.0, "from": [20.0, 8.0], "to": [20.0, 12.0],
                        "direction": "clockwise",
                    },
                ],
            },
        ],
        "formed": [[{"type": "circle", "centre": [45.0, 15.0], "radius": 3.0}]],
        "slits": [[{"type": "line", "points": [[40.0, 30.0], [50.0, 30.0]]}]],
        "bends": [
            bend("up", [[0.0, 20.0], [60.0, 20.0]]),
            bend("down", [[5.0, 0.0], [5.0, 15.0]], [[5.0, 25.0], [5.0, 40.0]]),
        ],
        "conflicts": [],
        "not_unfolded": [],
    }  # fmt: skip


def bend(direction: str, *lines: list[list[float]]) -> dict[str, Any]:
    return {"direction": direction, "angle": 90.0, "radius": 1.0, "k_factor": 0.44, "lines": list(lines)}


def review(**changes: Any) -> dict[str, Any]:  # noqa: ANN401
    found = {
        "schema": "rapiddraft.review/1",
        "process": "sheet_metal",
        "part": {"bodies": 1},
        "flat_pattern": pattern(),
    }
    return {**found, **changes}


@pytest.fixture(scope="module")
def drawing() -> Drawing:
    return read(io.StringIO(dxf_of(pattern()).decode()))


def test_a_dxf_reader_finds_nothing_to_complain_of(drawing: Drawing) -> None:
    auditor = drawing.audit()
    assert not auditor.errors
    assert not auditor.fixes
    assert drawing.units == ezdxf.units.MM


def test_every_line_is_on_its_layer(drawing: Drawing) -> None:
    kinds = [(entity.dxftype(), entity.dxf.layer) for entity in drawing.modelspace()]
    assert {layer.dxf.name for layer in drawing.layers} >= {"CUT", "BEND_UP", "BEND_DOWN", "FORM"}
    assert kinds.count(("LINE", "CUT")) == 6  # three of the outline, two of the slot, and the slit
    assert kinds.count(("ARC", "CUT")) == 3
    assert kinds.count(("CIRCLE", "CUT")) == 1
    assert kinds.count(("LWPOLYLINE", "CUT")) == 1
    assert kinds.count(("LINE", "BEND_UP")) == 1
    assert kinds.count(("LINE", "BEND_DOWN")) == 2
    assert kinds.count(("CIRCLE", "FORM")) == 1
    assert len(kinds) == 15


def test_arcs_run_from_their_start_to_their_end(drawing: Drawing) -> None:
    found = [entity for entity in drawing.modelspace() if isinstance(entity, Arc)]
    arcs = {(arc.dxf.center.x, arc.dxf.center.y): arc for arc in found}
    corner, right = arcs[50.0, 30.0], arcs[30.0, 10.0]
    assert (corner.dxf.start_angle, corner.dxf.end_angle) == pytest.approx((0.0, 90.0))
    assert (right.dxf.start_angle % 360, right.dxf.end_angle % 360) == pytest.approx((270.0, 90.0))
    assert tuple(corner.end_point) == pytest.approx((50.0, 40.0, 0.0))


def test_equal_patterns_give_equal_drawings() -> None:
    assert svg_of(pattern()) == svg_of(pattern())
    assert dxf_of(pattern()) == dxf_of(pattern())


def test_the_svg_is_one_to_one_with_its_y_axis_up() -> None:
    drawn = svg_of(pattern()).decode()
    margin, text = 60.0 * 0.03, 1.0
    assert f'width="{60 + 2 * margin:g}mm" height="{40 + 2 * margin + 3 * text:g}mm"' in drawn
    assert "A 10 10 0 0 0 50 0 L 25 0 L 0 0" in drawn
    assert "t 1 mm, blank 60.00 × 40.00 mm, area 2250.0 mm², 2 bends, K 0.44" in drawn
    assert len(re.findall("<line ", drawn)) == 3
    assert '<g class="slit"><path d="M 40 10 L 50 10"/></g>' in drawn
    assert re.findall(r'<g class="(\w+)"><line', drawn) == ["up", "down"]


def test_an_arc_of_more_than_half_a_turn() -> None:
    arc = {
        "type": "arc", "centre": [0.0, 0.0], "radius": 2.0, "from": [2.0, 0.0], "to": [0.0, -2.0],
        "direction": "counter-clockwise",
    }  # fmt: skip
    drawn = svg_of(pattern() | {"outline": [arc, {"type": "line", "points": [[0.0, -2.0], [2.0, 0.0]]}]}).decode()
    assert "A 2 2 0 1 0 0 42" in drawn


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"flat_pattern": {"available": False, "reason": "its skins differ"}}, "its skins differ"),
        ({"flat_pattern": None, "process": "cnc_milling"}, "cnc_milling"),
        ({"flat_pattern": None, "part": {"bodies": 3}}, "3 bodies"),
    ],
)
def test_a_review_without_a_pattern_says_why(changes: dict[str, Any], reason: str) -> None:
    with pytest.raises(NoFlatPatternError, match=reason):
        pattern_of(review(**changes))


def assembly() -> dict[str, Any]:
    """Three bodies: a sheet, a block and the sheet once more, in a component of its own."""
    block = {"available": False, "reason": "it is a block"}
    bodies = [
        {"body": 0, "same_as": None, "flat_pattern": pattern()},
        {"body": 1, "same_as": None, "flat_pattern": block},
        {"body": 2, "same_as": 0},
    ]
    inner = {"bodies": bodies[1:], "components": []}
    return review(
        flat_pattern=None, part={"bodies": 3}, components=[{"bodies": bodies[:1], "components": [inner]}]
    )  # fmt: skip


@pytest.mark.parametrize("body", [0, 2])
def test_each_body_of_an_assembly_has_its_own(body: int) -> None:
    assert pattern_of(assembly(), body) == pattern()
    assert pattern_of(review(), 0) == pattern()


@pytest.mark.parametrize(("body", "reason"), [(None, "from 0 to 2"), (1, "it is a block"), (3, "no body 3")])
def test_a_body_without_a_pattern_says_why(body: int | None, reason: str) -> None:
    with pytest.raises(NoFlatPatternError, match=reason):
        pattern_of(assembly(), body)


def test_the_pattern_of_a_body_is_served(client: TestClient, services: Services, model_id: str) -> None:
    run = kept(services, model_id, assembly())
    answer = client.get(f"{run}/flat-pattern.svg", params={"body": 2})
    assert answer.content == svg_of(pattern())
    assert answer.headers["content-disposition"] == 'attachment; filename="flat-pattern-2.svg"'
    other = client.get(f"{run}/flat-pattern.svg", params={"body": 0})
    assert other.headers["etag"] != answer.headers["etag"]
    assert client.get(f"{run}/flat-pattern.svg").json()["code"] == "no_flat_pattern"


def kept(services: Services, model_id: str, document: dict[str, Any]) -> str:
    """A review that is kept; returns where."""
    job, _ = services.jobs.ask(model_id, "sheet_metal", "default", material=None, request_id="r", identity="admin")
    services.jobs.transition(job.id, JobState.RUNNING, reason="taken")
    services.runs.add(model_id, job.id, document, job_id=job.id)
    services.jobs.transition(job.id, JobState.SUCCEEDED, reason="reviewed", run_id=job.id)
    return f"/api/models/{model_id}/analysis-runs/{job.id}"


@pytest.mark.parametrize(("kind", "media_type"), [("dxf", "image/vnd.dxf"), ("svg", "image/svg+xml")])
def test_drawings_are_served(client: TestClient, services: Services, model_id: str, kind: str, media_type: str) -> None:
    path = f"{kept(services, model_id, review())}/flat-pattern.{kind}"
    answer = client.get(path)
    assert (answer.status_code, answer.headers["content-type"]) == (200, media_type)
    assert answer.headers["content-disposition"] == f'attachment; filename="flat-pattern.{kind}"'
    assert answer.content == (dxf_of if kind == "dxf" else svg_of)(pattern())
    assert client.get(path, headers={"If-None-Match": answer.headers["etag"]}).status_code == 304


def test_without_a_pattern_it_is_404_with_the_reason(client: TestClient, services: Services, model_id: str) -> None:
    run = kept(services, model_id, review(flat_pattern={"available": False, "reason": "it is a block"}))
    answer = client.get(f"{run}/flat-pattern.dxf")
    assert (answer.status_code, answer.json()["code"]) == (404, "no_flat_pattern")
    assert "it is a block" in answer.json()["detail"]
    assert client.get(f"/api/models/{model_id}/analysis-runs/{RUN}/flat-pattern.svg").status_code == 404
