"""All recipes, registered by being imported."""

from workers.fixes import corners, foot, holes, outer_edges, pockets, walls

__all__ = ["corners", "foot", "holes", "outer_edges", "pockets", "walls"]
