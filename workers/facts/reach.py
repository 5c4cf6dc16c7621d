"""Which faces can be reached from which direction, and how few directions reach them all."""

from dataclasses import dataclass

import numpy as np

from workers.cad.elementary import elementary_normals, sag_of_faces
from workers.cad.part import Floats, Part
from workers.facts.frames import SAME, main_frame, own_directions
from workers.facts.rays import Bools, RayScene
from workers.facts.samples import Samples, spread_by_face

SAMPLES = 6_000
LEAST_ON_A_FACE = 6
# So many of the part's own directions are tried, both ways, beside those of its main frame.
OWN_DIRECTIONS = 12
# Where none of those leads, so many directions all around are tried, each that often.
ALL_AROUND = 200
HIDDEN_SAMPLES = 2_000
RAYS_AT_ONCE = 2_000
# A wall may lean so much against the direction (the sine of the angle) and still count as parallel to it, and so
# much more where that hides no more than this of it: lettering square to a drafted wall, say.
PARALLEL = 1e-3
LEANING = 0.06
HIDDEN_MM = 0.1
# Rays start so far off the surface, relative to the part's diagonal: more than single precision is off.
HAIR = 2e-5
# A face counts as reached along a direction with this share of it, and by a set-up with this share of
# what can be reached at all: the samples next to an inner corner may hit the neighbour.
REACHED = 0.5
COVERED = 0.6


@dataclass(frozen=True)
class Reach:
    """Directions that tools come from, and the faces that they reach."""

    directions: Floats  # (k, 3) unit, out of the part, the way a tool is withdrawn: +X -X +Y -Y +Z -Z, the part's own
    share: Floats  # (n, k) of each face's area that is reachable along it
    main: list[int]  # the six directions of the part's main frame
    setups: list[int]  # the fewest directions (greedy) that reach every reachable face
    unreachable: list[int]  # faces that no direction at all leads to
    sideways: list[int]  # faces that a direction leads to, but none of the main frame

    @property
    def own(self) -> list[int]:
        """Numbers of the directions that turn with the part: the file's axes only where they are its main frame's."""
        return [number for number in range(len(self.directions)) if number >= 6 or number in self.main]


def measure_reach(part: Part, scene: RayScene) -> Reach:
    """Cast a ray from samples of every face along each direction.

    A side wall counts as reached along itself: the ray starts a hair off it.
    """
    frame = main_frame(part)
    samples = _with_exact_normals(part, spread_by_face(part.mesh, SAMPLES, LEAST_ON_A_FACE))
    directions, main, own = _directions(part, frame)
    # Clear of the mesh of the same face, which may stand before the sample.
    lifted = samples.points + (HAIR * part.diagonal + sag_of_faces(part)[samples.face])[:, None] * samples.normals
    leaning = np.minimum(LEANING, HIDDEN_MM / _extents(part, directions))[samples.face]
    free = np.column_stack([_is_reached(scene, samples, lifted, d, leaning[:, i]) for i, d in enumerate(directions)])
    share = _share(part, samples, free)
    in_main = _share_by_any(part, samples, free[:, main])
    all_around = _from_all_around(scene, samples, lifted, free, frame)
    measured = np.bincount(samples.face, minlength=len(part.faces)) > 0
    hidden = measured & (_share_by_any(part, samples, np.column_stack([free, all_around])) < REACHED)
    return Reach(
        directions=directions,
        share=share,
        main=main,
        setups=_setups(part, samples, free, main, own),
        unreachable=np.flatnonzero(hidden).tolist(),
        sideways=np.flatnonzero(measured & ~hidden & (in_main < REACHED)).tolist(),
    )


def _with_exact_normals(part: Part, samples: Samples) -> Samples:
    """A wall along which a tool comes in is one, though the triangles of its mesh may lean."""
    exact = elementary_normals(part.faces, samples.face, samples.points)
    normals = np.where(np.linalg.norm(exact, axis=1, keepdims=True) > 0, exact, samples.normals)
    return Samples(samples.points, normals, samples.face)


def _directions(part: Part, frame: Floats) -> tuple[Floats, list[int], list[int]]:
    """((k, 3) directions, those of the main frame, those that are the part's own, its main frame first)."""
    own = np.concatenate([frame, own_directions(part)[:OWN_DIRECTIONS]])
    known = np.repeat(np.eye(3), 2, axis=0) * np.tile([1.0, -1.0], 3)[:, None]
    numbers = []
    for direction in np.repeat(own, 2, axis=0) * np.tile([1.0, -1.0], len(own))[:, None]:
        same = np.flatnonzero(known @ direction > SAME)
        if not len(same):
            known = np.concatenate([known, direction[None]])
        numbers.append(int(same[0]) if len(same) else len(known) - 1)
    return known, numbers[:6], list(dict.fromkeys(numbers))


