"""The rules on set-ups, reach, undercuts, slender walls and narrow places, just inside and outside their limits."""

from collections.abc import Callable

import pytest

from tests.engine.reviewing import findings, reviewed, substance
from tests.parts import Solid, block, cylinder, drill, pocket, prism

Vector = tuple[float, float, float]
SIDES: list[tuple[Vector, Vector]] = [
    ((40.0, 30.0, 40.0), (0.0, 0.0, -1.0)),
    ((0.0, 30.0, 20.0), (1.0, 0.0, 0.0)),
    ((40.0, 0.0, 20.0), (0.0, 1.0, 0.0)),
    ((80.0, 30.0, 20.0), (-1.0, 0.0, 0.0)),
    ((40.0, 60.0, 20.0), (0.0, -1.0, 0.0)),
]
RULES = {"setups", "face-unreachable", "undercut", "undercut-clearance", "wall-slender", "pocket-narrow-region"}


def drilled_from(sides: int) -> Solid:
    return block(80.0, 60.0, 40.0).cut(*(drill(6.0, 8.0, at, along, point=False) for at, along in SIDES[:sides]))


def fin(height: float, thickness: float = 5.0) -> Solid:
    """A wall right across a plate."""
    return block(80.0, 60.0, 20.0).join(block(80.0, thickness, height, (0.0, 27.0, 20.0)))


def wall_beside_a_pocket(depth: float) -> Solid:
    """A pocket 4 mm from the outside: the wall stands on the pocket's floor."""
    return block(80.0, 60.0, 40.0).cut(pocket(60.0, 30.0, depth, (40.0, 41.0, 40.0), corner=8.0))


def lettered_at(degrees: float) -> Solid:
    """A recess of 2 mm in the side, that is turned by so much from square."""
    mark = block(14.0, 12.0, 8.0, (-7.0, -12.0, -4.0)).moved((40.0, 2.0, 20.0), (1.0, 0.0, 0.0), degrees)
    return block(80.0, 60.0, 40.0).cut(mark)


def t_slot(width: float, depth: float = 6.0) -> Solid:
    """A T-slot right through: its head is `width` mm high and reaches `depth` behind the lips of a 12 mm mouth."""
    mouth = block(100.0, 12.0, 60.0, (-10.0, 34.0, 70.0))
    head = block(100.0, 12.0 + 2 * depth, width, (-10.0, 34.0 - depth, 70.0 - width))
    return block(80.0, 80.0, 80.0).cut(mouth, head)


def closed_undercut(mouth: float) -> Solid:
    """A pocket whose walls are cut back by 5 mm below its mouth, on both long sides, 8 mm high."""
    low = (100.0 - mouth) / 2
    opening = block(40.0, mouth, 60.0, (40.0, low, 60.0))
    head = block(40.0, mouth + 10.0, 8.0, (40.0, low - 5.0, 52.0))
    return block(120.0, 100.0, 80.0).cut(opening, head)


def dovetail() -> Solid:
    profile = [(34.0, 60.0), (46.0, 60.0), (52.0, 45.0), (28.0, 45.0)]
    # A third of a turn about the space diagonal takes x, y, z to y, z, x.
    channel = prism(profile, 100.0).moved(axis=(1.0, 1.0, 1.0), degrees=120.0)
    return block(80.0, 80.0, 60.0).cut(channel.moved((-10.0, 0.0, 0.0)))


def oblique_hole(degrees: float) -> Solid:
    tool = cylinder(8.0, 60.0, (0.0, 0.0, -15.0)).moved(axis=(0.0, 1.0, 0.0), degrees=degrees)
    return block(80.0, 60.0, 40.0).cut(tool.moved((40.0, 30.0, 38.0)))


def hollow() -> Solid:
    return block(40.0, 40.0, 40.0).cut(block(10.0, 10.0, 10.0, (15.0, 15.0, 15.0)))


def island(gap: float, diameter: float = 20.0) -> Solid:
    """A round island in a pocket of 80 × 50 mm, `gap` mm from its long wall."""
    hollowed = block(120.0, 90.0, 30.0).cut(pocket(80.0, 50.0, 12.0, (60.0, 45.0, 30.0), corner=10.0))
    return hollowed.join(cylinder(diameter, 12.0, (60.0, 70.0 - gap - diameter / 2, 18.0)))


def ring(width: float) -> Solid:
    """A round channel of one width."""
    channel = cylinder(60.0, 20.0, (60.0, 45.0, 22.0)).cut(cylinder(60.0 - 2 * width, 20.0, (60.0, 45.0, 22.0)))
    return block(120.0, 90.0, 30.0).cut(channel)


