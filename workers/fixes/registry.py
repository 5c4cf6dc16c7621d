"""Which rules have bounded edits, and which."""

from collections.abc import Callable, Iterator

from workers.fixes.candidate import Candidate
from workers.fixes.situation import JsonObject, Situation


class NoEditError(Exception):
    """No bounded edit clears the finding; the message says why."""


Recipe = Callable[[Situation, JsonObject], Iterator[Candidate]]
RECIPES: dict[str, Recipe] = {}


def recipe(*rules: str) -> Callable[[Recipe], Recipe]:
    """Register a function that proposes edits for findings of `rules`, the least change first."""

    def register(function: Recipe) -> Recipe:
        RECIPES.update(dict.fromkeys(rules, function))
        return function

    return register


def one_after_the_other(*proposals: Iterator[Candidate]) -> Iterator[Candidate]:
    """What any of them proposes. Raises the first one's NoEditError if it has one and none proposes anything."""
    why: NoEditError | None = None
    proposed = False
    for proposal in proposals:
        try:
            for candidate in proposal:
                proposed = True
                yield candidate
        except NoEditError as error:
            why = why or error
    if why is not None and not proposed:
        raise why
