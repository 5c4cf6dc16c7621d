"""The flat pattern as it stands in the review."""

from typing import Any

import numpy as np

from workers.features.feature import Feature
from workers.sheet.bend_allowance import source_of
from workers.sheet.flat_pattern import polygons
from workers.sheet.laid import Laid

Row = dict[str, Any]


def not_available(reason: str) -> Row:
    """In place of a pattern."""
    return {"available": False, "reason": reason}


def as_document(laid: Laid, features: list[Feature]) -> Row:
    """The pattern and all that it is cut and bent by; mm, degrees, seen from the side that `seen_from` names."""
    sheet, pattern = laid.sheet, laid.pattern
    by_face = {face: feature.id for feature in features for face in feature.faces}
    bends = {face: feature.id for feature in features if feature.type in ("bend", "curl") for face in feature.faces}
    source = source_of(pattern.k_factor)
    return {
        "available": True,
        "complete": not pattern.left,
        "thickness": sheet.thickness,
        "seen_from": {"face": sheet.skins.base},
        "k_factor": {
            "name": pattern.k_factor.name,
            "tiers": [{"radius_up_to": tier.up_to, "k": tier.k} for tier in pattern.k_factor.tiers],
            "source": {"title": source.title, "url": source.url, "why": source.why},
        },
        "area": pattern.area,
        "blank": {"length": pattern.size[0], "width": pattern.size[1], "area": pattern.size[0] * pattern.size[1]},
        "outline": [segment.as_dict() for segment in pattern.outline],
        "inner": [
            {
                "kind": opening.kind,
                "feature": next((by_face[face] for face in opening.faces if face in by_face), None),
                "width": opening.width,
                "length": opening.length,
                "segments": [segment.as_dict() for segment in opening.loop],
            }
            for opening in laid.openings
        ],
        "formed": [[segment.as_dict() for segment in loop] for loop in pattern.formed],
        "slits": [[segment.as_dict() for segment in slit] for slit in pattern.slits],
        "bends": [
            {
                "number": number + 1,
                "feature": next((bends[face] for face in one.bend.bend.faces if face in bends), None),
                "kind": one.hem + " hem" if one.kind == "hem" else "curl" if one.kind == "curl" else "bend",
                "direction": "up" if one.bend.bend.is_up else "down",
                "angle": one.bend.angle,
                "radius": one.bend.bend.radius,
                "k_factor": one.bend.k_factor,
                "allowance": one.bend.allowance,
                "length": one.bend.length,
                "lines": one.bend.lines,
                "zones": [np.asarray(zone.exterior.coords)[:-1] for zone in polygons(one.bend.zone)],
            }
            for number, one in enumerate(laid.bends)
        ],
        "conflicts": [
            {"faces": overlap.faces, "area": overlap.area, "point": overlap.point} for overlap in pattern.overlaps
        ],
        "not_unfolded": [{"faces": left.faces, "reason": left.reason} for left in pattern.left],
    }
