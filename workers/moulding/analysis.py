"""A part as a moulder sees it."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from workers.cad.part import Floats, Ints, Part
from workers.facts.fact import Fact
from workers.facts.measure import PartFacts
from workers.facts.rays import Bools
from workers.features.feature import Feature
from workers.features.graph import FaceGraph
from workers.features.turned_axis import TurningAxis
from workers.moulding.bosses import find_bosses
from workers.moulding.cores import find_cores
from workers.moulding.corners import InnerCorner, find_inner_corners
from workers.moulding.depths import Depths
from workers.moulding.draft import Draft, measure_draft, walls_of_one_draft
from workers.moulding.parting import Parting, Side, lay_parting
from workers.moulding.pull import Pull, best_pull
from workers.moulding.regions import Regions, regions_of
from workers.moulding.ribs import find_ribs
from workers.moulding.sight import Sight, look_from
from workers.moulding.undercuts import NONE, MouldUndercut, SideAction, find_undercuts
from workers.moulding.walls import Walls, measure_walls
from workers.rules.material import Material

RAYS = "rays from samples of every face along the pull"
BALL = "largest sphere inside that touches the surface, all over it"


@dataclass(frozen=True)
class DraftedWall:
    """Walls along the pull that hang together and have one draft."""

    faces: list[int]
    draft: float  # degrees, negative where it leans against the pull
    depth: float  # mm along the pull
    point: Floats
    normal: Floats


@dataclass(frozen=True)
class Undercut:
    """What neither half of the mould forms."""

    faces: list[int]
    area: float  # mm2
    action: SideAction
    point: Floats
    normal: Floats


@dataclass
class MouldedShape:
    """How the part comes out of a mould, and its walls."""

    direction: Floats  # (3,) unit: the cavity half is pulled off along it, the part stays on the core
    halves: dict[str, list[int]]  # faces by what forms them: cavity, core, crossed (by the parting line), hidden
    parting_length: float  # mm
    parting_height: float  # mm between the lowest and the highest point of the line
    parting_edges: list[int]
    depth: float  # mm from the parting line to the part's farther end
    projected_area: float  # mm2, along the pull
    drafted: list[DraftedWall]
    least_draft: float | None
    mean_draft: float | None  # degrees, by area, over the walls along the pull
    undercuts: list[Undercut]
    walls: Walls | None
    corners: list[InnerCorner]
    features: list[Feature] = field(default_factory=list)

    @property
    def side_actions(self) -> int:
        """How many slides and lifters: one for all undercuts that are freed along one direction by one kind."""
        ways = {(u.action.kind, *(np.round(u.action.direction, 3) + 0.0).tolist()) for u in self.undercuts}
        return sum(2 if kind == "two sliders" else 1 for kind, *_ in ways if kind != NONE)

    def facts(self, material: Material | None) -> dict[str, Fact]:
        """What a moulder asks first."""
        plastic = material is not None and material.family == "plastic"
        facts = {
            "resin": Fact(
                material.name if material is not None and plastic else None,
                "",
                "declared" if plastic else "unknown",
                "the material of the review" if plastic else "no resin given: walls are held against what any takes",
                1.0 if plastic else 0.0,
            ),
            "pull_direction": Fact(self.direction, "", "inferred", f"least hidden and undrafted surface; {RAYS}", 0.9),
            "parting_line": self._parting_fact(),
            "mould_depth": Fact(self.depth, "mm", "measured", "from the parting line to the farther end", 0.9),
            "projected_area": Fact(self.projected_area, "mm2", "measured", RAYS, 0.9),
            "mould_undercuts": Fact(
                len(self.undercuts),
                "count",
                "measured",
                RAYS,
                0.9,
                {"side_actions": self.side_actions, "undercuts": [_undercut_dict(u) for u in self.undercuts]},
            ),
        }
        return facts | self._draft_facts() | self._wall_facts()

    def _parting_fact(self) -> Fact:
        where = {
            "flat": bool(self.parting_height < 1e-3 * max(self.parting_length, 1.0)),
            "height": self.parting_height,
            "edges": self.parting_edges,
            **self.halves,
        }
        if not self.parting_length:
            none = "the halves meet nowhere: what side actions form lies all around between them"
            return Fact(None, "mm", "not_applicable", none, 0.9, where)
        # On a curved face it follows the edges of triangles.
        confidence = 0.4 if self.halves["crossed"] else 0.9
        method = "outer line between what each half forms, along the mesh"
        return Fact(self.parting_length, "mm", "measured", method, confidence, where)

    def _draft_facts(self) -> dict[str, Fact]:
        method = "angle between pull and surface; of a curved face, of all but its least tenth"
        if self.least_draft is None:
            return {"least_draft": Fact(None, "deg", "not_applicable", "no wall along the pull", 0.9)}
        least = min(self.drafted, key=lambda wall: wall.draft)
        where = {"faces": least.faces, "point": least.point, "normal": least.normal, "mean_by_area": self.mean_draft}
        return {"least_draft": Fact(self.least_draft, "deg", "measured", method, 0.95, where)}

    def _wall_facts(self) -> dict[str, Fact]:
        if self.walls is None:
            return {"nominal_wall": Fact(None, "mm", "not_applicable", BALL, 0.9)}
        walls = self.walls
        thick = None
        if walls.thick is not None:
            thick = [{"diameter": s.diameter, "faces": s.faces, "point": s.point} for s in walls.thick]
        return {
            "nominal_wall": Fact(walls.nominal, "mm", "measured", f"most common: {BALL}", 0.9, dict(walls.percentiles)),
            "wall_uniformity": Fact(
                walls.uniformity,
                "ratio",
                "measured",
                f"share of the walls within a quarter of the nominal one: {BALL}",
                0.9,
                {"thick_spots": thick, "further_thick_spots": walls.further},
            ),
        }

    def document(self, material: Material | None) -> dict[str, Any]:  # noqa: ARG002 - as an Analysis has it
        """Nothing besides facts, features and findings."""
        return {}


def moulded_shape(part: Part, facts: PartFacts, graph: FaceGraph, axis: TurningAxis | None) -> MouldedShape:  # noqa: ARG001
    """The part in its best mould. On a mesh: pull, parting, draft, undercuts and walls, which triangles tell."""
    scene = graph.rays
    regions = regions_of(part)
    sight = look_from(part, regions)
    pull = best_pull(part, scene, regions, sight)
    parting = lay_parting(part, regions, sight, pull)
    draft = measure_draft(regions, sight, pull)
    along_pull = walls_of_one_draft(regions, draft, parting)
    drafted = _drafted(regions, draft, along_pull)
    ribs = find_ribs(graph, facts.thickness.walls, pull.direction) if part.exact else []
    bosses = find_bosses(graph, pull.direction) if part.exact else []
    cores = find_cores(graph, pull.direction) if part.exact else []
    placed = [_placed(regions, found) for found in find_undercuts(part, scene, regions, sight, pull, parting)]
    heights = part.mesh.vertices @ pull.direction
    return MouldedShape(
        direction=pull.direction,
        halves=_halves(regions, parting),
        parting_length=parting.length,
        parting_height=parting.height,
        parting_edges=parting.edges.tolist(),
        depth=float(max(heights.max() - parting.level, parting.level - heights.min())),
        projected_area=_projected_area(sight, pull),
        drafted=drafted,
        least_draft=min((wall.draft for wall in drafted), default=None),
        mean_draft=_mean_draft(regions, draft, along_pull),
        undercuts=placed,
        walls=measure_walls(
            facts, Depths(part.mesh, scene), lambda middles: _at_ribs_and_bosses(graph, middles, [*ribs, *bosses])
        ),
        corners=_of_one_undercut(find_inner_corners(graph, draft.depth), placed) if part.exact else [],
        features=_numbered([*ribs, *bosses, *cores]),
    )


def _halves(regions: Regions, parting: Parting) -> dict[str, list[int]]:
    names = {Side.CAVITY: "cavity", Side.CORE: "core", Side.CROSSED: "crossed", Side.HIDDEN: "undercut"}
    return {name: regions.faces_of(np.flatnonzero(parting.side == side)) for side, name in names.items()}


def _projected_area(sight: Sight, pull: Pull) -> float:
    """mm2 that the cavity half covers: what it forms, seen along the pull."""
    toward = sight.samples.normals @ pull.direction
    seen = pull.from_cavity & (toward > 0)
    return float((sight.weight * toward)[seen].sum())


def _drafted(regions: Regions, draft: Draft, walls: list[Ints]) -> list[DraftedWall]:
    found = []
    for group in walls:
        point, normal = _place(regions, group)
        least = float(draft.least[group].min())
        found.append(DraftedWall(regions.faces_of(group), least, float(draft.depth[group].max()), point, normal))
    return found


def _mean_draft(regions: Regions, draft: Draft, walls: list[Ints]) -> float | None:
    if not walls:
        return None
    chosen = np.concatenate(walls)
    return float(np.average(draft.mean[chosen], weights=regions.area[chosen]))


def _placed(regions: Regions, found: MouldUndercut) -> Undercut:
    point, normal = _place(regions, found.regions)
    return Undercut(regions.faces_of(found.regions), found.area, found.action, point, normal)


def _of_one_undercut(corners: list[InnerCorner], undercuts: list[Undercut]) -> list[InnerCorner]:
    """The corners, those of one radius within one undercut together: the grooves of a thread are one."""
    found: dict[object, InnerCorner] = {}
    for number, corner in enumerate(corners):
        around = next((n for n, u in enumerate(undercuts) if set(u.faces).issuperset(corner.faces)), None)
        key = number if around is None else (around, corner.radius)
        one = found.get(key, InnerCorner(corner.radius, [], []))
        faces, edges = sorted({*one.faces, *corner.faces}), sorted({*one.edges, *corner.edges})
        found[key] = InnerCorner(corner.radius, faces, edges)
    return list(found.values())


def _place(regions: Regions, group: Ints) -> tuple[Floats, Floats]:
    """A point on the largest of the regions, and the normal there."""
    largest = group[int(np.round(regions.area[group], 3).argmax())]
    triangles = np.flatnonzero(regions.mesh.face == largest)
    middle = triangles[int(np.round(regions.mesh.areas[triangles], 6).argmax())]
    return regions.mesh.centroids[middle], regions.mesh.normals[middle]


def _at_ribs_and_bosses(graph: FaceGraph, middles: Floats, features: list[Feature]) -> Bools:
    """(k,) the balls in and at the foot of a rib or hollow boss, whose own rules say how thick that may be."""
    at = np.zeros(len(middles), dtype=bool)
    for feature in features:
        if feature.type == "rib":
            at |= _in_line_with_rib(graph, feature, middles)
        elif "inner_diameter" in feature.size and feature.axis is not None and feature.point is not None:
            offset = middles - feature.point
            height = offset @ feature.axis
            from_axis = np.linalg.norm(offset - height[:, None] * feature.axis, axis=1)
            at |= (from_axis < feature.size["diameter"] / 2) & (height > -feature.size["diameter"])
    return at


def _in_line_with_rib(graph: FaceGraph, rib: Feature, middles: Floats) -> Bools:
    """(k,) which middles lie between both of its sides, made longer downwards."""
    one = rib.between[0]
    assert rib.axis is not None
    along = np.cross(rib.axis, graph.faces.axis[one])
    along /= np.linalg.norm(along)
    low, high = graph.extent(rib.faces, along)
    bottom = graph.extent(rib.faces, rib.axis)[0] - 2 * rib.size["width"]
    inside = (middles @ along > low) & (middles @ along < high) & (middles @ rib.axis > bottom)
    for side in rib.between:
        normal = graph.faces.axis[side]
        inside &= (middles - graph.faces.origin[side]) @ normal < graph.tolerance
    return np.asarray(inside)


def _numbered(features: list[Feature]) -> list[Feature]:
    features.sort(key=lambda f: (min(f.faces), f.type))
    for number, feature in enumerate(features):
        feature.id = f"F{number + 1}"
        feature.size = {name: round(size, 6) for name, size in feature.size.items()}
    return features


def _undercut_dict(undercut: Undercut) -> dict[str, Any]:
    action = undercut.action
    row: dict[str, Any] = {"faces": undercut.faces, "area": undercut.area, "action": action.kind}
    if action.kind != NONE:
        row |= {"direction": action.direction, "depth": action.depth}
    return row
