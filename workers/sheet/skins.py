"""The two skins of a sheet, one thickness apart, and the cut faces between them."""

from collections import defaultdict
from dataclasses import dataclass

import numpy as np

from workers.cad.elementary import elementary_normals
from workers.cad.part import Bend, Faces, Floats, Ints, Part, Surface
from workers.facts.measure import PartFacts
from workers.facts.opposite import Through, exact_distances, first_beyond
from workers.facts.rays import Bools
from workers.facts.thickness import Wall
from workers.features.graph import FaceGraph
from workers.sheet.sharp_bends import SharpBends, find_sharp_bends

# Walls of one sheet differ by less than this share: what a modeller's arithmetic leaves.
SAME_THICKNESS = 0.005
# … and where there is no exact distance between the surfaces, by what the mesh leaves.
MESHED_THICKNESS = 0.3
FACING_BACK = -0.9  # cosine between the normals of opposite triangles
LEAST_PAIRED = 0.5  # share of a skin face's area that has the other skin behind it
SAME_PLACE = 1e-3  # mm
PARALLEL = 1 - 1e-6
LYING = 0.99  # cosine: a cut face does not lie along the sheet
ROUND_TUBE = 359.0  # degrees that a cylinder spans: it is closed
HIGHEST = 1.5  # thicknesses that a cut face is wide: slanted ones are wider than one


@dataclass(frozen=True)
class Skins:
    """The faces of a sheet.

    `top` is the skin that holds the `base`, the largest flat or else rolled face, and what goes on smoothly from it;
    `partner` has for each skin face those one thickness behind it. `rest` is what neither is skin nor lies between the
    skins.
    """

    thickness: float  # mm
    base: int
    top: list[int]
    bottom: list[int]
    cut: list[int]
    rest: list[int]
    partner: dict[int, list[int]]
    sharp: SharpBends
    paired_share: float  # of the part's surface: both skins
    sheet_share: float  # … and the cut faces

    def swapped(self) -> "Skins":
        """The same sheet seen from its other side."""
        base = min(self.partner[self.base])
        return Skins(
            self.thickness, base, self.bottom, self.top, self.cut, self.rest, self.partner,
            self.sharp, self.paired_share, self.sheet_share,
        )  # fmt: skip


def main_thickness(walls: list[Wall]) -> float | None:
    """mm that most of the surface is thick, None without any wall known exactly."""
    exact = sorted((wall.thickness, wall.rays) for wall in walls if wall.exact and wall.thickness > SAME_PLACE)
    if not exact:
        return None
    values, rays = (np.array(column, dtype=float) for column in zip(*exact, strict=True))
    below = np.searchsorted(values, values * (1 - SAME_THICKNESS), side="left")
    above = np.searchsorted(values, values * (1 + SAME_THICKNESS), side="right")
    sums = np.concatenate([[0.0], np.cumsum(rays)])
    of_window = sums[above] - sums[below]
    best = int(of_window.argmax())
    inside = slice(int(below[best]), int(above[best]))
    # Of the window the value that most rays measured, not a mean: sizes are drawn, not averaged.
    return float(values[inside][int(rays[inside].argmax())])


def find_skins(part: Part, facts: PartFacts, graph: FaceGraph) -> Skins | None:
    """The skins of the part, seen from its largest flat; None if it has no two faces that are opposite."""
    thickness = main_thickness(facts.thickness.walls)
    if thickness is None:
        return None
    partner, share = _partners(part, facts, thickness)
    area = part.faces.area
    broad = [face for face in partner if share[face] >= LEAST_PAIRED]
    flats = [face for face in broad if part.faces.kind[face] == Surface.PLANE] or _rolled(graph, broad)
    if not flats:
        return None
    base = max(flats, key=lambda face: (round(float(area[face]), 6), -face))
    paired = share >= LEAST_PAIRED
    sharp = find_sharp_bends(graph, partner, paired, thickness)

    def may_cross(edge: int, _face: int, other: int) -> bool:
        if edge in sharp.edges:
            return True
        return graph.bend[edge] == Bend.SMOOTH and (bool(paired[other]) or other in sharp.rounds)

    top = graph.flood([base], may_cross)
    bottom = graph.flood([face for face in partner[base] if face not in top], may_cross)
    if not bottom or top & bottom:
        return None
    cut = _cut_faces(graph, top, bottom, _floors(part, facts, top | bottom, thickness), thickness)
    skin = sorted(top | bottom)
    rest = sorted(set(range(len(part.faces))) - top - bottom - cut)
    whole = float(area.sum())
    both = float(area[skin].sum()) / whole
    return Skins(
        thickness, base, sorted(top), sorted(bottom), sorted(cut), rest, partner,
        sharp, both, both + float(area[sorted(cut)].sum()) / whole,
    )  # fmt: skip


def _rolled(graph: FaceGraph, faces: list[int]) -> list[int]:
    """The cylinders among faces that do not close around their axis: what was rolled can be unrolled again."""
    round_ = [face for face in faces if graph.kind[face] == Surface.CYLINDER]

    def around(face: int) -> float:
        same = [other for other in round_ if graph.sign[other] == graph.sign[face] and graph.coaxial(other, face)]
        return float(graph.faces.u_span[same].sum())

    return [face for face in round_ if around(face) < ROUND_TUBE]


