"""What a hole is made of along its axis: cylinders and cones from the mouth inwards, and the name of the whole."""

from dataclasses import dataclass

import numpy as np

from workers.cad.part import Floats, Surface
from workers.features.graph import FaceGraph

# A cone at the mouth that widens the hole by less than this is an edge break, not a seat for a screw head.
COUNTERSINK_WIDENING = 1.3
# A cone that narrows to less than this share of its mouth is the drill's point.
DRILL_POINT = 0.2


@dataclass
class Stage:
    """One cylinder or cone, between two places along the axis; diameters in mm."""

    faces: list[int]
    cone: bool
    low: float
    high: float
    diameter_low: float
    diameter_high: float
    form: str = "bore"

    @property
    def diameter(self) -> float:
        """The larger one."""
        return max(self.diameter_low, self.diameter_high)

    def as_step(self) -> dict[str, float | str]:
        """The stage as the review lists it."""
        return {"form": self.form, "diameter": self.diameter, "depth": self.high - self.low}


def stages_along(graph: FaceGraph, stack: list[int], axis: Floats) -> list[Stage]:
    """Cylinders and cones from low to high along `axis`; pieces of one, cut apart or halved, are one stage."""
    pieces = [_piece(graph, face, axis) for face in stack if graph.kind[face] in (Surface.CYLINDER, Surface.CONE)]
    pieces.sort(key=lambda s: (round(s.low + s.high, 6), s.low, s.faces))
    stages: list[Stage] = []
    for piece in pieces:
        last = stages[-1] if stages else None
        if last is not None and _is_one(last, piece):
            last.faces.extend(piece.faces)
            last.low, last.high = min(last.low, piece.low), max(last.high, piece.high)
        else:
            stages.append(piece)
    return stages


def _piece(graph: FaceGraph, face: int, axis: Floats) -> Stage:
    low, high = graph.extent([face], axis)
    if graph.kind[face] == Surface.CYLINDER:
        diameter = 2 * float(graph.faces.radius[face])
        return Stage([face], False, low, high, diameter, diameter)
    return Stage(
        [face], True, low, high, _cone_diameter(graph, face, axis, low), _cone_diameter(graph, face, axis, high)
    )


def _cone_diameter(graph: FaceGraph, face: int, axis: Floats, height: float) -> float:
    own = graph.faces.axis[face]
    along = (height - float(graph.faces.origin[face] @ axis)) * (1.0 if float(own @ axis) > 0 else -1.0)
    slope = float(np.tan(np.radians(graph.faces.half_angle[face])))
    return abs(2 * (float(graph.faces.radius[face]) + along * slope))


def _is_one(first: Stage, second: Stage) -> bool:
    if first.cone != second.cone:
        return False
    if first.cone:
        return abs(first.low - second.low) < 1e-3 and abs(first.high - second.high) < 1e-3
    return abs(first.diameter - second.diameter) < 1e-3


def name_forms(stages: list[Stage], mouth_high: bool, through: bool) -> None:
    """Say of each cone whether it is a drill point, an edge break, a countersink, or a taper on its own."""
    for number, stage in enumerate(stages):
        if not stage.cone:
            continue
        outer, inner = stage.diameter_high, stage.diameter_low
        if not mouth_high:
            outer, inner = inner, outer
        last = number == len(stages) - 1
        if len(stages) == 1:
            stage.form = "taper"
        elif last and not through and inner < DRILL_POINT * outer:
            stage.form = "drill_point"
        else:
            wide, narrow = max(outer, inner), min(outer, inner)
            stage.form = "chamfer" if wide < COUNTERSINK_WIDENING * narrow else "countersink"


def hole_type(stages: list[Stage], through: bool, flat: bool) -> str:
    """The type of a hole whose `stages` run from its mouth inwards.

    A through hole with one enlarged mouth is a counterbore or countersink; every other hole of more than
    one diameter, blind ones too, is a stepped hole, as toolkits count them.
    """
    bores = [stage.diameter for stage in stages if not stage.cone]
    sinks = [number for number, stage in enumerate(stages) if stage.form == "countersink"]
    if len(bores) > 1 or sinks:
        if through and len(bores) == 2 and not sinks and bores[0] > bores[1]:
            return "counterbore"
        if through and len(bores) == 1 and sinks == [0]:
            return "countersink"
        return "stepped_hole"
    if through:
        return "through_hole"
    return "flat_bottom_hole" if flat and stages[-1].form == "bore" else "blind_hole"
