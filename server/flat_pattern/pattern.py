"""Reading the flat pattern of a review."""

import math
from typing import Any

Pattern = dict[str, Any]
Segment = dict[str, Any]


class NoFlatPatternError(Exception):
    """The review has no flat pattern; the text says why."""


def pattern_of(review: dict[str, Any], body: int | None = None) -> Pattern:
    """The flat pattern of a review, of one `body` where it has several.

    Raises NoFlatPatternError with the reason where it has none.
    """
    if review.get("process") != "sheet_metal":
        raise NoFlatPatternError(
            f"The review is one for {review.get('process', 'another process')}; sheet metal alone has a flat pattern."
        )
    bodies = review.get("part", {}).get("bodies", 1)
    if body is not None and body >= bodies:
        raise NoFlatPatternError(f"There is no body {body}: the file has {bodies}, counted from 0.")
    pattern: Pattern | None = review.get("flat_pattern") if bodies == 1 else _of_body(review, body)
    if pattern is None:
        raise NoFlatPatternError(
            f"The file has {bodies} bodies, each with a flat pattern of its own: name one by its number, from 0 to "
            f"{bodies - 1}."
        )
    if not pattern.get("available"):
        raise NoFlatPatternError(f"The part has no flat pattern: {pattern.get('reason', 'it could not be unfolded')}.")
    return pattern


def _of_body(review: dict[str, Any], number: int | None) -> Pattern | None:
    """That of a body, or of the one that it is another occurrence of."""
    bodies = {body["body"]: body for body in _bodies(review.get("components", []))}
    body = bodies.get(number, {})
    same = bodies.get(body.get("same_as"), body)
    pattern: Pattern | None = same.get("flat_pattern")
    return pattern


def _bodies(components: list[dict[str, Any]]) -> list[dict[str, Any]]:
    found = []
    for component in components:
        found += [*component["bodies"], *_bodies(component["components"])]
    return found


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
