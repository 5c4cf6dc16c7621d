"""Turned grooves that are too deep for their width: wider ones."""

from collections.abc import Iterator

from workers.fixes.candidate import Candidate
from workers.fixes.facing import pairs_of, widened
from workers.fixes.registry import recipe
from workers.fixes.situation import JsonObject, Situation


@recipe("groove-deep")
def wider_groove(situation: Situation, finding: JsonObject) -> Iterator[Candidate]:
    """One flank moved, or both by half; flanks that are no planes square to the axis stay."""
    groove = situation.features[finding["features"][0]]["size"]
    now, to = groove["width"], groove["depth"] / situation.mildest("groove-deep")
    flanks = pairs_of(situation.body, finding["faces"], now, to, is_gap=True)
    yield from widened(situation.body, flanks, to, "widen the groove")
