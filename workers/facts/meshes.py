"""What the facts of a triangle mesh are worth."""

from dataclasses import replace

from workers.cad.part import Part
from workers.facts.fact import Fact, NotMeasuredError
from workers.facts.measure import PartFacts

MESH = "triangle mesh"
# What rests on exact surfaces, on edges, or on faces as a designer means them.
NEED_SURFACES = (
    "edges",
    "faces_by_surface",
    "area_by_surface",
    "smallest_internal_radius",
    "internal_radii",
    "smallest_external_radius",
    "external_radii",
    "symmetry_axis",
    "reach",
    "undercuts",
    "setups",
)
# Less than this share of the surface in material is rays that slip between two triangles.
BURIED = 2e-3
NEED_VOLUME = ("volume", "centre_of_mass", "inertia", "removal_ratio")


def facts_of_mesh(part: Part, facts: dict[str, Fact]) -> dict[str, Fact]:
    """`facts` without what a mesh cannot tell, and with whether it is watertight; those of solids as they are."""
    if part.exact:
        return facts
    told = {"watertight": Fact(part.closed, "", "measured", MESH, 1.0)}
    told["triangles"] = Fact(len(part.mesh.triangles), "count", "measured", MESH, 1.0)
    for name, fact in facts.items():
        if name in NEED_SURFACES:
            told[name] = Fact(None, fact.unit, "not_applicable", "a mesh has no exact surfaces", 1.0)
        elif name in NEED_VOLUME and not part.closed:
            told[name] = Fact(None, fact.unit, "unknown", "the mesh is not watertight", 0.0)
        elif fact.method.startswith("boundary representation"):
            told[name] = replace(fact, method=MESH, confidence=0.9)
        else:
            told[name] = fact
    return told


def notes_on_mesh(part: Part, facts: PartFacts) -> list[str]:
    """What is wrong with a closed mesh that its triangles alone do not tell: pieces that cross or touch."""
    if part.exact or not part.closed:
        return []
    try:
        buried = facts.gaps.buried
    except NotMeasuredError:
        return []
    if buried < BURIED:
        return []
    return [
        f"About {100 * buried:.2g} % of the mesh's surface lies in its own material: pieces of it cross or touch each "
        "other, and what they share counts twice. Unite them to one solid before it is reviewed or built."
    ]
