"""What speaks for and against each additive process, from the shape alone."""

from pathlib import Path

import pytest

from tests.additive_parts import hollow_box, sheet, tee, write_stl
from tests.parts import Solid, block
from workers.additive.suitability import SUITABILITIES
from workers.cad.read_file import read_file
from workers.facts.measure import measure_facts
from workers.features.graph import FaceGraph
from workers.suitability import Suitability


def suited(solid: Solid, process: str, folder: Path, *, mesh: bool = False) -> Suitability:
    path = write_stl(solid, folder) if mesh else solid.write_step(folder / "part.step")
    part = read_file(path, path.name, lambda _stage: None).parts[0]
    return SUITABILITIES[process](part, measure_facts(part), FaceGraph(part))


@pytest.mark.parametrize("process", ["fdm", "sla", "sls", "dmls"])
def test_a_small_block_is_suited(process: str, tmp_path: Path) -> None:
    found = suited(block(40.0, 30.0, 20.0), process, tmp_path)
    assert found.ruled_out == []
    assert 0 < found.score < 0.5
    assert any("40 × 30 × 20 mm fit" in reason for reason in found.reasons)
    assert suited(block(40.0, 30.0, 20.0), process, tmp_path, mesh=True).score > found.score


@pytest.mark.parametrize("process", ["fdm", "sla", "sls", "dmls"])
def test_size_and_walls_rule_it_out(process: str, tmp_path: Path) -> None:
    (against,) = suited(block(1700.0, 30.0, 20.0), process, tmp_path).ruled_out
    assert "1700 × 30 × 20 mm fit no machine" in against
    (against,) = suited(sheet(0.1), process, tmp_path).ruled_out
    assert "walls of 0.10 mm" in against
    larger = suited(block(270.0, 30.0, 20.0), process, tmp_path)
    assert larger.ruled_out == []


@pytest.mark.parametrize("mesh", [False, True])
def test_what_would_stay_inside_rules_it_out(mesh: bool, tmp_path: Path) -> None:
    for process in ("sla", "sls", "dmls"):
        (against,) = suited(hollow_box(), process, tmp_path, mesh=mesh).ruled_out
        assert "39304 mm³" in against
        assert suited(hollow_box(6.0), process, tmp_path, mesh=mesh).ruled_out == []
    assert suited(hollow_box(), "fdm", tmp_path, mesh=mesh).ruled_out == []


def test_what_no_cutter_reaches_speaks_for_it_and_support_against(tmp_path: Path) -> None:
    plain, hollow = suited(block(40.0, 40.0, 40.0), "sls", tmp_path), suited(hollow_box(6.0), "sls", tmp_path)
    assert hollow.score > plain.score
    assert any("no cutter reaches" in reason for reason in hollow.reasons)
    thick = block(60.0, 60.0, 6.0, (-30.0, -30.0, 20.0)).join(block(20.0, 20.0, 46.0, (-10.0, -10.0, 0.0)))
    assert suited(thick, "dmls", tmp_path).score < suited(tee(12.0), "dmls", tmp_path).score
