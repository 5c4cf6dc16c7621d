"""Which of many places lie near one another, without a look at every pair of them."""

from itertools import chain

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_ROUNDING = 1 + 1e-9


class Places:
    """(n, 3) places, mm, to look around in."""

    def __init__(self, centres: Floats) -> None:
        self._centres = centres.reshape(-1, 3)
        self._tree = cKDTree(self._centres)

    def near(self, points: Floats, within: float) -> tuple[Ints, Ints]:
        """((k,), (k,)) which of the (m, 3) `points` is less than `within` mm from which place."""
        if not len(points) or not len(self._centres):
            return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
        found = self._tree.query_ball_point(points, within * _ROUNDING)
        point = np.repeat(np.arange(len(points)), [len(places) for places in found])
        place = np.fromiter(chain.from_iterable(found), dtype=np.int64, count=len(point))
        is_near = np.linalg.norm(points[point] - self._centres[place], axis=1) < within
        return point[is_near], place[is_near]
