"""What is known of a part as sheet metal, for its rules and for its review."""

from dataclasses import dataclass, field
from typing import Any

from workers.cad.part import Part
from workers.facts.fact import Fact
from workers.facts.measure import PartFacts
from workers.features.feature import Feature
from workers.features.graph import FaceGraph
from workers.features.turned_axis import TurningAxis
from workers.rules.material import Material
from workers.sheet.bend_allowance import k_factor_of
from workers.sheet.document import as_document, not_available
from workers.sheet.features import features_of
from workers.sheet.flat_pattern import NotUnfoldedError, flat_pattern
from workers.sheet.laid import Laid
from workers.sheet.sheet import Sheet, sheet_of
from workers.sheet.skins import Skins
from workers.sheet.suitability import why_not_sheet

ON_A_MESH = "a mesh has no exact surfaces to unfold: export as STEP"
PAIRED = "faces that are opposite one another, exactly"
UNFOLDED = "unfolded exactly, bends by their neutral line"


@dataclass
class SheetMetal:
    """A part looked at as sheet.

    `skins` are None where it has none; `sheet` is where it is no sheet, or cannot be laid flat, and `why_not` says why.
    """

    skins: Skins | None
    sheet: Sheet | None
    why_not: str = ""
    features: list[Feature] = field(default_factory=list)
    _laid: dict[str, Laid] = field(default_factory=dict, repr=False)

    def laid(self, material: Material | None) -> Laid:
        """The part laid flat with the K-factor of a material. Raises NotUnfoldedError with the reason if not."""
        if self.sheet is None:
            raise NotUnfoldedError(self.why_not)
        k_factor = k_factor_of(material)
        if k_factor.name not in self._laid:
            self._laid[k_factor.name] = Laid(self.sheet, flat_pattern(self.sheet, k_factor))
        return self._laid[k_factor.name]

    def __getstate__(self) -> dict[str, Any]:
        """Without what is laid flat: that is made again sooner than loaded."""
        return {**vars(self), "_laid": {}}

    def facts(self, material: Material | None) -> dict[str, Fact]:
        """Thickness, number of bends, area and blank of the flat pattern."""
        try:
            laid = self.laid(material)
        except NotUnfoldedError as reason:
            return {"sheet_thickness": Fact(None, "mm", "not_applicable", str(reason), 1.0)}
        return {
            "sheet_thickness": Fact(laid.sheet.thickness, "mm", "measured", PAIRED, 1.0),
            "sheet_share": Fact(laid.sheet.skins.sheet_share, "ratio", "measured", PAIRED, 1.0),
            "bends": Fact(len(laid.pattern.bends), "", "measured", PAIRED, 1.0),
            "flat_area": Fact(laid.pattern.area, "mm2", "measured", UNFOLDED, 1.0),
            "blank_size": Fact(laid.pattern.size, "mm", "measured", UNFOLDED, 1.0),
        }

    def document(self, material: Material | None) -> dict[str, Any]:
        """The flat pattern, or why there is none."""
        try:
            return {"flat_pattern": as_document(self.laid(material), self.features)}
        except NotUnfoldedError as reason:
            return {"flat_pattern": not_available(str(reason))}


def analyse(part: Part, facts: PartFacts, graph: FaceGraph, axis: TurningAxis | None) -> SheetMetal:  # noqa: ARG001
    """The part as sheet metal."""
    if not part.exact:
        return SheetMetal(None, None, ON_A_MESH)
    sheet = sheet_of(part, facts, graph)
    skins = None if sheet is None else sheet.skins
    against = why_not_sheet(part, skins)
    if against:
        return SheetMetal(skins, None, "; ".join(against))
    found = SheetMetal(skins, sheet)
    try:
        found.features = features_of(graph, found.laid(None))
    except NotUnfoldedError as reason:
        return SheetMetal(skins, None, str(reason))
    return found
