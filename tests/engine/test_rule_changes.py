"""The smallest change clears its finding, and nine tenths of it do not."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.engine.reviewing import findings, reviewed
from tests.parts import Solid, block, drill, pocket

Sizes = dict[str, float]
SLOW = settings(max_examples=6, deadline=None, suppress_health_check=list(HealthCheck))
M6_MINOR = 6.0 - 1.082532


@dataclass(frozen=True)
class Family:
    """Parts with one defect, by their sizes in mm; all sizes drawn are beyond the rule's limit."""

    rule: str
    build: Callable[[Sizes], Solid]
    sizes: st.SearchStrategy[Sizes]


def _sizes(**ranges: tuple[float, float]) -> st.SearchStrategy[Sizes]:
    return st.fixed_dictionaries({name: st.floats(low, high) for name, (low, high) in ranges.items()})


def _blind(s: Sizes) -> Solid:
    return block(120.0, 80.0, 90.0).cut(drill(s["diameter"], s["depth"], (60.0, 40.0, 90.0), point=False))


def _through(s: Sizes) -> Solid:
    return block(120.0, 80.0, s["depth"]).cut(drill(s["diameter"], 200.0, (60.0, 40.0, s["depth"]), point=False))


def _pocket(s: Sizes) -> Solid:
    return block(120.0, 80.0, 90.0).cut(pocket(60.0, s["width"], s["depth"], (60.0, 40.0, 90.0)))


def _walled(s: Sizes) -> Solid:
    return block(120.0, 80.0, 30.0).cut(pocket(50.0, 20.0, 10.0, (60.0, 70.0 - s["thickness"], 30.0), corner=5.0))


def _boss(s: Sizes) -> Solid:
    return block(120.0, 80.0, 20.0).join(block(s["width"], 40.0, s["height"], (50.0, 20.0, 20.0)))


def _lettered(s: Sizes) -> Solid:
    return block(120.0, 80.0, 30.0).cut(pocket(10.0, s["stroke width"], 0.3, (60.0, 40.0, 30.0)))


def _long(s: Sizes) -> Solid:
    return block(s["length"], 80.0, 30.0)


FAMILIES = [
    Family("hole-depth", _blind, _sizes(diameter=(3.0, 8.0), depth=(40.0, 80.0))),
    Family("hole-depth", _through, _sizes(diameter=(3.0, 8.0), depth=(40.0, 80.0))),
    Family("hole-small", _blind, _sizes(diameter=(0.5, 2.4), depth=(3.0, 4.0))),
    Family("pocket-deep", _pocket, _sizes(width=(4.0, 8.0), depth=(40.0, 80.0))),
    Family("wall-thin", _walled, _sizes(thickness=(0.3, 0.75))),
    Family("boss-high", _boss, _sizes(width=(3.0, 6.0), height=(30.0, 60.0))),
    Family("text-small", _lettered, _sizes(**{"stroke width": (0.15, 0.45)})),
    Family("part-size", _long, _sizes(length=(450.0, 900.0))),
]


@pytest.mark.parametrize("family", FAMILIES, ids=[f"{f.rule}-{i}" for i, f in enumerate(FAMILIES)])
@SLOW
@given(data=st.data())
def test_the_smallest_change_clears_the_finding_and_less_does_not(family: Family, data: st.DataObject) -> None:
    sizes = data.draw(family.sizes)
    change = _only(family, sizes)["change"]
    assert change["unit"] == "mm"
    assert change["from"] == pytest.approx(sizes[change["quantity"]], abs=1e-4)
    assert change["by"] == pytest.approx(change["to"] - change["from"], abs=2e-6)
    nearly = change["from"] + 0.9 * change["by"]
    assert _only(family, sizes | {change["quantity"]: nearly})
    cleared = reviewed(family.build(sizes | {change["quantity"]: change["to"]}))
    assert findings(cleared, family.rule) == []


def _only(family: Family, sizes: Sizes) -> dict[str, Any]:
    (found,) = findings(reviewed(family.build(sizes)), family.rule)
    return found


@pytest.mark.parametrize(("diameter", "to"), [(6.36, 6.4), (6.34, 6.3)])
def test_an_odd_diameter_goes_to_the_next_drill(diameter: float, to: float) -> None:
    family = Family("hole-nonstandard", _blind, st.nothing())
    change = _only(family, {"diameter": diameter, "depth": 20.0})["change"]
    assert (change["quantity"], change["to"]) == ("diameter", pytest.approx(to))
    cleared = reviewed(_blind({"diameter": change["to"], "depth": 20.0}))
    assert findings(cleared, family.rule) == []


def test_a_thread_is_made_shorter() -> None:
    part = block(120.0, 80.0, 90.0).cut(drill(M6_MINOR, 24.0, (60.0, 40.0, 90.0)))
    (deep,) = findings(reviewed(part), "thread-depth")
    assert deep["change"]["quantity"] == "thread diameter"  # 2 mm more beat 6 mm less
    assert deep["change"]["to"] == pytest.approx(8.0)
