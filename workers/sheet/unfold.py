"""Laying the skin of a sheet into one plane: from the largest flat over every bend, each face placed beside the last.

Bends are stretched to the length of their neutral line, r + K t for each radian of bend angle (ISO/DIN 6935 form of the
bend allowance), so every placed face keeps its own size exactly.
"""

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from workers.cad.part import Floats
from workers.sheet.segments import Segment

SAME_PLACE = 2e-3  # mm by which the two images of an edge may differ
SHORTEST = 1e-6


@dataclass(frozen=True)
class Joint:
    """An edge that a skin goes on over; `angle` in degrees where the bend is drawn sharp there, else 0.

    `is_outside` says of a sharp bend that the skin runs outside of it.
    """

    edge: int
    faces: tuple[int, int]
    angle: float = 0.0
    is_outside: bool = False


@dataclass(frozen=True)
class Stamped:
    """A flat within what is formed out of another: it lies where it is pressed from, square to both.

    `matrix` and `shift` lead from its chart to that of the flat around it.
    """

    face: int
    around: int
    matrix: Floats  # (2, 2)
    shift: Floats  # (2,)


@dataclass(frozen=True)
class Placed:
    """A chart in the plane of the pattern: stretched along its first coordinate, turned and shifted."""

    matrix: Floats  # (2, 2)
    shift: Floats  # (2,)

    def segments(self, loops: list[list[Segment]]) -> list[Segment]:
        """The chart's borders where they lie in the pattern."""
        return [segment.moved(self.matrix, self.shift) for loop in loops for segment in loop]


@dataclass
class Unfolding:
    """Where each face that could be reached lies, the joints it was reached by, and those that would close a ring."""

    placed: dict[int, Placed] = field(default_factory=dict)
    joints: list[Joint] = field(default_factory=list)
    bridges: list[tuple[Joint, Segment, Segment]] = field(default_factory=list)  # of sharp bends: what lies between
    rings: list[Joint] = field(default_factory=list)
    before: dict[int, int] = field(default_factory=dict)  # face -> the one that it was placed beside
    over: dict[int, Joint] = field(default_factory=dict)  # face -> the joint that it was reached over

    def ring_of(self, joint: Joint) -> list[int]:
        """The faces that a ring joint closes to a ring, but for the one that all others were reached from."""
        ways = [self._way_back(face) for face in joint.faces]
        common = set(ways[0]) & set(ways[1])
        return [face for way in ways for face in way if face not in common]

    def joints_of_ring(self, joint: Joint) -> list[Joint]:
        """All joints of the ring that a ring joint closes."""
        return [joint, *(self.over[face] for face in self.ring_of(joint) if face in self.over)]

    def _way_back(self, face: int) -> list[int]:
        way = [face]
        while way[-1] in self.before:
            way.append(self.before[way[-1]])
        return way


def lay_out(
    loops: dict[int, list[list[Segment]]],
    stretch: dict[int, float],
    joints: list[Joint],
    base: int,
    thickness: float,
    k_factor: float,
    stamped: Sequence[Stamped] = (),
) -> Unfolding:
    """Place all faces that joints lead to from `base`; `loops` and `stretch` are the faces' charts'.

    The rings are those joints whose two faces were placed so that the edge is not one line any more.
    """
    found = Unfolding({base: Placed(np.diag([stretch[base], 1.0]), np.zeros(2))})
    borders = {
        (face, edge): segment
        for face, own in loops.items()
        for loop in own
        for segment in loop
        for edge in segment.edges
    }
    at_face: dict[int, list[Joint]] = {}
    for joint in joints:
        for face in joint.faces:
            at_face.setdefault(face, []).append(joint)
    queue, used = deque([base]), set[int]()
    while queue:
        face = queue.popleft()
        for joint in at_face.get(face, []):
            other = joint.faces[1] if joint.faces[0] == face else joint.faces[0]
            if joint.edge in used or (other, joint.edge) not in borders or (face, joint.edge) not in borders:
                continue
            used.add(joint.edge)
            here = borders[face, joint.edge].moved(found.placed[face].matrix, found.placed[face].shift)
            target = _across(here, _gap(joint, thickness, k_factor))
            if other in found.placed:
                there = borders[other, joint.edge].moved(found.placed[other].matrix, found.placed[other].shift)
                off = max(np.linalg.norm(there.end - target.start), np.linalg.norm(there.start - target.end))
                (found.joints if off < SAME_PLACE else found.rings).append(joint)
                continue
            placed = _beside(borders[other, joint.edge], stretch[other], target)
            if placed is None:
                continue
            found.placed[other] = placed
            found.before[other] = face
            found.over[other] = joint
            found.joints.append(joint)
            if joint.angle:
                found.bridges.append((joint, here, target))
            queue.append(other)
        for stamp in stamped:
            if stamp.around == face and stamp.face not in found.placed:
                at = found.placed[face]
                found.placed[stamp.face] = Placed(at.matrix @ stamp.matrix, at.matrix @ stamp.shift + at.shift)
                queue.append(stamp.face)
    return found


def _gap(joint: Joint, thickness: float, k_factor: float) -> float:
    """mm that a sharp bend adds between its flats: K t for each radian, less what both are drawn too long outside."""
    if not joint.angle:
        return 0.0
    turn = math.radians(joint.angle)
    too_long = 2 * thickness * math.tan(turn / 2) if joint.is_outside else 0.0
    return k_factor * thickness * turn - too_long


def _across(segment: Segment, gap: float) -> Segment:
    """The segment shifted by `gap` to its right, where the material is not."""
    if gap == 0.0:
        return segment
    along = segment.end - segment.start
    right = np.array([along[1], -along[0]]) / max(float(np.linalg.norm(along)), SHORTEST)
    return segment.moved(np.eye(2), right * gap)


def _beside(own: Segment, stretch: float, target: Segment) -> Placed | None:
    """Where a face lies whose border `own` runs back along `target`; None if either has no length."""
    scale = np.diag([stretch, 1.0])
    start, end = scale @ own.start, scale @ own.end
    along, wanted = end - start, target.start - target.end
    if np.linalg.norm(along) < SHORTEST or np.linalg.norm(wanted) < SHORTEST:
        return None
    turn = math.atan2(wanted[1], wanted[0]) - math.atan2(along[1], along[0])
    rotation = np.array([[math.cos(turn), -math.sin(turn)], [math.sin(turn), math.cos(turn)]])
    # Both middles coincide, so that what the two borders differ by is shared out between their ends.
    shift = (target.start + target.end) / 2 - rotation @ ((start + end) / 2)
    return Placed(rotation @ scale, shift)
