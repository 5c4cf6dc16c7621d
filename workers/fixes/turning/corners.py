"""Internal corners of a turned profile: the radius that the insert's nose leaves."""

from collections.abc import Iterator

from workers.fixes.candidate import Candidate
from workers.fixes.inner_corners import along_edges, larger_fillet
from workers.fixes.registry import recipe
from workers.fixes.situation import JsonObject, Situation


@recipe("turn-corner-radius")
def nose_radius(situation: Situation, finding: JsonObject) -> Iterator[Candidate]:
    """A fillet along the corner, as large as the mildest limit asks for; in place of one that is too tight."""
    wanted = situation.mildest("turn-corner-radius")
    if finding["measured"]["value"] > 0:
        yield larger_fillet(situation, finding, wanted)
    else:
        yield along_edges(situation, finding, wanted)
