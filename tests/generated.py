"""Random parts like those of MFCAD++: a cube with features cut into any of its sides, crossing each other as they may.

The truth comes by construction: a face belongs to the last tool on whose surface it lies. Classes are the field's,
taken together by what machines them: hole, pocket, passage (here through_pocket), slot, step, groove, chamfer.
"""

import math
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tests.parts import Solid, Vector, block, cylinder, drill, prism
from workers.cad.binding import enum_value, module
from workers.cad.elementary import distances, elementary_normals
from workers.cad.part import Part
from workers.cad.read_file import read_file
from workers.features.graph import FaceGraph
from workers.features.recognise import recognise

SIDE = 100.0
ON_TOOL_MM = 1e-4

CLASS_OF_TYPE = {
    "chamfer": "chamfer", "groove": "groove", "through_pocket": "through_pocket", "slot": "slot", "step": "step",
    "closed_pocket": "pocket", "open_pocket": "pocket",
    **dict.fromkeys(("through_hole", "blind_hole", "flat_bottom_hole", "stepped_hole", "counterbore", "countersink",
                     "partial_hole", "bore"), "hole"),
    **dict.fromkeys(("concave_fillet", "convex_fillet", "floor_fillet"), "fillet"),
}  # fmt: skip


class Dice:
    """Sizes in mm, to a tenth, the same for the same seed."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def between(self, low: float, high: float) -> float:
        return round(self.random.uniform(low, high), 1)

    def place(self, margin: float = 20.0) -> tuple[float, float]:
        return self.between(margin, SIDE - margin), self.between(margin, SIDE - margin)


def polygon(corners: int, radius: float, height: float, at: Vector, turn: float) -> Solid:
    angles = [turn + 2 * math.pi * i / corners for i in range(corners)]
    return prism([(radius * math.cos(a), radius * math.sin(a)) for a in angles], height, at)


def along_x(profile: list[tuple[float, float]]) -> Solid:
    """A profile in y and z, drawn right through the cube along x."""
    # A third of a turn about the space diagonal takes x, y, z to y, z, x.
    return prism(profile, SIDE + 2).moved((-1.0, 0.0, 0.0), (1.0, 1.0, 1.0), 120.0)


# Each tool enters by the upper side of the cube.


def _hole(dice: Dice) -> Solid:
    (x, y), diameter, depth = dice.place(), 2 * dice.between(5, 12), dice.between(5, 60)
    if dice.random.random() < 0.5:
        return cylinder(diameter, SIDE + 2, (x, y, -1.0))
    return drill(diameter, depth, (x, y, SIDE), point=dice.random.random() < 0.4)


def _passage(dice: Dice) -> Solid:
    (x, y), corners, turn = dice.place(), dice.random.choice((3, 4, 6)), dice.between(0, 6)
    return polygon(corners, dice.between(7, 15), SIDE + 2, (x, y, -1.0), turn)


def _pocket(dice: Dice) -> Solid:
    (x, y), corners, turn, depth = dice.place(), dice.random.choice((3, 4, 6)), dice.between(0, 6), dice.between(5, 60)
    return polygon(corners, dice.between(7, 15), depth + 1, (x, y, SIDE - depth), turn)


def _round_ended_pocket(dice: Dice) -> Solid:
    (x, y), length, radius, depth = dice.place(), dice.between(8, 20), dice.between(5, 12), dice.between(5, 60)
    ends = [cylinder(2 * radius, depth + 1, (x + end * length / 2, y, SIDE - depth)) for end in (-1, 1)]
    return block(length, 2 * radius, depth + 1, (x - length / 2, y - radius, SIDE - depth)).join(*ends)


def _triangular_slot(dice: Dice) -> Solid:
    y, half, depth = dice.between(20, 80), dice.between(5, 12), dice.between(5, 20)
    return along_x([(y - half, SIDE), (y + half, SIDE), (y, SIDE - depth)])


def _slot(dice: Dice) -> Solid:
    y, width, depth = dice.between(20, 80), dice.between(8, 25), dice.between(5, 30)
    return block(SIDE + 2, width, depth + 1, (-1.0, y - width / 2, SIDE - depth))


def _round_slot(dice: Dice) -> Solid:
    return cylinder(2 * dice.between(5, 12), SIDE + 2, (-1.0, dice.between(20, 80), SIDE), (1.0, 0.0, 0.0))


def _blind_slot(dice: Dice) -> Solid:
    x, width, length, depth = dice.between(20, 80), dice.between(8, 25), dice.between(10, 40), dice.between(5, 60)
    return block(width, length + 1, depth + 1, (x - width / 2, -1.0, SIDE - depth))


def _round_ended_slot(dice: Dice) -> Solid:
    x, radius, length, depth = dice.between(20, 80), dice.between(5, 12), dice.between(5, 30), dice.between(5, 60)
    end = cylinder(2 * radius, depth + 1, (x, length, SIDE - depth))
    return block(2 * radius, length + 1, depth + 1, (x - radius, -1.0, SIDE - depth)).join(end)


def _step(dice: Dice) -> Solid:
    width, depth = dice.between(8, 30), dice.between(8, 30)
    return block(SIDE + 2, width + 1, depth + 1, (-1.0, -1.0, SIDE - depth))


def _corner_step(dice: Dice) -> Solid:
    a, b, depth = dice.between(10, 30), dice.between(10, 30), dice.between(5, 60)
    return block(a + 1, b + 1, depth + 1, (-1.0, -1.0, SIDE - depth))


def _triangular_corner_step(dice: Dice) -> Solid:
    a, b, depth = dice.between(10, 30), dice.between(10, 30), dice.between(5, 30)
    return prism([(-1, -1), (a, -1), (a, 0), (0, b), (-1, b)], depth + 1, (0.0, 0.0, SIDE - depth))


def _round_corner_step(dice: Dice) -> Solid:
    depth = dice.between(5, 60)
    return cylinder(2 * dice.between(10, 30), depth + 1, (0.0, 0.0, SIDE - depth))


def _ring(dice: Dice) -> Solid:
    (x, y), radius, width, depth = dice.place(25), dice.between(12, 20), dice.between(3, 6), dice.between(3, 10)
    core = cylinder(2 * (radius - width), depth + 3, (x, y, SIDE - depth - 1))
    return cylinder(2 * radius, depth + 1, (x, y, SIDE - depth)).cut(core)


def _chamfer(dice: Dice) -> Solid:
    width = dice.between(2, 6)
    return along_x([(-1, SIDE + 1), (width, SIDE + 1), (width, SIDE), (0, SIDE - width), (-1, SIDE - width)])


TOOLS: list[tuple[str, Callable[[Dice], Solid]]] = [
    ("hole", _hole), ("through_pocket", _passage), ("pocket", _pocket), ("pocket", _round_ended_pocket),
    ("slot", _triangular_slot), ("slot", _slot), ("slot", _round_slot), ("slot", _blind_slot),
    ("slot", _round_ended_slot), ("step", _step), ("step", _corner_step), ("step", _triangular_corner_step),
    ("step", _round_corner_step), ("groove", _ring), ("chamfer", _chamfer),
]  # fmt: skip
SIDES: list[tuple[Vector, float]] = [
    ((1.0, 0.0, 0.0), 0.0), ((1.0, 0.0, 0.0), 90.0), ((1.0, 0.0, 0.0), 180.0), ((1.0, 0.0, 0.0), 270.0),
    ((0.0, 1.0, 0.0), 90.0), ((0.0, 1.0, 0.0), 270.0),
]  # fmt: skip


def to_a_side(solid: Solid, dice: Dice) -> Solid:
    """Turned about the cube's middle so that the tool enters by any of the six sides, any way round."""
    axis, degrees = dice.random.choice(SIDES)
    centred = solid.moved((-SIDE / 2, -SIDE / 2, -SIDE / 2)).moved(
        degrees=dice.random.choice((0.0, 90.0, 180.0, 270.0))
    )
    return centred.moved((SIDE / 2, SIDE / 2, SIDE / 2), axis, degrees)