def _partners(part: Part, facts: PartFacts, thickness: float) -> tuple[dict[int, list[int]], Floats]:
    """(by face, those one thickness behind it, (n,) share of each face's area that has one)."""
    mesh, faces = part.mesh, part.faces
    exact = elementary_normals(faces, mesh.face, mesh.centroids)
    known = np.einsum("ij,ij->i", exact, mesh.normals) > -FACING_BACK
    normals = np.where(known[:, None], exact, mesh.normals)
    triangle, reach = first_beyond(part, facts.scene, mesh.centroids, -normals, mesh.face[:, None])
    hit = triangle >= 0
    target = mesh.face[np.where(hit, triangle, 0)]
    hit &= np.einsum("ij,ij->i", mesh.normals[np.where(hit, triangle, 0)], normals) < FACING_BACK
    hit &= _is_thick(faces, mesh.face, target, reach, thickness)
    paired = np.bincount(mesh.face[hit], mesh.areas[hit], len(faces))
    whole = np.bincount(mesh.face, mesh.areas, len(faces))
    partner = defaultdict(list)
    for face, other in np.unique(np.stack([mesh.face[hit], target[hit]], axis=1), axis=0).tolist():
        partner[face].append(other)
    return dict(partner), paired / np.where(whole > 0, whole, 1.0)


def _is_thick(faces: Faces, face: Ints, target: Ints, reach: Floats, thickness: float) -> Bools:
    """(n,) whether `target` is one thickness behind `face`, by the surfaces themselves where they are offsets."""
    exact = exact_distances(faces, face, target, Through.MATERIAL)
    exact = np.where(np.isnan(exact), _shell_distances(faces, face, target), exact)
    flat = (faces.kind[face] == Surface.PLANE) & (faces.kind[target] == Surface.PLANE)
    off = np.abs(np.where(np.isnan(exact), reach, exact) - thickness)
    # A mesh of flats is exact: between those of a wedge no sheet's tolerance is to be had.
    return np.asarray(off <= np.where(np.isnan(exact) & ~flat, MESHED_THICKNESS, SAME_THICKNESS) * thickness + 1e-6)


def _shell_distances(faces: Faces, first: Ints, second: Ints) -> Floats:
    """(n,) mm between spheres of one centre, coaxial cones of one angle and tori of one centre circle, else NaN."""
    kind = np.where(faces.kind[first] == faces.kind[second], faces.kind[first], -1)
    offset = faces.origin[second] - faces.origin[first]
    along = np.einsum("ij,ij->i", offset, faces.axis[first])
    aside = np.linalg.norm(offset - along[:, None] * faces.axis[first], axis=1)
    turn = np.einsum("ij,ij->i", faces.axis[first], faces.axis[second])
    coaxial = (np.abs(turn) > PARALLEL) & (aside < SAME_PLACE)
    same_centre = np.linalg.norm(offset, axis=1) < SAME_PLACE
    slope = np.radians(faces.half_angle[first])
    same_slope = np.abs(faces.half_angle[second] * np.sign(turn) - faces.half_angle[first]) < 1e-3
    between_cones = np.abs(faces.radius[second] - faces.radius[first] - along * np.tan(slope)) * np.cos(slope)
    same_ring = same_centre & coaxial & (np.abs(faces.radius[first] - faces.radius[second]) < SAME_PLACE)
    return np.select(
        [
            (kind == Surface.SPHERE) & same_centre,
            (kind == Surface.CONE) & coaxial & same_slope,
            (kind == Surface.TORUS) & same_ring,
        ],
        [
            np.abs(faces.radius[first] - faces.radius[second]),
            between_cones,
            np.abs(faces.minor_radius[first] - faces.minor_radius[second]),
        ],
        np.nan,
    )


def _floors(part: Part, facts: PartFacts, skin: set[int], thickness: float) -> set[int]:
    """Faces that lie along a skin, nearer to it than the sheet is thick: of a rabbet, say, or a counterbore."""
    pairs = [wall.faces for wall in facts.thickness.walls if len(skin.intersection(wall.faces)) == 1]
    one, two = np.array(pairs, dtype=np.int64).reshape(-1, 2).T
    distance = exact_distances(part.faces, one, two, Through.MATERIAL)
    lies = (part.faces.kind[one] == part.faces.kind[two]) & (distance < thickness * (1 - SAME_THICKNESS))
    return {*one[lies].tolist(), *two[lies].tolist()} - skin


def _cut_faces(graph: FaceGraph, top: set[int], bottom: set[int], floors: set[int], thickness: float) -> set[int]:
    """Faces of runs from one skin to the other that stay between the two and do not lie along them."""
    skin = top | bottom
    cut: set[int] = set()
    seen: set[int] = set()
    for face in sorted(set(range(len(graph.kind))) - skin):
        if face in seen:
            continue
        run = graph.flood([face], lambda _edge, _from, to: to not in skin)
        seen |= run
        around = {other for member in run for _, other in graph.neighbours(member)}
        if around & top and around & bottom:
            cut |= {m for m in run if m not in floors and _stands_across(graph, m, skin, thickness)}
    return cut


def _stands_across(graph: FaceGraph, face: int, skin: set[int], thickness: float) -> bool:
    """Whether a face stands across the sheet, and is no wider than the sheet is thick: by its area over its border."""
    faces = graph.faces
    for _, other in graph.neighbours(face):
        lies = other in skin and graph.kind[face] == graph.kind[other] == Surface.PLANE
        if lies and abs(float(faces.axis[face] @ faces.axis[other])) > LYING:
            return False
    border = float(graph.edges.length[graph.part.edges_of_face[face]].sum())
    return float(faces.area[face]) < HIGHEST * thickness * border / 2
