"""Placements between the kernel's locations and arrays."""

from typing import Any

import numpy as np

from workers.cad.part import Floats


def matrix_of(transformation: Any) -> Floats:  # noqa: ANN401
    """(3, 4) of a kernel transformation."""
    return np.array([[transformation.Value(row, column) for column in range(1, 5)] for row in range(1, 4)])


def placed(placement: Floats, points: Floats) -> Floats:
    """(n, 3) `points`, or one of (3,), taken along by a (3, 4) placement."""
    return np.asarray(points @ placement[:, :3].T + placement[:, 3])


def turned(placement: Floats, directions: Floats) -> Floats:
    """(n, 3) `directions`, or one of (3,), turned or mirrored by a placement."""
    return np.asarray(directions @ placement[:, :3].T)


def placement_of(location: Any) -> Floats:  # noqa: ANN401
    """(3, 4) of a kernel location; exactly the identity where it is none."""
    return np.eye(3, 4) if location.IsIdentity() else matrix_of(location.Transformation())
