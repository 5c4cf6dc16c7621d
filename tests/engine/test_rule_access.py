"""What the rules on set-ups, reach, undercuts, slender walls and narrow places leave alone, and where they point."""

from collections.abc import Callable

import pytest

from tests import defects
from tests.engine.reviewing import findings, reviewed
from tests.parts import Solid, block, cylinder, prism


def ring(width: float) -> Solid:
    """A round channel of one width."""
    channel = cylinder(60.0, 20.0, (60.0, 45.0, 22.0)).cut(cylinder(60.0 - 2 * width, 20.0, (60.0, 45.0, 22.0)))
    return block(120.0, 90.0, 30.0).cut(channel)


def lettered_at(degrees: float) -> Solid:
    """A recess of 2 mm in the side, that is turned by so much from square."""
    mark = block(14.0, 12.0, 8.0, (-7.0, -12.0, -4.0)).moved((40.0, 2.0, 20.0), (1.0, 0.0, 0.0), degrees)
    return block(80.0, 60.0, 40.0).cut(mark)


def grooved_bore(width: float) -> Solid:
    """A bore through a block with a circlip's groove in its middle."""
    groove = cylinder(46.0, width, (40.0, 40.0, 20.0))
    return block(80.0, 80.0, 40.0).cut(cylinder(40.0, 60.0, (40.0, 40.0, -5.0)), groove)


def keyholed(diameter: float) -> Solid:
    """A closed T-slot, 24 below 10 mm wide, with a round opening near one end."""
    up = (0.0, 0.0, 1.0)
    mouth = block(80.0, 10.0, 20.0, (20.0, 25.0, 20.0)).round_edges(4.9, up)
    head = block(80.0, 24.0, 8.0, (20.0, 18.0, 15.0)).round_edges(11.9, up)
    return block(120.0, 60.0, 40.0).cut(mouth, head, cylinder(diameter, 26.0, (32.0, 30.0, 15.0)))


def test_a_keyhole_as_wide_as_the_head_lets_the_cutter_into_a_closed_slot() -> None:
    assert findings(reviewed(keyholed(24.0)), "undercut-clearance") == []
    (finding,) = findings(reviewed(keyholed(9.0)), "undercut-clearance")
    assert finding["limit"]["value"] == pytest.approx(4 * 7.0)


def wedge() -> Solid:
    return prism([(0.0, 0.0), (160.0, 0.0), (0.0, 20.0)], 100.0, (0.0, 0.0, 0.0)).moved(
        (0.0, 0.0, 20.0), (1.0, 1.0, 1.0), 120.0
    )


def test_a_recess_square_to_a_drafted_side_is_cut_from_that_side() -> None:
    slight, steep = (reviewed(lettered_at(degrees)) for degrees in (2.0, 8.0))
    assert findings(slight, "face-unreachable") == findings(slight, "setups") == []
    assert [f["severity"] for f in findings(steep, "face-unreachable")] == ["major"]


Quiet = tuple[str, Callable[[], Solid]]
QUIET: list[Quiet] = [
    ("face-unreachable", lambda: defects.drilled_from(5)),
    ("face-unreachable", lambda: defects.t_slot(8.0)),
    ("face-unreachable", lambda: grooved_bore(3.0)),
    ("face-unreachable", lambda: keyholed(24.0)),
    ("undercut", lambda: grooved_bore(3.0)),
    ("wall-slender", lambda: block(100.0, 60.0, 5.0)),
    ("wall-slender", lambda: block(100.0, 160.0, 20.0).join(block(100.0, 30.0, 40.0))),  # a plate with a ridge
    (
        "wall-slender",
        lambda: block(100.0, 160.0, 20.0).join(wedge(), block(100.0, 30.0, 60.0)),
    ),  # and with a ramp on it
    ("undercut", defects.dovetail),
    ("undercut", lambda: defects.wall_beside_a_pocket(2.0)),
    ("undercut-clearance", lambda: defects.t_slot(8.0)),
]
QUIET_IN_MTK: list[Quiet] = [
    ("pocket-narrow-region", lambda: ring(8.0)),
    ("pocket-narrow-region", lambda: defects.wall_beside_a_pocket(10.0)),
]


@pytest.mark.parametrize(("rule", "build"), QUIET)
def test_a_rule_is_silent_where_there_is_nothing_to_say(rule: str, build: Callable[[], Solid]) -> None:
    assert findings(reviewed(build()), rule) == []


@pytest.mark.parametrize(("rule", "build"), QUIET_IN_MTK)
def test_the_toolkit_looks_at_islands_only(rule: str, build: Callable[[], Solid]) -> None:
    assert findings(reviewed(build(), "mtk"), rule) == []


SPEAKING: list[tuple[str, Callable[[], Solid]]] = [
    ("wall-slender", lambda: defects.fin(30.0)),
    ("undercut", lambda: defects.t_slot(2.5)),
    ("undercut", lambda: grooved_bore(2.5)),
    ("undercut-clearance", lambda: defects.closed_undercut(15.0)),
    ("pocket-narrow-region", lambda: defects.island(2.5)),
    ("setups", lambda: defects.drilled_from(3)),
]


@pytest.mark.parametrize(("rule", "build"), SPEAKING)
def test_a_finding_has_a_place_and_a_change(rule: str, build: Callable[[], Solid]) -> None:
    [finding] = findings(reviewed(build()), rule)
    assert bool(finding["faces"]) == (rule != "setups")
    assert finding["smallest_change"]
