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
