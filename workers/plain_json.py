"""What the engine found, as plain JSON types."""

from typing import Any

import numpy as np


def plain(value: Any) -> Any:  # noqa: ANN401
    """Plain JSON types, floats rounded to a nanometre so that equal parts give equal bytes."""
    kind = type(value)
    if kind is float:
        return round(value, 6) + 0.0
    if kind is str or kind is int or value is None:  # most of a document, told fastest
        return value
    if isinstance(value, np.ndarray):
        return plain(value.tolist())  # the items at once, in Python's own types
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, np.integer):
        return int(value)
    if isinstance(value, np.bool_):
        return bool(value)
    if isinstance(value, float | np.floating):
        return round(float(value), 6) + 0.0
    return value
