"""All facts of a part, each with its state and method."""

from collections import Counter
from collections.abc import Callable
from functools import cached_property
from typing import Any, TypeVar

import numpy as np

from workers.cad.part import Floats, Part, Surface
from workers.facts.ball import Balls, Neck, roll_ball
from workers.facts.fact import Fact, NotMeasuredError, attempted
from workers.facts.gaps import Gaps, measure_gaps
from workers.facts.opposite import with_exact_normals
from workers.facts.oriented_box import OrientedBox, oriented_box
from workers.facts.radii import radii_inventory, smallest_radius
from workers.facts.rays import RayScene
from workers.facts.reach import Reach, measure_reach
from workers.facts.samples import Samples, spread_by_area
from workers.facts.symmetry import symmetry_axis
from workers.facts.thickness import Thickness, Wall, measure_thickness
from workers.facts.tips import measure_tips

T = TypeVar("T")

EXACT = "boundary representation"
INTEGRATED = "integrated over the boundary representation"
RAYS = "rays through the material, from its surface and from tips that reach into it; exact between analytic faces"
BALL = "largest sphere inside that touches the surface (shrinking ball)"
GAP_RAYS = "rays through the air, exact between analytic faces"
REACH = "rays from samples of every face, along the part's own directions"
SAMPLES = 20_000
HISTOGRAM_BINS = 20
INSIDE, OUTSIDE = -1, 1


class _Measurements:
    """What several facts stand on, measured once, when it is first asked for."""

    def __init__(self, part: Part) -> None:
        self.part = part

    @cached_property
    def scene(self) -> RayScene:
        return RayScene(self.part.mesh)

    @cached_property
    def samples(self) -> Samples:
        return spread_by_area(self.part.mesh, SAMPLES)

    @cached_property
    def looks(self) -> Samples:
        """The samples, to cast rays from."""
        return with_exact_normals(self.part, self.samples)

    @cached_property
    def thickness(self) -> Thickness:
        return measure_thickness(self.part, self.scene, self.looks)

    @cached_property
    def tips(self) -> list[Wall]:
        return measure_tips(self.part, self.scene, min((w.thickness for w in self.thickness.walls[:1]), default=np.inf))

    @cached_property
    def thinnest(self) -> Wall | None:
        """Of the walls and what is left at tips."""
        candidates = [*self.thickness.walls[:1], *self.tips[:1]]
        return min(candidates, key=lambda wall: round(wall.thickness, 6), default=None)

    @cached_property
    def gaps(self) -> Gaps:
        return measure_gaps(self.part, self.scene, self.looks)

    @cached_property
    def balls(self) -> Balls:
        return roll_ball(self.part, self.samples, self.thickness)

    @cached_property
    def box(self) -> OrientedBox:
        return oriented_box(self.part)

    @cached_property
    def reach(self) -> Reach:
        return measure_reach(self.part, self.scene)

    @property
    def stock(self) -> tuple[float, str]:
        """(mm3, how) of the smaller of both boxes."""
        straight = float(np.prod(self.part.size))
        if self.box.volume < straight * (1 - 1e-9):
            return self.box.volume, "smallest oriented box"
        return straight, "axis-aligned bounding box"


class PartFacts:
    """The facts as reported, and the measurements behind them.

    `scene`, `samples`, `thickness`, `necks`, `balls`, `gaps` and `reach` raise NotMeasuredError where they could not
    be measured.
    """

    def __init__(self, facts: dict[str, Fact], measurements: _Measurements) -> None:
        self.facts = facts
        self._measurements = measurements

    @property
    def scene(self) -> RayScene:
        """The mesh, to cast more rays at."""
        return _or_not_measured(lambda: self._measurements.scene, "the mesh")

    @property
    def thickness(self) -> Thickness:
        """Walls and their distribution."""
        return _or_not_measured(lambda: self._measurements.thickness, "the wall thickness")

    @property
    def necks(self) -> list[Wall]:
        """Narrow places, known exactly, that no ray square to a face need find: the rolling ball's, and at tips."""
        ball = _or_not_measured(lambda: self._measurements.balls, "the necks").smallest
        tips = _or_not_measured(lambda: self._measurements.tips, "the necks")
        if ball is None or not ball.exact:
            return tips
        return [Wall(ball.faces, ball.diameter, True, ball.point, ball.normal, rays=0), *tips]

    @property
    def samples(self) -> Samples:
        """Points spread over the surface."""
        return _or_not_measured(lambda: self._measurements.samples, "the surface")

    @property
    def balls(self) -> Balls:
        """The largest balls inside, all over the surface."""
        return _or_not_measured(lambda: self._measurements.balls, "the thickness by the rolling ball")

    @property
    def gaps(self) -> Gaps:
        """Gaps and their distribution."""
        return _or_not_measured(lambda: self._measurements.gaps, "the gaps")

    @property
    def reach(self) -> Reach:
        """Which face is reached from where."""
        return _or_not_measured(lambda: self._measurements.reach, "the directions that faces are reached from")

    @property
    def all_measured(self) -> bool:
        """Whether all is there that is ever asked for, so that nothing asks the kernel again."""
        there = {"thickness", "tips", "balls", "gaps", "reach"} <= vars(self._measurements).keys()
        return there and all(fact.state != "failed" for fact in self.facts.values())

    def let_go(self) -> None:
        """Forget what only measuring needed; it is made again should it be asked for."""
        for name in ("scene", "samples", "looks"):
            vars(self._measurements).pop(name, None)


