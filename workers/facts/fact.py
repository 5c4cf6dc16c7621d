"""One measured fact."""

import logging
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

log = logging.getLogger(__name__)

State = Literal["measured", "inferred", "declared", "unknown", "failed", "not_applicable"]


class NotMeasuredError(Exception):
    """What a fact stands on could not be measured on this part; the text says why."""


@dataclass(frozen=True)
class Fact:
    """A value with its unit, how it came about, how sure it is (0 to 1) and where it was found.

    Without a value (None) it is `unknown`, `failed` or `not_applicable`; zero is a value.
    """

    value: Any
    unit: str
    state: State
    method: str
    confidence: float
    where: dict[str, Any] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """The fact as it stands in the review's result."""
        return vars(self).copy()


def attempted(measure: Callable[[], Fact]) -> Fact:
    """The fact that `measure` gives; one in state `failed`, with the reason, where it raises or is not finite."""
    try:
        fact = measure()
    except Exception as error:  # one fact less is better than no review
        log.exception("a fact could not be measured")
        return Fact(None, "", "failed", "", 0.0, {"reason": f"{type(error).__name__}: {error}"})
    if _is_finite(fact.value) and _is_finite(fact.where):
        return fact
    return Fact(None, fact.unit, "failed", fact.method, 0.0, {"reason": "the result is not a finite number"})


def _is_finite(value: Any) -> bool:  # noqa: ANN401 - whatever a fact holds
    if isinstance(value, np.ndarray):
        return bool(np.isfinite(value).all())
    if isinstance(value, dict):
        return all(_is_finite(item) for item in value.values())
    if isinstance(value, list | tuple):
        return all(_is_finite(item) for item in value)
    return not isinstance(value, float | np.floating) or math.isfinite(value)
