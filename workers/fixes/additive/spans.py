"""Walls, gaps and strokes that a machine does not form: thicker, wider, or left out."""

from collections.abc import Iterator

from workers.cad.edit.blends import without_faces
from workers.cad.edit.body import Body
from workers.fixes.candidate import EITHER, Box, Candidate
from workers.fixes.facing import pairs_of, widened
from workers.fixes.registry import NoEditError, one_after_the_other, recipe
from workers.fixes.situation import JsonObject, Situation


@recipe("am-wall")
def thicker(situation: Situation, finding: JsonObject) -> Iterator[Candidate]:
    """All flat walls of the finding made as thick as it asks for, on one side or on both."""
    yield from _to_width(situation, finding, "thicken the wall", is_gap=False)


@recipe("am-gap")
def wider(situation: Situation, finding: JsonObject) -> Iterator[Candidate]:
    """All flat gaps of the finding made as wide as it asks for, by one side or by both."""
    yield from _to_width(situation, finding, "widen the gap", is_gap=True)


@recipe("am-detail")
def broader(situation: Situation, finding: JsonObject) -> Iterator[Candidate]:
    """Strokes between flat sides made broader; else the details left out."""
    raised = any(situation.features[number]["type"] in ("rib", "wall") for number in finding["features"])
    strokes = _to_width(situation, finding, "make the strokes broader,", is_gap=not raised)
    yield from one_after_the_other(strokes, _left_out(situation, finding))


def _to_width(situation: Situation, finding: JsonObject, what: str, *, is_gap: bool) -> Iterator[Candidate]:
    now, to = finding["change"]["from"], finding["change"]["to"]
    pairs = pairs_of(situation.body, finding["faces"], now, to, is_gap=is_gap)
    yield from widened(situation.body, pairs, to, what)


def _left_out(situation: Situation, finding: JsonObject) -> Iterator[Candidate]:
    """The strokes taken off or filled in, with what stands between their sides."""
    body = situation.body
    sides = set(finding["faces"])
    if not sides:
        raise NoEditError("the detail has no faces")
    box = Box(*body.box_of_faces(sorted(sides))).grown(0.01)
    ends = {other for face in sides for _edge, other in body.neighbours(face)} - sides
    within = {face for face in ends if box.holds(Box(*body.box_of_faces([face])))}

    def make(start: Body) -> Body:
        return without_faces(start, sorted(sides | within))

    yield Candidate(
        words="leave the detail out",
        figures={"faces": float(len(sides | within))},
        make=make,
        region=box,
        sense=EITHER,
    )
