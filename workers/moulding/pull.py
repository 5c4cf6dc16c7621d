"""The direction that the mould opens along, and which half forms what."""

from dataclasses import dataclass

import numpy as np

from workers.cad.part import Floats, Part
from workers.facts.frames import main_frame, own_directions, principal_axes
from workers.facts.rays import Bools, RayScene
from workers.moulding.regions import Regions
from workers.moulding.sight import Sight, freed

OWN_DIRECTIONS = 12
ENOUGH = 3  # own directions
SAME = 1 - 1e-6
UNDRAFTED = float(np.sin(np.radians(0.5)))
# What is within this of the pull, or of being square to it, lies straight in the mould, draft and all.
STRAIGHT = float(np.sin(np.radians(10.0)))
# What a direction costs for each share of the surface that it hides, that it leaves without draft, and that lies askew
# in the mould, and for its depth relative to the part's diagonal. Engineering judgement: a side action costs more than
# a scraped wall or a parting line up and down slopes, and these more than a deep mould.
HIDDEN_COSTS, UNDRAFTED_COSTS, ASKEW_COSTS, DEPTH_COSTS = 1.0, 0.1, 0.1, 0.02


@dataclass(frozen=True)
class Pull:
    """One way to open a mould."""

    direction: Floats  # (3,) unit: the cavity half is pulled off along it, the part stays on the core
    from_cavity: Bools  # (n,) which samples the cavity half forms
    from_core: Bools  # (n,)
    cost: float


def best_pull(part: Part, scene: RayScene, regions: Regions, sight: Sight) -> Pull:
    """The cheapest of the part's own directions: least hidden, most drafted, least askew, least deep."""
    pulls = [_pull(part, scene, regions, sight, direction) for direction in _candidates(part, regions)]
    return _core_inside(scene, sight, min(pulls, key=lambda pull: round(pull.cost, 4)))


def _candidates(part: Part, regions: Regions) -> Floats:
    """(k, 3) one of each opposite pair: its main frame, its own, and of a mesh those of its largest pieces.

    The axes of inertia are off by a little from those that a part was drawn along: they are for free forms.
    """
    own = own_directions(part)[:OWN_DIRECTIONS]
    given = [main_frame(part), own if len(own) >= ENOUGH else np.concatenate([own, principal_axes(part)])]
    if not part.exact:
        largest = np.argsort(-np.round(regions.area / regions.area.max(), 6), kind="stable")[:OWN_DIRECTIONS]
        sums = np.zeros((len(regions), 3))
        np.add.at(sums, regions.mesh.face, regions.mesh.normals * regions.mesh.areas[:, None])
        flat = sums[largest] / np.linalg.norm(sums[largest], axis=1, keepdims=True)
        given = [flat, *given]
    all_of_them = np.concatenate(given)
    same = np.abs(all_of_them @ all_of_them.T) > SAME
    return np.asarray(all_of_them[~np.tril(same, -1).any(axis=1)])


def _pull(part: Part, scene: RayScene, regions: Regions, sight: Sight, direction: Floats) -> Pull:
    low, high = regions.spans(direction)
    deep = (high - low)[sight.samples.face]
    one, other = (freed(scene, sight, deep, sense * direction) for sense in (1.0, -1.0))
    toward = sight.samples.normals @ direction
    leans_by = np.maximum(np.where(one, toward, -np.inf), np.where(other, -toward, -np.inf))
    undrafted = np.isfinite(leans_by) & (leans_by < UNDRAFTED)
    askew = (np.abs(toward) > STRAIGHT) & (np.abs(toward) < np.sqrt(1 - STRAIGHT**2))
    shares = [float(sight.weight[of].sum() / sight.weight.sum()) for of in (~one & ~other, undrafted, askew)]
    shares.append(float(high.max() - low.min()) / part.diagonal)
    costs = HIDDEN_COSTS, UNDRAFTED_COSTS, ASKEW_COSTS, DEPTH_COSTS
    return Pull(direction, one, other, sum(cost * share for cost, share in zip(costs, shares, strict=True)))


def _core_inside(scene: RayScene, sight: Sight, pull: Pull) -> Pull:
    """The core is the half that forms more of what looks at other parts of the part: its inside."""
    inside = ~scene.are_free(sight.start, sight.samples.normals)
    only_cavity, only_core = pull.from_cavity & ~pull.from_core, pull.from_core & ~pull.from_cavity
    by_cavity, by_core = (float(sight.weight[inside & side].sum()) for side in (only_cavity, only_core))
    if by_cavity <= by_core * (1 + 1e-3):
        return pull
    return Pull(-pull.direction, pull.from_core, pull.from_cavity, pull.cost)
