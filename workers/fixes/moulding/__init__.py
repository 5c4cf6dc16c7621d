"""Edits for moulded parts."""

from workers.fixes.moulding import bosses, corners, draft, ribs

__all__ = ["bosses", "corners", "draft", "ribs"]
