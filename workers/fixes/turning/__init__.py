"""Edits for turned parts."""

from workers.fixes.turning import corners, grooves, holes

__all__ = ["corners", "grooves", "holes"]
