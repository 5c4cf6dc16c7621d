"""A fix is good only if it is proven: sound, changed nowhere else, and reviewed again."""

import hashlib
import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

from workers.cad.edit.body import Body, read_body
from workers.cad.edit.errors import EditError
from workers.cad.edit.soundness import unsound
from workers.cad.edit.write_step import write_step
from workers.errors import PartError
from workers.fixes.candidate import EITHER, Candidate
from workers.fixes.comparison import Compared, compare
from workers.fixes.elsewhere import changed_elsewhere
from workers.fixes.registry import RECIPES, NoEditError
from workers.fixes.situation import JsonObject, Situation

CLEARED, REFUSED, NO_EDIT = "cleared", "refused", "no_edit"
# A volume that a formula knows, against one integrated over exact faces.
VOLUME_WITHIN = 1e-4
LEAST_CHANGE_MM3 = 1e-9
# Below the deadline that a sandbox child has by default (60 s), so that what was tried is told.
PATIENCE_SECONDS = 45.0

log = logging.getLogger(__name__)

ReviewAgain = Callable[[Path], JsonObject]


@dataclass(frozen=True)
class Attempt:
    """A candidate edit that was tried, and why it was not taken; "" if it was."""

    words: str
    refused: str


@dataclass(frozen=True)
class Outcome:
    """What came of a finding: `cleared` by an edit, `refused` by what came of every edit, or `no_edit`."""

    outcome: str
    finding: str
    rule: str
    reason: str = ""
    edit: str = ""
    figures: dict[str, float] = field(default_factory=dict)
    attempts: list[Attempt] = field(default_factory=list)
    cleared: list[str] = field(default_factory=list)  # ids of findings before
    new: list[JsonObject] = field(default_factory=list)  # none, if it is cleared
    still: list[str] = field(default_factory=list)
    volume_before: float | None = None
    volume_after: float | None = None
    sha256: str | None = None  # of the STEP file
    review: JsonObject | None = None  # of that file

    def as_dict(self) -> JsonObject:
        """As JSON."""
        return asdict(self)


@dataclass(frozen=True)
class _Proven:
    body: Body
    review: JsonObject
    compared: Compared


def try_fix(
    situation: Situation, finding: JsonObject, output: Path, review_again: ReviewAgain, *, together: bool = False
) -> Outcome:
    """Try the bounded edits of a finding, the least first, until one is proven; only then is a file at `output`.

    `review_again` reviews a STEP file with the configuration of the first review. With `together`, edits that are for
    further findings as well (all corners of a pocket) go first. After PATIENCE_SECONDS no further edit is begun.
    """
    started = time.monotonic()
    recipe = RECIPES.get(finding["rule"])
    names = finding["id"], finding["rule"]
    if recipe is None:
        return Outcome(NO_EDIT, *names, reason=f"no bounded edit clears a finding of {finding['rule']}")
    attempts: list[Attempt] = []
    no_edit = ""
    half = output.with_name(f".half-{output.name}")
    try:
        for candidate in _candidates(recipe(situation, finding), together):
            if attempts and time.monotonic() - started >= PATIENCE_SECONDS:
                attempts.append(Attempt(candidate.words, f"not tried, as {PATIENCE_SECONDS:g} s had gone by"))
                break
            try:
                proven = _proven(situation, finding, candidate, half, review_again)
            except (EditError, PartError) as error:
                attempts.append(Attempt(candidate.words, str(error)))
                continue
            half.replace(output)
            attempts.append(Attempt(candidate.words, ""))
            return _cleared(situation, names, candidate, proven, attempts, output)
    except (NoEditError, EditError) as error:
        no_edit = str(error)
    finally:
        half.unlink(missing_ok=True)
    if not attempts:
        return Outcome(NO_EDIT, *names, reason=no_edit or "no bounded edit was found for this place")
    return Outcome(REFUSED, *names, reason=attempts[-1].refused, attempts=attempts, volume_before=situation.body.volume)


def _candidates(proposed: Iterator[Candidate], together: bool) -> Iterator[Candidate]:
    """In the order in which they are to be tried."""
    if not together:
        yield from proposed
        return
    found: list[Candidate] = []
    ended: NoEditError | None = None
    try:
        for candidate in proposed:
            found.append(candidate)
    except NoEditError as error:
        ended = error
    yield from sorted(found, key=lambda candidate: -len(candidate.clears_also))
    if ended is not None:
        raise ended


def _cleared(
    situation: Situation,
    names: tuple[str, str],
    candidate: Candidate,
    proven: _Proven,
    attempts: list[Attempt],
    output: Path,
) -> Outcome:
    return Outcome(
        CLEARED,
        *names,
        edit=candidate.words,
        figures=candidate.figures,
        attempts=attempts,
        cleared=proven.compared.cleared,
        still=sorted(proven.compared.same),
        volume_before=situation.body.volume,
        volume_after=proven.body.volume,
        sha256=hashlib.sha256(output.read_bytes()).hexdigest(),
        review=proven.review,
    )


def _proven(
    situation: Situation, finding: JsonObject, candidate: Candidate, output: Path, review_again: ReviewAgain
) -> _Proven:
    """The edited solid, as read again from what was written, with its review. Raises EditError with what is wrong."""
    edited = _edited(situation.body, candidate)
    _check(situation.body, edited, candidate)
    write_step(edited.shape, output, "part")
    again = read_body(output)
    _check(situation.body, again, candidate)
    review = review_again(output)
    compared = compare(situation.body, situation.review["findings"], again, review["findings"])
    if finding["id"] not in compared.cleared:
        raise EditError("the finding is still there afterwards")
    if compared.new:
        raise EditError(f"it would bring {_in_words(compared.new)}")
    return _Proven(again, review, compared)


def _in_words(findings: list[JsonObject]) -> str:
    first = findings[0]
    what = f"{first['title'].lower()} ({first['rule']}, {first['severity']})"
    return f"a new finding: {what}" if len(findings) == 1 else f"{len(findings)} new findings, such as: {what}"


def _edited(body: Body, candidate: Candidate) -> Body:
    try:
        return candidate.make(body)
    except EditError:
        raise
    except Exception as error:
        log.exception("the kernel did not manage an edit", extra={"edit": candidate.words})
        raise EditError(f"the kernel did not manage it ({type(error).__name__})") from error


def _check(before: Body, after: Body, candidate: Candidate) -> None:
    """Raises EditError unless `after` is sound and differs from `before` as it should, and only there."""
    if reason := unsound(after):
        raise EditError(reason)
    middle = candidate.region.middle
    change = after.volume_about(middle) - before.volume_about(middle)
    if candidate.sense != EITHER and change * candidate.sense <= LEAST_CHANGE_MM3:
        raise EditError(f"the volume changed the wrong way, by {change:+.3f} mm³")
    if abs(change) > candidate.region.volume:
        raise EditError(f"the volume changed by {change:+.3f} mm³, more than where it was edited holds")
    expected = candidate.volume_change
    if expected is not None and abs(change - expected) > max(VOLUME_WITHIN * abs(expected), 1e-6 * before.volume):
        raise EditError(f"the volume changed by {change:+.4f} mm³, not by {expected:+.4f} mm³")
    if reason := changed_elsewhere(before, after, candidate.region):
        raise EditError(reason)
