"""Figures of a review as people read them. What they are is not changed: only digits nobody measures are left out."""

from typing import Any

NBSP = "\N{NO-BREAK SPACE}"
_UNITS = {"mm2": "mm²", "mm3": "mm³", "mm5": "mm⁵", "deg": "°", "degrees": "°", "degree": "°", "min": "min"}
_WITHOUT = ("", "ratio", "count", None)
_COMPARISONS = {">": ">", "<": "<", ">=": "≥", "<=": "≤", "==": "=", "!=": "≠"}
_SHOWN = 8
_ALONG = 0.99999
_DIRECTIONS = ("direction", "normal", "axis", "orientation", "up")
_SIZES = ("box", "size")


def number(value: float) -> str:
    """Four digits at least, in groups of three: 1.875, 227 637."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    if isinstance(value, int):
        return f"{value:,}".replace(",", NBSP)
    digits = 0 if abs(value) >= 10_000 else 1 if abs(value) >= 1000 else 2 if abs(value) >= 100 else 3
    if 0 < abs(value) < 0.01:
        return f"{value:.3g}"
    text = f"{value:,.{digits}f}".replace(",", NBSP)
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text == "-0" else text


def unit_of(unit: str | None) -> str:
    """As it is printed: mm², °."""
    return "" if unit in _WITHOUT else _UNITS.get(str(unit), str(unit))


def amount(value: Any, unit: str | None) -> str:  # noqa: ANN401 - a fact's value is of any kind
    """A value with its unit: a number, a vector, or a few of them by name."""
    printed = unit_of(unit)
    text = _text(value)
    of_several_kinds = isinstance(value, list) and any(isinstance(item, dict) for item in value)
    if not printed or value is None or of_several_kinds:
        return text
    return f"{text}{'' if printed == '°' else NBSP}{printed}"


def measured(finding: dict[str, Any]) -> str:
    """What was measured: its quantity and its value."""
    row = finding["measured"]
    return f"{spaced(row['quantity'])} {amount(row['value'], row['unit'])}" if row else "–"


def limit(finding: dict[str, Any]) -> str:
    """The condition that makes it a finding; a dash where any is one too many."""
    row = finding["limit"]
    if not row or row["value"] is None:
        return "–"
    return f"{_COMPARISONS.get(row['comparison'], row['comparison'])}{NBSP}{amount(row['value'], row['unit'])}"


def spaced(name: str) -> str:
    """A name of the contract in words: flat_bottom_hole as flat bottom hole."""
    return name.replace("_", " ")


def counted(count: int, one: str, many: str | None = None) -> str:
    """1 finding, 2 findings."""
    return f"{number(count)} {one if count == 1 else many or one + 's'}"


def few(numbers: list[int], most: int = _SHOWN) -> str:
    """The first of many numbers, and how many there are."""
    ordered = sorted(set(numbers))
    shown = ", ".join(map(str, ordered[:most]))
    return f"{shown}, … ({len(ordered)})" if len(ordered) > most else shown


def direction(vector: list[float]) -> str:
    """A unit vector: along an axis as +x, -z, otherwise its parts."""
    for axis, part in zip("xyz", vector, strict=True):
        if abs(part) > _ALONG:
            return f"{'+' if part > 0 else '-'}{axis}"
    return f"({place(vector)})"


def vector(name: str, value: Any) -> Any:  # noqa: ANN401
    """A value as it is, but the vector or the point of that name as a text."""
    if not isinstance(value, list) or len(value) != 3 or not all(isinstance(part, float) for part in value):
        return value
    if name.endswith(_DIRECTIONS):
        return direction(value)
    return value if name.endswith(_SIZES) else f"({place(value)})"


def place(point: list[float] | None) -> str:
    """A point, to 0.01 mm."""
    return "" if point is None else ", ".join(number(round(value, 2) + 0.0) for value in point)


def _named(name: str, value: Any) -> str:  # noqa: ANN401
    if name == "faces" and isinstance(value, list):
        return counted(len(value), "face")
    if value is True:
        return spaced(name)
    return f"{spaced(name)} {_text(vector(name, value))}"


def _text(value: Any) -> str:  # noqa: ANN401
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict):
        return ", ".join(_named(str(name), of) for name, of in value.items() if of is not False)
    if isinstance(value, list):
        if len(value) in (2, 3) and all(isinstance(item, float) for item in value):
            return " × ".join(number(item) for item in value)
        if value and all(isinstance(item, int) for item in value):
            return few(value)
        shown = "; ".join(_text(item) for item in value[:_SHOWN])
        return f"{shown}; … ({len(value)})" if len(value) > _SHOWN else shown or "–"
    return number(value) if isinstance(value, int | float) else str(value)
