"""Unfolding a part in the test's own process."""

from pathlib import Path
from tempfile import TemporaryDirectory

from tests.parts import Solid
from workers.cad.read_file import read_file
from workers.facts.measure import measure_facts
from workers.features.graph import FaceGraph
from workers.rules.material import Material
from workers.sheet.bend_allowance import k_factor_of
from workers.sheet.flat_pattern import FlatPattern, flat_pattern
from workers.sheet.sheet import Sheet, sheet_of


def as_sheet(solid: Solid, unit: str = "MM") -> Sheet | None:
    """The solid as sheet metal, by way of a STEP file."""
    with TemporaryDirectory() as folder:
        path = solid.write_step(Path(folder) / "part.step", unit)
        part = read_file(path, "part.step", lambda _stage: None).parts[0]
    facts = measure_facts(part)
    return sheet_of(part, facts, FaceGraph(part, facts.scene))


def unfolded(solid: Solid, material: Material | None = None) -> FlatPattern:
    """Its flat pattern."""
    sheet = as_sheet(solid)
    assert sheet is not None, "no two skins"
    return flat_pattern(sheet, k_factor_of(material))
