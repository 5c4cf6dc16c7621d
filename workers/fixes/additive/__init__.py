"""Edits for what is printed."""

from workers.fixes.additive import hollows, overhangs, rounds, spans

__all__ = ["hollows", "overhangs", "rounds", "spans"]
