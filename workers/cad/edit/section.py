"""A solid cut by a plane, as line segments on its faces."""

from collections.abc import Collection

import numpy as np

from workers.cad.part import Floats, Mesh


def section_lines(mesh: Mesh, but: Collection[int], direction: Floats, height: float) -> Floats:
    """(n, 2, 3) segments, mm, where the plane `height` mm along `direction` cuts the triangles of all faces but some.

    A triangle that only touches the plane gives none.
    """
    triangles = mesh.triangles[~np.isin(mesh.face, sorted(but))]
    corners = mesh.vertices[triangles]
    above = corners @ direction - height
    crossed = np.flatnonzero((above.min(axis=1) < 0) & (above.max(axis=1) > 0))
    corners, above = corners[crossed], above[crossed]
    # The corner that is alone on its side, and the two sides of the triangle that leave it.
    is_up = above > 0
    alone = np.where(is_up.sum(axis=1) == 1, is_up.argmax(axis=1), (~is_up).argmax(axis=1))
    rows = np.arange(len(crossed))
    ends = []
    for step in (1, 2):
        other = (alone + step) % 3
        share = above[rows, alone] / (above[rows, alone] - above[rows, other])
        ends.append(corners[rows, alone] + share[:, None] * (corners[rows, other] - corners[rows, alone]))
    return np.stack(ends, axis=1)
