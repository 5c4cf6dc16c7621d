"""Which parts are turned: those whose outside turns about one axis for the most part, whatever is milled into it."""

from collections.abc import Callable

import pytest

from tests.engine.reviewing import reviewed
from tests.parts import (
    Solid,
    around_z,
    block,
    bracket,
    cylinder,
    egg,
    halved,
    hexagon,
    prism,
    ring,
    shaft,
    torus,
    turned,
)


def spline(length: float) -> Solid:
    """A shaft of 100 mm with six splines cut over `length`."""
    return shaft((30.0, 100.0)).cut(*around_z(block(8.0, 10.0, length + 1.0, (-4.0, 12.0, -1.0)), 6))


def flange() -> Solid:
    return shaft((100.0, 10.0), (40.0, 30.0)).cut(*around_z(cylinder(9.0, 20.0, (35.0, 0.0, -5.0)), 6))


def crank(throw: float) -> Solid:
    """Two cylinders of the same size side by side along two axes."""
    return shaft((30.0, 40.0)).join(cylinder(30.0, 40.0, (throw, 0.0, 40.0)))


def stadium() -> Solid:
    """A link with two round ends."""
    ends = [cylinder(40.0, 10.0, (x, 0.0, 0.0)) for x in (-20.0, 20.0)]
    return block(40.0, 40.0, 10.0, (-20.0, -20.0, 0.0)).join(*ends)


TURNED: dict[str, Callable[[], Solid]] = {
    "shaft": lambda: shaft((20.0, 30.0), (30.0, 40.0), (20.0, 30.0)),
    "shaft of half faces": lambda: halved(shaft((20.0, 30.0), (30.0, 40.0))),
    "thin disc": lambda: shaft((100.0, 2.0)),
    "ring": lambda: ring(60.0, 50.0, 5.0),
    "tube": lambda: ring(50.0, 44.0, 120.0),
    "O-ring": lambda: torus(40.0, 4.0),
    "ball on a stud": lambda: shaft((10.0, 30.0)).join(egg(40.0, 40.0, 20.0)),
    "flange with bolt holes": flange,
    "shaft with one flat": lambda: shaft((20.0, 60.0)).cut(block(40.0, 40.0, 62.0, (-20.0, 7.0, -1.0))),
    "shaft with a keyway": lambda: shaft((20.0, 60.0)).cut(block(6.0, 10.0, 25.0, (-3.0, 6.5, 20.0))),
    "shaft with cross holes": lambda: shaft((20.0, 60.0)).cut(
        *[cylinder(8.0, 40.0, (0.0, -20.0, z), (0.0, 1.0, 0.0)) for z in (15.0, 30.0, 45.0)]
    ),
    "bolt blank with a hexagon": lambda: shaft((10.0, 60.0)).join(hexagon(17.0, 7.0, 60.0)),
    "splined at one end": lambda: spline(30.0),
    "taper": lambda: turned([(0.0, 0.0), (0.0, 5.0), (80.0, 15.0), (80.0, 0.0)]),
    "handle of free form": lambda: egg(40.0, 80.0).join(cylinder(12.0, 40.0, (0.0, 0.0, 70.0))),
    "nothing but a free form and its foot": lambda: egg(40.0, 80.0).cut(block(60.0, 60.0, 20.0, (-30.0, -30.0, 0.0))),
    "disc with an eccentric pin": lambda: shaft((80.0, 20.0)).join(cylinder(20.0, 20.0, (20.0, 0.0, 20.0))),
}

NOT_TURNED: dict[str, Callable[[], Solid]] = {
    "block": lambda: block(20.0, 30.0, 40.0),
    "bracket": bracket,
    "plate with a central boss": lambda: block(80.0, 80.0, 10.0, (-40.0, -40.0, 0.0)).join(shaft((40.0, 20.0))),
    "block with a big hole": lambda: block(80.0, 80.0, 40.0, (-40.0, -40.0, 0.0)).cut(
        cylinder(76.0, 50.0, (0.0, 0.0, -5.0))
    ),
    "square tube with a round bore": lambda: block(40.0, 40.0, 120.0, (-20.0, -20.0, 0.0)).cut(
        cylinder(36.0, 130.0, (0.0, 0.0, -5.0))
    ),
    "hexagon nut": lambda: hexagon(30.0, 12.0).cut(cylinder(16.0, 20.0, (0.0, 0.0, -5.0))),
    "half a disc": lambda: shaft((60.0, 20.0)).cut(block(100.0, 100.0, 100.0, (-50.0, 0.0, -5.0))),
    "sector": lambda: shaft((60.0, 5.0)).cut(
        prism([(0.0, 0.0), (0.0, 50.0), (-50.0, 50.0), (-50.0, -50.0), (50.0, -50.0), (50.0, 0.0)], 10.0)
    ),
    "two axes": lambda: crank(20.0),
    "link with round ends": stadium,
}


@pytest.mark.parametrize("name", TURNED)
def test_a_turned_part_is_reviewed_for_turning(name: str) -> None:
    result = reviewed(TURNED[name](), process="auto")
    assert result["process"] == "cnc_turning"
    (choice,) = result["process_choice"]["parts"]
    assert choice["turned_share"] > 0.55
    assert "turns about one axis" in choice["reason"]


@pytest.mark.parametrize("name", NOT_TURNED)
def test_what_is_not_turned_is_reviewed_for_milling(name: str) -> None:
    result = reviewed(NOT_TURNED[name](), process="auto")
    assert result["process"] == "cnc_milling"
    assert not [f["type"] for f in result["features"] if f["type"].startswith("turned_")]


def test_what_is_not_turned_is_reviewed_as_when_milling_is_asked_for() -> None:
    asked, chosen = reviewed(bracket()), reviewed(bracket(), process="auto")
    assert (asked["features"], asked["findings"]) == (chosen["features"], chosen["findings"])


def test_a_round_part_is_milled_if_that_is_asked_for() -> None:
    result = reviewed(ring(60.0, 20.0, 40.0), process="cnc_milling")
    assert result["process"] == "cnc_milling"
    assert [f["type"] for f in result["features"]] == ["through_hole"]


def test_turning_asked_for_a_block_says_what_it_lacks() -> None:
    result = reviewed(block(20.0, 30.0, 40.0), process="cnc_turning")
    lacking = {row["rule"]: row["lacks"] for row in result["undecided"]}
    assert {"turn-slender", "turn-corner-radius", "profile-relief", "tube-wall"} <= set(lacking)
    assert all("turning axis" in lacking[rule] for rule in lacking if rule.startswith("turn-"))


@pytest.mark.parametrize("axis", [(1.0, 0.0, 0.0), (1.0, 2.0, 3.0), (-1.0, 0.3, 0.0)])
def test_the_axis_is_found_wherever_it_lies(axis: tuple[float, float, float]) -> None:
    (choice,) = reviewed(flange().moved((11.0, -7.0, 3.0), axis, 77.0), process="auto")["process_choice"]["parts"]
    (at_home,) = reviewed(flange(), process="auto")["process_choice"]["parts"]
    assert choice["turned_share"] == pytest.approx(at_home["turned_share"], abs=1e-6)
