"""Pockets that are too deep: a higher floor."""

from collections.abc import Iterator

from workers.fixes.candidate import ADDS, PAST_THE_LIMIT_MM, Box, Candidate
from workers.fixes.milling.depressions import raised
from workers.fixes.registry import NoEditError, recipe
from workers.fixes.situation import JsonObject, Situation, direction_of


@recipe("pocket-deep")
def pocket_deep(situation: Situation, finding: JsonObject) -> Iterator[Candidate]:
    """Raise the floor until the depth is what the mildest limit allows."""
    home = situation.home_of(finding)
    if home is None or home["direction"] is None or not (floors := situation.floors_of(home)):
        raise NoEditError("the pocket goes through: there is no floor to raise")
    depth, ratio = home["size"]["depth"], finding["measured"]["value"]
    mildest = situation.mildest("pocket-deep")
    width = depth / ratio
    to = mildest * width - PAST_THE_LIMIT_MM
    body, direction = situation.body, direction_of(situation, home)
    lowest = min(float(body.faces.origin[floor] @ direction) for floor in floors)
    level = lowest + depth - to
    box = Box(*body.box_of_faces(home["faces"])).grown(0.01)
    feet = situation.foot_of(home)
    known = not feet and len(floors) == 1
    yield Candidate(
        words=f"make the floor {depth - to:.2f} mm less deep, from {depth:.2f} mm to {to:.2f} mm",
        figures={"depth_from": depth, "depth_to": to},
        make=lambda start: raised(start, floors, direction, level, feet, box),
        region=box,
        sense=ADDS,
        volume_change=float(body.areas[floors[0]] * (depth - to)) if known else None,
    )
