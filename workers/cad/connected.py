"""Which things hang together, of many that are joined in pairs."""

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from workers.cad.part import Ints


def connected(count: int, pairs: Ints) -> Ints:
    """(count,) the piece that each of so many things is of, joined by (n, 2) `pairs`.

    scipy numbers the pieces from 0 in the order of their first members.
    """
    links = coo_array((np.ones(len(pairs), dtype=bool), (pairs[:, 0], pairs[:, 1])), shape=(count, count))
    return np.asarray(connected_components(links, directed=False)[1], dtype=np.int64)


def shells(faces_of_edges: Ints, count: int) -> Ints:
    """(count,) the shell that each face of a solid is of, by the (m, 2) faces beside its edges; -1: no face."""
    return connected(count, faces_of_edges[(faces_of_edges >= 0).all(axis=1)])
