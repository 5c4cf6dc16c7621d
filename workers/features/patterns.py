"""Patterns of equal holes: in a row, on a circle, or in a grid."""

from collections import defaultdict

import numpy as np

from workers.cad.part import Floats
from workers.features.feature import Feature

HOLES = ("through_hole", "blind_hole", "flat_bottom_hole", "stepped_hole", "counterbore", "countersink")
FEWEST = 3
EVEN = 1e-3  # how far, relative to the pattern's size, a hole may be from its place


def find_patterns(features: list[Feature]) -> None:
    """Give each hole that is one of a regular group its `pattern`: kind, count, and pitch or diameter in mm."""
    groups: defaultdict[tuple[object, ...], list[Feature]] = defaultdict(list)
    for feature in features:
        if feature.type in HOLES and feature.point is not None and feature.direction is not None:
            groups[_likeness(feature)].append(feature)
    for group in groups.values():
        pattern = _pattern(group) if len(group) >= FEWEST else None
        for hole in group if pattern else []:
            hole.pattern = pattern


def _likeness(hole: Feature) -> tuple[object, ...]:
    direction: Floats = np.zeros(3) if hole.direction is None else hole.direction
    point: Floats = np.zeros(3) if hole.point is None else hole.point
    height = round(float(point @ direction), 2) + 0.0
    sizes = tuple(sorted((name, round(value, 3)) for name, value in hole.size.items()))
    return hole.type, hole.body, *(np.round(direction, 3) + 0.0), height, sizes


def _pattern(group: list[Feature]) -> dict[str, float | str] | None:
    points = np.array([hole.point for hole in group])
    spread = points - points.mean(axis=0)
    extent = float(np.linalg.norm(spread, axis=1).max())
    if extent == 0:
        return None
    _, sizes, directions = np.linalg.svd(spread, full_matrices=False)
    slack = EVEN * extent
    if sizes[1] < slack * np.sqrt(len(group)):
        return _row(spread @ directions[0], slack, len(group))
    plane = spread @ directions[:2].T
    return _circle(plane, slack) or _grid(plane, slack)


def _row(places: Floats, slack: float, count: int) -> dict[str, float | str] | None:
    steps = np.diff(np.sort(places))
    even = steps.max() - steps.min() < 2 * slack
    return {"kind": "row", "count": count, "pitch": float(steps.mean())} if even else None


def _circle(plane: Floats, slack: float) -> dict[str, float | str] | None:
    radius = np.linalg.norm(plane, axis=1)
    if radius.max() - radius.min() > 2 * slack:
        return None
    angles = np.sort(np.arctan2(plane[:, 1], plane[:, 0]))
    steps = np.diff(np.append(angles, angles[0] + 2 * np.pi))
    if (steps.max() - steps.min()) * radius.mean() > 4 * slack:
        return None
    return {"kind": "circle", "count": len(plane), "diameter": float(2 * radius.mean())}


def _grid(plane: Floats, slack: float) -> dict[str, float | str] | None:
    """Rows and columns along the step between two of the closest holes, each place taken."""
    apart = np.linalg.norm(plane[:, None] - plane[None], axis=2) + np.diag(np.full(len(plane), np.inf))
    first, second = np.unravel_index(int(np.round(apart, 6).argmin()), apart.shape)
    along = (plane[second] - plane[first]) / apart[first, second]
    columns, rows = (_levels(plane @ d, slack) for d in (along, np.array([-along[1], along[0]])))
    if columns is None or rows is None or len(columns) * len(rows) != len(plane) or min(len(columns), len(rows)) < 2:
        return None
    pitch, row_pitch = float(np.diff(columns).mean()), float(np.diff(rows).mean())
    return {"kind": "grid", "count": len(plane), "pitch": pitch, "row_pitch": row_pitch}


def _levels(places: Floats, slack: float) -> Floats | None:
    """The distinct places along one direction, if they are evenly spaced."""
    levels = np.sort(places)
    levels = levels[np.insert(np.diff(levels) > 4 * slack, 0, True)]
    steps = np.diff(levels)
    return levels if len(steps) and steps.max() - steps.min() < 4 * slack else None