def _or_not_measured(get: Callable[[], T], what: str) -> T:
    try:
        return get()
    except Exception as error:
        raise NotMeasuredError(f"{what} could not be measured: {error}") from error


def measure_facts(part: Part) -> PartFacts:
    """Measure `part`: sizes exactly, walls, gaps and reach by rays over the whole surface.

    A fact that cannot be measured is there in state `failed`; nothing is raised.
    """
    m = _Measurements(part)
    facts: dict[str, Callable[[], Fact]] = {
        "bounding_box": lambda: _exact(part.size, "mm", {"low": part.low, "high": part.high}),
        "oriented_bounding_box": lambda: _oriented_box(m.box),
        "volume": lambda: _integrated(part, part.volume, "mm3"),
        "area": lambda: _integrated(part, part.area, "mm2"),
        "centre_of_mass": lambda: _integrated(part, part.centre_of_mass, "mm"),
        "inertia": lambda: _inertia(part),
        "bodies": lambda: _exact(part.bodies, "count"),
        "faces": lambda: _exact(len(part.faces), "count"),
        "edges": lambda: _exact(len(part.edges), "count"),
        "faces_by_surface": lambda: _exact(_inventory(part), "count"),
        "area_by_surface": lambda: _area_by_surface(part),
        "units_in_file": lambda: Fact(part.units_in_file, "", "declared", "STEP header units", 1.0),
        "stock_volume": lambda: Fact(m.stock[0], "mm3", "inferred", m.stock[1], 0.9),
        "removal_ratio": lambda: _removal_ratio(m),
        "wall_thickness": lambda: _wall_thickness(m.thickness, m.thinnest),
        "wall_thickness_by_ball": lambda: _thickness_by_ball(m.balls, m.thinnest),
        "smallest_gap": lambda: _smallest_gap(m.gaps),
        "smallest_internal_radius": lambda: smallest_radius(part, INSIDE),
        "internal_radii": lambda: radii_inventory(part, INSIDE),
        "smallest_external_radius": lambda: smallest_radius(part, OUTSIDE),
        "external_radii": lambda: radii_inventory(part, OUTSIDE),
        "symmetry_axis": lambda: _symmetry_axis(part),
        "reach": lambda: _reach(m.reach),
        "undercuts": lambda: _undercuts(m.reach),
        "setups": lambda: _setups(m.reach),
    }
    return PartFacts({name: attempted(measure) for name, measure in facts.items()}, m)


def _exact(value: Any, unit: str, where: dict[str, Any] | None = None) -> Fact:  # noqa: ANN401 - as a fact holds
    return Fact(value, unit, "measured", EXACT, 1.0, where or {})


def _integrated(part: Part, value: Any, unit: str, where: dict[str, Any] | None = None) -> Fact:  # noqa: ANN401
    """The kernel's quadrature is exact on planes and round faces; on free forms it was seen to be off by 3e-5."""
    confidence = 0.99 if bool((part.faces.kind == Surface.FREEFORM).any()) else 1.0
    return Fact(value, unit, "measured", INTEGRATED, confidence, where or {})


def _oriented_box(box: OrientedBox) -> Fact:
    method = "smallest box with a side along one of the part's own directions or its convex hull"
    where = {"axes": box.axes, "centre": box.centre, "volume": box.volume}
    return Fact(box.size, "mm", "measured", method, 1.0 if box.exact else 0.9, where)


def _inertia(part: Part) -> Fact:
    """Principal moments about the centre of mass, least first, at a density of 1/mm3."""
    moments, axes = np.linalg.eigh(part.inertia)
    return _integrated(part, moments, "mm5", {"axes": axes.T, "point": part.centre_of_mass})


