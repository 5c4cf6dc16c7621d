"""Which parts look as if they were to be moulded."""

from pathlib import Path
from tempfile import TemporaryDirectory

from tests import mould_parts as mould
from tests.parts import Solid, block, bracket
from workers.cad.read_file import read_file
from workers.facts.measure import measure_facts
from workers.features.graph import FaceGraph
from workers.moulding.suitability import suitability
from workers.suitability import Suitability


def suits(solid: Solid) -> Suitability:
    with TemporaryDirectory() as folder:
        path = solid.write_step(Path(folder) / "part.step")
        (part,) = read_file(path, "part.step", lambda _stage: None).parts
        facts = measure_facts(part)
        return suitability(part, facts, FaceGraph(part, facts.scene))


def test_a_thin_drafted_box_is_a_moulded_part() -> None:
    found = suits(mould.ribbed())
    assert found.ruled_out == []
    assert found.score > 0.9
    assert any("2.00 mm" in reason for reason in found.reasons)
    assert found.reasons[-1].startswith("0.0 % of its surface hides")
    assert all(reason[0].islower() or reason[0].isdigit() for reason in found.reasons)


def test_without_draft_it_looks_less_like_one() -> None:
    assert suits(mould.box(draft=0.0, inner=0.0)).score < 0.5 * suits(mould.box(inner=0.0)).score


def test_what_hides_from_the_pull_speaks_against_it() -> None:
    assert suits(mould.inner_groove()).score < 0.75 * suits(mould.box()).score


def test_a_milled_block_is_ruled_out_for_its_walls() -> None:
    assert any("thick" in reason for reason in suits(block(80.0, 60.0, 30.0)).ruled_out)
    assert any("thick" in reason for reason in suits(bracket()).ruled_out)