@dataclass(frozen=True)
class Generated:
    """A part, and of each of its tools the class that its faces have."""

    solid: Solid
    tools: list[tuple[str, Solid]]


def generated(seed: int, features: int) -> Generated:
    """The part of a seed, with so many different features."""
    dice = Dice(seed)
    tools = [(name, to_a_side(make(dice), dice)) for name, make in dice.random.sample(TOOLS, features)]
    return Generated(block(SIDE, SIDE, SIDE).cut(*(tool for _, tool in tools)), tools)


def confusion(made: Generated, path: Path) -> Counter[tuple[str, str]]:
    """(class that a face has, class that the engine gives it), counted; none if the tools cut the part in two."""
    part = read_file(made.solid.write_step(path), path.name, lambda _stage: None).parts
    if len(part) != 1:
        return Counter()
    found = ["stock"] * len(part[0].faces)
    for feature in recognise(FaceGraph(part[0])):
        for face in feature.faces:
            found[face] = CLASS_OF_TYPE.get(feature.type, "stock")
    return Counter(zip(_truth(made, part[0]), found, strict=True))


def _truth(made: Generated, part: Part) -> list[str]:
    points = _on_surfaces(part)
    homes = [[name for name, tool in made.tools if _lies_on(tool.shape, point)] for point in points]
    return [names[-1] if names else "stock" for names in homes]


def _on_surfaces(part: Part) -> list[Any]:
    """A point of each face, on its exact surface rather than on the mesh."""
    numbers = np.arange(len(part.faces))
    points = part.faces.point
    outward = elementary_normals(part.faces, numbers, points) * part.faces.sign[:, None]
    return list(points - distances(part.faces, numbers, points)[:, None] * outward)


def _lies_on(shape: Any, point: Any) -> bool:  # noqa: ANN401 - a kernel shape
    classifier = module("BRepClass3d").BRepClass3d_SolidClassifier(shape)
    classifier.Perform(module("gp").gp_Pnt(*map(float, point)), ON_TOOL_MM)
    return bool(classifier.State() == enum_value("TopAbs", "TopAbs_State", "TopAbs_ON"))


def f1_of_classes(counted: Counter[tuple[str, str]]) -> dict[str, float]:
    """F1 over the faces of each class that occurs."""
    classes = sorted({want for want, _ in counted})
    scores = {}
    for name in classes:
        hit = counted[name, name]
        wrong = sum(n for (want, got), n in counted.items() if (want == name) != (got == name))
        scores[name] = 2 * hit / (2 * hit + wrong)
    return scores
