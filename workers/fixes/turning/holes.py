"""Holes across the axis of a turned part: wider ones."""

from workers.fixes.milling.holes import other_diameter
from workers.fixes.registry import recipe

recipe("turn-radial-hole")(other_diameter)
