"""All recipes, registered by being imported."""

from workers.fixes import (
    additive_hollows,
    additive_rounds,
    additive_spans,
    corners,
    details,
    draft,
    foot,
    holes,
    moulding_corners,
    outer_edges,
    pockets,
    sheet_openings,
    sheet_reliefs,
    turning_holes,
    walls,
    widths,
)

__all__ = [
    "additive_hollows",
    "additive_rounds",
    "additive_spans",
    "corners",
    "details",
    "draft",
    "foot",
    "holes",
    "moulding_corners",
    "outer_edges",
    "pockets",
    "sheet_openings",
    "sheet_reliefs",
    "turning_holes",
    "walls",
    "widths",
]
