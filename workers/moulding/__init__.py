"""Injection moulding: how the mould opens, what hinders it, and the walls that the resin has to fill."""
