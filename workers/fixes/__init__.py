"""Proven fixes: bounded edits for findings, applied to a copy, checked, and reviewed again."""
