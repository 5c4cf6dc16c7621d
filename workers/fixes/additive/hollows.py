"""Hollows that hold back what they are built in: a way out, or a wider one."""

from collections.abc import Iterator
from itertools import combinations

import numpy as np

from workers.cad.edit.body import Body
from workers.cad.edit.booleans import cut
from workers.cad.edit.tools import turned
from workers.cad.part import Floats, Surface
from workers.fixes.candidate import REMOVES, Box, Candidate
from workers.fixes.registry import NoEditError, recipe
from workers.fixes.situation import JsonObject, Situation

# mm, of a process without a rule for it, which holds no powder or resin back: engineering judgement.
USUAL_MM = 5.0
CLEAR_MM = 0.05
OPPOSITE = -0.9999
MOST_WALLS = 6
PARALLEL = 1 - 1e-6
SAME_MM = 1e-3


@recipe("am-trapped-volume")
def opened(situation: Situation, finding: JsonObject) -> Iterator[Candidate]:
    """Drill through one flat wall around the hollow, the thinnest first; or through two that are opposite.

    Through which of them it drains, and what then overhangs, depends on how the part is built.
    """
    body, diameter = situation.body, _least_way_out(situation)
    walls = sorted(_walls(body, finding["faces"], diameter), key=lambda wall: (round(wall[1], 6), wall[0]))
    if not walls:
        raise NoEditError("no flat wall around the hollow is wide enough to be drilled through")
    for wall in walls[:MOST_WALLS]:
        yield _drilled(body, [wall], diameter)
    axes = body.faces.axis
    opposite = [pair for pair in combinations(walls[:MOST_WALLS], 2) if axes[pair[0][0]] @ axes[pair[1][0]] < OPPOSITE]
    for pair in opposite:
        yield _drilled(body, list(pair), diameter)


def _least_way_out(situation: Situation) -> float:
    """mm that the process asks of an escape hole."""
    return situation.mildest("am-escape-hole") if "am-escape-hole" in situation.rules else USUAL_MM


def _walls(body: Body, faces: list[int], diameter: float) -> Iterator[tuple[int, float]]:
    """(face of the hollow, mm through to the outside from its middle) of those that a drill fits on."""
    flat = np.flatnonzero(body.faces.kind == Surface.PLANE)
    for face in faces:
        if body.faces.kind[face] != Surface.PLANE:
            continue
        normal, around = body.faces.axis[face], Box(*body.box_of_faces([face]))
        middle = around.middle
        if sorted(around.high - around.low)[1] < diameter + 2 * SAME_MM:
            continue
        depths = [
            float((middle - body.faces.origin[other]) @ normal)
            for other in flat[body.faces.axis[flat] @ normal < OPPOSITE].tolist()
            if other not in faces and _covers(body, other, middle, normal, diameter / 2)
        ]
        beyond = [depth for depth in depths if depth > SAME_MM]
        if beyond:
            yield face, min(beyond)


def _covers(body: Body, face: int, at: Floats, normal: Floats, radius: float) -> bool:
    """Whether a drill along `normal` through a point stays within the box around a face."""
    face_box = Box(*body.box_of_faces([face])).grown(SAME_MM)
    foot = at - ((at - body.faces.origin[face]) @ normal) * normal
    return face_box.holds(Box.of_discs(foot[None], normal, radius))


def _drilled(body: Body, walls: list[tuple[int, float]], diameter: float) -> Candidate:
    holes = [
        _hole(Box(*body.box_of_faces([face])).middle, -body.faces.axis[face], 0.0, depth, diameter / 2)
        for face, depth in walls
    ]
    through = sum(depth for _face, depth in walls)
    what = "a hole" if len(holes) == 1 else "two holes on opposite sides"
    return Candidate(
        words=f"drill {what} of Ø{diameter:.2f} mm into the hollow, through {walls[0][1]:.2f} mm of wall",
        figures={"diameter_to": diameter, "holes": float(len(holes)), "wall": walls[0][1]},
        make=lambda start: cut(start, *(tool for tool, _ in holes)),
        region=Box.around([box for _, box in holes]),
        sense=REMOVES,
        volume_change=-float(np.pi * diameter**2 / 4 * through),
    )


def _hole(at: Floats, along: Floats, low: float, high: float, radius: float) -> tuple[object, Box]:
    """A drill from `low` to `high` along a line, and a little beyond both, with the box around it."""
    first, last = low - CLEAR_MM, high + CLEAR_MM
    tool = turned(at, along, [(first, 0.0), (first, radius), (last, radius), (last, 0.0)])
    ends = np.array([at + first * along, at + last * along])
    return tool, Box.of_discs(ends, along, radius).grown(SAME_MM)


@recipe("am-escape-hole")
def wider_way_out(situation: Situation, finding: JsonObject) -> Iterator[Candidate]:
    """Drill the way out wider, if it is a round hole."""
    body, wanted = situation.body, finding["change"]["to"]
    bores = [face for face in finding["faces"] if body.faces.kind[face] == Surface.CYLINDER]
    if not bores:
        raise NoEditError("the way out is no round hole")
    axis, radius = body.faces.axis[bores[0]], float(body.faces.radius[bores[0]])
    if any(abs(float(body.faces.axis[face] @ axis)) < PARALLEL for face in bores):
        raise NoEditError("the hollow has several ways out along different lines")
    low, high = body.extent(bores, axis)
    tool, box = _hole(body.foot_of_axis(bores[0]), axis, low, high, wanted / 2 + SAME_MM)
    yield Candidate(
        words=f"widen the way out from Ø{2 * radius:.2f} mm to Ø{wanted:.2f} mm",
        figures={"diameter_from": 2 * radius, "diameter_to": wanted},
        make=lambda start: cut(start, tool),
        region=box,
        sense=REMOVES,
    )
