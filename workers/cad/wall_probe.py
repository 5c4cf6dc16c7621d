"""Distances and extents on the exact surfaces, where the mesh has found them roughly."""

from typing import Any

import numpy as np

from workers.cad.binding import downcast, enum_value, module
from workers.cad.bounding_box import box_of_face
from workers.cad.part import Floats


class KernelWallProbe:
    """Measures along the exact normal between two faces of one part."""

    def __init__(self, shapes: list[Any], tolerance: float) -> None:
        self.shapes = shapes
        self.tolerance = tolerance
        self._intersectors: dict[int, Any] = {}

    def thickness(self, first: int, second: int, point: Floats, inward: Floats, reach: float) -> float | None:
        """mm from face `first`, near `point`, along its exact normal to face `second`.

        `point` and `inward`, the side to look to (out of the material for a gap), come from the mesh;
        `reach` is how far the mesh may be off. None if the line misses either face.
        """
        entry = self._nearest(first, point, inward, -reach, reach)
        if entry is None:
            return None
        start, normal = entry
        crossing = self._intersector(second)
        ahead = normal if normal @ inward > 0 else -normal
        crossing.Perform(_line(start, ahead), self.tolerance, 1e9)
        found = [crossing.WParameter(i) for i in range(1, crossing.NbPnt() + 1)] if crossing.IsDone() else []
        return min((w for w in found if w > self.tolerance), default=None)

    def least_distance(self, first: int, second: int) -> tuple[float, Floats, Floats] | None:
        """mm between two faces, borders included, and a point of each where they are as close; None if unknown."""
        found = module("BRepExtrema").BRepExtrema_DistShapeShape(self.shapes[first], self.shapes[second])
        if not found.IsDone() or found.NbSolution() == 0:
            return None
        one, two = found.PointOnShape1(1), found.PointOnShape2(1)
        first_end, second_end = (np.array([p.X(), p.Y(), p.Z()]) for p in (one, two))
        return float(found.Value()), first_end, second_end

    def extent(self, face: int, frame: Floats) -> tuple[Floats, Floats]:
        """(low, high) of `face` along the rows of `frame`, a right-handed (3, 3) rotation, mm."""
        turn = module("gp").gp_Trsf()
        turn.SetValues(*(value for row in frame for value in (*map(float, row), 0.0)))
        moved = self.shapes[face].Moved(module("TopLoc").TopLoc_Location(turn))
        return box_of_face(downcast("Face")(moved))

    def _nearest(
        self, face: int, point: Floats, direction: Floats, low: float, high: float
    ) -> tuple[Floats, Floats] | None:
        """(exact point, exact outward normal) where the line through `point` meets `face` closest to it."""
        crossing = self._intersector(face)
        crossing.Perform(_line(point, direction), low, high)
        if not crossing.IsDone() or crossing.NbPnt() == 0:
            return None
        best = min(range(1, crossing.NbPnt() + 1), key=lambda i: abs(crossing.WParameter(i)))
        at = crossing.Pnt(best)
        normal = self._normal(face, crossing.UParameter(best), crossing.VParameter(best))
        return None if normal is None else (np.array([at.X(), at.Y(), at.Z()]), normal)

    def _normal(self, face: int, u: float, v: float) -> Floats | None:
        gp = module("gp")
        point, along_u, along_v = gp.gp_Pnt(), gp.gp_Vec(), gp.gp_Vec()
        module("BRepAdaptor").BRepAdaptor_Surface(self.shapes[face], False).D1(u, v, point, along_u, along_v)
        normal = along_u.Crossed(along_v)
        size = normal.Magnitude()
        if size < 1e-12:
            return None
        reversed_face = self.shapes[face].Orientation() == enum_value("TopAbs", "TopAbs_Orientation", "TopAbs_REVERSED")
        turn = (-1.0 if reversed_face else 1.0) / size
        return np.array([normal.X() * turn, normal.Y() * turn, normal.Z() * turn])

    def _intersector(self, face: int) -> Any:  # noqa: ANN401
        if face not in self._intersectors:
            self._intersectors[face] = module("IntCurvesFace").IntCurvesFace_Intersector(
                self.shapes[face], self.tolerance
            )
        return self._intersectors[face]


def _line(point: Floats, direction: Floats) -> Any:  # noqa: ANN401
    gp = module("gp")
    return gp.gp_Lin(gp.gp_Pnt(*map(float, point)), gp.gp_Dir(*map(float, direction)))
