"""Elementary surfaces, lines and circles that were written as splines, as some exporters write everything."""

import math
from typing import Any

import numpy as np

from workers.cad.binding import module, static
from workers.cad.elementary import cross
from workers.cad.part import Curve, Floats

# Exporters that approximate keep to about a tenth of this; no tool cuts a difference so small.
ON_SURFACE_MM = 1e-4
EXACT_MM = 1e-10  # no more than rounding
STEPS = 16


def elementary_of_spline(face: Any) -> Any | None:  # noqa: ANN401
    """A surface adaptor of the elementary surface that the face's spline is to within ON_SURFACE_MM, else None."""
    surface = static("BRep", "BRep_Tool", "Surface")(face)
    try:
        found = module("GeomConvert").GeomConvert_SurfToAnaSurf(surface).ConvertToAnalytical(ON_SURFACE_MM)
    except Exception:  # noqa: BLE001 - the bindings share no base; the kernel fails so on free forms that close
        return None
    return None if found is None else module("GeomAdaptor").GeomAdaptor_Surface(found)


def elementary_of_spline_edge(edge: Any) -> tuple[Curve, tuple[float, float, float], float, bool]:  # noqa: ANN401
    """(kind, centre, radius) of what the edge's spline curve is, to within ON_SURFACE_MM; whether it is just a line."""
    gp = module("gp")
    recognition = module("ShapeAnalysis").ShapeAnalysis_CanonicalRecognition(edge)
    line, circle = gp.gp_Lin(), gp.gp_Circ()
    if recognition.IsLine(ON_SURFACE_MM, line):
        return Curve.LINE, (0.0, 0.0, 0.0), 0.0, recognition.GetGap() < EXACT_MM
    if recognition.IsCircle(ON_SURFACE_MM, circle):
        centre = circle.Location()
        return Curve.CIRCLE, (centre.X(), centre.Y(), centre.Z()), circle.Radius(), False
    return Curve.OTHER, (0.0, 0.0, 0.0), 0.0, False


def turn_about(adaptor: Any, origin: Floats, axis: Floats) -> float:  # noqa: ANN401
    """Radians about an axis that a face covers, whichever of its parameters runs around it."""
    u = np.linspace(adaptor.FirstUParameter(), adaptor.LastUParameter(), STEPS + 1)
    v = np.linspace(adaptor.FirstVParameter(), adaptor.LastVParameter(), STEPS + 1)
    lines = [[(at, v[STEPS // 2]) for at in u], [(u[STEPS // 2], at) for at in v]]
    return max(_swept_angle([adaptor.Value(float(a), float(b)) for a, b in line], origin, axis) for line in lines)


def _swept_angle(points: list[Any], origin: Floats, axis: Floats) -> float:
    """Radians between the first and the last of a line of points, as seen along the axis, turns included."""
    offset = np.array([(p.X(), p.Y(), p.Z()) for p in points]) - origin
    helper = cross(axis, np.eye(3)[int(np.abs(axis).argmin())])
    angle = np.unwrap(np.arctan2(offset @ cross(axis, helper), offset @ helper))
    return min(float(np.ptp(angle)), 2 * math.pi)