Case = tuple[str, Callable[[], Solid], str | None]
CASES: list[Case] = [
    ("setups", lambda: drilled_from(2), None),
    ("setups", lambda: drilled_from(3), "minor"),
    ("setups", lambda: drilled_from(4), "minor"),
    ("setups", lambda: drilled_from(5), "major"),
    ("face-unreachable", lambda: drilled_from(5), None),
    ("face-unreachable", lambda: oblique_hole(0.0), None),
    ("face-unreachable", lambda: oblique_hole(30.0), "major"),
    ("face-unreachable", hollow, "critical"),
    ("face-unreachable", lambda: t_slot(8.0), None),
    ("wall-slender", lambda: fin(19.9), None),
    ("wall-slender", lambda: fin(20.1), "minor"),
    ("wall-slender", lambda: fin(39.9), "minor"),
    ("wall-slender", lambda: fin(40.1), "major"),
    ("wall-slender", lambda: wall_beside_a_pocket(15.9), None),
    ("wall-slender", lambda: wall_beside_a_pocket(16.1), "minor"),
    ("wall-slender", lambda: block(100.0, 60.0, 5.0), None),
    ("wall-slender", lambda: block(100.0, 160.0, 20.0).join(block(100.0, 30.0, 40.0)), None),  # a plate with a ridge
    ("setups", lambda: lettered_at(2.0), None),
    ("face-unreachable", lambda: lettered_at(2.0), None),
    ("face-unreachable", lambda: lettered_at(8.0), "major"),
    ("undercut", lambda: t_slot(2.9), "major"),
    ("undercut", lambda: t_slot(3.1), None),
    ("undercut", lambda: t_slot(39.9), None),
    ("undercut", lambda: t_slot(40.1), "major"),
    ("undercut", dovetail, None),
    ("undercut", lambda: wall_beside_a_pocket(2.0), None),
    ("undercut-clearance", lambda: closed_undercut(19.9), "major"),
    ("undercut-clearance", lambda: closed_undercut(20.1), None),
    ("undercut-clearance", lambda: t_slot(8.0), None),
    ("pocket-narrow-region", lambda: island(3.1), None),
    ("pocket-narrow-region", lambda: island(2.9), "minor"),
]  # fmt: skip
MTK: list[Case] = [
    ("pocket-narrow-region", lambda: island(15.9, 12.0), "minor"),
    ("pocket-narrow-region", lambda: island(16.1, 12.0), None),
    ("pocket-narrow-region", lambda: ring(8.0), None),
    ("pocket-narrow-region", lambda: wall_beside_a_pocket(10.0), None),
]


def severities(rule: str, solid: Solid, limits: str = "default") -> set[str]:
    return {finding["severity"] for finding in findings(reviewed(solid, limits), rule)}


@pytest.mark.parametrize("case", [pytest.param(c, id=f"{c[0]}-{n}") for n, c in enumerate(CASES)])
def test_the_finding_appears_exactly_beyond_its_limit(case: Case) -> None:
    rule, build, severity = case
    assert severities(rule, build()) == (set() if severity is None else {severity})


@pytest.mark.parametrize("case", [pytest.param(c, id=str(n)) for n, c in enumerate(MTK)])
def test_the_toolkits_limits(case: Case) -> None:
    rule, build, severity = case
    assert severities(rule, build(), "mtk") == (set() if severity is None else {severity})


MEASURED: list[tuple[str, Callable[[], Solid], float]] = [
    ("wall-slender", lambda: fin(30.0), 6.0),
    ("undercut", lambda: t_slot(2.5), 2.5),
    ("undercut-clearance", lambda: closed_undercut(15.0), 15.0),
    ("pocket-narrow-region", lambda: island(2.5), 2.5),
    ("setups", lambda: drilled_from(3), 3.0),
]


@pytest.mark.parametrize("moved", [False, True])
@pytest.mark.parametrize("case", [pytest.param(c, id=c[0]) for c in MEASURED])
def test_what_was_measured(case: tuple[str, Callable[[], Solid], float], *, moved: bool) -> None:
    rule, build, value = case
    solid = build().mirrored().moved((300.0, -20.0, 7.0), (3.0, 1.0, 2.0), 71.0) if moved else build()
    [finding] = findings(reviewed(solid), rule)
    assert finding["measured"]["value"] == pytest.approx(value, abs=1e-5)
    assert finding["faces"] or rule == "setups"
    assert finding["smallest_change"]


@pytest.mark.parametrize(
    "build", [lambda: drilled_from(4), lambda: t_slot(2.5), lambda: fin(30.0), lambda: island(2.5), hollow]
)
@pytest.mark.parametrize("unit", ["MM", "INCH"])
def test_the_findings_stay_wherever_the_part_lies(build: Callable[[], Solid], unit: str) -> None:
    solid = build()
    expected = substance(reviewed(solid))
    assert {rule for rule, *_ in expected} & RULES
    moved = reviewed(solid.mirrored().moved((1e4, 200.0, -30.0), (1.0, 2.0, 3.0), 123.0), unit=unit)
    assert substance(moved) == expected
