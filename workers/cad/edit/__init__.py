"""Bounded edits of a solid: shape in, new shape out, or an `EditError` that says why not."""
