"""Edits for sheet metal."""

from workers.fixes.sheet import countersinks, distances, flanges, openings, reliefs

__all__ = ["countersinks", "distances", "flanges", "openings", "reliefs"]
