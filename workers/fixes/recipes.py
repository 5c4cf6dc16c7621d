"""All recipes, registered by being imported."""

from workers.fixes import additive, milling, moulding, sheet, turning

__all__ = ["additive", "milling", "moulding", "sheet", "turning"]
