"""Edits for what is milled and drilled."""

from workers.fixes.milling import corners, details, foot, holes, outer_edges, pockets, walls, widths

__all__ = ["corners", "details", "foot", "holes", "outer_edges", "pockets", "walls", "widths"]
