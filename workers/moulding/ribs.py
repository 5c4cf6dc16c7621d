"""Moulded ribs: two walls, drafted or not, that rise from a floor back to back."""

import numpy as np

from workers.cad.part import Floats, Surface
from workers.facts.thickness import Wall
from workers.features.feature import Feature
from workers.features.graph import FaceGraph
from workers.moulding.stands import ends_free, foot_level, square_part

# The sine of the most that a rib's side leans, and the cosine of what its two sides are off back to back.
STEEP = float(np.sin(np.radians(12.0)))
BACK_TO_BACK = float(np.cos(np.radians(20.0)))
# Lower or shorter than it is thick it is a pad, not a rib.
LEAST_HEIGHT, LEAST_LENGTH = 1.0, 2.0
# Of its height; else it is a wall that something sticks out of.
FEET_APART = 0.5
DECIMALS = 4


def find_ribs(graph: FaceGraph, walls: list[Wall], pull: Floats) -> list[Feature]:
    """One rib for each pair of planes; what other ribs cross is one as far as it is in line.

    Its `width` is that at the foot, where the sides meet the floor, rounding left out.
    """
    found: dict[tuple[float, ...], Feature] = {}
    for wall in walls:
        rib = _rib(graph, *wall.faces, pull)
        if rib is None:
            continue
        key = _in_line(graph, rib)
        if key in found:
            _lengthen(found[key], rib)
        else:
            found[key] = rib
    return list(found.values())


def _rib(graph: FaceGraph, one: int, two: int, pull: Floats) -> Feature | None:
    faces = graph.faces
    if one == two or any(graph.kind[f] != Surface.PLANE or abs(faces.axis[f] @ pull) > STEEP for f in (one, two)):
        return None
    if float(faces.axis[one] @ faces.axis[two]) > -BACK_TO_BACK:
        return None
    for up in (pull, -pull):
        levels = [foot_level(graph, f, up) for f in (one, two)]
        feet = [level for level in levels if level is not None]
        if len(feet) == 2 and all(ends_free(graph, f, up) for f in (one, two)):
            return _described(graph, one, two, up, feet)
    return None


def _described(graph: FaceGraph, one: int, two: int, up: Floats, feet: list[float]) -> Feature | None:
    faces, level = graph.faces, max(feet)
    top = graph.extent([one, two], up)[1]
    base, crest = (_across(graph, one, two, up, height) for height in (level, top))
    along = np.cross(up, faces.axis[one])
    along /= np.linalg.norm(along)
    low, high = graph.extent([one], along)
    height, length = top - level, high - low
    if (
        height < LEAST_HEIGHT * base
        or level - min(feet) > FEET_APART * height
        or length < LEAST_LENGTH * base
        or base <= 0
    ):
        return None
    return Feature(
        type="rib",
        faces=sorted((one, two)),
        body=int(faces.body[one]),
        axis=up,
        direction=up,
        size={"width": base, "top_width": crest, "height": height, "length": length},
        point=faces.point[one],
        between=sorted((one, two)),
    )


def _across(graph: FaceGraph, one: int, two: int, up: Floats, level: float) -> float:
    """mm between both planes, square to `up`, at a height."""
    faces = graph.faces
    slope = square_part(up, faces.axis[one])
    point = faces.origin[one] + slope * (level - float(faces.origin[one] @ up)) / float(slope @ up)
    normal = faces.axis[two]
    return float((faces.origin[two] - point) @ normal / np.linalg.norm(square_part(normal, up)))


def _in_line(graph: FaceGraph, rib: Feature) -> tuple[float, ...]:
    """The same for pieces of one rib: both planes."""
    scale = 10.0**-DECIMALS * max(1.0, graph.part.diagonal / 100)
    planes = [(*graph.faces.axis[f], float(graph.faces.origin[f] @ graph.faces.axis[f])) for f in rib.between]
    rounded = sorted(tuple(round(value / scale) + 0.0 for value in plane) for plane in planes)
    return tuple(value for plane in rounded for value in plane)


def _lengthen(rib: Feature, piece: Feature) -> None:
    rib.faces = sorted({*rib.faces, *piece.faces})
    rib.size["length"] += piece.size["length"]
    rib.size["height"] = max(rib.size["height"], piece.size["height"])
    rib.size["width"] = max(rib.size["width"], piece.size["width"])
