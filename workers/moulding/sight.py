"""What of the surface a half of the mould gets to, when it is pulled off along a direction."""

from dataclasses import dataclass, replace

import numpy as np

from workers.cad.elementary import sag_of_faces
from workers.cad.part import Floats, Part
from workers.facts.opposite import with_exact_normals
from workers.facts.rays import Bools, RayScene
from workers.facts.samples import Samples, spread_by_face
from workers.moulding.regions import Regions

SAMPLES = 4_000
LEAST_ON_A_REGION = 6
FEW_REGIONS = 1_500  # of more, as a fine mesh has, one sample each must do
# A wall leans against the pull if the sine of its angle is below this; less is rounding.
PARALLEL = 1e-3
# So much of a wall that leans against the pull (the sine of the angle) comes off all the same, by the resin's
# shrinkage and give, if it hides no more than this. Engineering judgement: a tenth of a millimetre is stripped.
LEANING = 0.06
STRIPPED_MM = 0.1
# Rays start so far off the surface, relative to the part's diagonal: more than single precision is off.
HAIR = 2e-5


@dataclass(frozen=True)
class Sight:
    """Places all over the part to look from."""

    samples: Samples  # in the order of regions; `face` is the region
    weight: Floats  # (n,) mm2 that each stands for
    start: Floats  # (n, 3) just off the surface

    def share(self, holds: Bools, count: int) -> Floats:
        """(count,) the share of each region for which `holds` (n,)."""
        region = self.samples.face
        total = np.bincount(region, minlength=count)
        return np.asarray(np.bincount(region, weights=holds, minlength=count) / np.maximum(total, 1))


def look_from(part: Part, regions: Regions) -> Sight:
    """Places on every region, with the exact normal there."""
    least = LEAST_ON_A_REGION if len(regions) <= FEW_REGIONS else 1
    found = spread_by_face(regions.mesh, SAMPLES, least)
    on_faces = with_exact_normals(part, replace(found, face=regions.face[found.face]))
    samples = replace(on_faces, face=found.face)
    count = np.bincount(samples.face, minlength=len(regions))
    off = HAIR * part.diagonal + sag_of_faces(part)[on_faces.face]
    return Sight(
        samples, regions.area[samples.face] / count[samples.face], samples.points + off[:, None] * samples.normals
    )


def freed(scene: RayScene, sight: Sight, deep: Floats, direction: Floats) -> Bools:
    """(n,) whether the half that is pulled off along a unit `direction` forms the surface at each sample.

    `deep` is what each sample's region measures along it, mm.
    """
    leaning = np.minimum(LEANING, STRIPPED_MM / np.maximum(deep, STRIPPED_MM))
    toward = sight.samples.normals @ direction
    faces_it = toward > -np.maximum(PARALLEL, leaning)
    start = sight.start.copy()
    leans = faces_it & (toward < -PARALLEL)
    start[leans] += STRIPPED_MM * sight.samples.normals[leans]
    free = np.zeros(len(sight.samples), dtype=bool)
    free[faces_it] = scene.is_free(start[faces_it], direction)
    return free
