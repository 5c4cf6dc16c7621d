"""A small pocket with sharp corners made a round hole, that the least cutter or a drill leaves in one go."""

from collections.abc import Iterator

import numpy as np
import shapely

from workers.cad.edit.body import Body
from workers.cad.edit.booleans import cut
from workers.cad.edit.tools import drill_point_length, turned
from workers.cad.part import Floats
from workers.features.plan import square_to
from workers.fixes.candidate import REMOVES, Box, Candidate
from workers.fixes.milling.outline import upright_walls, wider_outline
from workers.fixes.milling.widening import Pocket, other_faces
from workers.fixes.situation import JsonObject, Situation, direction_of

# Where a hole's middle is tried: at these angles, and shares of the play in which the hole still covers the pocket.
ANGLES = np.radians(np.arange(0, 360, 15))
SHARES = np.array([0.25, 0.5, 0.75, 1.0])
PLAY_KEPT = 0.98
POINT_DEGREES = 118.0


def round_instead(situation: Situation, home: JsonObject, diameter: float) -> Iterator[Candidate]:
    """A round hole `diameter` mm wide, if that covers the pocket whole; a blind one flat, and with a drill point.

    Of all places for it the one is taken that leaves most material to the part's other faces. Raises NoEditError if
    the pocket's walls are not flat, upright, and go all around.
    """
    body, direction = situation.body, direction_of(situation, home)
    pocket = Pocket(body, home["faces"], upright_walls(body, home["faces"], direction), direction)
    middle = _middle(pocket, diameter / 2)
    if middle is None:
        return
    low, high = body.extent(home["faces"], direction)
    at = middle + (low - middle @ direction) * direction
    profile = [(0.0, 0.0), (0.0, diameter / 2), (high - low, diameter / 2), (high - low, 0.0)]
    yield _hole(at, direction, profile, diameter, "")
    if situation.floors_of(home):
        tip = drill_point_length(diameter / 2, POINT_DEGREES)
        yield _hole(at, direction, [(-tip, 0.0), *profile[1:]], diameter, ", with a 118° drill point below its floor")


def _hole(at: Floats, along: Floats, profile: list[tuple[float, float]], diameter: float, how: str) -> Candidate:
    def make(start: Body) -> Body:
        return cut(start, turned(at, along, profile))

    ends = np.array([at + height * along for height in (profile[0][0], profile[-1][0])])
    return Candidate(
        words=f"make it a round hole of Ø{diameter:.2f} mm, that covers it whole{how}",
        figures={"diameter_to": diameter},
        make=make,
        region=Box.of_points(ends).grown(diameter / 2 + 0.01),
        sense=REMOVES,
    )


def _middle(pocket: Pocket, radius: float) -> Floats | None:
    """(3,) a point of the axis about which a circle covers the outline and is farthest from other faces, if one is."""
    plane = square_to(pocket.direction).T
    corners = wider_outline(pocket.body, pocket.walls, pocket.direction, np.zeros(len(pocket.walls))) @ plane.T
    least = shapely.minimum_bounding_circle(shapely.Polygon(corners)).centroid
    middle = np.array([least.x, least.y])
    play = radius - float(np.linalg.norm(corners - middle, axis=1).max())
    if play < 0:
        return None
    rays = np.stack([np.cos(ANGLES), np.sin(ANGLES)], axis=1)
    places = np.concatenate([[middle], middle + (SHARES[:, None, None] * PLAY_KEPT * play * rays).reshape(-1, 2)])
    gaps = np.round(shapely.distance(shapely.points(places), other_faces(pocket, plane)), 6)
    return np.asarray(places[int(gaps.argmax())] @ plane)
