"""Every limit of every rule, on a part just inside and one just outside of it: the rule speaks there, and only there.

What else is found on the two must be the same, but for what the table says.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests import defects
from tests.engine.reviewing import Review, findings, reviewed, without_size_rules
from tests.parts import Solid, block, ring, shaft
from workers.rules.rule_book import load_rules
from workers.rules.rule_file import Level

Build = Callable[[float], Solid]


def itself(size: float) -> float:
    return size


@dataclass(frozen=True)
class Case:
    """A rule's limit, and a part by whose one size it is just kept or just passed."""

    rule: str
    severity: str
    limit: float | None
    build: Build
    inside: float
    outside: float
    measured: Callable[[float], float] = itself  # of the size
    inside_severity: str | None = None  # that of the next milder limit
    configurations: tuple[str, ...] = ("default",)
    process: str = "cnc_milling"
    of: float = 1.0  # what the limit is a multiple of
    also: dict[str, str] = field(default_factory=dict)  # other rules that change with the size, and why
    along_axes: bool = False  # it is measured along the axes of the file


BOTH = ("default", "mtk")
MTK = ("mtk",)
TURNING = "cnc_turning"


def material_share(offset: float) -> float:
    return 100.0 * (1 - math.acos(offset / 5.0) / math.pi)


def once(_size: float) -> float:
    return 1.0


