"""Milling and turning: how well a part is suited to either."""
