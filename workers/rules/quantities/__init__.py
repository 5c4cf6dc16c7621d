"""What the rules measure, by name; importing this package registers all quantities."""

from workers.rules.quantities import (
    access,
    additive_build,
    additive_details,
    body,
    corners,
    edges,
    engraving,
    gaps,
    hole_ends,
    holes,
    pockets,
    shapes,
    slender,
    threads,
    turned_necks,
    turning,
    undercuts,
)
from workers.rules.quantities.registry import QUANTITIES, Subject

__all__ = [
    "QUANTITIES",
    "Subject",
    "access",
    "additive_build",
    "additive_details",
    "body",
    "corners",
    "edges",
    "engraving",
    "gaps",
    "hole_ends",
    "holes",
    "pockets",
    "shapes",
    "slender",
    "threads",
    "turned_necks",
    "turning",
    "undercuts",
]
