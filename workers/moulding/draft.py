"""Draft: the angle by which each wall leans to come off along the pull."""

from dataclasses import dataclass

import numpy as np

from workers.cad.part import Floats, Ints
from workers.moulding.parting import Parting, Side
from workers.moulding.pull import Pull
from workers.moulding.regions import Regions
from workers.moulding.sight import Sight

# The share of a curved face that may have less: a fillet begins without draft beside a wall that has none.
NEGLECTED = 0.1
# More is no wall along the pull. Walls whose draft differs by less than this are of one draft.
STEEPEST_DEGREES = 20.0
ONE_DRAFT_DEGREES = 0.05


@dataclass(frozen=True)
class Draft:
    """Of each region, degrees; nan where neither half gets to it."""

    least: Floats  # (n,) of all but the tenth of a curved face that has the least
    mean: Floats  # (n,) by area
    depth: Floats  # (n,) mm that the region measures along the pull


def measure_draft(regions: Regions, sight: Sight, pull: Pull) -> Draft:
    """By the exact normals: the angle between surface and pull, negative where it leans against its half."""
    toward = np.degrees(np.arcsin(np.clip(sight.samples.normals @ pull.direction, -1.0, 1.0)))
    by_cavity = np.where(pull.from_cavity, toward, -np.inf)
    by_core = np.where(pull.from_core, -toward, -np.inf)
    angle = np.maximum(by_cavity, by_core)
    reached = np.isfinite(angle)
    angle, region = angle[reached], sight.samples.face[reached]
    order = np.lexsort((angle, region))
    angle, region = angle[order], region[order]
    count = np.bincount(region, minlength=len(regions))
    first = np.cumsum(count) - count
    some = count > 0
    least, mean = np.full(len(regions), np.nan), np.full(len(regions), np.nan)
    least[some] = angle[(first + np.floor(NEGLECTED * count).astype(np.int64))[some]]
    mean[some] = (np.bincount(region, weights=angle, minlength=len(regions))[some]) / count[some]
    low, high = regions.spans(pull.direction)
    return Draft(least, mean, high - low)


def walls_of_one_draft(regions: Regions, draft: Draft, parting: Parting) -> list[Ints]:
    """The regions that stand along the pull, undercuts left out; those of one draft together that hang together."""
    angles = np.nan_to_num(np.array([draft.least, draft.mean]), nan=np.inf)
    is_wall = (np.abs(angles) < STEEPEST_DEGREES).all(axis=0) & (parting.side != Side.HIDDEN)
    alike = np.where(is_wall, np.round(np.where(is_wall, draft.least, 0.0) / ONE_DRAFT_DEGREES), np.inf)
    return regions.groups(np.flatnonzero(is_wall), alike)