def _extents(part: Part, directions: Floats) -> Floats:
    """(n_faces, k) mm that each face measures along each direction; the mesh's vertices are in the order of faces."""
    mesh = part.mesh
    owner = np.zeros(len(mesh.vertices), dtype=np.int64)
    owner[mesh.triangles.ravel()] = np.repeat(mesh.face, 3)
    order = np.argsort(owner, kind="stable")
    faces, first = np.unique(owner[order], return_index=True)
    heights = (mesh.vertices @ directions.T)[order]
    extents = np.full((len(part.faces), len(directions)), np.inf)
    extents[faces] = np.maximum.reduceat(heights, first) - np.minimum.reduceat(heights, first)
    return np.asarray(np.maximum(extents, HIDDEN_MM))


def _is_reached(scene: RayScene, samples: Samples, lifted: Floats, direction: Floats, leaning: Floats) -> Bools:
    """(n,) whether a tool gets to each sample along `direction`; walls may lean against it by the sine `leaning`."""
    toward = samples.normals @ direction
    faces_it = toward > -np.maximum(PARALLEL, leaning)
    leans = faces_it & (toward < -PARALLEL)
    start = lifted.copy() if leans.any() else lifted
    start[leans] += HIDDEN_MM * samples.normals[leans]
    free = np.zeros(len(samples), dtype=bool)
    free[faces_it] = scene.is_free(start[faces_it], direction)
    return free


def _share(part: Part, samples: Samples, free: Bools) -> Floats:
    """(n_faces, k) share of each face's samples, which are in the order of faces, for which `free` (n, k) holds."""
    result = np.zeros((len(part.faces), free.shape[1]))
    first = np.flatnonzero(np.diff(samples.face, prepend=-1))
    count = np.diff(np.append(first, len(samples)))
    result[samples.face[first]] = np.add.reduceat(free, first, axis=0, dtype=float) / count[:, None]
    return result


def _share_by_any(part: Part, samples: Samples, free: Bools) -> Floats:
    """(n_faces,) share of each face's samples for which any column of `free` holds."""
    any_of_them = np.asarray(np.any(free, axis=1, keepdims=True))
    return np.asarray(_share(part, samples, any_of_them)[:, 0])


def _from_all_around(scene: RayScene, samples: Samples, lifted: Floats, free: Bools, frame: Floats) -> Bools:
    """(n,) whether any of many directions leads to the samples that are not reached yet; some stand for all."""
    hidden = np.flatnonzero(~free.any(axis=1))
    tried = hidden[:: max(1, len(hidden) // HIDDEN_SAMPLES)]
    some = Samples(samples.points[tried], samples.normals[tried], samples.face[tried])
    reached = np.zeros(len(tried), dtype=bool)
    directions = _all_around() @ frame
    while len(directions) and not reached.all():
        left = np.flatnonzero(~reached)
        several, directions = np.split(directions, [max(1, RAYS_AT_ONCE // len(left))])
        sample, along = np.nonzero(some.normals[left] @ several.T > PARALLEL)
        free = scene.are_free(lifted[tried[left[sample]]], several[along])
        reached[left[sample[free]]] = True
    result = np.zeros(len(samples), dtype=bool)
    result[tried] = reached
    return result


def _all_around() -> Floats:
    """(ALL_AROUND, 3) unit vectors on a Fibonacci spiral."""
    index = np.arange(ALL_AROUND) + 0.5
    height = 1 - 2 * index / ALL_AROUND
    turn = index * np.pi * (1 + 5**0.5)
    ring = np.sqrt(1 - height**2)
    return np.column_stack([ring * np.cos(turn), ring * np.sin(turn), height])


def _setups(part: Part, samples: Samples, free: Bools, main: list[int], own: list[int]) -> list[int]:
    """The fewest directions that reach what all of them reach: of the main frame's as far as these lead.

    Others are added only for the faces that the main frame does not reach and one of them alone does: what takes
    a tool that tilts as it goes is not a matter of set-ups.
    """
    by_main = _share_by_any(part, samples, free[:, main])
    by_one = _share(part, samples, free[:, own]).max(axis=1)
    need = COVERED * by_main
    chosen = _cover(part, samples, free, [], main, need)
    need = np.where((by_main < REACHED) & (by_one >= REACHED), COVERED * by_one, need)
    return _without_the_needless(part, samples, free, _cover(part, samples, free, chosen, own, need), need)


def _cover(
    part: Part, samples: Samples, free: Bools, chosen: list[int], candidates: list[int], need: Floats
) -> list[int]:
    """`chosen`, and of `candidates` the one that adds most, again and again until each face has what it needs."""
    while (_share_by_any(part, samples, free[:, chosen]) < need - 1e-9).any():
        so_far = np.asarray(np.any(free[:, chosen], axis=1, keepdims=True))
        with_one = _share(part, samples, np.logical_or(free[:, candidates], so_far))
        gain = np.minimum(with_one, need[:, None]).sum(axis=0)
        chosen = [*chosen, candidates[int(np.round(gain, 6).argmax())]]
    return chosen


def _without_the_needless(part: Part, samples: Samples, free: Bools, chosen: list[int], need: Floats) -> list[int]:
    for one in chosen:
        rest = [other for other in chosen if other != one]
        if (_share_by_any(part, samples, free[:, rest]) >= need - 1e-9).all():
            chosen = rest
    return chosen
