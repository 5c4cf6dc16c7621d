"""What hangs on each bend: which flats lie beyond it, seen from the base."""

from dataclasses import dataclass

import numpy as np
from shapely import get_coordinates
from shapely.geometry.base import BaseGeometry
from shapely.ops import unary_union

from workers.cad.part import Floats
from workers.sheet.flat_pattern import FlatPattern, PatternBend
from workers.sheet.sheet import Sheet
from workers.sheet.unfold import Joint

HEM_DEGREES = 165.0
TEARDROP_DEGREES = 182.0
# Engineering judgement, in thicknesses: bends of such a radius are rolled or bumped in steps, not bent about one punch,
# and stretch the sheet by less than 5 %.
ROLLED = 10.0
CLOSED = 0.25  # of the thickness: a hem whose gap is no wider is closed


@dataclass(frozen=True)
class Beyond:
    """A bend and what it carries: `flats` are groups of faces that lie in one plane, the nearest first.

    `reach` is how far the sheet goes on beyond the bend's far tangent, mm.
    """

    bend: PatternBend
    flats: list[list[int]]
    bends: int  # further ones that hang on it
    reach: float
    outwards: Floats  # (2,) unit, from the base's side over the bend
    thickness: float  # mm
    joined: int  # flats and bends that it joins

    @property
    def kind(self) -> str:
        """hem, curl, flange, or wall where more hangs on it; bend where nothing does, as of a tube."""
        if not self.flats and not self.bends and self.joined != 1:
            return "bend"
        if not self.flats and not self.bends:
            return "curl" if self.bend.angle >= HEM_DEGREES else "rolled edge"
        if self.bends or len(self.flats) > 1:
            return "wall"
        return "hem" if self.bend.angle >= HEM_DEGREES else "flange"

    @property
    def is_rolled(self) -> bool:
        """Whether it is too wide to be bent in one stroke."""
        return self.bend.bend.radius >= ROLLED * self.thickness

    @property
    def hem(self) -> str:
        """closed, open or teardrop."""
        if self.bend.angle > TEARDROP_DEGREES:
            return "teardrop"
        return "closed" if 2 * self.bend.bend.radius <= CLOSED * self.thickness else "open"


def beyond_bends(sheet: Sheet, pattern: FlatPattern) -> list[Beyond]:
    """One for each bend of the pattern, in their order."""
    nodes = _Nodes(sheet, pattern)
    return [_beyond(sheet, pattern, nodes, number) for number in range(len(pattern.bends))]


class _Nodes:
    """Flats and bends as nodes of a graph that joints connect. Bends come first, by their number in the pattern."""

    def __init__(self, sheet: Sheet, pattern: FlatPattern) -> None:
        self.of_face: dict[int, int] = {}
        for number, bend in enumerate(pattern.bends):
            self.of_face.update(dict.fromkeys(bend.bend.faces, number))
        self.bends = len(pattern.bends)
        self.flats: dict[int, list[int]] = {}
        placed = [joint for joint in sheet.joints if all(face in pattern.placed for face in joint.faces)]
        for face in pattern.placed:
            if face not in self.of_face:
                self._gather(face, self.bends + len(self.flats), placed)
        self.near: dict[int, set[int]] = {}
        sharp = {bend.bend.edge: number for number, bend in enumerate(pattern.bends) if bend.bend.edge >= 0}
        for joint in placed:
            one, two = (self.of_face[face] for face in joint.faces)
            if joint.angle and joint.edge in sharp:
                self._join(one, sharp[joint.edge])
                self._join(sharp[joint.edge], two)
            elif one != two:
                self._join(one, two)

    def _gather(self, face: int, node: int, joints: list[Joint]) -> None:
        self.flats[node], queue = [], [face]
        while queue:
            at = queue.pop()
            if at in self.of_face:
                continue
            self.of_face[at] = node
            self.flats[node].append(at)
            queue += [
                other for j in joints if at in j.faces and not j.angle for other in j.faces if other not in self.of_face
            ]

    def _join(self, one: int, two: int) -> None:
        self.near.setdefault(one, set()).add(two)
        self.near.setdefault(two, set()).add(one)

    def beyond(self, bend: int, base: int) -> list[int]:
        """The nodes that are cut off from `base` without the bend, the nearest first."""
        reached, queue = {base, bend}, [base]
        while queue:
            for node in sorted(self.near.get(queue.pop(), ())):
                if node not in reached:
                    reached.add(node)
                    queue.append(node)
        found, queue = list[int](), [bend]
        while queue:
            for node in sorted(self.near.get(queue.pop(0), ())):
                if node not in reached:
                    reached.add(node)
                    found.append(node)
                    queue.append(node)
        return found


def _beyond(sheet: Sheet, pattern: FlatPattern, nodes: _Nodes, number: int) -> Beyond:
    bend = pattern.bends[number]
    found = nodes.beyond(number, nodes.of_face[sheet.skins.base])
    flats = [sorted(nodes.flats[node]) for node in found if node >= nodes.bends]
    across = np.array([bend.along[1], -bend.along[0]])
    shapes = [_shape(pattern, nodes, node) for node in found]
    middle = np.mean(bend.lines, axis=(0, 1))
    near = [node for node in nodes.near.get(number, set()) if node not in found]
    if shapes:
        towards = _towards(shapes, middle, across)
    else:
        towards = -_towards([_shape(pattern, nodes, node) for node in near], middle, across)
    outwards = across if towards >= 0 else -across
    edge = float((get_coordinates(bend.zone) @ outwards).max())
    ends = [float((get_coordinates(shape) @ outwards).max()) for shape in shapes]
    reach = max([end - edge for end in ends], default=0.0)
    bends = sum(node < nodes.bends for node in found)
    return Beyond(bend, flats, bends, max(0.0, reach), outwards, sheet.thickness, len(nodes.near.get(number, ())))


def _shape(pattern: FlatPattern, nodes: _Nodes, node: int) -> BaseGeometry:
    if node < nodes.bends:
        return pattern.bends[node].zone
    return unary_union([pattern.faces[face].buffer(0) for face in nodes.flats[node]])


def _towards(shapes: list[BaseGeometry], middle: Floats, across: Floats) -> float:
    """mm by which the shapes' centres lie ahead along `across`, the nearest counts alone."""
    if not shapes:
        return 0.0
    centre = shapes[0].centroid
    return float((np.array([centre.x, centre.y]) - middle) @ across)
