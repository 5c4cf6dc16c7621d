"""What holds powder or resin: closed voids, and chambers with what leads out of them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from workers.additive.rounds import Round
from workers.additive.skin import Skin
from workers.cad.part import Floats, Ints, Part
from workers.facts.frames import own_directions, principal_axes
from workers.facts.rays import Bools, RayScene
from workers.facts.samples import spread_by_area

# A closed shell of less volume than this, mm3, is a flaw of the file.
LEAST_VOID_MM3 = 1e-3
# From a chamber hardly anything looks out: so many points, in so many directions, and this share of the surface.
POINTS, LOOKS = 1_500, 64
HIDDEN_SHARE = 0.003
# Cells along the part's longest side.
CELLS = 64
# An opening is a throat if the chamber behind it holds a ball so much wider.
WIDER = 1.5
# Throats of these radii are tried, mm; a wider one lets anything out.
THROATS_MM = (6.0, 5.0, 4.0, 3.0, 2.5, 2.0, 1.5, 1.0, 0.5)
ASLANT = 0.9
LEAST_CELLS = 30
HALVINGS = 7
MOST_WAYS_OUT = 12


@dataclass(frozen=True)
class Void:
    """A hollow that nothing leads out of: its surface is a shell of its own."""

    volume: float  # mm3, without what lies loose in it
    faces: tuple[int, ...]
    point: Floats  # (3,) on its surface
    normal: Floats  # (3,) outward there, into the void


@dataclass(frozen=True)
class Chamber:
    """A hollow that is wider inside than what leads out of it."""

    opening: float  # mm: diameter of the widest way out
    exact: bool  # that of a round hole; else of the largest ball that passes, within a cell of the grid
    error: float  # mm by which it may be off
    volume: float  # mm3, of the balls that do not pass
    faces: tuple[int, ...]  # of the opening, if it is round
    point: Floats  # (3,) in the opening, or in the chamber
    normal: Floats  # (3,) the way out


def closed_voids(skin: Skin) -> list[Void]:
    """The shells that bound a hollow, largest first: exact on the mesh."""
    mesh = skin.mesh
    shell = skin.components(np.arange(len(skin.pairs)))
    corners = mesh.vertices - mesh.vertices.mean(axis=0)
    a, b, c = (corners[mesh.triangles[:, i]] for i in range(3))
    volume = np.bincount(shell, weights=np.einsum("ij,ij->i", a, np.cross(b, c)) / 6)
    hollows = np.flatnonzero(volume < -LEAST_VOID_MM3)
    free = {int(number): float(-volume[number]) for number in hollows}
    for piece in np.flatnonzero(volume > 0) if len(hollows) else []:
        place = a[shell == piece][0]
        around = [int(n) for n in hollows if _is_around(a[shell == n], b[shell == n], c[shell == n], place)]
        if around:
            free[max(around, key=lambda n: float(volume[n]))] -= float(volume[piece])
    voids = []
    for number in hollows:
        triangles = np.flatnonzero(shell == number)
        largest = triangles[int(np.round(mesh.areas[triangles], 6).argmax())]
        faces = tuple(np.unique(mesh.face[triangles]).tolist())
        voids.append(Void(free[int(number)], faces, mesh.centroids[largest], mesh.normals[largest]))
    return sorted(voids, key=lambda void: (-round(void.volume, 6), *np.round(void.point, 3).tolist()))


def _is_around(a: Floats, b: Floats, c: Floats, point: Floats) -> bool:
    """Whether the shell with triangles of corners (t, 3) encloses a point: it is seen all around, else nowhere.

    The solid angle of a triangle is that of van Oosterom and Strackee (IEEE Trans. Biomed. Eng. 30, 1983).
    """
    p, q, r = a - point, b - point, c - point
    lengths = [np.linalg.norm(side, axis=1) for side in (p, q, r)]
    pq, qr, rp = (np.einsum("ij,ij->i", one, other) for one, other in ((p, q), (q, r), (r, p)))
    below = lengths[0] * lengths[1] * lengths[2] + pq * lengths[2] + qr * lengths[0] + rp * lengths[1]
    seen = 2 * np.arctan2(np.einsum("ij,ij->i", p, np.cross(q, r)), below)
    return bool(abs(seen.sum()) > 2 * np.pi)


def chambers(grid: "Grid", rounds: list[Round]) -> list[Chamber]:
    """The chambers of a closed part, the narrowest way out first; closed voids are none."""
    return sorted(_throats(grid, [r for r in rounds if r.hollow]), key=lambda c: (round(c.opening, 6), -c.volume))


def hides_anything(part: Part, scene: RayScene, voids: list[Void]) -> bool:
    """Whether part of the surface, closed voids apart, looks out of the part in no direction."""
    samples = spread_by_area(part.mesh, POINTS)
    normals, face = samples.normals[:POINTS], samples.face[:POINTS]
    points = samples.points[:POINTS] + normals * (2e-5 * part.diagonal)
    hidden = ~np.isin(face, [number for void in voids for number in void.faces])
    for way in _all_around(LOOKS):
        rows = np.flatnonzero(hidden)
        if not len(rows):
            return False
        looking = rows[normals[rows] @ way > 0]
        hidden[looking[scene.are_free(points[looking], way.reshape(1, 3))]] = False
    return bool(hidden.mean() > HIDDEN_SHARE)


def _all_around(count: int) -> Floats:
    """(count, 3) directions spread evenly over the sphere (a Fibonacci lattice)."""
    number = np.arange(count) + 0.5
    z = 1 - 2 * number / count
    angle = np.pi * (1 + 5**0.5) * number
    return np.column_stack([np.sqrt(1 - z**2) * np.cos(angle), np.sqrt(1 - z**2) * np.sin(angle), z])


@dataclass(frozen=True)
class Grid:
    """Cells over the part and around it; the third way is up."""

    air: Bools  # (i, j, k)
    pitch: float  # mm
    frame: Floats  # (3, 3) rows: the ways of i, j and k
    origin: Floats  # (3,) the middle of cell (0, 0, 0), along those ways

    @classmethod
    def of(cls, part: Part, scene: RayScene, up: Floats, cells: int = CELLS) -> "Grid":
        """The part, in so many cells along its longest side."""
        # Along the part's own directions, so that the cells lie in it alike however it was turned.
        own = np.concatenate([own_directions(part), principal_axes(part)])
        across = np.cross(up, own[np.abs(own @ up) < ASLANT][0])
        across /= np.linalg.norm(across)
        frame = np.array([across, np.cross(up, across), up])
        nodes = part.mesh.vertices @ frame.T
        low, high = nodes.min(axis=0), nodes.max(axis=0)
        pitch = float((high - low).max()) / cells
        shape = np.ceil((high - low) / pitch).astype(int) + 2
        origin = (low + high) / 2 - (shape - 1) / 2 * pitch
        return cls(_air(part, scene, frame, origin, pitch, shape), pitch, frame, origin)

    def places(self, cells: Ints) -> Floats:
        """(n, 3) the middles of cells (n, 3)."""
        return np.asarray((self.origin + cells * self.pitch) @ self.frame)

    def cells(self, points: Floats) -> Ints:
        """(n, 3) the cell that each point lies in, or the nearest."""
        numbers = np.rint((points @ self.frame.T - self.origin) / self.pitch).astype(np.int64)
        return np.asarray(np.clip(numbers, 0, np.array(self.air.shape) - 1))


def _air(part: Part, scene: RayScene, frame: Floats, origin: Floats, pitch: float, shape: Ints) -> Bools:
    """Up through each column of cells, from where one enters the material to where one leaves it."""
    i, j = (axis.ravel() for axis in np.meshgrid(np.arange(shape[0]), np.arange(shape[1]), indexing="ij"))
    # A hair off the middle, so that no ray runs along an edge or in a face of a part with square sides.
    level = np.column_stack([origin[0] + (i + 0.0137) * pitch, origin[1] + (j + 0.0071) * pitch])
    start = np.column_stack([level, np.full(len(level), origin[2] - pitch)]) @ frame
    steps = np.zeros((len(level), shape[2] + 1), dtype=np.int64)
    up, going = frame[2], np.arange(len(level))
    height = np.full(len(level), origin[2] - pitch)
    hair = 1e-5 * part.diagonal
    normals = part.mesh.normals
    while len(going):
        triangle, distance = scene.first_hit(start[going], np.broadcast_to(up, (len(going), 3)))
        met = triangle >= 0
        going, triangle, distance = going[met], triangle[met], distance[met]
        height[going] += distance
        cell = np.clip(np.ceil((height[going] - origin[2]) / pitch), 0, shape[2]).astype(np.int64)
        np.add.at(steps, (going, cell), np.where(normals[triangle] @ up < 0, 1, -1))
        height[going] += hair
        start[going] += up * (distance + hair)[:, None]
    inside = np.cumsum(steps[:, :-1], axis=1) > 0
    return ~inside.reshape(shape[0], shape[1], shape[2])


_Labels = NDArray[np.int32]


def _throats(grid: Grid, holes: list[Round]) -> list[Chamber]:
    """From the widest throat to the narrowest: what a ball of that size cannot leave, though it fits in well."""
    if grid.pitch > THROATS_MM[0]:
        return []
    room = ndimage.distance_transform_edt(np.pad(grid.air, 1, constant_values=True))[1:-1, 1:-1, 1:-1] * grid.pitch
    outside = air_that_leads_out(grid.air)
    found: list[Chamber] = []
    taken = np.zeros(grid.air.shape, dtype=bool)
    for radius in THROATS_MM:
        if radius < grid.pitch:
            break
        label, _ = ndimage.label((room >= radius) & outside)
        out = set(np.unique(_shell(label)).tolist())
        for number, box in enumerate(ndimage.find_objects(label), start=1):
            if number in out:
                continue
            cells = label[box] == number
            wide = room[box][cells].max() >= WIDER * radius + grid.pitch / 2
            if taken[box][cells].any() or cells.sum() < LEAST_CELLS or not wide:
                continue
            taken[box] |= cells
            seed = np.argwhere(cells)[int(room[box][cells].argmax())] + [side.start for side in box]
            found.append(_chamber(grid, room, outside, seed, radius, float(cells.sum()), holes))
    return found


def air_that_leads_out(air: Bools) -> Bools:
    """The air that leads out; what does not is a closed void."""
    label, _ = ndimage.label(air)
    return np.asarray(np.isin(label, np.setdiff1d(np.unique(_shell(label)), [0])))


def _shell(label: _Labels) -> _Labels:
    """What stands in the outermost cells."""
    sides = [label[0], label[-1], label[:, 0], label[:, -1], label[:, :, 0], label[:, :, -1]]
    return np.concatenate([side.ravel() for side in sides])


def _leaves(room: Floats, outside: Bools, seed: Ints, radius: float) -> bool:
    """Whether a ball of that radius comes from the seed to the outside."""
    label, _ = ndimage.label((room >= radius) & outside)
    return label[tuple(seed)] > 0 and bool(np.isin(label[tuple(seed)], _shell(label)))


def _chamber(
    grid: Grid, room: Floats, outside: Bools, seed: Ints, too_wide: float, cells: float, holes: list[Round]
) -> Chamber:
    volume = cells * grid.pitch**3
    passes, stuck = 0.0, too_wide
    for _ in range(HALVINGS):
        middle = (passes + stuck) / 2
        passes, stuck = (middle, stuck) if _leaves(room, outside, seed, middle) else (passes, middle)
    ways = _ways_out(grid, room, outside, seed, 2 * stuck, holes)
    place = grid.places(seed[None])[0]
    if ways:
        widest = ways[0]
        way = widest.axis if (widest.point - place) @ widest.axis > 0 else -widest.axis
        return Chamber(widest.diameter, True, 0.0, volume, widest.faces, widest.point, way)
    return Chamber(2 * passes, False, 2 * grid.pitch, volume, (), place, grid.frame[2])


def _ways_out(grid: Grid, room: Floats, outside: Bools, seed: Ints, widest: float, holes: list[Round]) -> list[Round]:
    """The holes that, filled, close the throat, widest first: each of them is needed for that. [] if they do not."""
    slack = 4 * grid.pitch
    near = [hole for hole in holes if abs(hole.diameter - widest) < slack][::-1]
    ball = max(grid.pitch / 2, widest / 2 - slack / 2)

    def closed_by(filled: list[Round]) -> bool:
        air = outside.copy()
        for hole in filled:
            air &= ~_inside(grid, hole)
        return not _leaves(room, air, seed, ball)

    if not near or not closed_by(near):
        return []
    for hole in near[:MOST_WAYS_OUT]:
        others = [other for other in near if other is not hole]
        if closed_by(others):
            near = others
    return near


def _inside(grid: Grid, hole: Round) -> Bools:
    """The cells in the hole."""
    ways = [(np.arange(size) * grid.pitch)[:, None] for size in grid.air.shape]
    centre = grid.frame @ hole.point - grid.origin
    axis = grid.frame @ hole.axis
    i, j, k = np.ix_(*[way.ravel() for way in ways])
    dx, dy, dz = i - centre[0], j - centre[1], k - centre[2]
    along = dx * axis[0] + dy * axis[1] + dz * axis[2]
    off = dx**2 + dy**2 + dz**2 - along**2
    reach = hole.length / 2 + grid.pitch
    return np.asarray((np.abs(along) < reach) & (off < (hole.diameter / 2 + grid.pitch) ** 2))
