"""Quantities of a sheet metal part as a whole: one thickness, and whether it can be laid flat."""

import numpy as np

from workers.facts.thickness import Wall
from workers.rules.measurement import Measurement, NotDecidedError
from workers.rules.quantities.registry import Subject, always, analysis_of, quantity
from workers.rules.quantities.sheet_parts import laid_flat, measured
from workers.rules.rule_file import Rule
from workers.sheet.analysis import SheetMetal
from workers.sheet.skins import Skins

SAME = 0.02  # of the thickness: less is the same


@quantity("thickness_off_sheet")
def thickness_off_sheet(subject: Subject, _rule: Rule) -> list[Measurement]:
    """Percent by which each place that is not of the sheet's thickness differs from it; forms and collars apart."""
    analysis = analysis_of(subject, SheetMetal)
    if analysis.skins is None:
        raise NotDecidedError(analysis.why_not)
    walls = subject.facts.thickness.walls
    if analysis.sheet is None:
        return _of_whole(subject, analysis.skins, walls)
    sheet = analysis.sheet
    cut = set(sheet.skins.cut)
    places = {tuple(sheet.runs[face]) for face in sheet.skins.rest if face not in sheet.raised}
    found = []
    for place in sorted(places):
        odd = set(place) - cut
        # Down to a skin: across a boss, from side to side, is no thickness of the sheet.
        skin = {*sheet.skins.top, *sheet.skins.bottom}
        down = [wall for wall in walls if odd.intersection(wall.faces) and skin.intersection(wall.faces)]
        if worst := _worst(down, sheet.thickness):
            found.append(_off(subject, worst, sorted(odd), sheet.thickness))
    return found


def _of_whole(subject: Subject, skins: Skins, walls: list[Wall]) -> list[Measurement]:
    """Of a part that is no sheet: the wall that most of it is, besides that of the skins."""
    cut = set(skins.cut)
    odd = [wall for wall in walls if not cut.issuperset(wall.faces) and _differs(wall, skins.thickness)]
    if not odd:
        return []
    main = max(odd, key=lambda wall: (wall.rays, wall.faces))
    return [_off(subject, main, list(main.faces), skins.thickness)]


def _worst(walls: list[Wall], thickness: float) -> Wall | None:
    odd = [wall for wall in walls if _differs(wall, thickness)]
    return max(odd, key=lambda wall: (round(abs(wall.thickness - thickness), 6), wall.faces), default=None)


def _differs(wall: Wall, thickness: float) -> bool:
    return abs(wall.thickness - thickness) > SAME * thickness


def _off(subject: Subject, wall: Wall, faces: list[int], thickness: float) -> Measurement:
    off = 100 * abs(wall.thickness - thickness) / thickness
    change = always(f"make it {thickness:.2f} mm thick as the rest is, instead of {wall.thickness:.2f} mm")
    return measured(subject, off, faces, change)


@quantity("unfold_overlap")
def unfold_overlap(subject: Subject, _rule: Rule) -> list[Measurement]:
    """Area in mm2 of each place where the flat pattern lies on itself."""
    laid = laid_flat(subject)
    change = always("cut back one of the two where they overlap in the flat")
    return [measured(subject, overlap.area, overlap.faces, change) for overlap in laid.pattern.overlaps]


@quantity("faces_not_unfolded")
def faces_not_unfolded(subject: Subject, _rule: Rule) -> list[Measurement]:
    """Number of faces of each piece that no bend joins to the rest, or that closes a ring."""
    laid = laid_flat(subject)
    found = []
    for left in laid.pattern.left[len(laid.sheet.left) :]:
        found.append(measured(subject, float(len(left.faces)), left.faces, always(f"change it: {left.reason}")))
    return found


@quantity("formed_height")
def formed_height(subject: Subject, _rule: Rule) -> list[Measurement]:
    """Height in mm of each place that is stretched out of the sheet: an emboss, a louvre, a bridge, a hole's collar."""
    laid = laid_flat(subject)
    found = []
    for feature in subject.of_type("emboss", "louvre", "bridge", "extruded_hole"):
        faces = [face for face in feature.faces if face in laid.sheet.raised]
        height = feature.size.get("height", 0.0)
        if feature.direction is not None and feature.type == "extruded_hole":
            heights = np.concatenate([subject.graph.vertices_of_face[face] for face in faces]) @ feature.direction
            height = float(np.ptp(heights)) - laid.sheet.thickness
        change = always(
            "leave it out, or press in a nut instead" if feature.type == "extruded_hole" else "leave it out"
        )
        found.append(measured(subject, height, feature.faces, change))
    return found
