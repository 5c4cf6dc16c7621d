"""Whether a part is made of sheet: two skins one thickness apart, bends, and nothing besides but cut faces."""

from workers.cad.part import Part, Surface
from workers.facts.measure import PartFacts
from workers.features.graph import FaceGraph
from workers.sheet.skins import Skins, find_skins
from workers.suitability import Suitability

# Engineering judgement. Press brakes and lasers take more, but beyond 12 mm a part without a bend is as well milled.
LEAST_SHARE = 0.9
LEAST_SKINS = 0.7  # of the surface: what is left is the edges
PLATE_MM = 25.0
SHEET_MM = 6.0
LEAST_WIDTHS = 3.0  # thicknesses that a sheet is wide, at least


def suitability(part: Part, facts: PartFacts, graph: FaceGraph) -> Suitability:
    """How well the part is made of sheet metal."""
    if not part.exact:
        return Suitability(0.0, ruled_out=["a mesh has no exact surfaces to tell a sheet by"])
    return suitability_of(part, find_skins(part, facts, graph))


def suitability_of(part: Part, skins: Skins | None) -> Suitability:
    """The same, of skins that are known."""
    against = why_not_sheet(part, skins)
    if skins is None or against:
        return Suitability(0.0, ruled_out=against)
    bends = sum(part.faces.kind[face] == Surface.CYLINDER for face in skins.top) + len(skins.sharp.edges)
    share = f"{100 * skins.sheet_share:.0f} %"
    speaks = [f"{share} of its surface is two skins {skins.thickness:.4g} mm apart and their cut faces"]
    if bends:
        speaks.append(f"it is bent in {bends} place{'s' if bends > 1 else ''}")
        return Suitability(0.95 * skins.sheet_share, speaks)
    thin = min(1.0, SHEET_MM / skins.thickness)
    speaks.append("it is flat: cut from sheet or plate")
    return Suitability(0.7 * thin * skins.sheet_share, speaks)


def why_not_sheet(part: Part, skins: Skins | None) -> list[str]:
    """What rules out that the part is made of sheet; nothing if it may be."""
    if skins is None:
        return ["no two of its faces are opposite one another at the thickness of most of it"]
    against = []
    if skins.sheet_share < LEAST_SHARE:
        against.append(
            f"only {100 * skins.sheet_share:.0f} % of its surface is two skins {skins.thickness:.4g} mm apart "
            f"and their cut faces; of sheet it would be {100 * LEAST_SHARE:.0f} % or more"
        )
    if skins.paired_share < LEAST_SKINS:
        against.append(
            f"its skins, {skins.thickness:.4g} mm apart, make up only {100 * skins.paired_share:.0f} % of its surface; "
            f"of sheet it would be {100 * LEAST_SKINS:.0f} % or more"
        )
    if skins.thickness > PLATE_MM:
        against.append(
            f"it is {skins.thickness:.4g} mm thick; sheet and plate that are cut and bent go up to {PLATE_MM:g} mm"
        )
    width = float(part.faces.area[skins.top].sum()) ** 0.5
    if width < LEAST_WIDTHS * skins.thickness:
        against.append(f"it is {skins.thickness:.4g} mm thick but only some {width:.0f} mm wide: a block, not a sheet")
    return against
