"""Which process is chosen for a part and why, what rules the others out, and several compared."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests import additive_parts, mould_parts, sheet_parts
from tests.assemblies import Placed, Product, write_assembly
from tests.defects import cavity, closed_undercut, fin
from tests.engine.reviewing import Review, reviewed
from tests.parts import Solid, Vector, block, bracket, cylinder, pocket, shaft
from workers.cad.binding import module
from workers.process_choice import SUITABILITIES, asked_for, candidates_of, choose_process
from workers.review import review
from workers.rules.rule_file import RuleFileError

SLOW = settings(max_examples=4, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
lengths = st.floats(-300.0, 300.0)


def lattice(cells: int = 3, pitch: float = 10.0, strut: float = 2.0) -> Solid:
    """Square struts along three directions, crossing in a grid of `cells` + 1 each way."""
    length = cells * pitch + strut
    solid: Solid | None = None
    for along in range(3):
        across = [axis for axis in range(3) if axis != along]
        for i in range(cells + 1):
            for j in range(cells + 1):
                at, size = [0.0, 0.0, 0.0], [strut, strut, strut]
                at[across[0]], at[across[1]], size[along] = i * pitch, j * pitch, length
                bar = block(size[0], size[1], size[2], (at[0], at[1], at[2]))
                fused = module("BRepAlgoAPI").BRepAlgoAPI_Fuse(solid.shape, bar.shape).Shape() if solid else bar.shape
                solid = Solid(fused)
    assert solid is not None
    return solid.join()


CHOSEN: dict[str, tuple[Callable[[], Solid], str]] = {
    "block": (lambda: block(60.0, 40.0, 20.0), "cnc_milling"),
    "bracket": (bracket, "cnc_milling"),
    "pocketed": (lambda: block(80.0, 60.0, 30.0).cut(pocket(60.0, 40.0, 27.0, (40.0, 30.0, 30.0), 5.0)), "cnc_milling"),
    "pocketed alike all around": (
        lambda: block(80.0, 60.0, 30.0).cut(pocket(60.0, 40.0, 20.0, (40.0, 30.0, 30.0), 5.0)),
        "cnc_milling",
    ),
    "thick channel with sharp corners": (
        lambda: block(80.0, 60.0, 30.0).cut(block(60.0, 80.0, 20.0, (10.0, -5.0, 10.0))),
        "cnc_milling",
    ),
    "undercut for a T-slot cutter": (lambda: closed_undercut(10.0), "cnc_milling"),
    "fin": (lambda: fin(30.0), "cnc_milling"),
    "plate that is milled": (lambda: sheet_parts.plate(thickness=8.0), "cnc_milling"),
    "open box with sharp corners": (additive_parts.cup, "cnc_milling"),
    "shaft": (lambda: shaft((20.0, 30.0), (30.0, 40.0)), "cnc_turning"),
    "blank": (lambda: sheet_parts.plate(thickness=2.0), "sheet_metal"),
    "angle": (lambda: sheet_parts.angle().solid(), "sheet_metal"),
    "drafted box": (mould_parts.box, "injection_moulding"),
    "drafted box with ribs": (mould_parts.ribbed, "injection_moulding"),
    "closed hollow": (lambda: cavity(3.0), "fdm"),
    "box with a small opening": (lambda: additive_parts.hollow_box(6.0), "sls"),
    "lattice": (lattice, "sls"),
}


def candidates(result: Review) -> dict[str, dict[str, Any]]:
    (choice,) = result["process_choice"]["parts"]
    return {row["process"]: row for row in choice["candidates"]}


@pytest.mark.parametrize("name", CHOSEN)
def test_a_part_is_reviewed_for_what_it_is_shaped_for(name: str) -> None:
    make, process = CHOSEN[name]
    result = reviewed(make(), process="auto")
    assert result["process"] == process
    (choice,) = result["process_choice"]["parts"]
    assert choice["process"] == choice["candidates"][0]["process"] == process
    assert {row["process"] for row in choice["candidates"]} == set(SUITABILITIES)
    assert all(row["reasons"] or row["ruled_out"] for row in choice["candidates"])
    fit = [row for row in choice["candidates"] if not row["ruled_out"]]
    assert choice["candidates"][: len(fit)] == fit
    assert [round(row["score"], 2) for row in fit] == sorted((round(row["score"], 2) for row in fit), reverse=True)
    assert choice["reason"].startswith(fit[0]["reasons"][0].rstrip("."))


def test_what_rules_a_process_out_is_said_with_figures() -> None:
    of = candidates(reviewed(cavity(3.0), process="auto"))
    assert of["cnc_milling"]["ruled_out"] == ["it has a closed hollow of 3 faces, which no cutter gets into"]
    assert of["cnc_turning"]["ruled_out"] == ["no axis that more than 55 % of the outer surface turns about"]
    assert "1323 mm³" in of["sls"]["ruled_out"][0]
    assert of["fdm"]["ruled_out"] == []


def test_what_fits_no_machine_is_ruled_out() -> None:
    of = candidates(reviewed(block(2500.0, 60.0, 40.0), process="auto"))
    assert of["cnc_milling"]["ruled_out"] == [
        "its 2500 × 60 × 40 mm fit no usual machine, which takes 2000 × 1000 × 800 mm"
    ]
    assert all(row["ruled_out"] for row in of.values())
    (choice,) = reviewed(block(2500.0, 60.0, 40.0), process="auto")["process_choice"]["parts"]
    assert choice["process"] == "cnc_milling"
    assert choice["reason"].startswith("no process suits it; of this one: its 2500")
    assert candidates(reviewed(block(1500.0, 60.0, 40.0), process="auto"))["cnc_milling"]["score"] == 0.75 * 0.9


def test_a_part_swings_on_the_lathe_as_wide_as_it_is() -> None:
    for diameter, factor in ((290.0, 1.0), (310.0, 0.9), (990.0, 0.9)):
        assert candidates(reviewed(shaft((diameter, 50.0)), process="auto"))["cnc_turning"]["score"] == factor
    (against,) = candidates(reviewed(shaft((1010.0, 50.0)), process="auto"))["cnc_turning"]["ruled_out"]
    assert against == "it swings 1010 mm over a length of 50 mm; a large lathe takes 1000 mm over 3000 mm"


def test_with_the_limits_of_a_toolkit_only_what_has_them_is_chosen_from() -> None:
    result = reviewed(sheet_parts.angle().solid(), "mtk", process="auto")
    assert set(candidates(result)) == {"cnc_milling", "cnc_turning"}
    assert result["process"] == "cnc_milling"
    assert candidates_of("auto", "mtk", None) == ("cnc_milling", "cnc_turning")


def test_a_process_that_was_asked_for_is_taken_and_says_how_it_suits() -> None:
    result = reviewed(cavity(3.0), process="cnc_milling")
    assert result["process"] == "cnc_milling"
    assert list(candidates(result)) == ["cnc_milling"]
    assert candidates(result)["cnc_milling"]["ruled_out"]
    (choice,) = result["process_choice"]["parts"]
    assert choice["reason"] == "asked for"


@pytest.mark.parametrize("solid", [block(60.0, 40.0, 20.0), lattice(2)], ids=["block", "lattice"])
def test_a_mesh_is_printed(solid: Solid, tmp_path: Path) -> None:
    path = additive_parts.write_stl(solid, tmp_path)
    result = review(path, path.name, "auto", "default")
    assert result["process"] in ("fdm", "sls")
    assert "it is a mesh, which a mill is not programmed from" in candidates(result)["cnc_milling"]["reasons"]
    assert candidates(result)["cnc_turning"]["ruled_out"]


@SLOW
@given(
    shift=st.tuples(lengths, lengths, lengths),
    axis=st.sampled_from([(1.0, 0.0, 0.0), (1.0, 2.0, 3.0)]),
    angle=st.floats(0, 360),
)
@pytest.mark.parametrize("name", ["bracket", "shaft", "angle", "drafted box"])
def test_where_a_part_lies_changes_no_choice(name: str, shift: Vector, axis: Vector, angle: float) -> None:
    make, process = CHOSEN[name]
    of = candidates(reviewed(make().moved(shift, axis, angle), process="auto"))
    at_home = candidates(reviewed(make(), process="auto"))
    assert next(iter(of)) == process
    for name_of, row in at_home.items():
        assert bool(of[name_of]["ruled_out"]) == bool(row["ruled_out"])
        assert row["ruled_out"] or of[name_of]["score"] == pytest.approx(row["score"], abs=0.05)


def test_several_are_compared_and_the_best_is_the_review() -> None:
    result = reviewed(bracket(), process="cnc_milling+fdm")
    assert [row["process"] for row in result["comparison"]] == ["cnc_milling", "fdm"]
    for row in result["comparison"]:
        alone = reviewed(bracket(), process=row["process"])
        assert row["summary"] == alone["summary"]
        assert [finding["id"] for finding in row["findings"]] == [finding["id"] for finding in alone["findings"]]
        assert row["extra_minutes"] == pytest.approx(sum(f["extra_minutes"] or 0 for f in alone["findings"]))
        dearest = max(alone["findings"], key=lambda finding: finding["extra_minutes"] or 0)
        assert row["dearest"][0] == dearest["id"]
    alone = reviewed(bracket(), process="cnc_milling")
    assert (result["process"], result["findings"]) == ("cnc_milling", alone["findings"])
    assert result["process_choice"]["asked"] == "cnc_milling+fdm"
    why = result["process_choice"]["reason"]
    assert why.startswith("cnc_milling suits its shape best, by 0.75; fdm by 0.")
    assert "comparison" not in alone


def test_the_order_in_which_they_are_named_is_nothing() -> None:
    one, other = (reviewed(block(30.0, 20.0, 10.0), process=p) for p in ("sls+cnc_milling+fdm", "fdm+sls+cnc_milling"))
    assert one["comparison"] == other["comparison"]
    assert [row["process"] for row in one["comparison"]] == ["cnc_milling", "fdm", "sls"]


def test_what_is_ruled_out_comes_last_whatever_is_found() -> None:
    result = reviewed(cavity(3.0), process="cnc_milling+fdm")
    assert [row["process"] for row in result["comparison"]] == ["fdm", "cnc_milling"]
    assert result["process"] == "fdm"
    why = result["process_choice"]["reason"]
    assert "cnc_milling is ruled out: it has a closed hollow of 3 faces, which no cutter gets into" in why


def test_a_milder_review_of_another_is_said() -> None:
    part = block(60.0, 40.0, 30.0).cut(pocket(30.0, 20.0, 20.0, (30.0, 20.0, 30.0)))
    result = reviewed(part, process="cnc_milling+sls")
    verdicts = {row["process"]: row["verdict"] for row in result["comparison"]}
    assert verdicts == {"cnc_milling": "redesign", "sls": "manufacturable"}
    assert result["process_choice"]["reason"].endswith(
        "as it is drawn, its review (redesign) is graver than that of sls (manufacturable)"
    )


def test_an_assembly_is_compared_as_a_whole(tmp_path: Path) -> None:
    large, small = block(80.0, 60.0, 40.0), cylinder(10.0, 20.0, (0.0, 0.0, 0.0))
    pair = (Placed(Product("large", large)), Placed(Product("small", small), (200.0, 0.0, 0.0)))
    product = Product("pair", components=pair)
    result = review(write_assembly(product, tmp_path / "a.step"), "a.step", "cnc_milling+cnc_turning", "default")
    milling, turning = result["comparison"]
    assert (milling["process"], turning["process"]) == ("cnc_milling", "cnc_turning")
    share = small_share(large, small)
    assert milling["score"] == pytest.approx(0.75)
    assert turning["score"] == pytest.approx(share, abs=1e-5)
    assert turning["ruled_out"] == ["no axis that more than 55 % of the outer surface turns about"]


def small_share(large: Solid, small: Solid) -> float:
    volumes = [reviewed(solid)["facts"]["volume"]["value"] for solid in (large, small)]
    return float(volumes[1] / sum(volumes))


def test_auto_chooses_by_itself() -> None:
    assert asked_for("fdm+cnc_milling+fdm") == ["cnc_milling", "fdm"]
    with pytest.raises(RuleFileError, match="auto chooses a process by itself"):
        asked_for("auto+fdm")


def test_of_equals_the_first_in_the_list_is_taken(tmp_path: Path) -> None:
    from workers.cad.read_file import read_file
    from workers.facts.measure import measure_facts
    from workers.features.graph import FaceGraph

    path = block(40.0, 30.0, 20.0).write_step(tmp_path / "part.step")
    part = read_file(path, path.name, lambda _stage: None).parts[0]
    facts = measure_facts(part)
    for several in (("fdm", "sls"), ("sls", "fdm")):
        choice = choose_process(several, part, facts, FaceGraph(part))
        scores = {candidate.suitability.score for candidate in choice.candidates}
        assert (choice.process, len(scores)) == ("fdm", 1)


@pytest.mark.corpus
@pytest.mark.parametrize(
    ("name", "process"),
    [
        ("fresamento.stp", "cnc_milling"),
        ("nist_ctc_02.stp", "cnc_milling"),
        ("part3.stp", "cnc_milling"),
        ("power_box_chassis.stp", "sheet_metal"),
    ],
)
def test_the_reference_parts(name: str, process: str) -> None:
    path = Path(__file__).parents[3] / "shared" / "parts" / "milled" / name
    if not path.exists():
        pytest.skip(f"{path} is not there")
    assert review(path, name, "auto", "default")["process"] == process
