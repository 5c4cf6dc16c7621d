"""Rounded outer edges: a chamfer instead."""

from collections.abc import Iterator

from workers.cad.edit.blends import chamfered, without_faces
from workers.cad.edit.body import Body
from workers.cad.edit.errors import EditError
from workers.cad.part import Bend
from workers.fixes.candidate import EITHER, Box, Candidate
from workers.fixes.depressions import new_edges
from workers.fixes.registry import recipe
from workers.fixes.situation import JsonObject, Situation


@recipe("edge-external-fillet")
def chamfer_instead(situation: Situation, finding: JsonObject) -> Iterator[Candidate]:
    """Take the rounding off and break the edge with a chamfer as wide as its radius, or half as wide."""
    radius = finding["measured"]["value"]
    faces = finding["faces"]
    box = Box(*situation.body.box_of_faces(faces)).grown(radius)
    for width in (radius, radius / 2):
        yield _chamfer(radius, width, faces, box)


def _chamfer(radius: float, width: float, faces: list[int], box: Box) -> Candidate:
    return Candidate(
        words=f"replace the rounding of R{radius:.3f} mm by a chamfer of {width:.3f} mm at 45°",
        figures={"radius_from": radius, "chamfer_to": width},
        make=lambda start: _chamfered(start, faces, box, width),
        region=box,
        sense=EITHER,
    )


def _chamfered(start: Body, faces: list[int], box: Box, width: float) -> Body:
    sharp = without_faces(start, faces)
    edges = new_edges(start, sharp, box, Bend.CONVEX)
    if not edges:
        raise EditError("its neighbours do not meet in an edge where the rounding is taken off")
    return chamfered(sharp, edges, width)
