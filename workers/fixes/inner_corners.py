"""Inner corners of any kind: a fillet along a sharp edge, or a larger one in place of one that is too tight."""

from workers.cad.edit.blends import rounded
from workers.cad.edit.body import Body
from workers.cad.part import Bend
from workers.fixes.candidate import ADDS, Box, Candidate
from workers.fixes.milling.depressions import refilleted
from workers.fixes.situation import PATCHES, JsonObject, Situation


def along_edges(situation: Situation, finding: JsonObject, radius: float) -> Candidate:
    """A fillet of `radius` mm along the sharp edges of a finding."""
    edges = finding["edges"]
    where = "the inner corner" if len(edges) == 1 else f"the inner corner along its {len(edges)} edges"
    return Candidate(
        words=f"round {where} with R{radius:.2f} mm",
        figures={"radius_from": 0.0, "radius_to": radius, "edges": float(len(edges))},
        make=lambda start: rounded(start, edges, radius),
        region=Box(*situation.body.box_of_edges(edges)).grown(2 * radius),
        sense=ADDS,
    )


def larger_fillet(situation: Situation, finding: JsonObject, radius: float) -> Candidate:
    """A fillet of `radius` mm in place of those of a finding."""
    now, fillets = finding["change"]["from"], _with_patches(situation.body, finding["faces"])
    box = Box(*situation.body.box_of_faces(fillets)).grown(2 * radius)

    def make(start: Body) -> Body:
        return refilleted(start, fillets, box, lambda _bare, _edge: radius)

    return Candidate(
        words=f"raise the radius of the inner corner from R{now:.2f} mm to R{radius:.2f} mm",
        figures={"radius_from": now, "radius_to": radius},
        make=make,
        region=box,
        sense=ADDS,
    )


def _with_patches(body: Body, fillets: list[int]) -> list[int]:
    """Fillets, and the doubly curved faces where several of them meet."""
    around: dict[int, set[int]] = {}
    for fillet in fillets:
        for edge, other in body.neighbours(fillet):
            if body.edges.bend[edge] == Bend.SMOOTH and body.faces.kind[other] in PATCHES:
                around.setdefault(other, set()).add(fillet)
    return sorted({*fillets, *(patch for patch, beside in around.items() if len(beside) > 1)})
