"""Gaps: the air between two faces that look at each other, such as the walls of a slot."""

from dataclasses import dataclass

from workers.cad.part import Floats, Part
from workers.facts.opposite import Through, measure_spans
from workers.facts.rays import RayScene
from workers.facts.samples import Samples


@dataclass(frozen=True)
class Gap:
    """The air between two faces."""

    faces: tuple[int, int]
    width: float  # mm, least
    exact: bool  # from the surfaces themselves rather than from the mesh
    point: Floats  # (3,) on the first face
    normal: Floats  # (3,) outward there, across the gap
    rays: int


@dataclass(frozen=True)
class Gaps:
    """The gaps of a part, narrowest first, and the distribution over its surface."""

    gaps: list[Gap]
    samples: Floats  # (k,) mm, one for each ray that met the part again
    sampled_share: float  # of the surface that looks at another face
    buried: float  # share of the surface that lies in material, of another piece or its own


def measure_gaps(part: Part, scene: RayScene, samples: Samples) -> Gaps:
    """Cast one ray outwards from each sample."""
    spans = measure_spans(part, scene, samples, Through.AIR)
    gaps = [Gap(s.faces, s.distance, s.exact, s.point, s.normal, s.rays) for s in spans.pairs]
    return Gaps(gaps, spans.reach[spans.facing], float(spans.facing.mean()), float(spans.wrong.mean()))