CASES = [
    Case("hole-depth", "minor", 4.0, lambda d: defects.holed(5.0, d), 19.99, 20.01, lambda d: d / 5.0),
    Case("hole-depth", "major", 10.0, lambda d: defects.holed(5.0, d, 60.0), 49.99, 50.01, lambda d: d / 5.0, "minor"),
    Case(
        "hole-depth", "critical", 40.0, lambda d: defects.holed(2.5, d, 120.0), 99.99, 100.01, lambda d: d / 2.5,
        "major",
    ),
    Case("hole-depth", "minor", 3.5, lambda d: defects.holed(5.0, d), 17.49, 17.51, lambda d: d / 5.0, None, MTK),
    Case("hole-small", "minor", 2.5, lambda d: defects.holed(d, 5.0), 2.5, 2.4),
    Case("hole-small", "critical", 1.0, lambda d: defects.holed(d, 2.5), 1.0, 0.95, inside_severity="minor"),
    Case(
        "hole-small", "minor", 3.0, lambda d: defects.holed(d, 5.0), 3.0, 2.9, configurations=MTK,
        also={"hole-nonstandard": "the toolkit's drills are of whole millimetres"},
    ),
    Case("hole-nonstandard", "info", 0.02, lambda d: defects.holed(d, 10.0), 8.519, 8.521, lambda d: d - 8.5),
    Case(
        "hole-nonstandard", "info", 0.05, lambda d: defects.holed(d, 10.0), 8.049, 8.051, lambda d: d - 8.0, None, MTK,
    ),
    Case("hole-flat-bottom", "minor", 20.0, lambda d: defects.holed(d, 10.0), 20.5, 20.0),
    Case(
        "hole-flat-bottom", "minor", None, lambda flat: defects.holed(8.0, 10.0, point=not flat), 0.0, 1.0,
        lambda _flat: 8.0, None, MTK,
    ),
    Case("hole-partial", "minor", 75.0, defects.broken_out, 3.54, 3.53, material_share, None, BOTH),
    Case("hole-oblique", "minor", 5.0, defects.leaning, 4.99, 5.01, itself, None, BOTH),
    Case("hole-intersects-cavity", "minor", None, defects.two_holes, 10.0, 20.0, once, None, BOTH),
    Case("thread-depth", "minor", 3.0, defects.tapped, 17.99, 18.01, lambda d: d / 6.0),
    Case("text-small", "minor", 0.5, defects.lettered, 0.505, 0.495),
    Case(
        "corner-radius", "major", 0.3333333333, lambda d: defects.pocketed(40.0, 30.0, d, 5.0), 14.99, 15.01,
        lambda _d: 5.0, None, BOTH, of=15.01,
    ),
    Case(
        "corner-radius", "critical", 0.0, lambda r: defects.pocketed(40.0, 30.0, 10.0, r), 0.05, 0.0, itself, "major",
    ),
    Case("corner-radii-mixed", "info", 1.0, defects.two_corner_radii, 5.0, 4.9, lambda _r: 2.0),
    Case(
        "floor-fillet-nonstandard", "info", 0.005, lambda r: defects.pocketed(40.0, 30.0, 10.0, 5.0, r), 2.004, 2.006,
        lambda r: r - 2.0, None, BOTH,
    ),
    Case("floor-fillet-inconsistent", "info", 0.005, defects.two_floor_radii, 2.0, 2.5, lambda r: r - 2.0, None, BOTH),
    Case(
        "floor-fillet-over-corner", "minor", 1.0, lambda r: defects.pocketed(40.0, 30.0, 9.0, r, 3.0), 3.05, 3.0,
        lambda r: 3.0 / r,
    ),
    Case(
        "pocket-deep", "major", 4.0, lambda d: defects.pocketed(40.0, 5.0, d, 2.4), 19.99, 20.01, lambda d: d / 5.0,
    ),
    Case(
        "pocket-deep", "critical", 10.0, lambda d: defects.pocketed(40.0, 2.5, d, 1.2), 24.99, 25.01, lambda d: d / 2.5,
        "major",
    ),
    Case("pocket-narrow-region", "minor", 3.0, lambda w: defects.pocketed(40.0, w, 5.0, 1.4), 3.01, 2.99),
    Case("pocket-narrow-region", "minor", 3.0, defects.island, 3.01, 2.99),
    Case("pocket-narrow-region", "minor", 16.0, lambda w: defects.island(w, 12.0), 16.01, 15.99, configurations=MTK),
    Case("wall-thin", "minor", 0.8, defects.walled, 0.801, 0.799),
    Case("wall-thin", "critical", 0.5, defects.walled, 0.501, 0.499, inside_severity="minor"),
    Case(
        "boss-high", "minor", 4.0, defects.bossed, 19.99, 20.01, lambda h: h / 5.0, None, BOTH,
        also={"wall-slender": "so high a boss is a slender wall as well"},
    ),
    Case("edge-external-fillet", "info", None, defects.rounded_above, 0.0, 2.0, itself, None, BOTH),
    Case("shape-oblique", "info", 0.5, defects.drafted, 0.49, 0.51, itself, None, BOTH),
    Case(
        "part-size", "minor", 1.0, lambda x: block(x, 200.0, 100.0), 400.0, 400.1, lambda x: x / 400.0,
        along_axes=True,
    ),
    Case("stock-removal", "info", 90.0, defects.hollowed, 28.4, 28.45, defects.hollowed_share, along_axes=True),
    Case("wall-slender", "minor", 4.0, defects.fin, 19.99, 20.01, lambda h: h / 5.0),
    Case("wall-slender", "major", 8.0, defects.fin, 39.99, 40.01, lambda h: h / 5.0, "minor"),
    Case("wall-slender", "minor", 4.0, defects.wall_beside_a_pocket, 15.99, 16.01, lambda h: h / 4.0),
    Case("undercut", "major", 3.0, defects.t_slot, 3.01, 2.99),
    Case("undercut", "major", 40.0, defects.t_slot, 39.99, 40.01),
    Case("undercut-clearance", "major", 4.0, defects.closed_undercut, 20.01, 19.99, of=5.0),
    Case(
        "face-unreachable", "major", 3.0, defects.oblique_hole, 0.0, 30.0, lambda _lean: 5.0,
        also={
            "hole-oblique": "what leans is not square to the face",
            "setups": "the hole's own direction is one more",
        },
    ),
    Case(
        "face-unreachable", "critical", 5.0, defects.cavity, 0.0, 5.0, lambda _lid: 6.0,
        also={"hole-flat-bottom": "open, the room is a blind hole"},
    ),
    Case(
        "setups", "minor", 2.0, lambda sides: defects.drilled_from(int(sides)), 2, 3,
    ),
    Case("setups", "major", 4.0, lambda sides: defects.drilled_from(int(sides)), 4, 5, inside_severity="minor"),
    Case("turn-slender", "minor", 6.0, lambda x: shaft((10.0, x)), 59.9, 60.1, lambda x: x / 10.0, process=TURNING),
    Case(
        "turn-slender", "major", 10.0, lambda x: shaft((20.0, 50.0), (10.0, x)), 49.9, 50.1,
        lambda x: (50.0 + x) / 10.0, "minor", process=TURNING,
    ),
    Case("turn-corner-radius", "minor", 0.4, defects.shoulder, 0.401, 0.399, process=TURNING),
    Case("turn-corner-radius", "major", 0.0, defects.shoulder, 0.01, 0.0, itself, "minor", process=TURNING),
    Case(
        "turn-corner-radius", "minor", 5.0, lambda r: defects.shoulder(r, 60.0), 5.01, 4.99, itself, None, MTK, TURNING,
    ),
    Case("bore-relief", "minor", 3.0, defects.undercut_bore, 0.601, 0.599, lambda w: w / 0.2, process=TURNING),
    Case("bore-depth", "minor", 4.0, lambda x: ring(60.0, 20.0, x), 79.9, 80.1, lambda x: x / 20.0, process=TURNING),
    Case(
        "bore-depth", "major", 8.0, lambda x: ring(60.0, 20.0, x), 159.9, 160.1, lambda x: x / 20.0, "minor",
        process=TURNING,
    ),
    Case("profile-relief", "minor", 30.0, lambda lean: defects.neck(lean, 60.0), 29.99, 30.01, process=TURNING),
    Case("groove-deep", "minor", 2.0, defects.grooved, 5.99, 6.01, lambda d: d / 3.0, process=TURNING),
    Case("tube-wall", "minor", 0.8, defects.tube, 0.801, 0.799, process=TURNING),
    Case("tube-wall", "critical", 0.5, defects.tube, 0.501, 0.499, itself, "minor", process=TURNING),
    Case("wall-thin", "minor", 0.8, defects.web, 0.801, 0.799, process=TURNING),
    Case("wall-thin", "critical", 0.5, defects.web, 0.501, 0.499, itself, "minor", process=TURNING),
    Case("turn-radial-hole", "minor", 2.0, defects.cross_drilled, 2.0, 1.9, process=TURNING),
]  # fmt: skip
ROWS = [
    pytest.param(case, limits, id=f"{case.process[4:]}-{limits}-{case.rule}-{case.severity}-{number}")
    for number, case in enumerate(CASES)
    for limits in case.configurations
]