def _inventory(part: Part) -> dict[str, int]:
    counts = Counter(int(kind) for kind in part.faces.kind)
    return {kind.name.lower(): counts[kind] for kind in Surface if counts[kind]}


def _area_by_surface(part: Part) -> Fact:
    areas = {kind.name.lower(): float(part.faces.area[part.faces.kind == kind].sum()) for kind in Surface}
    return Fact({name: area for name, area in areas.items() if area}, "mm2", "measured", "tessellation", 0.99)


def _removal_ratio(m: _Measurements) -> Fact:
    stock, box = m.stock
    return Fact(1 - m.part.volume / stock, "ratio", "inferred", f"1 - volume / stock volume ({box})", 0.9)


def _wall_thickness(thickness: Thickness, thinnest: Wall | None) -> Fact:
    if thinnest is None:
        return Fact(None, "mm", "not_applicable", RAYS, 0.0)
    where = {
        "faces": list(thinnest.faces),
        "point": thinnest.point,
        "normal": thinnest.normal,
        **(_distribution(thickness.samples) if len(thickness.samples) else {}),
        "sampled_share": thickness.sampled_share,
    }
    return Fact(thinnest.thickness, "mm", "measured", RAYS, 1.0 if thinnest.exact else 0.8, where)


def _thickness_by_ball(balls: Balls, thinnest: Wall | None) -> Fact:
    """No ball between two faces is larger than what is exactly between them: that is taken where none was so small."""
    distribution = _distribution(balls.diameters) if len(balls.diameters) else {}
    neck = balls.smallest
    if thinnest is not None and thinnest.exact and (neck is None or thinnest.thickness < neck.diameter):
        neck = Neck(thinnest.faces, thinnest.thickness, True, thinnest.point, thinnest.normal)
    if neck is None:
        return Fact(None, "mm", "not_applicable", BALL, 1.0, distribution)
    where = {"faces": list(neck.faces), "point": neck.point, "normal": neck.normal, **distribution}
    return Fact(neck.diameter, "mm", "measured", BALL, 1.0 if neck.exact else 0.8, where)


def _smallest_gap(gaps: Gaps) -> Fact:
    if not gaps.gaps:
        return Fact(None, "mm", "not_applicable", GAP_RAYS, 1.0)
    narrowest = gaps.gaps[0]
    where = {
        "faces": list(narrowest.faces),
        "point": narrowest.point,
        "normal": narrowest.normal,
        **_distribution(gaps.samples),
        "sampled_share": gaps.sampled_share,
    }
    return Fact(narrowest.width, "mm", "measured", GAP_RAYS, 1.0 if narrowest.exact else 0.8, where)


def _distribution(samples: Floats) -> dict[str, Any]:
    """Percentiles, and a histogram over equal bins, of lengths in mm that each stand for an equal share of surface."""
    percentiles = np.percentile(samples, [5, 25, 50, 75, 95])
    counts, edges = np.histogram(samples, HISTOGRAM_BINS)
    return {
        "percentiles": dict(zip(("p5", "p25", "p50", "p75", "p95"), percentiles, strict=True)),
        "histogram": {"bin_edges": edges, "share": counts / len(samples)},
    }


def _symmetry_axis(part: Part) -> Fact:
    method = "faces of revolution about one line, or faces that repeat in equal steps"
    axis = symmetry_axis(part)
    if axis is None:
        return Fact(None, "", "not_applicable", method, 0.9)
    kind = "revolution" if axis.order == 0 else "rotational"
    where = {"point": axis.point, "kind": kind, "order": axis.order or None}
    return Fact(axis.direction, "", "measured", method, 1.0 if axis.order == 0 else 0.9, where)


def _reach(reach: Reach) -> Fact:
    """The faces that each direction reaches, more than half of their area."""
    rows = [
        {"direction": direction, "main": number in reach.main, "faces": np.flatnonzero(reach.share[:, number] > 0.5)}
        for number, direction in enumerate(reach.directions)
    ]
    return Fact(rows, "", "measured", REACH, 0.9)


def _undercuts(reach: Reach) -> Fact:
    """How many faces no direction leads to."""
    where = {"faces": reach.unreachable, "only_sideways": reach.sideways}
    return Fact(len(reach.unreachable), "count", "measured", REACH, 0.9, where)


def _setups(reach: Reach) -> Fact:
    """The fewest directions that reach every reachable face."""
    where = {"directions": reach.directions[reach.setups]}
    return Fact(len(reach.setups), "count", "inferred", f"{REACH}; chosen greedily", 0.8, where)
