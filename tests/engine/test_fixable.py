"""What the API says can be fixed is what the engine has recipes for."""

import pytest

from workers.fixable import FIXABLE_RULES, is_fixable
from workers.fixes import recipes
from workers.fixes.registry import RECIPES

ONE_SOLID = {"part": {"format": "STEP", "bodies": 1}}


def test_the_rules_with_a_recipe_are_those_that_are_said_to_be_fixable() -> None:
    assert recipes.__all__  # importing them registers them
    assert set(RECIPES) == FIXABLE_RULES


def test_a_finding_of_such_a_rule_is_fixable() -> None:
    assert is_fixable("corner-radius", ONE_SOLID)
    assert not is_fixable("setups", ONE_SOLID)


@pytest.mark.parametrize(
    "part", [{"format": "STEP", "bodies": 2}, {"format": "IGES", "bodies": 1}, {"format": "STL", "bodies": 1}]
)
def test_nothing_is_fixable_but_in_a_step_file_with_one_solid(part: dict[str, object]) -> None:
    assert not is_fixable("corner-radius", {"part": part})
