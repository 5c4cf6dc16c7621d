"""The middle of faces or edges of a part, told so that it turns with the part and keeps its place from file to file.

A comparison of two versions of a part tells by it what is the same place.
"""

import numpy as np

from workers.cad.part import Bend, Curve, Floats, Part, Surface

# Not tori: one that meets itself is written as a spline, so that the same fillet would have two middles.
ROUND = (Surface.CYLINDER, Surface.CONE)
PARALLEL = 1 - 1e-6
COAXIAL_MM = 1e-3


class Centres:
    """Middles in the part's own frame: of the ends of straight and other edges, and the centres of arcs and circles.

    An arc counts by its centre, because where it begins is up to who wrote the file; a box in the part's own frame is
    used rather than a mean, because that does not change when an edge is split.
    """

    def __init__(self, part: Part, frame: Floats) -> None:
        """`frame` has three unit rows that turn with the part."""
        self._part = part
        self._frame = frame
        is_round = (part.edges.kind == Curve.CIRCLE)[:, None]
        self._start = np.where(is_round, part.edges.centre, part.edges.start) @ frame.T
        self._end = np.where(is_round, part.edges.centre, part.edges.end) @ frame.T

    def of_faces(self, faces: list[int]) -> Floats | None:
        """(3,) mm; None if no edge bounds them. Where one surface is cut into pieces is no edge."""
        edges = np.array(sorted({edge for face in faces for edge in self._part.edges_of_face[face]}), dtype=np.int64)
        all_edges = self._part.edges
        is_cut = (all_edges.bend[edges] == Bend.SMOOTH) & np.isin(all_edges.faces[edges], faces).all(axis=1)
        is_seam = all_edges.faces[edges][:, 0] == all_edges.faces[edges][:, 1]
        real = ~is_seam & ~is_cut & (all_edges.length[edges] > 0)
        return self._on_their_axis(faces, self.of_edges(edges[real].tolist()))

    def of_edges(self, edges: list[int]) -> Floats | None:
        """(3,) mm; None if there are none."""
        if not edges:
            return None
        points = np.concatenate([self._start[edges], self._end[edges]])
        return np.asarray(self._frame.T @ ((points.min(axis=0) + points.max(axis=0)) / 2))

    def _on_their_axis(self, faces: list[int], centre: Floats | None) -> Floats | None:
        """The foot of `centre` on the axis that all round ones of the faces share, off which cuts move it.

        Not that of the one round corner that a pocket has: all planes must be square to the axis.
        """
        of, is_round = self._part.faces, np.isin(self._part.faces.kind[faces], ROUND)
        around = np.array(faces, dtype=np.int64)[is_round]
        if centre is None or not len(around):
            return centre
        origin, axis = of.origin[around[0]], of.axis[around[0]]
        offset = of.origin[around] - origin
        aside = np.linalg.norm(offset - np.outer(offset @ axis, axis), axis=1)
        square = np.array(faces, dtype=np.int64)[of.kind[faces] == Surface.PLANE]
        parallel = np.concatenate([of.axis[around], of.axis[square]]) @ axis
        if (np.abs(parallel) < PARALLEL).any() or (aside > COAXIAL_MM).any():
            return centre
        return np.asarray(origin + ((centre - origin) @ axis) * axis)
