"""Small details that may be left out: lettering, and recesses too shallow and small to matter."""

from collections.abc import Iterator

from workers.cad.edit.blends import without_faces
from workers.cad.edit.body import Body
from workers.cad.edit.errors import EditError
from workers.fixes.candidate import ADDS, Box, Candidate
from workers.fixes.milling.depressions import raised
from workers.fixes.registry import NoEditError, recipe
from workers.fixes.situation import JsonObject, Situation, direction_of

# Engineering judgement: what is no deeper, and this share of the part's volume at most, is marking and no function.
DEEPEST_MM = 2.0
LARGEST_SHARE = 1e-3


@recipe("text-small")
def left_out(situation: Situation, finding: JsonObject) -> Iterator[Candidate]:
    """Fill the strokes in: such lettering is marked by laser or printed instead."""
    homes = [situation.features[number] for number in finding["features"]]
    yield _filled(situation, homes)


def without_small(situation: Situation, home: JsonObject | None) -> Iterator[Candidate]:
    """The depression filled in, if it is a small detail. Raises NoEditError if it is not."""
    if home is None or not _is_small(situation, home):
        raise NoEditError("what it is part of is no small detail that could be left out")
    yield _filled(situation, [home])


def _is_small(situation: Situation, home: JsonObject) -> bool:
    size = home["size"]
    volume = size.get("length", 0.0) * size.get("width", 0.0) * size.get("depth", 0.0)
    return bool(0 < size.get("depth", 0.0) <= DEEPEST_MM + 1e-6 and volume <= LARGEST_SHARE * situation.body.volume)


def _filled(situation: Situation, homes: list[JsonObject]) -> Candidate:
    faces = sorted({face for home in homes for face in _all_faces(situation, home)})
    names = {home["id"] for home in homes}
    inside = [f for f in situation.review["findings"] if names & set(f["features"]) and set(f["faces"]) <= set(faces)]
    depth = max(home["size"]["depth"] for home in homes)
    what = "the recess" if len(homes) == 1 else f"the {len(homes)} recesses"
    return Candidate(
        words=f"leave the detail out: fill {what}, {depth:.2f} mm deep, in",
        figures={"depth_from": depth, "depth_to": 0.0, "recesses": float(len(homes))},
        make=lambda start: _without(situation, start, homes, faces),
        region=Box(*situation.body.box_of_faces(faces)).grown(0.01),
        sense=ADDS,
        clears_also=[finding["id"] for finding in inside],
    )


def _all_faces(situation: Situation, home: JsonObject) -> set[int]:
    fillets = (f for f in situation.features.values() if f.get("parent") == home["id"])
    return {*home["faces"], *(face for fillet in fillets for face in fillet["faces"])}


def _without(situation: Situation, start: Body, homes: list[JsonObject], faces: list[int]) -> Body:
    """All faces taken off; where an island stands in the recess, its floor raised to the level around it instead."""
    try:
        return without_faces(start, faces)
    except EditError:
        for home in homes:
            start = _raised_to_mouth(situation, start, home)
        return start


def _raised_to_mouth(situation: Situation, start: Body, home: JsonObject) -> Body:
    if home.get("direction") is None or not (floors := situation.floors_of(home)):
        raise EditError("the recess has no flat floor to raise")
    direction, box = direction_of(situation, home), Box(*situation.body.box_of_faces(home["faces"])).grown(0.01)
    level = situation.body.extent(home["faces"], direction)[1]
    return raised(start, floors, direction, level, situation.foot_of(home), box)
