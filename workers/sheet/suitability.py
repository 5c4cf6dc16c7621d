"""Whether a part is made of sheet: two skins one thickness apart, bends, and nothing besides but cut faces."""

import numpy as np

from workers.cad.connected import connected
from workers.cad.part import Part, Surface
from workers.facts.measure import PartFacts
from workers.features.graph import FaceGraph
from workers.sheet.skins import Skins, find_skins, main_thickness
from workers.suitability import Suitability

# Engineering judgement. Press brakes and lasers take more, but beyond 12 mm a part without a bend is as well milled.
LEAST_SHARE = 0.9
LEAST_SKINS = 0.7  # of the surface: what is left is the edges
PLATE_MM = 25.0
SHEET_MM = 6.0
LEAST_WIDTHS = 3.0  # thicknesses that a sheet is wide, at least
# Of the surface that has another side at the thickness of most of it: with less there are no skins to look for.
LEAST_BACKED = 0.5
BACKED = 0.3  # off by so much of the thickness, as the mesh may be
# Bends that close around a corner cannot be unfolded: it would have to be cut open and welded. So much of the score is
# lost where there are as many of these as of bends between flats, as on a box.
CLOSED_CORNERS = 0.5


def suitability(part: Part, facts: PartFacts, graph: FaceGraph) -> Suitability:
    """How well the part is made of sheet metal."""
    if not part.exact:
        return Suitability(0.0, ruled_out=["a mesh has no exact surfaces to tell a sheet by"])
    thickness = main_thickness(facts.thickness.walls)
    if thickness is None:
        return Suitability(0.0, ruled_out=why_not_sheet(part, None))
    backed = _backed_share(facts, thickness)
    if backed < LEAST_BACKED:
        share = f"only {100 * backed:.0f} % of its surface has another side {thickness:.4g} mm behind it"
        return Suitability(0.0, ruled_out=[f"{share}; of sheet it would be most"])
    return suitability_of(part, find_skins(part, facts, graph))


def _backed_share(facts: PartFacts, thickness: float) -> float:
    """By rays that are cast already: cheap, where finding the skins is not."""
    walls = facts.thickness
    return float((walls.facing & (np.abs(walls.reach - thickness) < BACKED * thickness)).mean())


def suitability_of(part: Part, skins: Skins | None) -> Suitability:
    """The same, of skins that are known."""
    against = why_not_sheet(part, skins)
    if skins is None or against:
        return Suitability(0.0, ruled_out=against)
    bends = sum(part.faces.kind[face] == Surface.CYLINDER for face in skins.top) + len(skins.sharp.edges)
    share = f"{100 * skins.sheet_share:.0f} %"
    speaks = [f"{share} of its surface is two skins {skins.thickness:.4g} mm apart and their cut faces"]
    thin = min(1.0, SHEET_MM / skins.thickness)
    if bends:
        speaks.append(f"it is bent or formed in {bends} place{'s' if bends > 1 else ''}")
        closed = _closed_corners(part, skins)
        if closed:
            speaks.append(f"its bends close around {closed} corner{'s' if closed > 1 else ''}, which would be welded")
        lost = CLOSED_CORNERS * min(1.0, closed / max(1, len(skins.top) - 1))
        # Drawn sharp, thin sheet is meant to be bent around the tool's nose; thick plate cannot be.
        sharp = thin if skins.sharp.edges else 1.0
        return Suitability((1 - lost) * 0.95 * sharp * skins.sheet_share, speaks)
    speaks.append("it is flat: cut from sheet or plate")
    return Suitability(0.7 * thin * skins.sheet_share, speaks)


def _closed_corners(part: Part, skins: Skins) -> int:
    """How many rings the faces of one skin make: sheet with sharp bends makes none; what is embossed has no such."""
    if not skins.sharp.edges:
        return 0
    number = {face: place for place, face in enumerate(skins.top)}
    inside = part.edges.faces[np.isin(part.edges.faces, skins.top).all(axis=1)]
    pairs = {(int(min(pair)), int(max(pair))) for pair in inside if pair[0] != pair[1]}
    joined = [(number[a], number[b]) for a, b in sorted(pairs)]
    pieces = int(connected(len(number), np.array(joined)).max()) + 1
    return len(joined) - len(number) + pieces


def why_not_sheet(part: Part, skins: Skins | None) -> list[str]:
    """What rules out that the part is made of sheet; nothing if it may be."""
    if skins is None:
        return ["it has no flat and no open cylinder with another face behind it at the thickness of most of it"]
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
