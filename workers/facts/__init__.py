"""Part facts: what was measured, how, how surely, and where on the part."""
