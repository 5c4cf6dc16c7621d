"""What an additive process looks at on one solid, and the facts that come of it."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from workers.additive.cups import Cup, cups
from workers.additive.features import additive_features
from workers.additive.hollows import Chamber, Grid, Void, chambers, closed_voids, hides_anything
from workers.additive.orientation import Orientation, orientations, times_too_large
from workers.additive.overhangs import Overhang, overhangs
from workers.additive.printing import AdditiveProcess, Building, printing
from workers.additive.rounds import Round, round_faces, with_dots
from workers.additive.skin import Skin, skin_of
from workers.additive.spans import Span, narrow_gaps, thin_walls
from workers.cad.part import Floats, Ints, Part
from workers.facts.fact import Fact, NotMeasuredError
from workers.facts.measure import PartFacts
from workers.facts.rays import RayScene
from workers.features.feature import Feature
from workers.features.graph import FaceGraph
from workers.features.turned_axis import TurningAxis
from workers.rules.material import Material

MOST_ALTERNATIVES = 5
# A part that is no more times as large as the machine is as large: it was turned and rounded.
FITS = 1 + 1e-5
TRIED = "ways up along flat faces, own and principal directions; least cost of support, height and foot"
SHELLS = "closed shells of the mesh, exact; chambers by the largest ball that leaves, on a grid of cells"


@dataclass
class AdditiveShape:
    """A part as it is built up in layers."""

    process: AdditiveProcess
    orientations: list[Orientation]  # best first: what fits the machine before what does not
    overhangs: list[Overhang]  # as it is built in the first of them
    rounds: list[Round]
    walls: list[Span] | None  # None where they could not be measured
    gaps: list[Span] | None
    voids: list[Void]
    chambers: list[Chamber]
    cups: list[Cup]  # in the first of the orientations
    meeting: Ints  # (m, 2) faces with a common edge
    features: list[Feature] = field(default_factory=list)

    @property
    def best(self) -> Orientation:
        """The orientation that findings hold for."""
        return self.orientations[0]

    def facts(self, material: Material | None) -> dict[str, Fact]:  # noqa: ARG002 - as an Analysis has it
        """The orientation with its alternatives, what it takes, and what holds powder or resin."""
        best = self.best
        rows = [_row(o) for o in self.orientations[1 : 1 + MOST_ALTERNATIVES]]
        where = _row(best) | {"alternatives": rows, "tried": len(self.orientations)}
        found = {
            "build_orientation": Fact(best.up, "", "inferred", TRIED, 0.8, where),
            "build_height": Fact(best.height, "mm", "measured", TRIED, 1.0),
            "support_area": Fact(best.support_area, "mm2", "measured", "triangles that overhang, bridges too", 0.95),
            "support_volume": Fact(best.support_volume, "mm3", "measured", "rays down from what overhangs", 0.9),
            "trapped_volume": Fact(sum(void.volume for void in self.voids), "mm3", "measured", SHELLS, 1.0),
        }
        if self.chambers:
            openings = [
                {"diameter": c.opening, "exact": c.exact, "point": c.point, "volume": c.volume} for c in self.chambers
            ]
            found["escape_openings"] = Fact(openings, "mm", "measured", SHELLS, 0.8)
        return found

    def document(self, material: Material | None) -> dict[str, Any]:  # noqa: ARG002 - as an Analysis has it
        """Nothing besides what every review says."""
        return {}


def _row(o: Orientation) -> dict[str, Any]:
    return {
        "up": o.up,
        "height": o.height,
        "plate_area": o.plate_area,
        "support_area": o.support_area,
        "support_volume": o.support_volume,
        "footprint": list(o.footprint),
        "cost": o.cost,
    }


def fdm(part: Part, facts: PartFacts, graph: FaceGraph, axis: TurningAxis | None) -> AdditiveShape:
    """The part as it is laid down as molten thread."""
    return _analyse("fdm", part, facts, graph, axis)


def sla(part: Part, facts: PartFacts, graph: FaceGraph, axis: TurningAxis | None) -> AdditiveShape:
    """The part as it is cured from resin."""
    return _analyse("sla", part, facts, graph, axis)


def sls(part: Part, facts: PartFacts, graph: FaceGraph, axis: TurningAxis | None) -> AdditiveShape:
    """The part as it is sintered from plastic powder."""
    return _analyse("sls", part, facts, graph, axis)


def dmls(part: Part, facts: PartFacts, graph: FaceGraph, axis: TurningAxis | None) -> AdditiveShape:
    """The part as it is melted from metal powder."""
    return _analyse("dmls", part, facts, graph, axis)


def _analyse(
    process: AdditiveProcess,
    part: Part,
    facts: PartFacts,
    graph: FaceGraph,  # noqa: ARG001 - on a mesh there is none
    axis: TurningAxis | None,  # noqa: ARG001
) -> AdditiveShape:
    data, skin, scene = printing(), skin_of(part), facts.scene
    building, machine = data.building(process), data.machines_for(process)[0]
    tried = orientations(part, skin.mesh, scene, least_box(part, facts), building, data.orientation)
    tried = sorted(tried, key=lambda o: times_too_large(o, machine.size) > FITS)
    up = tried[0].up
    rounds = with_dots(scene, round_faces(part, skin))
    walls, gaps = _spans(part, skin, facts, rounds)
    voids = closed_voids(skin) if part.closed else []
    hollows, mouths = _hollows(part, scene, up, rounds, voids, building) if part.closed else ([], [])
    features = additive_features(part, scene, rounds, walls or [], gaps or [])
    over = overhangs(part, skin, up, building, rounds)
    meeting = np.unique(skin.mesh.face[skin.pairs], axis=0)
    return AdditiveShape(process, tried, over, rounds, walls, gaps, voids, hollows, mouths, meeting, features)


def _hollows(
    part: Part, scene: RayScene, up: Floats, rounds: list[Round], voids: list[Void], building: Building
) -> tuple[list[Chamber], list[Cup]]:
    """What powder or resin is left in: chambers, and in resin cups."""
    in_chambers = building.medium != "none" and hides_anything(part, scene, voids)
    if not (in_chambers or building.least_cup):
        return [], []
    grid, holes = Grid.of(part, scene, up), [r for r in rounds if r.hollow]
    mouths = cups(part, scene, grid, holes, voids, building.least_cup) if building.least_cup else []
    return chambers(grid, rounds) if in_chambers else [], mouths


def least_box(part: Part, facts: PartFacts) -> Floats:
    """(3,) sides of the least box around the part, mm; of the box along the axes where that could not be found."""
    value = facts.facts["oriented_bounding_box"].value
    return np.asarray(part.size if value is None else value, dtype=float)


def _spans(
    part: Part, skin: Skin, facts: PartFacts, rounds: list[Round]
) -> tuple[list[Span] | None, list[Span] | None]:
    walls: list[Span] | None = None
    gaps: list[Span] | None = None
    try:
        walls = thin_walls(part, skin, facts.scene, [*facts.thickness.walls, *facts.necks], rounds)
        gaps = narrow_gaps(part, skin, facts.scene, facts.gaps.gaps, rounds)
    except NotMeasuredError:
        return walls, gaps
    return walls, gaps
