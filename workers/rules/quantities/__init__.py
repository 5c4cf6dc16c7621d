"""What the rules measure, by name; importing this package registers all quantities."""

from workers.rules.quantities import (
    body,
    corners,
    edges,
    engraving,
    hole_ends,
    holes,
    pockets,
    shapes,
    threads,
    turned_necks,
    turning,
)
from workers.rules.quantities.registry import QUANTITIES, Subject

__all__ = [
    "QUANTITIES",
    "Subject",
    "body",
    "corners",
    "edges",
    "engraving",
    "hole_ends",
    "holes",
    "pockets",
    "shapes",
    "threads",
    "turned_necks",
    "turning",
]
