"""Walls: the material between two faces that look away from each other."""

from dataclasses import dataclass

from workers.cad.part import Floats, Part
from workers.facts.opposite import Through, measure_spans
from workers.facts.rays import Bools, RayScene
from workers.facts.samples import Samples


@dataclass(frozen=True)
class Wall:
    """The material between two faces."""

    faces: tuple[int, int]
    thickness: float  # mm, least
    exact: bool  # from the surfaces themselves rather than from the mesh
    point: Floats  # (3,) on the first face
    normal: Floats  # (3,) outward there
    rays: int


@dataclass(frozen=True)
class Thickness:
    """The walls of a part, thinnest first, and the distribution over its surface."""

    walls: list[Wall]
    samples: Floats  # (k,) mm, one for each ray that measured a wall, equal shares of the surface
    sampled_share: float  # of the surface that a wall was measured under
    reach: Floats  # (n,) mm of material below each sample of the surface, inf where a ray met nothing
    facing: Bools  # (n,) whether what the ray met looks back: a wall


def measure_thickness(part: Part, scene: RayScene, samples: Samples) -> Thickness:
    """Cast one ray inwards from each sample."""
    spans = measure_spans(part, scene, samples, Through.MATERIAL)
    walls = [Wall(s.faces, s.distance, s.exact, s.point, s.normal, s.rays) for s in spans.pairs]
    samples_met = spans.reach[spans.facing]
    return Thickness(walls, samples_met, float(spans.facing.mean()), spans.reach, spans.facing)
