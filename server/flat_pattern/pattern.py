"""Reading the flat pattern of a review."""

import math
from typing import Any

Pattern = dict[str, Any]
Segment = dict[str, Any]


class NoFlatPatternError(Exception):
    """The review has no flat pattern; the text says why."""


def pattern_of(review: dict[str, Any]) -> Pattern:
    """The flat pattern of a review. Raises NoFlatPatternError with the reason where it has none."""
    pattern: Pattern | None = review.get("flat_pattern")
    bodies = review.get("part", {}).get("bodies", 1)
    if pattern is None and bodies > 1:
        raise NoFlatPatternError(
            f"The file has {bodies} bodies, each of sheet with a flat pattern of its own: see components in the review."
        )
    if pattern is None:
        raise NoFlatPatternError(
            f"The review is one for {review.get('process', 'another process')}; sheet metal alone has a flat pattern."
        )
    if not pattern.get("available"):
        raise NoFlatPatternError(f"The part has no flat pattern: {pattern.get('reason', 'it could not be unfolded')}.")
    return pattern


def cut_loops(pattern: Pattern) -> list[list[Segment]]:
    """The outline and every opening; what is formed out of the sheet is not cut."""
    return [pattern["outline"], *(loop["segments"] for loop in pattern["inner"])]


def angles_of(arc: Segment) -> tuple[float, float]:
    """(from, to) in degrees of an arc, counter-clockwise."""
    (x, y), start, end = arc["centre"], arc["from"], arc["to"]
    angles = tuple(math.degrees(math.atan2(at[1] - y, at[0] - x)) for at in (start, end))
    return (angles[0], angles[1]) if arc["direction"] == "counter-clockwise" else (angles[1], angles[0])


def sweep_of(arc: Segment) -> float:
    """Degrees that an arc spans, above 0."""
    first, last = angles_of(arc)
    return (last - first) % 360.0 or 360.0
