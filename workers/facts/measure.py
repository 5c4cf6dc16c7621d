"""All facts of a part, each with its state and method."""

from collections import Counter
from dataclasses import dataclass

import numpy as np

from workers.cad.part import Part, Surface
from workers.facts.fact import Fact
from workers.facts.thickness import Thickness, measure_thickness

EXACT = "boundary representation"


@dataclass(frozen=True)
class PartFacts:
    """The facts as reported, and the walls behind them."""

    facts: dict[str, Fact]
    thickness: Thickness


def measure_facts(part: Part) -> PartFacts:
    """Measure `part`: sizes exactly, wall thickness by rays over the whole surface."""
    thickness = measure_thickness(part)
    size = part.size
    stock = float(np.prod(size))
    facts = {
        "bounding_box": Fact(size, "mm", "measured", EXACT, 1.0, {"low": part.low, "high": part.high}),
        "volume": Fact(part.volume, "mm3", "measured", EXACT, 1.0),
        "area": Fact(part.area, "mm2", "measured", EXACT, 1.0),
        "centre_of_mass": Fact(part.centre_of_mass, "mm", "measured", EXACT, 1.0),
        "bodies": Fact(part.bodies, "count", "measured", EXACT, 1.0),
        "faces": Fact(len(part.faces), "count", "measured", EXACT, 1.0),
        "edges": Fact(len(part.edges), "count", "measured", EXACT, 1.0),
        "faces_by_surface": Fact(_inventory(part), "count", "measured", EXACT, 1.0),
        "units_in_file": Fact(part.units_in_file, "", "declared", "STEP header units", 1.0),
        "stock_volume": Fact(stock, "mm3", "inferred", "axis-aligned bounding box", 0.9),
        "removal_ratio": Fact(1 - part.volume / stock, "ratio", "inferred", "1 - volume / stock volume", 0.9),
        "wall_thickness": _wall_thickness(thickness),
        "smallest_internal_radius": _smallest_internal_radius(part),
    }
    return PartFacts(facts, thickness)


def _inventory(part: Part) -> dict[str, int]:
    counts = Counter(int(kind) for kind in part.faces.kind)
    return {kind.name.lower(): counts[kind] for kind in Surface if counts[kind]}


def _wall_thickness(thickness: Thickness) -> Fact:
    method = "rays through the material, exact between analytic faces"
    if not thickness.walls:
        return Fact(None, "mm", "not_applicable", method, 0.0)
    thinnest = thickness.walls[0]
    percentiles = np.percentile(thickness.samples, [5, 25, 50, 75, 95])
    return Fact(
        thinnest.thickness,
        "mm",
        "measured",
        method,
        1.0 if thinnest.exact else 0.8,
        {
            "faces": list(thinnest.faces),
            "point": thinnest.point,
            "normal": thinnest.normal,
            "percentiles": dict(zip(("p5", "p25", "p50", "p75", "p95"), percentiles, strict=True)),
            "sampled_share": thickness.sampled_share,
        },
    )


def _smallest_internal_radius(part: Part) -> Fact:
    faces = part.faces
    radius = np.where(faces.kind == Surface.TORUS, faces.minor_radius, faces.radius)
    round_inside = (faces.sign < 0) & np.isin(faces.kind, (Surface.CYLINDER, Surface.TORUS, Surface.SPHERE))
    method = "concave cylinders, tori and spheres"
    if not round_inside.any():
        return Fact(None, "mm", "not_applicable", method, 1.0)
    candidates = np.flatnonzero(round_inside)
    face = int(candidates[radius[candidates].argmin()])
    return Fact(float(radius[face]), "mm", "measured", method, 1.0, {"faces": [face], "point": faces.point[face]})
