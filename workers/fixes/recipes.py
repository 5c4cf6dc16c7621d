"""All recipes, registered by being imported."""

from workers.fixes import (
    corners,
    details,
    draft,
    foot,
    holes,
    moulding_corners,
    outer_edges,
    pockets,
    sheet_reliefs,
    walls,
    widths,
)

__all__ = [
    "corners",
    "details",
    "draft",
    "foot",
    "holes",
    "moulding_corners",
    "outer_edges",
    "pockets",
    "sheet_reliefs",
    "walls",
    "widths",
]
