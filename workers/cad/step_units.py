"""The length units that a STEP file declares: the kernel's reader names only those of the first product."""

import re

_CONTEXT = re.compile(rb"GLOBAL_UNIT_ASSIGNED_CONTEXT\s*\(\s*\(([^)]*)\)")
_LENGTH_UNIT = re.compile(rb"#(\d+)\s*=\s*\(([^;]*?\bLENGTH_UNIT\s*\([^;]*);")
_CONVERSION = re.compile(rb"CONVERSION_BASED_UNIT\s*\(\s*'([^']*)'")
_SI = re.compile(rb"SI_UNIT\s*\(\s*(?:\.(\w+)\.|\$)\s*,\s*\.METRE\.")


def length_units(content: bytes) -> set[str]:
    """The names (`millimetre`, `inch`, …) of the length units that some product of the file is measured in."""
    used = {ref for context in _CONTEXT.finditer(content) for ref in re.findall(rb"#(\d+)", context[1])}
    units = (unit[2] for unit in _LENGTH_UNIT.finditer(content) if unit[1] in used)
    return {name for unit in units if (name := _name(unit))}


def _name(unit: bytes) -> str | None:
    if conversion := _CONVERSION.search(unit):
        return conversion[1].decode("latin-1").lower()
    si = _SI.search(unit)
    return None if si is None else (si[1] or b"").decode().lower() + "metre"