def review_of(case: Case, limits: str, size: float) -> Review:
    return reviewed(case.build(size), limits, process=case.process)


def other_findings(result: Review, case: Case) -> set[tuple[str, str]]:
    return {(f["rule"], f["severity"]) for f in result["findings"] if f["rule"] not in (case.rule, *case.also)}


def values(found: list[dict[str, Any]]) -> list[float]:
    return sorted(f["measured"]["value"] for f in found)


@pytest.mark.parametrize(("case", "limits"), ROWS)
def test_a_rule_speaks_beyond_its_limit_only(case: Case, limits: str) -> None:
    inside, outside = (review_of(case, limits, size) for size in (case.inside, case.outside))
    assert {f["severity"] for f in findings(inside, case.rule)} == {case.inside_severity} - {None}
    found = findings(outside, case.rule)
    assert {f["severity"] for f in found} == {case.severity}
    assert values(found) == pytest.approx([case.measured(case.outside)] * len(found), rel=1e-4, abs=1e-5)
    limit = None if case.limit is None else pytest.approx(case.limit * case.of, rel=1e-4)
    assert {f["limit"]["value"] for f in found} == {found[0]["limit"]["value"]}
    assert found[0]["limit"]["value"] == limit
    assert other_findings(outside, case) == other_findings(inside, case)


@pytest.mark.parametrize(("case", "limits"), ROWS)
def test_it_speaks_so_wherever_the_part_lies_and_however_it_is_written(case: Case, limits: str) -> None:
    solid = case.build(case.outside)
    axis, degrees = ((0.0, 0.0, 1.0), 90.0) if case.along_axes else ((1.0, 2.0, 3.0), 77.0)
    elsewhere = solid.mirrored().moved((300.0, -20.0, 7.0), axis, degrees)
    at_home = reviewed(solid, limits, process=case.process)
    there = reviewed(elsewhere, limits, "INCH", process=case.process)
    if not case.along_axes:
        at_home, there = without_size_rules(at_home), without_size_rules(there)
    assert other_findings(there, case) == other_findings(at_home, case)
    home, found = findings(at_home, case.rule), findings(there, case.rule)
    assert {f["severity"] for f in found} == {case.severity}
    assert values(found) == pytest.approx(values(home), abs=1e-4)
    assert sorted(len(f["faces"]) for f in found) == sorted(len(f["faces"]) for f in home)


def limits_of(process: str, skip: tuple[str, ...] = ()) -> set[tuple[Any, ...]]:
    def row(rule: str, configuration: str, limit: Level) -> tuple[Any, ...]:
        return (process, rule, configuration, limit.severity, None if limit.comparison == "any" else limit.value)

    return {
        row(rule.id, configuration, limit)
        for rule in load_rules(process).rules
        if rule.id not in skip
        for configuration, limits in rule.limits.items()
        for limit in limits
    }


def test_the_table_has_every_limit_of_every_rule_and_no_other() -> None:
    milling = {rule.id: rule for rule in load_rules("cnc_milling").rules}
    included = tuple(rule.id for rule in load_rules("cnc_turning").rules if milling.get(rule.id) == rule)
    wanted = limits_of("cnc_milling") | limits_of("cnc_turning", included)
    assert len(included) >= 20
    assert {(c.process, c.rule, limits, c.severity, c.limit) for c in CASES for limits in c.configurations} == wanted
